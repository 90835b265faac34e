//! Events of compliance.

use super::Told;
use crate::schema::{self, event::What};
use ::compliance::{Event, Restriction};

pub(super) fn tell(event: &Event) -> Told {
    match event {
        Event::PolicyActivated { version, digest, .. } => {
            let (version, digest) = (*version, digest.to_string());
            Told::of("policy", What::PolicyActivated(schema::PolicyActivated { version, digest }))
        }
        Event::Restricted { restriction } => Told::of("restricted", What::Restricted(restriction.into())),
        Event::Unrestricted { restriction } => Told::of("restricted", What::Unrestricted(restriction.into())),
        Event::OrderChecked {
            terms,
            user,
            price,
            quantity,
            notional,
            orders_in_hour,
            policy,
            allowed,
            reasons,
            ..
        } => {
            let what = schema::OrderChecked {
                terms: Some(terms.into()),
                user: user.to_string(),
                price: price.0,
                quantity: quantity.0,
                notional: notional.0.to_string(),
                orders_in_hour: *orders_in_hour,
                policy: *policy,
                allowed: *allowed,
                reasons: reasons.iter().map(Into::into).collect(),
            };
            Told::of(terms.order, What::OrderChecked(what)).on(terms.correlation)
        }
    }
}

impl From<&Restriction> for schema::Restriction {
    fn from(restriction: &Restriction) -> Self {
        let nothing = Self { instrument: None, account: None, user: None };
        match restriction {
            Restriction::Instrument(instrument) => {
                Self { instrument: Some(instrument.to_string()), ..nothing }
            }
            Restriction::InstrumentForAccount { instrument, account } => Self {
                instrument: Some(instrument.to_string()),
                account: Some(account.to_string()),
                user: None,
            },
            Restriction::Account(account) => Self { account: Some(account.to_string()), ..nothing },
            Restriction::User(user) => Self { user: Some(user.to_string()), ..nothing },
        }
    }
}
