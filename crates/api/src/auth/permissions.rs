//! What the policy `finance.authz` grants: route by route and set of roles by set of roles.
//!
//! The policy is shown the route and not the path that was asked for, with its parameters as in the documentation
//! (`/trading/orders/{order}`). So there are few questions, each is asked once, and a path in disguise cannot lead
//! elsewhere. Invariant: without a clear yes, no.

use super::Roles;
use compliance::{Access, Authorizer, BadBundle, Bundle};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// One answer for each of the 64 sets of roles.
#[derive(Default)]
struct Answers {
    granted: AtomicU64,
    refused: AtomicU64,
}

/// The answers of one bundle.
pub(crate) struct Permissions {
    authorizer: Mutex<Authorizer>,
    answers: Box<[Answers]>,
}

impl Permissions {
    /// No answers yet, for `routes` routes.
    pub(crate) fn of(bundle: &Bundle, routes: usize) -> Result<Self, BadBundle> {
        let authorizer = Mutex::new(Authorizer::compile(bundle)?);
        Ok(Self { authorizer, answers: (0..routes).map(|_| Answers::default()).collect() })
    }

    /// Whether any of the roles may do that. `number` is the route's.
    pub(crate) fn allow(&self, roles: Roles, number: usize, method: &str, route: &str) -> bool {
        let Some(answers) = self.answers.get(number) else { return false };
        let bit = 1_u64 << roles.number();
        if answers.granted.load(Ordering::Relaxed) & bit != 0 {
            return true;
        }
        if answers.refused.load(Ordering::Relaxed) & bit != 0 {
            return false;
        }
        let names: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
        let access = Access { roles: &names, method, path: route, ..Access::default() };
        let allowed = self.authorizer.lock().unwrap_or_else(PoisonError::into_inner).allow(&access);
        let known = if allowed { &answers.granted } else { &answers.refused };
        known.fetch_or(bit, Ordering::Relaxed);
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Role;
    use compliance::default_bundle;

    #[test]
    fn answers_are_the_policys_own_also_when_asked_again() {
        let permissions = Permissions::of(&default_bundle(), 2).unwrap();
        for _ in 0..2 {
            let may =
                |role, number, method, route| permissions.allow(Roles::of([role]), number, method, route);
            assert!(may(Role::Trader, 0, "POST", "/trading/orders"));
            assert!(!may(Role::Auditor, 0, "POST", "/trading/orders"));
            assert!(may(Role::Auditor, 1, "GET", "/trading/orders/{order}"));
            assert!(!may(Role::Service, 7, "GET", "/trading/orders"), "a route without a number");
        }
        assert!(!permissions.allow(Roles::default(), 0, "POST", "/trading/orders"));
    }
}
