//! What gives an engine its position, time and durability.
//!
//! Owns the journal's form and rules ([`journal`]) and the snapshots' ([`snapshot`]), the writer loop, recovery, and the
//! followers that read what is durable. Where the bytes come to lie is the business of the `store` crate; what they
//! mean is the engine's.

mod clock;
mod courier;
mod follower;
mod handle;
pub mod journal;
mod live;
mod postman;
mod priority;
mod recovery;
mod running;
pub mod snapshot;
mod snapshotter;
mod standby;
mod stepped;
mod undecided;
mod writer;

pub use clock::{Clock, SystemClock};
pub use courier::{Carrier, Courier, ReturnPath};
pub use follower::{Batch, Follower, FollowerError, FollowerStatus, ReadAlong};
pub use handle::{NodeHandle, NodeStatus, Unavailable, Until};
pub use live::{Live, Subscription};
pub use postman::{Parcel, Postman};
pub use priority::stand_back;
pub use recovery::{Recovered, RecoveryError, decode_record, follow_journal, follow_to_end, recover, verify};
pub use running::{Node, NodeConfig, NodeParts};
pub use standby::{CannotLead, Standby, StandbyParts};
pub use stepped::SteppedNode;
