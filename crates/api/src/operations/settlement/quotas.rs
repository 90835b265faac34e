//! Clearing quotas, and what custodians say is missing.

use crate::answer::{self, Answer, Done, List, done};
use crate::call::Call;
use crate::decimals::{Decimal, amount_text};
use crate::forms;
use crate::services::Api;
use axum::extract::State;
use engine::Command;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use vocabulary::{AssetId, ParticipantId};

/// A quota to set.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewQuota<'a> {
    /// Whose.
    #[schema(value_type = forms::Code, example = "BROKER1")]
    participant: ParticipantId,
    /// In which currency.
    #[schema(value_type = forms::Code, example = "CNY")]
    asset: AssetId,
    /// How much in holds and unsettled obligations.
    #[serde(borrow)]
    #[schema(example = "100000000.00")]
    quota: Decimal<'a>,
}

/// A quota with what is used of it.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct QuotaBody {
    #[schema(value_type = forms::Code, example = "BROKER1")]
    participant: ParticipantId,
    #[schema(value_type = forms::Code, example = "CNY")]
    asset: AssetId,
    quota: String,
    /// By open orders.
    held: String,
    /// By trades that have not settled.
    used: String,
}

/// What is missing.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewShortfall<'a> {
    /// Who is short.
    #[schema(value_type = forms::Code, example = "BROKER1")]
    participant: ParticipantId,
    /// Of what.
    #[schema(value_type = forms::Code, example = "600519")]
    asset: AssetId,
    /// How much; 0 when nothing is missing any more.
    #[serde(borrow)]
    #[schema(example = "100")]
    missing: Decimal<'a>,
}

/// What is missing.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct ShortfallBody {
    #[schema(value_type = forms::Code)]
    participant: ParticipantId,
    #[schema(value_type = forms::Code)]
    asset: AssetId,
    missing: String,
}

/// Sets how much a participant may have in holds and unsettled obligations, per currency.
#[utoipa::path(post, path = "/settlement/quotas", tag = "settlement", request_body = NewQuota,
    responses((status = 200, description = "Set", body = Done)))]
pub(crate) async fn set_quota(State(api): State<Arc<Api>>, call: Call) -> Answer {
    let body: NewQuota<'_> = call.read()?;
    let scale = api.catalog.scale("asset", body.asset).await?;
    let quota = body.quota.bound("quota", scale)?;
    let NewQuota { participant, asset, .. } = body;
    let set = settlement::Command::SetQuota { participant, asset, quota };
    done(&api.submit(call.request(Command::Settlement(set))).await?)
}

/// Every quota that was ever set or asked for, with what is used of it now.
#[utoipa::path(get, path = "/settlement/quotas", tag = "settlement",
    responses((status = 200, description = "By participant and currency", body = List<QuotaBody>)))]
pub(crate) async fn list_quotas(State(api): State<Arc<Api>>, _call: Call) -> Answer {
    let look = |state: &engine::State| {
        let scale = |asset| state.trading.assets().get(&asset).map_or(0, |known| known.scale);
        let body = |line: settlement::QuotaLine| {
            let scale = scale(line.asset);
            QuotaBody {
                participant: line.participant,
                asset: line.asset,
                quota: amount_text(line.quota, scale),
                held: amount_text(line.held, scale),
                used: amount_text(line.used, scale),
            }
        };
        state.settlement.quotas().into_iter().map(body).collect::<Vec<_>>()
    };
    let (position, items) = api.look(look).await?;
    answer::ok(position, &List { items })
}

/// Records what the custodian or payment bank says is missing of all that a participant must deliver or pay.
#[utoipa::path(post, path = "/settlement/shortfalls", tag = "settlement", request_body = NewShortfall,
    responses((status = 200, description = "Recorded", body = Done)))]
pub(crate) async fn record_shortfall(State(api): State<Arc<Api>>, call: Call) -> Answer {
    let body: NewShortfall<'_> = call.read()?;
    let scale = api.catalog.scale("asset", body.asset).await?;
    let missing = body.missing.bound("missing", scale)?;
    let NewShortfall { participant, asset, .. } = body;
    let record = settlement::Command::RecordShortfall { participant, asset, missing };
    done(&api.submit(call.request(Command::Settlement(record))).await?)
}

/// What is recorded as missing.
#[utoipa::path(get, path = "/settlement/shortfalls", tag = "settlement",
    responses((status = 200, description = "By participant and asset", body = List<ShortfallBody>)))]
pub(crate) async fn list_shortfalls(State(api): State<Arc<Api>>, _call: Call) -> Answer {
    let look = |state: &engine::State| {
        let scale = |asset| state.trading.assets().get(&asset).map_or(0, |known| known.scale);
        let lines = state.settlement.shortfalls().map(|(participant, asset, missing)| ShortfallBody {
            participant,
            asset,
            missing: amount_text(missing, scale(asset)),
        });
        lines.collect::<Vec<_>>()
    };
    let (position, items) = api.look(look).await?;
    answer::ok(position, &List { items })
}
