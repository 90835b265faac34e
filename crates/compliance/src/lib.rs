//! Compliance: whether an order may be placed, decided by Rego policies and a restricted list, and on record.
//!
//! An order is asked about once ([`Command::Check`]); every answer, yes or no, is an event that holds all that was
//! judged ([`Event::OrderChecked`]). The bundle in force is an event too, so history knows under which rules it was
//! decided. No decision means deny. Nothing is held here: the check is the one branch of the order flow without
//! confirm and release. Whether somebody may call an endpoint is decided by the same evaluator ([`Authorizer`]), but is
//! no part of the state.

mod authorizer;
mod bundle;
mod check;
mod compliance;
mod dry_run;
mod event;
mod facts;
mod order_input;
mod orders_per_hour;
mod program;
mod restriction;
mod rules;
#[cfg(test)]
mod test_orders;
mod verdicts;

pub use authorizer::{Access, Authorizer};
pub use bundle::{Bundle, Digest, Module, default_bundle};
pub use compliance::{Compliance, PolicyInForce};
pub use dry_run::{DryRun, Redecided, dry_run};
pub use event::{Command, Event, Refusal};
pub use order_input::CheckInput;
pub use program::{BadBundle, INSTRUCTIONS_MAX};
pub use restriction::{RESTRICTED, Restriction};
pub use rules::{CODES_RULE, DATA_ERRORS_RULE, DENY_RULE, Judgement, NO_DECISION, POLICY_DENIED, Rules};
