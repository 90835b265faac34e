//! The names of processes, as SPIFFE has them.

use std::fmt;
use std::str::FromStr;

/// The trust domain and the namespace that all services are in, as the requirements give them.
const NAMESPACE: &str = "spiffe://cluster.local/ns/finance/sa/";
/// The longest service account, as Kubernetes has it.
const ACCOUNT_MAX: usize = 253;

/// A SPIFFE id like `spiffe://cluster.local/ns/finance/sa/risk-service`.
///
/// Source: SPIFFE-ID 2.1 to 2.3, X509-SVID 2 (one URI among the certificate's names).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity(String);

/// Text that is no identity of this cluster.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not like {NAMESPACE}risk-service")]
pub struct BadIdentity(String);

impl Identity {
    /// Of a service account, like `risk-service`.
    ///
    /// # Errors
    /// When the name is not lowercase letters, digits and hyphens.
    pub fn of(account: &str) -> Result<Self, BadIdentity> {
        format!("{NAMESPACE}{account}").parse()
    }

    /// Of a service, by its name like `risk`: `risk-service`.
    ///
    /// # Panics
    /// When the name is not lowercase letters, digits and hyphens.
    #[must_use]
    pub fn of_service(name: impl fmt::Display) -> Self {
        Self::of(&format!("{name}-service")).expect("services have plain names")
    }

    /// Of the gateway, which alone may enter orders (SEC-1).
    #[must_use]
    pub fn of_gateway() -> Self {
        Self::of_service("order")
    }

    /// The service account.
    #[must_use]
    pub fn account(&self) -> &str {
        self.0.strip_prefix(NAMESPACE).unwrap_or_default()
    }
}

impl FromStr for Identity {
    type Err = BadIdentity;

    fn from_str(text: &str) -> Result<Self, BadIdentity> {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let is_account =
            |name: &&str| !name.is_empty() && name.len() <= ACCOUNT_MAX && name.bytes().all(is_plain);
        match text.strip_prefix(NAMESPACE).filter(is_account) {
            Some(_) => Ok(Self(text.to_owned())),
            None => Err(BadIdentity(text.to_owned())),
        }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_1_an_identity_is_a_service_account_of_the_cluster() {
        let risk = Identity::of("risk-service").unwrap();
        assert_eq!(risk.to_string(), "spiffe://cluster.local/ns/finance/sa/risk-service");
        assert_eq!(risk.account(), "risk-service");
        for bad in ["", "Risk", "risk/..", "risk service", "risk?x"] {
            assert!(Identity::of(bad).is_err(), "{bad}");
        }
        assert!("spiffe://elsewhere/ns/finance/sa/risk-service".parse::<Identity>().is_err());
    }
}
