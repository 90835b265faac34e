//! Clearing quotas: how much a participant may have in holds and unsettled obligations, per currency.
//!
//! Invariant: `held` is the sum of its outstanding holds and `used` that of its unsettled obligations; neither is ever
//! negative. Their sum exceeds the quota only after the quota was lowered. Absent: the holds themselves, which are
//! reservations by order.

use crate::Refusal;
use minicbor::{Decode, Encode};
use serde::Serialize;
use vocabulary::{Amount, AssetId, Index, ParticipantId, Reserved, planted};

/// The quota of one participant in one currency, in minor units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct QuotaLine {
    /// Whose.
    pub participant: ParticipantId,
    /// In which currency.
    pub asset: AssetId,
    /// The quota.
    pub quota: Amount,
    /// Outstanding holds.
    pub held: Amount,
    /// Confirmed and not yet settled.
    pub used: Amount,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Encode, Decode)]
pub(crate) struct Quota {
    #[n(0)]
    pub(crate) quota: Amount,
    #[n(1)]
    pub(crate) held: Amount,
    #[n(2)]
    pub(crate) used: Amount,
}

/// All quotas. One that was never set is 0.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
#[cbor(transparent)]
pub(crate) struct Quotas(#[n(0)] Index<(ParticipantId, AssetId), Quota>);

impl Quotas {
    pub(crate) fn line(&self, participant: ParticipantId, asset: AssetId) -> Quota {
        self.0.get(&(participant, asset)).copied().unwrap_or_default()
    }

    /// Whether the quota leaves room for `wanted`.
    pub(crate) fn check_room(
        &self,
        participant: ParticipantId,
        asset: AssetId,
        wanted: Reserved,
    ) -> Result<(), Refusal> {
        let Quota { quota, held, used } = self.line(participant, asset);
        let used = if planted!("quota-forgets-used") { Amount::ZERO } else { used };
        let (used, wanted_amount) = (held + used, amount(wanted));
        if wanted.quantity < 0 || wanted.amount < 0 {
            return Err(Refusal::NegativeAmount(Amount(i128::from(wanted.quantity.min(wanted.amount)))));
        }
        if used + wanted_amount > quota {
            return Err(Refusal::QuotaExceeded { participant, asset, quota, used, wanted: wanted_amount });
        }
        Ok(())
    }

    pub(crate) fn set(&mut self, participant: ParticipantId, asset: AssetId, quota: Amount) {
        self.0.entry((participant, asset)).quota = quota;
    }

    pub(crate) fn hold(&mut self, participant: ParticipantId, asset: AssetId, held: Reserved) {
        self.0.entry((participant, asset)).held += amount(held);
    }

    pub(crate) fn confirm(&mut self, participant: ParticipantId, asset: AssetId, used: Reserved) {
        let line = self.0.entry((participant, asset));
        take(&mut line.held, amount(used));
        line.used += amount(used);
    }

    pub(crate) fn release(&mut self, participant: ParticipantId, asset: AssetId, released: Reserved) {
        // A release that overtook its hold gives nothing back, and needs no line.
        if released.amount != 0 {
            take(&mut self.0.entry((participant, asset)).held, amount(released));
        }
    }

    pub(crate) fn settle(&mut self, participant: ParticipantId, asset: AssetId, used: Reserved) {
        if !planted!("quota-keeps-settled") {
            take(&mut self.0.entry((participant, asset)).used, amount(used));
        }
    }

    pub(crate) fn lines(&self) -> Vec<QuotaLine> {
        let line = |(key, quota): (&(ParticipantId, AssetId), &Quota)| QuotaLine {
            participant: key.0,
            asset: key.1,
            quota: quota.quota,
            held: quota.held,
            used: quota.used,
        };
        self.0.sorted().into_iter().map(line).collect()
    }
}

fn amount(reserved: Reserved) -> Amount {
    Amount(i128::from(reserved.amount))
}

fn take(from: &mut Amount, amount: Amount) {
    *from -= amount;
    assert!(!from.is_negative(), "more of a quota given back than was taken");
}
