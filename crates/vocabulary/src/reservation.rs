//! What a participant of the order flow has reserved for orders: the hold side of TCC, kept once for every context.
//!
//! An order's hold is confirmed part by part, in the order of the parts, and then released; the last of it closes the
//! hold and leaves a tombstone. A request for a hold is good until its deadline only, and its release says until when
//! at the latest, so a tombstone outlives every such request that could still arrive, whatever the clocks say. Invariant:
//! held = confirmed + given back + outstanding, and nothing is outstanding once closed. What is measured, and against
//! which limit, is not known here.

use crate::{Facts, Index, Listener, Moment, OrderId, Timestamp, planted};
use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, VecDeque};
use std::ops::{Add, Sub};

/// How long a closed hold is remembered: one minute, or as long as a request for it is good, if that is longer. A confirm or release that is repeated later than this is refused, and never takes effect twice.
pub const TOMBSTONE_NS: u64 = 60_000_000_000;

/// A quantity of base and an amount of quote, both in minor units and never negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
pub struct Reserved {
    /// Base.
    #[n(0)]
    pub quantity: i64,
    /// Quote. An order's notional fits 63 bits: checked where orders come in.
    #[n(1)]
    pub amount: i64,
}

impl Add for Reserved {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        let sum = |a: i64, b: i64| a.checked_add(b).expect("reservation overflow");
        Self { quantity: sum(self.quantity, other.quantity), amount: sum(self.amount, other.amount) }
    }
}

impl Sub for Reserved {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        let difference = |a: i64, b: i64| a.checked_sub(b).expect("reservation overflow");
        Self {
            quantity: difference(self.quantity, other.quantity),
            amount: difference(self.amount, other.amount),
        }
    }
}

impl Reserved {
    fn covers(self, other: Self) -> bool {
        other.quantity >= 0
            && other.amount >= 0
            && self.quantity >= other.quantity
            && self.amount >= other.amount
    }
}

/// Why an operation on a hold is refused. All but [`HoldRefusal::Early`] mean that somebody broke the protocol, and
/// raise an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Encode, Decode)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum HoldRefusal {
    /// The hold was released before it arrived, or its deadline has passed.
    #[n(0)]
    AlreadyReleased,
    /// There is no such hold to confirm.
    #[n(1)]
    NoHold,
    /// A part that comes later than one not yet seen: send again after that one.
    #[n(2)]
    Early,
    /// More than is outstanding.
    #[n(3)]
    ExceedsHold,
    /// What was confirmed cannot be released.
    #[n(4)]
    AlreadyConfirmed,
}

/// What an operation on a hold comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict<T> {
    /// It changes this.
    Do(T),
    /// It has been done before: success, and nothing changes.
    Already,
}

#[derive(Clone, Copy, Debug, PartialEq, Encode, Decode)]
struct OpenHold {
    #[n(0)]
    outstanding: Reserved,
    #[n(1)]
    parts: u32,
}

/// What a tombstone says.
#[derive(Clone, Copy, Debug, PartialEq, Encode, Decode)]
struct ClosedHold {
    #[n(0)]
    parts: u32,
    /// Closed by a release, and not by the last of its parts. Then a hold that arrives again has come too late.
    #[n(1)]
    released: bool,
}

/// All holds of one context.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub struct Reservations {
    #[n(0)]
    open: Index<OrderId, OpenHold>,
    #[n(1)]
    tombstones: Index<OrderId, ClosedHold>,
    #[n(2)]
    expiries: VecDeque<(Timestamp, OrderId)>,
    /// Of releases whose sender's clock is ahead by so much that their holds are good for longer than a minute.
    #[n(3)]
    #[cbor(default)]
    late_expiries: BTreeSet<(Timestamp, OrderId)>,
}

impl Facts for Reservations {
    /// The open holds, oldest first. Tombstones are about time.
    fn tell(&self, listener: &mut Listener<'_>) {
        for (_, hold) in self.open.sorted() {
            let Reserved { quantity, amount } = hold.outstanding;
            listener(format_args!("hold {quantity} for {amount} after {} parts", hold.parts));
        }
    }
}

impl Reservations {
    /// Whether a hold that is good until `deadline` may still be placed. One that was placed and then confirmed to the
    /// end has succeeded, so its repetition succeeds too.
    ///
    /// # Errors
    /// [`HoldRefusal::AlreadyReleased`] when its release overtook it or its deadline has passed.
    pub fn judge_hold(
        &self,
        order: OrderId,
        deadline: Timestamp,
        at: Moment,
    ) -> Result<Verdict<()>, HoldRefusal> {
        if self.open.contains(&order) {
            return Ok(Verdict::Already);
        }
        match self.tombstones.get(&order) {
            Some(closed) if !closed.released => Ok(Verdict::Already),
            Some(_) => Err(HoldRefusal::AlreadyReleased),
            None if at.time > deadline && planted!("late-hold-says-yes") => Ok(Verdict::Already),
            None if at.time > deadline && !planted!("hold-after-deadline") => {
                Err(HoldRefusal::AlreadyReleased)
            }
            None => Ok(Verdict::Do(())),
        }
    }

