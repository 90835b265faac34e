//! The words that two or more contexts share: money, ids, time, instruments, reservations.
//!
//! Nothing here does IO, reads a clock, draws randomness or uses floats. Everything encodes to CBOR by field
//! number (see `docs/decisions/0003-record-encoding.md`), so that history written today can be read tomorrow.

pub mod calendar;
pub mod decimal;
pub mod facts;
pub mod ids;
pub mod index;
pub mod instrument;
pub mod moment;
pub mod money;
pub mod order;
#[cfg(planted)]
pub mod planted;
pub mod reservation;
pub mod step;
pub mod terms;
pub mod text;
pub mod trade;

pub use calendar::{Calendar, Date};
pub use decimal::{DecimalError, format_decimal, parse_decimal};
pub use facts::{Facts, Listener};
pub use ids::*;
pub use index::Index;
pub use instrument::{Asset, AssetKind, FeeSchedule, Instrument, SettlementModel};
pub use moment::{Moment, Timestamp};
pub use money::{Amount, Price, Quantity};
pub use order::{SelfTradePrevention, Side, TimeInForce};
pub use reservation::{HoldRefusal, Reservations, Reserved, Verdict};
pub use step::StepBound;
pub use terms::{Fill, OrderTerms, Reason, SettledSide};
pub use trade::{Trade, TradeSide};

/// The events that one decision yields; empty means "already so".
pub type Events<E> = smallvec::SmallVec<[E; 2]>;

/// One event, as a decision that yields just that.
pub fn one<E>(event: E) -> Events<E> {
    smallvec::smallvec![event]
}

/// Whether this bug is planted, which it never is in what ships.
#[cfg(not(planted))]
#[macro_export]
macro_rules! planted {
    ($bug:literal) => {
        false
    };
}

/// Whether this bug is planted.
#[cfg(planted)]
#[macro_export]
macro_rules! planted {
    ($bug:literal) => {
        $crate::planted::is($bug)
    };
}
