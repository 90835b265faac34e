//! Whose limit, and on what, as they stand in requests and answers.

use crate::forms;
use crate::problem::Problem;
use crate::services::Api;
use risk::{Measure, Scope};
use serde::{Deserialize, Serialize};
use trading::Trading;
use vocabulary::{AccountId, AssetId, InstrumentId, ParticipantId};

/// Whose: one of the two.
#[derive(Clone, Copy, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ScopeBody {
    /// One trading account.
    #[schema(value_type = forms::Code)]
    Account(AccountId),
    /// All accounts that a participant clears.
    #[schema(value_type = forms::Code)]
    Participant(ParticipantId),
}

impl ScopeBody {
    /// A limit of somebody who is not there would bound nobody.
    pub(crate) async fn check(self, api: &Api) -> Result<(), Problem> {
        match self {
            Self::Account(account) => api.catalog.check_account("scope.account", account).await,
            Self::Participant(participant) => {
                api.catalog.check_participant("scope.participant", participant).await
            }
        }
    }
}

impl From<ScopeBody> for Scope {
    fn from(body: ScopeBody) -> Self {
        match body {
            ScopeBody::Account(account) => Self::Account(account),
            ScopeBody::Participant(participant) => Self::Participant(participant),
        }
    }
}

impl From<Scope> for ScopeBody {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::Account(account) => Self::Account(account),
            Scope::Participant(participant) => Self::Participant(participant),
        }
    }
}

/// What a limit bounds: one of these.
#[derive(Clone, Copy, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MeasureBody {
    /// Price times quantity of a single order, in this currency.
    #[schema(value_type = forms::Code)]
    OrderNotional(AssetId),
    /// Quantity of a single order in this instrument.
    #[schema(value_type = forms::Code)]
    OrderQuantity(InstrumentId),
    /// The furthest that the position in this instrument can get from zero.
    #[schema(value_type = forms::Code)]
    Position(InstrumentId),
    /// Open orders and unsettled trades, in this currency.
    #[schema(value_type = forms::Code)]
    GrossExposure(AssetId),
    /// Orders per second.
    OrderRate,
}

impl From<MeasureBody> for Measure {
    fn from(body: MeasureBody) -> Self {
        match body {
            MeasureBody::OrderNotional(asset) => Self::OrderNotional(asset),
            MeasureBody::OrderQuantity(instrument) => Self::OrderQuantity(instrument),
            MeasureBody::Position(instrument) => Self::Position(instrument),
            MeasureBody::GrossExposure(asset) => Self::GrossExposure(asset),
            MeasureBody::OrderRate => Self::OrderRate,
        }
    }
}

impl From<Measure> for MeasureBody {
    fn from(measure: Measure) -> Self {
        match measure {
            Measure::OrderNotional(asset) => Self::OrderNotional(asset),
            Measure::OrderQuantity(instrument) => Self::OrderQuantity(instrument),
            Measure::Position(instrument) => Self::Position(instrument),
            Measure::GrossExposure(asset) => Self::GrossExposure(asset),
            Measure::OrderRate => Self::OrderRate,
        }
    }
}

impl MeasureBody {
    /// The decimals of what it measures, for a request.
    pub(crate) async fn scale(self, api: &Api) -> Result<u8, Problem> {
        match self {
            Self::OrderNotional(asset) | Self::GrossExposure(asset) => {
                api.catalog.scale("measure", asset).await
            }
            Self::OrderQuantity(instrument) | Self::Position(instrument) => {
                Ok(api.catalog.scales("measure", instrument).await?.quantity)
            }
            Self::OrderRate => Ok(0),
        }
    }
}

/// The decimals of what it measures, for an answer.
pub(crate) fn scale_of(trading: &Trading, measure: Measure) -> u8 {
    match measure {
        Measure::OrderNotional(asset) | Measure::GrossExposure(asset) => {
            trading.assets().get(&asset).map_or(0, |known| known.scale)
        }
        Measure::OrderQuantity(instrument) | Measure::Position(instrument) => {
            trading.instrument(instrument).map_or(0, |known| known.base_scale)
        }
        Measure::OrderRate => 0,
    }
}
