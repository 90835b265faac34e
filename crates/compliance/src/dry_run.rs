//! What a candidate bundle would have decided differently.
//!
//! Each recorded order is judged again as it was shown then. That includes its count of orders in the hour, which is
//! what it was under the rules of then: a candidate that denies more would also count fewer.

use crate::{BadBundle, Bundle, Event, Rules};
use serde::Serialize;
use vocabulary::{OrderId, Reason};

/// An order whose verdict would be another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Redecided {
    /// The order.
    pub order: OrderId,
    /// Why one of the two denies it.
    pub reasons: Vec<Reason>,
}

/// The difference that a candidate makes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DryRun {
    /// Orders that were judged again.
    pub examined: u64,
    /// Allowed then, denied by the candidate, for these reasons.
    pub newly_denied: Vec<Redecided>,
    /// Denied then for these reasons, allowed by the candidate.
    pub newly_allowed: Vec<Redecided>,
}

/// Judges the checks among `events` by the candidate. What the restricted list denied stays denied.
///
/// # Errors
/// [`BadBundle`] when the candidate could not come into force.
pub fn dry_run<'a>(
    events: impl IntoIterator<Item = &'a Event>,
    candidate: &Bundle,
) -> Result<DryRun, BadBundle> {
    let mut rules = Rules::compile(candidate)?;
    let mut result = DryRun::default();
    for event in events {
        let Event::OrderChecked { terms, restricted, reasons: reasons_then, .. } = event else { continue };
        let Some(order) = event.check_input() else { continue };
        result.examined += 1;
        let judgement = rules.judge(&order);
        let allowed_now = judgement.allowed() && restricted.is_none();
        match (reasons_then.is_empty(), allowed_now) {
            (true, false) => {
                result.newly_denied.push(Redecided { order: terms.order, reasons: judgement.reasons });
            }
            (false, true) => {
                let reasons = reasons_then.clone();
                result.newly_allowed.push(Redecided { order: terms.order, reasons });
            }
            (true, true) | (false, false) => {}
        }
    }
    Ok(result)
}
