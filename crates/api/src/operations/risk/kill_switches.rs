//! Kill switches: stopping trading, for everybody or for somebody.

use crate::answer::{self, Answer, Done, List, done};
use crate::call::Call;
use crate::forms;
use crate::problem::Problem;
use crate::services::Api;
use axum::extract::State;
use engine::Command;
use risk::Switch;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use vocabulary::text::Text;
use vocabulary::{AccountId, InstrumentId, ParticipantId};

/// The longest reason, in characters.
const REASON_MAX: usize = 36;

/// What a kill switch stops: one of these.
#[derive(Clone, Copy, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SwitchBody {
    /// Everything.
    All,
    /// All accounts that a participant clears.
    #[schema(value_type = forms::Code)]
    Participant(ParticipantId),
    /// One account.
    #[schema(value_type = forms::Code)]
    Account(AccountId),
    /// One instrument, for everybody.
    #[schema(value_type = forms::Code)]
    Instrument(InstrumentId),
}

impl From<SwitchBody> for Switch {
    fn from(body: SwitchBody) -> Self {
        match body {
            SwitchBody::All => Self::All,
            SwitchBody::Participant(participant) => Self::Participant(participant),
            SwitchBody::Account(account) => Self::Account(account),
            SwitchBody::Instrument(instrument) => Self::Instrument(instrument),
        }
    }
}

impl From<Switch> for SwitchBody {
    fn from(switch: Switch) -> Self {
        match switch {
            Switch::All => Self::All,
            Switch::Participant(participant) => Self::Participant(participant),
            Switch::Account(account) => Self::Account(account),
            Switch::Instrument(instrument) => Self::Instrument(instrument),
        }
    }
}

/// A switch to engage.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSwitch {
    /// `"all"`, or an object like `{"account": "A1"}`.
    switch: SwitchBody,
    /// Reference of why, for the record: 1 to 36 letters, digits, `.`, `_`, `-`. What has happened and who is in it
    /// stands where the reference leads to, for this record is kept for good.
    #[schema(example = "INC-2023-17", min_length = 1, max_length = 36, pattern = "^[A-Za-z0-9._-]+$")]
    reason: String,
}

impl SwitchBody {
    /// A switch of something that is not there would stop nothing, and look as if it had.
    async fn check(self, api: &Api) -> Result<(), Problem> {
        match self {
            Self::All => Ok(()),
            Self::Participant(participant) => {
                api.catalog.check_participant("switch.participant", participant).await
            }
            Self::Account(account) => api.catalog.check_account("switch.account", account).await,
            Self::Instrument(instrument) => {
                api.catalog.check_instrument("switch.instrument", instrument).await
            }
        }
    }
}

/// A switch to lift.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LiftedSwitch {
    /// As it was engaged.
    switch: SwitchBody,
}

/// A switch that is engaged.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct EngagedSwitch {
    switch: SwitchBody,
    reason: String,
}

/// Refuses new orders and cancels open ones, until it is lifted. Survives restarts.
#[utoipa::path(post, path = "/risk/kill-switches", tag = "risk", request_body = NewSwitch,
    responses((status = 200, description = "Engaged", body = Done)))]
pub(crate) async fn engage_switch(State(api): State<Arc<Api>>, call: Call) -> Answer {
    let NewSwitch { switch, reason } = call.read()?;
    Text::<REASON_MAX>::new(&reason).map_err(|rule| Problem::invalid("reason", rule))?;
    switch.check(&api).await?;
    let engage = risk::Command::EngageKillSwitch { switch: switch.into(), reason };
    done(&api.submit(call.request(Command::Risk(engage))).await?)
}

/// Takes orders again, as far as no other switch stops them.
#[utoipa::path(post, path = "/risk/kill-switches/lift", tag = "risk", request_body = LiftedSwitch,
    responses((status = 200, description = "Lifted", body = Done)))]
pub(crate) async fn lift_switch(State(api): State<Arc<Api>>, call: Call) -> Answer {
    let LiftedSwitch { switch } = call.read()?;
    let lift = risk::Command::LiftKillSwitch { switch: switch.into() };
    done(&api.submit(call.request(Command::Risk(lift))).await?)
}

/// The switches that are engaged.
#[utoipa::path(get, path = "/risk/kill-switches", tag = "risk",
    responses((status = 200, description = "Widest first", body = List<EngagedSwitch>)))]
pub(crate) async fn list_switches(State(api): State<Arc<Api>>, _call: Call) -> Answer {
    let look = |state: &engine::State| {
        let body = |switch: &Switch| EngagedSwitch {
            switch: (*switch).into(),
            reason: state.risk.switch_reason(switch).unwrap_or_default().to_owned(),
        };
        state.risk.switches().map(body).collect::<Vec<_>>()
    };
    let (position, items) = api.look(look).await?;
    answer::ok(position, &List { items })
}
