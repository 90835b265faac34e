//! Participants: the clearing members.

use crate::answer::{self, Answer, Done, List, done};
use crate::call::Call;
use crate::forms;
use crate::services::Api;
use axum::extract::State;
use engine::Command;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use vocabulary::ParticipantId;

/// A clearing member.
#[derive(Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ParticipantBody {
    /// Its code.
    #[schema(value_type = forms::Code, example = "BROKER1")]
    participant: ParticipantId,
}

/// Admits a clearing member.
#[utoipa::path(post, path = "/trading/participants", tag = "reference data", request_body = ParticipantBody,
    responses((status = 200, description = "Admitted", body = Done)))]
pub(crate) async fn register_participant(State(api): State<Arc<Api>>, call: Call) -> Answer {
    let ParticipantBody { participant } = call.read()?;
    let register = trading::Command::RegisterParticipant { participant };
    done(&api.submit(call.request(Command::Trading(register))).await?)
}

/// All clearing members.
#[utoipa::path(get, path = "/trading/participants", tag = "reference data",
    responses((status = 200, description = "By code", body = List<ParticipantBody>)))]
pub(crate) async fn list_participants(State(api): State<Arc<Api>>, _call: Call) -> Answer {
    let look = |state: &engine::State| -> Vec<ParticipantId> {
        state.trading.participants().iter().copied().collect()
    };
    let (position, participants) = api.look(look).await?;
    let items = participants.into_iter().map(|participant| ParticipantBody { participant }).collect();
    answer::ok(position, &List { items })
}
