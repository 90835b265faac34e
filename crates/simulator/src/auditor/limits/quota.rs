//! Clearing quotas: what holds and unsettled obligations of a participant use of its quota in a currency.
//!
//! Rule: no hold is placed that would take more than the quota. A quota that was lowered may stand below what is in use.

use settlement::Event as S;
use std::collections::BTreeMap;
use vocabulary::{Amount, AssetId, OrderTerms, ParticipantId, Reserved};

use super::Findings;

#[derive(Debug, Default)]
struct Line {
    quota: Amount,
    held: Amount,
    used: Amount,
}

/// A quota that was never set is 0.
#[derive(Debug, Default)]
pub(super) struct Quotas(BTreeMap<(ParticipantId, AssetId), Line>);

fn amount(reserved: Reserved) -> Amount {
    Amount(i128::from(reserved.amount))
}

impl Quotas {
    /// By how much a hold would go beyond the quota; none if it would not.
    pub(super) fn excess(&self, terms: &OrderTerms, wanted: Reserved) -> Option<Amount> {
        let line = self.0.get(&(terms.participant, terms.quote));
        let room = line.map_or(Amount::ZERO, |line| line.quota - line.held - line.used);
        let excess = amount(wanted) - room;
        (excess > Amount::ZERO).then_some(excess)
    }

    fn line(&mut self, terms: &OrderTerms) -> &mut Line {
        self.0.entry((terms.participant, terms.quote)).or_default()
    }

    fn move_held(&mut self, terms: &OrderTerms, by: Amount, found: &mut Findings<'_>) {
        let line = self.line(terms);
        line.held += by;
        found.check(!line.held.is_negative(), "clearing quota", || {
            format!("order {} gave back more than was held: {line:?}", terms.order)
        });
    }

    fn move_used(&mut self, terms: &OrderTerms, by: Amount, found: &mut Findings<'_>) {
        let line = self.line(terms);
        line.used += by;
        found.check(!line.used.is_negative(), "clearing quota", || {
            format!("order {} gave back more than was used: {line:?}", terms.order)
        });
    }

    pub(super) fn hear(&mut self, event: &S, found: &mut Findings<'_>) {
        match event {
            S::QuotaSet { participant, asset, quota } => {
                self.0.entry((*participant, *asset)).or_default().quota = *quota;
            }
            S::QuotaHeld { terms, reserved } => {
                if let Some(excess) = self.excess(terms, *reserved) {
                    let told = format!("order {} was let in, {excess} beyond the quota", terms.order);
                    found.tell("clearing quota", told);
                }
                self.move_held(terms, amount(*reserved), found);
            }
            S::ObligationRecorded { obligation } => {
                let used = amount(obligation.fill.used);
                self.move_held(&obligation.terms, -used, found);
                self.move_used(&obligation.terms, used, found);
            }
            S::QuotaReduced { terms, what, .. } => self.move_held(terms, -amount(*what), found),
            S::QuotaReleased { terms, released, .. } => self.move_held(terms, -amount(*released), found),
            S::TradeSettled { buy, sell, .. } => {
                for side in [buy, sell] {
                    self.move_used(&side.terms, -amount(side.fill.used), found);
                }
            }
            S::CalendarDefined { .. }
            | S::SettlementModelSet { .. }
            | S::ShortfallRecorded { .. }
            | S::RunStarted { .. }
            | S::PositionNetted { .. }
            | S::TradeRecycled { .. }
            | S::RunCompleted { .. } => {}
        }
    }
}