    /// Whether `part` (counted from 0) of the hold can be confirmed or given back. Confirmed parts and parts given
    /// back by a shrinking order share one count, so that they take effect in one order.
    ///
    /// # Errors
    /// Any [`HoldRefusal`] but [`HoldRefusal::AlreadyConfirmed`].
    pub fn judge_confirm(
        &self,
        order: OrderId,
        part: u32,
        what: Reserved,
    ) -> Result<Verdict<()>, HoldRefusal> {
        let Some(hold) = self.open.get(&order) else {
            return match self.tombstones.get(&order) {
                Some(closed) if part < closed.parts => Ok(Verdict::Already),
                Some(_) => Err(HoldRefusal::AlreadyReleased),
                None => Err(HoldRefusal::NoHold),
            };
        };
        if part < hold.parts {
            return Ok(Verdict::Already);
        }
        if part > hold.parts {
            return Err(HoldRefusal::Early);
        }
        if !hold.outstanding.covers(what) {
            return Err(HoldRefusal::ExceedsHold);
        }
        Ok(Verdict::Do(()))
    }

    /// What a release after `parts` confirmed parts gives back. With no hold yet, the release has overtaken it: it
    /// gives back nothing, and must be recorded so that the late hold is refused.
    ///
    /// # Errors
    /// [`HoldRefusal::Early`] while confirms are still to come; [`HoldRefusal::AlreadyConfirmed`] when more was
    /// confirmed than the release knows of.
    pub fn judge_release(&self, order: OrderId, parts: u32) -> Result<Verdict<Reserved>, HoldRefusal> {
        let Some(hold) = self.open.get(&order) else {
            return match self.tombstones.get(&order) {
                Some(closed) if closed.parts > parts => Err(HoldRefusal::AlreadyConfirmed),
                Some(_) => Ok(Verdict::Already),
                None if parts > 0 => Err(HoldRefusal::Early),
                None => Ok(Verdict::Do(Reserved::default())),
            };
        };
        if hold.parts > parts {
            return Err(HoldRefusal::AlreadyConfirmed);
        }
        if hold.parts < parts && !planted!("release-overtakes-confirm") {
            return Err(HoldRefusal::Early);
        }
        Ok(Verdict::Do(hold.outstanding))
    }

    /// What is still held for the order; nothing if its hold is not open.
    pub fn outstanding(&self, order: OrderId) -> Option<Reserved> {
        self.open.get(&order).map(|hold| hold.outstanding)
    }

    /// Folds in a placed hold.
    pub fn hold(&mut self, order: OrderId, held: Reserved) {
        let hold = OpenHold { outstanding: held, parts: 0 };
        assert!(self.open.insert(order, hold).is_none(), "hold of order {order} placed twice");
    }

    /// Folds in a confirmed part. When nothing is left, the hold is closed.
    pub fn confirm(&mut self, order: OrderId, what: Reserved, at: Moment) {
        self.take_part(order, what, at);
    }

    /// Folds in a part given back while the order goes on, as when it shrinks.
    pub fn reduce(&mut self, order: OrderId, what: Reserved, at: Moment) {
        self.take_part(order, what, at);
    }

    /// Folds in a release: of the whole outstanding rest, or of a hold that had not arrived. It is remembered until
    /// `until` at least, the last deadline of a request for the hold.
    pub fn release(&mut self, order: OrderId, until: Timestamp, at: Moment) {
        if planted!("tombstone-dropped") && !self.open.contains(&order) {
            return;
        }
        self.close(order, true, until, at);
    }

    /// Number of open holds.
    pub fn open_count(&self) -> usize {
        self.open.len()
    }

    /// Forgets the tombstones whose time has come. Bounds memory; called for every record.
    pub fn expire(&mut self, at: Moment) {
        while self.expiries.front().is_some_and(|(time, _)| *time < at.time) {
            if let Some((_, order)) = self.expiries.pop_front() {
                self.tombstones.remove(&order);
            }
        }
        while self.late_expiries.first().is_some_and(|(time, _)| *time < at.time) {
            if let Some((_, order)) = self.late_expiries.pop_first() {
                self.tombstones.remove(&order);
            }
        }
    }

    fn take_part(&mut self, order: OrderId, what: Reserved, at: Moment) {
        let hold = self.open.get_mut(&order).expect("a hold is open when a part of it is taken");
        assert!(hold.outstanding.covers(what), "more than held was taken for order {order}");
        if !planted!("confirmed-stays-held") {
            hold.outstanding = hold.outstanding - what;
        }
        hold.parts += 1;
        if hold.outstanding == Reserved::default() {
            self.close(order, false, at.time, at);
        }
    }

    fn close(&mut self, order: OrderId, released: bool, until: Timestamp, at: Moment) {
        let parts = self.open.remove(&order).map_or(0, |hold| hold.parts);
        let before = self.tombstones.insert(order, ClosedHold { parts, released });
        assert!(before.is_none(), "hold of order {order} closed twice");
        let expiry = at.time.plus_ns(TOMBSTONE_NS);
        if until < expiry {
            self.expiries.push_back((expiry, order));
        } else {
            self.late_expiries.insert((until, order));
        }
    }
}

#[cfg(test)]
mod tests;
