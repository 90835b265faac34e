//! Who a process is to the others of its cluster: certificates with SPIFFE ids, and connections over mutual TLS.
//!
//! [`Credentials`] make and take connections; both ends prove who they are, or there is no connection. [`Authority`] issues
//! certificates for development. Invariant: a key never leaves the file that it was made in, and a certificate that cannot
//! be used never replaces one that can. Absent on purpose: what an identity may do.

mod authority;
mod credentials;
mod names;
mod transport;
mod watch;

pub use authority::{Authority, CannotIssue, Issued};
pub use credentials::{Credentials, Files, Stream, Unusable};
pub use names::{BadIdentity, Identity};
pub use transport::{Connection, Peer, Transport};
