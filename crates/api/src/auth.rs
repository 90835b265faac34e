//! Who asks (bearer tokens) and what he may do (the policy `finance.authz`).
//!
//! Invariant: nobody gets past this without a token of ours that is in its time, and nothing is granted that the
//! policy does not grant. Which accounts somebody may see is decided where the account is known.

mod keys;
mod permissions;
mod revoked;
mod roles;
mod tokens;

pub use keys::{KeyError, SigningKey};
pub use roles::{Role, Roles};
pub use tokens::{Minted, TokenFault, TokenIssuer, TokenVerifier};

pub(crate) use permissions::Permissions;

use vocabulary::UserId;

/// Somebody whose token was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// Opaque id: the token's subject.
    pub user: UserId,
    /// What he is.
    pub roles: Roles,
}

impl Principal {
    /// Whether he sees and touches his own accounts only.
    pub fn is_confined(&self) -> bool {
        self.roles.only(Role::Trader)
    }
}
