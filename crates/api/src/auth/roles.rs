//! The roles that a token can carry. What each may do is the policy's business.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Trades for its own accounts.
    Trader,
    /// Runs the venue.
    Operator,
    /// Sets limits and kill switches.
    Risk,
    /// Sets policies and the restricted list.
    Compliance,
    /// Sees everything, changes nothing.
    Auditor,
    /// A machine.
    Service,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Trader, Self::Operator, Self::Risk, Self::Compliance, Self::Auditor, Self::Service];

    /// As it stands in tokens and policies.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trader => "trader",
            Self::Operator => "operator",
            Self::Risk => "risk",
            Self::Compliance => "compliance",
            Self::Auditor => "auditor",
            Self::Service => "service",
        }
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let role = Self::ALL.into_iter().find(|role| role.as_str() == text);
        role.ok_or("must be one of trader, operator, risk, compliance, auditor, service")
    }
}

/// A set of roles; its bits number the sets from 0 to 63.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Roles(u8);

impl Roles {
    /// These.
    pub fn of(roles: impl IntoIterator<Item = Role>) -> Self {
        Self(roles.into_iter().fold(0, |bits, role| bits | role.bit()))
    }

    /// Whether `role` is among them.
    pub fn has(self, role: Role) -> bool {
        self.0 & role.bit() != 0
    }

    /// Whether `role` is the one and only.
    pub fn only(self, role: Role) -> bool {
        self.0 == role.bit()
    }

    /// In order.
    pub fn iter(self) -> impl Iterator<Item = Role> {
        Role::ALL.into_iter().filter(move |role| self.has(*role))
    }

    /// Which of the 64 sets this is.
    pub(crate) fn number(self) -> u8 {
        self.0
    }
}
