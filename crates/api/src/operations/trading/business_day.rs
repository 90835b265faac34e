//! The business day.

use crate::answer::{self, Answer, Done, done};
use crate::call::Call;
use crate::forms;
use crate::services::Api;
use axum::extract::State;
use engine::Command;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use vocabulary::Date;

/// The business day to open.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewBusinessDay {
    /// Later than the current one.
    #[schema(value_type = forms::Day, example = "2023-02-07")]
    date: Date,
}

/// The business day that is open.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct BusinessDay {
    /// Null before the first.
    #[schema(value_type = Option<forms::Day>, example = "2023-02-07")]
    date: Option<Date>,
}

/// The business day that is open.
#[utoipa::path(get, path = "/trading/business-day", tag = "reference data",
    responses((status = 200, description = "The day", body = BusinessDay)))]
pub(crate) async fn get_business_day(State(api): State<Arc<Api>>, _call: Call) -> Answer {
    let (position, date) = api.look(|state| state.trading.business_date()).await?;
    answer::ok(position, &BusinessDay { date })
}

/// Begins a business day. Days only go forward.
#[utoipa::path(post, path = "/trading/business-day", tag = "reference data", request_body = NewBusinessDay,
    responses((status = 200, description = "Open", body = Done)))]
pub(crate) async fn open_business_day(State(api): State<Arc<Api>>, call: Call) -> Answer {
    let NewBusinessDay { date } = call.read()?;
    let open = trading::Command::OpenBusinessDay { date };
    done(&api.submit(call.request(Command::Trading(open))).await?)
}
