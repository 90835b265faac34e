//! What compliance knows, as lines: the policy in force and the restricted list. Not the orders of the last hour and the
//! verdicts of the last minute, which are about time.

use vocabulary::{Facts, Listener};

use crate::Compliance;

impl Facts for Compliance {
    fn tell(&self, listener: &mut Listener<'_>) {
        if let Some(policy) = self.policy() {
            listener(format_args!("policy {} {}", policy.version, policy.digest));
        }
        for (restriction, _) in self.restrictions() {
            listener(format_args!("restricted {restriction}"));
        }
    }
}
