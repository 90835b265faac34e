//! Calendars, and how each market settles.

use crate::answer::{self, Answer, Done, List, done};
use crate::call::{Call, Place, parameter};
use crate::forms;
use crate::services::Api;
use axum::extract::State;
use engine::Command;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;
use vocabulary::{Calendar, CalendarId, Date, MarketId, SettlementModel};

/// The days without business.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewCalendar {
    /// Weekdays, 0 = Monday to 6 = Sunday; never all seven.
    #[schema(value_type = Vec<forms::Weekday>, example = json!([5, 6]), max_items = 6)]
    weekend: BTreeSet<u8>,
    /// Single days.
    #[serde(default)]
    #[schema(value_type = Vec<forms::Day>, example = json!(["2023-10-02"]))]
    holidays: BTreeSet<Date>,
}

/// The business days of a calendar.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct CalendarBody {
    #[schema(value_type = forms::Code, example = "SSE")]
    calendar: CalendarId,
    /// Weekdays without business, 0 = Monday to 6 = Sunday.
    #[schema(value_type = Vec<u8>, example = json!([5, 6]))]
    weekend: BTreeSet<u8>,
    /// Single days without business.
    #[schema(value_type = Vec<forms::Day>, example = json!(["2023-10-02"]))]
    holidays: BTreeSet<Date>,
}

/// How a market settles.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewModel {
    /// `gross` (BIS model 1) or `net` (BIS model 3).
    #[schema(value_type = forms::SettlementModel, example = "net")]
    model: SettlementModel,
}

/// How a market settles.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct ModelBody {
    #[schema(value_type = forms::Code, example = "SSE")]
    market: MarketId,
    #[schema(value_type = forms::SettlementModel, example = "net")]
    model: SettlementModel,
}

/// Defines the business days of a calendar, or changes them for trades from now on.
#[utoipa::path(post, path = "/settlement/calendars/{calendar}", tag = "settlement", request_body = NewCalendar,
    params(("calendar" = forms::Code, Path, description = "Its code")),
    responses((status = 200, description = "Defined", body = Done)))]
pub(crate) async fn define_calendar(
    State(api): State<Arc<Api>>,
    Place(calendar): Place<String>,
    call: Call,
) -> Answer {
    let calendar = parameter("calendar", &calendar)?;
    let NewCalendar { weekend, holidays } = call.read()?;
    let days = Calendar { weekend, holidays };
    let define = settlement::Command::DefineCalendar { calendar, days };
    done(&api.submit(call.request(Command::Settlement(define))).await?)
}

/// The calendars that were defined. One that was not has Saturdays and Sundays off.
#[utoipa::path(get, path = "/settlement/calendars", tag = "settlement",
    responses((status = 200, description = "By code", body = List<CalendarBody>)))]
pub(crate) async fn list_calendars(State(api): State<Arc<Api>>, _call: Call) -> Answer {
    let look = |state: &engine::State| {
        let body = |(calendar, days): (CalendarId, &Calendar)| CalendarBody {
            calendar,
            weekend: days.weekend.clone(),
            holidays: days.holidays.clone(),
        };
        state.settlement.calendars().map(body).collect::<Vec<_>>()
    };
    let (position, items) = api.look(look).await?;
    answer::ok(position, &List { items })
}

/// How the market of each instrument settles.
#[utoipa::path(get, path = "/settlement/models", tag = "settlement",
    responses((status = 200, description = "By market", body = List<ModelBody>)))]
pub(crate) async fn list_models(State(api): State<Arc<Api>>, _call: Call) -> Answer {
    let look = |state: &engine::State| {
        let markets: BTreeSet<MarketId> = state.trading.instruments().map(|known| known.market).collect();
        let body = |market| ModelBody { market, model: state.settlement.model(market) };
        markets.into_iter().map(body).collect::<Vec<_>>()
    };
    let (position, items) = api.look(look).await?;
    answer::ok(position, &List { items })
}

/// Chooses gross or net settlement for a market that an instrument is traded in. Markets are gross until told otherwise.
#[utoipa::path(post, path = "/settlement/models/{market}", tag = "settlement", request_body = NewModel,
    params(("market" = forms::Code, Path, description = "The market")),
    responses((status = 200, description = "Chosen", body = Done)))]
pub(crate) async fn set_model(
    State(api): State<Arc<Api>>,
    Place(market): Place<String>,
    call: Call,
) -> Answer {
    let market = parameter("market", &market)?;
    let NewModel { model } = call.read()?;
    api.catalog.check_market("market", market).await?;
    let set = settlement::Command::SetSettlementModel { market, model };
    done(&api.submit(call.request(Command::Settlement(set))).await?)
}
