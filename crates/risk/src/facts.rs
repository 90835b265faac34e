//! What risk knows, as lines: limits, exposures, kill switches. Not the order rate, which is about time.

use vocabulary::{Facts, Listener};

use crate::{Risk, Scope};

impl Facts for Risk {
    fn tell(&self, listener: &mut Listener<'_>) {
        for percent in self.alert_thresholds() {
            listener(format_args!("alert at {percent} %"));
        }
        for switch in self.switches() {
            let reason = self.switch_reason(switch).unwrap_or_default();
            listener(format_args!("kill switch {switch} {reason:?}"));
        }
        for scope in self.exposures.from(None) {
            self.tell_scope(scope, listener);
        }
        self.reservations.tell(listener);
        // In the order of amounts: that of trades of different instruments is nobody's fact.
        let mut unsettled: Vec<_> =
            self.unsettled.sorted().into_iter().map(|((_, side), used)| (*used, *side)).collect();
        unsettled.sort_unstable_by_key(|(used, side)| (*used, *side as u8));
        for (used, side) in unsettled {
            listener(format_args!("unsettled {side:?} {used}"));
        }
    }
}

impl Risk {
    fn tell_scope(&self, scope: Scope, listener: &mut Listener<'_>) {
        for (measure, limit) in self.limits(scope) {
            listener(format_args!("limit {scope} {measure:?} {limit}"));
        }
        if let Some(exposure) = self.exposures.get(scope) {
            exposure.tell(scope, listener);
        }
    }
}
