//! The compliance context: decides commands, folds in events.
//!
//! Invariant: every order has one verdict at most. Compiled rules are handed in, for they are not state.

use crate::bundle::Digest;
use crate::orders_per_hour::OrdersPerHour;
use crate::restriction::RestrictedList;
use crate::verdicts::Verdicts;
use crate::{Authorizer, Bundle, CheckInput, Command, Event, Refusal, Restriction, Rules};
use minicbor::{Decode, Encode};
use vocabulary::{Events, Moment, OrderId, Reason, Timestamp, UserId, one, planted};

/// The bundle that judges orders now.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub struct PolicyInForce {
    /// Counts the activations from 1.
    #[n(0)]
    pub version: u32,
    /// Digest of the bundle.
    #[n(1)]
    pub digest: Digest,
    /// The bundle.
    #[n(2)]
    pub bundle: Bundle,
}

/// State of the compliance context.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub struct Compliance {
    #[n(0)]
    policy: Option<PolicyInForce>,
    #[n(1)]
    restricted: RestrictedList,
    #[n(2)]
    orders: OrdersPerHour,
    #[n(3)]
    verdicts: Verdicts,
}

impl Compliance {
    /// Says what `command` would change, and changes nothing. No events means: already so.
    ///
    /// `rules` is where the thread keeps the compiled bundle; it is brought up to date here.
    ///
    /// # Errors
    /// [`Refusal`] when nothing is decided. A denied order is not a refusal but an [`Event::OrderChecked`].
    pub fn decide(&self, rules: &mut Rules, command: &Command, at: Moment) -> Result<Events<Event>, Refusal> {
        match *command {
            Command::ActivatePolicy { ref bundle } => self.decide_activation(bundle),
            Command::Restrict { restriction } if self.restricted.contains(&restriction) => Ok(Events::new()),
            Command::Restrict { .. } if self.restricted.is_full() => Err(Refusal::RestrictedListFull),
            Command::Restrict { restriction } => Ok(one(Event::Restricted { restriction })),
            Command::Unrestrict { restriction } if self.restricted.contains(&restriction) => {
                Ok(one(Event::Unrestricted { restriction }))
            }
            Command::Unrestrict { .. } => Ok(Events::new()),
            Command::Check { terms, .. } if self.verdicts.contains(terms.order) => Ok(Events::new()),
            Command::Check { deadline, .. } if at.time > deadline && !planted!("judged-after-deadline") => {
                Err(Refusal::DeadlinePassed)
            }
            Command::Check { terms, user, price, quantity, notional, quote_scale, deadline } => {
                let order =
                    CheckInput { terms, user, price, quantity, notional, quote_scale, orders_in_hour: 0 };
                Ok(one(self.check(rules, order, deadline, at)))
            }
        }
    }

    /// Folds in one recorded event. History is never refused: a misfit is corruption, so halt.
    pub fn apply(&mut self, event: &Event, at: Moment) {
        match event {
            Event::PolicyActivated { version, digest, bundle } => {
                assert_eq!(*version, self.next_version(), "a policy version was left out");
                self.policy =
                    Some(PolicyInForce { version: *version, digest: *digest, bundle: bundle.clone() });
            }
            Event::Restricted { restriction } => self.restricted.add(*restriction, at.time),
            Event::Unrestricted { restriction } => self.restricted.remove(restriction),
            Event::OrderChecked { terms, user, deadline, allowed, reasons, .. } => {
                assert_eq!(*allowed, reasons.is_empty(), "order {} is denied without reason", terms.order);
                self.verdicts.add(terms.order, reasons.first(), *deadline, at);
                if *allowed || planted!("denied-orders-count") {
                    self.orders.add(*user, at);
                }
            }
        }
    }

    /// The verdict on an order, with the first reason against it. Nothing if it was never asked about, or so long ago
    /// that its deadline passed a minute ago.
    pub fn verdict(&self, order: OrderId) -> Option<Result<(), Reason>> {
        self.verdicts.get(order).map(|verdict| verdict.map_err(Reason::clone))
    }

    /// The bundle in force.
    pub fn bundle(&self) -> Option<&Bundle> {
        self.policy.as_ref().map(|policy| &policy.bundle)
    }

    /// The bundle in force, with its version and digest.
    pub fn policy(&self) -> Option<&PolicyInForce> {
        self.policy.as_ref()
    }

    /// Allowed orders of the user within the last hour.
    pub fn orders_in_hour(&self, user: UserId, at: Moment) -> u32 {
        self.orders.count(user, at)
    }

    /// The restricted list in order, with the time of each entry.
    pub fn restrictions(&self) -> Vec<(Restriction, Timestamp)> {
        self.restricted.sorted()
    }

    pub(crate) fn restricted(&self) -> &RestrictedList {
        &self.restricted
    }

    fn decide_activation(&self, bundle: &Bundle) -> Result<Events<Event>, Refusal> {
        let digest = bundle.digest();
        if self.policy.as_ref().is_some_and(|policy| policy.digest == digest) {
            return Ok(Events::new());
        }
        // One bundle says what orders may be and who may call what: it is fit for both, or not at all.
        Rules::compile(bundle)?;
        Authorizer::compile(bundle)?;
        let bundle = bundle.clone();
        Ok(one(Event::PolicyActivated { version: self.next_version(), digest, bundle }))
    }

    fn next_version(&self) -> u32 {
        let last = self.policy.as_ref().map_or(0, |policy| policy.version);
        last.checked_add(1).expect("fewer than 2^32 activations")
    }
}

#[cfg(test)]
mod tests;
