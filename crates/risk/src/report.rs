//! Exposure and utilisation, for people and for other parts to read. Absent: alerts of a day, which are events.

use crate::{Measure, Risk, Scope};
use serde::Serialize;
use vocabulary::Amount;

/// How much of one measure a scope uses. Amounts and quantities are in minor units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ExposureLine {
    /// Whose.
    pub scope: Scope,
    /// What is measured.
    pub measure: Measure,
    /// How much is used. Of the order rate: the orders of the last second that had any.
    pub used: Amount,
    /// The limit, if there is one.
    pub limit: Option<Amount>,
    /// Share of the limit in hundredths of a percent, rounded down; 10,000 of a limit of zero. No limit: none.
    pub utilisation_bp: Option<u32>,
}

impl Risk {
    /// The lines of up to `max` scopes, beginning with `from` if it is known and with the next one otherwise, in the
    /// order of scopes and measures. A scope has a line for every standing measure that is limited or in use; limits on
    /// single orders have none.
    pub fn exposures(&self, from: Option<Scope>, max: usize) -> Vec<ExposureLine> {
        self.exposures.from(from).take(max).flat_map(|scope| self.exposure(scope)).collect()
    }

    /// The lines of one scope.
    pub fn exposure(&self, scope: Scope) -> Vec<ExposureLine> {
        let Some(exposure) = self.exposures.get(scope) else { return Vec::new() };
        let line = |(measure, used): (Measure, Amount)| {
            let limit = exposure.limits().get(&measure).copied();
            let utilisation_bp = limit.map(|limit| utilisation_bp(used, limit));
            ExposureLine { scope, measure, used, limit, utilisation_bp }
        };
        exposure.used().into_iter().map(line).collect()
    }

    /// The limits of one scope, in the order of measures. What is not listed is not limited.
    pub fn limits(&self, scope: Scope) -> impl Iterator<Item = (Measure, Amount)> {
        let limits = self.exposures.get(scope).into_iter().flat_map(|exposure| exposure.limits());
        limits.map(|(measure, limit)| (*measure, *limit))
    }

    /// The scopes from `from` on that have a limit or ever had an order, in order.
    pub fn scopes(&self, from: Option<Scope>) -> impl Iterator<Item = Scope> {
        self.exposures.from(from)
    }
}

fn utilisation_bp(used: Amount, limit: Amount) -> u32 {
    if limit.is_zero() {
        return 10_000;
    }
    let share = used.0.checked_mul(10_000).map(|scaled| scaled / limit.0);
    share.and_then(|share| u32::try_from(share).ok()).unwrap_or(u32::MAX)
}
