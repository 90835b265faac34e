//! The post between the nodes of a cluster, over gRPC: `schemas/post.proto`.
//!
//! [`GrpcCarrier`] is what a node's courier hands parcels to, [`PostOffice`] takes them in at the node that they are for.
//! Invariant: nothing is kept here. A parcel that is lost is handed over again by the courier, and one that comes twice is
//! absorbed by the node.

mod arrivals;
mod carrier;
mod office;
mod peers;
mod policy;
mod wire;

pub use carrier::GrpcCarrier;
pub use office::PostOffice;
pub use peers::{BadPeer, Peers};
pub use policy::watch_policy;

/// What `schemas/post.proto` describes.
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::too_many_lines,
    reason = "made from the schema, which says what each part is"
)]
mod schema {
    tonic::include_proto!("rialto.post.v1");
}
