//! The restricted list.

use crate::answer::{self, Answer, Done, List, done};
use crate::call::Call;
use crate::forms;
use crate::problem::Problem;
use crate::services::Api;
use axum::extract::State;
use compliance::Restriction;
use engine::Command;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use vocabulary::{AccountId, InstrumentId, Timestamp, UserId};

/// What may not be traded, and by whom: one of these.
#[derive(Clone, Copy, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RestrictionBody {
    /// Nobody trades it.
    #[schema(value_type = forms::Code)]
    Instrument(InstrumentId),
    /// The account does not trade it.
    InstrumentForAccount {
        /// What is not traded.
        #[schema(value_type = forms::Code)]
        instrument: InstrumentId,
        /// By whom.
        #[schema(value_type = forms::Code)]
        account: AccountId,
    },
    /// The account trades nothing.
    #[schema(value_type = forms::Code)]
    Account(AccountId),
    /// The user trades nothing, for whatever account.
    #[schema(value_type = forms::Id)]
    User(UserId),
}

impl RestrictionBody {
    /// An entry for something that is not there would restrict nobody. A user may trade before he is known here.
    async fn check(self, api: &Api) -> Result<(), Problem> {
        match self {
            Self::Instrument(instrument) => {
                api.catalog.check_instrument("restriction.instrument", instrument).await
            }
            Self::InstrumentForAccount { instrument, account } => {
                let within = "restriction.instrument_for_account";
                api.catalog.check_instrument(&format!("{within}.instrument"), instrument).await?;
                api.catalog.check_account(&format!("{within}.account"), account).await
            }
            Self::Account(account) => api.catalog.check_account("restriction.account", account).await,
            Self::User(_) => Ok(()),
        }
    }
}

impl From<RestrictionBody> for Restriction {
    fn from(body: RestrictionBody) -> Self {
        match body {
            RestrictionBody::Instrument(instrument) => Self::Instrument(instrument),
            RestrictionBody::InstrumentForAccount { instrument, account } => {
                Self::InstrumentForAccount { instrument, account }
            }
            RestrictionBody::Account(account) => Self::Account(account),
            RestrictionBody::User(user) => Self::User(user),
        }
    }
}

impl From<Restriction> for RestrictionBody {
    fn from(restriction: Restriction) -> Self {
        match restriction {
            Restriction::Instrument(instrument) => Self::Instrument(instrument),
            Restriction::InstrumentForAccount { instrument, account } => {
                Self::InstrumentForAccount { instrument, account }
            }
            Restriction::Account(account) => Self::Account(account),
            Restriction::User(user) => Self::User(user),
        }
    }
}

/// An entry to put on the list, or to take off it.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    /// Like `{"instrument": "600519"}`.
    restriction: RestrictionBody,
}

/// An entry of the list.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct EntryBody {
    restriction: RestrictionBody,
    #[schema(value_type = forms::Moment)]
    since: Timestamp,
}

/// Puts an entry on the restricted list. Orders already accepted stay.
#[utoipa::path(post, path = "/compliance/restrictions", tag = "compliance", request_body = Entry,
    responses((status = 200, description = "On the list", body = Done)))]
pub(crate) async fn restrict(State(api): State<Arc<Api>>, call: Call) -> Answer {
    let Entry { restriction } = call.read()?;
    restriction.check(&api).await?;
    let restrict = compliance::Command::Restrict { restriction: restriction.into() };
    done(&api.submit(call.request(Command::Compliance(restrict))).await?)
}

/// Takes an entry off the restricted list.
#[utoipa::path(post, path = "/compliance/restrictions/remove", tag = "compliance", request_body = Entry,
    responses((status = 200, description = "Off the list", body = Done)))]
pub(crate) async fn unrestrict(State(api): State<Arc<Api>>, call: Call) -> Answer {
    let Entry { restriction } = call.read()?;
    let unrestrict = compliance::Command::Unrestrict { restriction: restriction.into() };
    done(&api.submit(call.request(Command::Compliance(unrestrict))).await?)
}

/// The restricted list.
#[utoipa::path(get, path = "/compliance/restrictions", tag = "compliance",
    responses((status = 200, description = "All entries", body = List<EntryBody>)))]
pub(crate) async fn list_restrictions(State(api): State<Arc<Api>>, _call: Call) -> Answer {
    let (position, entries) = api.look(|state| state.compliance.restrictions()).await?;
    let body =
        |(restriction, since): (Restriction, Timestamp)| EntryBody { restriction: restriction.into(), since };
    answer::ok(position, &List { items: entries.into_iter().map(body).collect() })
}
