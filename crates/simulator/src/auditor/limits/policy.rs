//! Compliance: the limits of the policy in force, as its data has them, and the restricted list (SEC-3).
//!
//! Knows what the modules that the repository ships say, whatever data comes with them: an order is denied if its notional
//! is above the single-order limit, or it is one more than a user may place in an hour. Of a bundle with other modules it
//! knows only what no bundle can change: the restricted list, and that no policy at all means no.

use compliance::{Bundle, Event as C, Restriction};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use vocabulary::{Amount, MarketId, Moment, OrderId, OrderTerms, UserId};

use super::Findings;

const SHIPPED: &str = include_str!("../../../../../policies/finance/compliance.rego");
const SINGLE_ORDER: &str = "compliance.single-order-limit";
const ORDERS_PER_HOUR: &str = "compliance.orders-per-hour";
const RESTRICTED: &str = "compliance.restricted";
const HOUR_NS: u64 = 3_600_000_000_000;
/// Orders are counted by the minute, so one may count for up to a minute longer.
const COUNTED_NS_MAX: u64 = HOUR_NS + 60_000_000_000;

/// What decides.
#[derive(Debug, Default)]
enum InForce {
    #[default]
    Nothing,
    /// The shipped rules with this data.
    Shipped(Value),
    Other,
}

#[derive(Debug, Default)]
pub(super) struct Policy {
    version: u32,
    in_force: InForce,
    restricted: BTreeSet<Restriction>,
    /// When each user's allowed orders came, the last hour's at least.
    allowed: BTreeMap<UserId, VecDeque<u64>>,
    judged: BTreeSet<OrderId>,
}

impl Policy {
    pub(super) fn hear(&mut self, event: &C, at: Moment, found: &mut Findings<'_>) {
        match event {
            C::PolicyActivated { version, bundle, .. } => {
                let right = self.version + 1;
                found.check(*version == right, "policy", || {
                    format!("version {version} came into force, and {right} is next")
                });
                self.version = *version;
                self.in_force = in_force(bundle);
            }
            C::Restricted { restriction } => {
                self.restricted.insert(*restriction);
            }
            C::Unrestricted { restriction } => {
                self.restricted.remove(restriction);
            }
            C::OrderChecked { .. } => self.hear_checked(event, at, found),
        }
    }

    fn hear_checked(&mut self, event: &C, at: Moment, found: &mut Findings<'_>) {
        let C::OrderChecked {
            terms,
            user,
            notional,
            quote_scale,
            orders_in_hour,
            restricted,
            policy,
            allowed,
            reasons,
            ..
        } = event
        else {
            return;
        };
        let order = terms.order;
        found.check(self.judged.insert(order), "policy", || format!("order {order} was judged twice"));
        found.check(*policy == self.version, "policy", || {
            format!("order {order} was judged by version {policy}, and {} is in force", self.version)
        });
        self.check_count(order, *user, *orders_in_hour, at, found);
        let entry = self.covering(terms, *user);
        let is_right = restricted
            .map_or(entry.is_none(), |named| self.restricted.contains(&named) && covers(named, terms, *user));
        found.check(is_right, "restricted list", || {
            format!("order {order} is covered by {restricted:?}, and {entry:?} is on the list")
        });
        found.check(*allowed == reasons.is_empty(), "policy", || {
            format!("order {order} is allowed: {allowed}, for the reasons {reasons:?}")
        });
        let told: BTreeSet<&str> = reasons.iter().map(|reason| reason.code.as_str()).collect();
        found.check(told.contains(RESTRICTED) == entry.is_some(), "restricted list", || {
            format!("order {order} is judged {told:?}, and {entry:?} is on the list")
        });
        self.check_limits(terms, (*notional, *quote_scale), *orders_in_hour, &told, found);
        if *allowed {
            self.allowed.entry(*user).or_default().push_back(at.time.0);
        }
    }

    /// The count of the last hour: orders less than an hour old count, and those of more than 61 minutes do not.
    fn check_count(&mut self, order: OrderId, user: UserId, told: u32, at: Moment, found: &mut Findings<'_>) {
        let times = self.allowed.entry(user).or_default();
        while times.front().is_some_and(|time| at.time.0.saturating_sub(*time) > COUNTED_NS_MAX) {
            times.pop_front();
        }
        let least = times.iter().filter(|time| at.time.0.saturating_sub(**time) < HOUR_NS).count() as u64 + 1;
        let most = times.len() as u64 + 1;
        found.check((least..=most).contains(&u64::from(told)), "policy limits", || {
            format!("order {order} is number {told} of {user} in the hour, and {least} to {most} is right")
        });
    }

    /// An entry of the restricted list that covers such an order.
    fn covering(&self, terms: &OrderTerms, user: UserId) -> Option<Restriction> {
        self.restricted.iter().copied().find(|restriction| covers(*restriction, terms, user))
    }

    fn check_limits(
        &self,
        terms: &OrderTerms,
        (notional, scale): (Amount, u8),
        orders_in_hour: u32,
        told: &BTreeSet<&str>,
        found: &mut Findings<'_>,
    ) {
        let order = terms.order;
        let data = match &self.in_force {
            InForce::Shipped(data) => data,
            InForce::Nothing => {
                return found
                    .check(!told.is_empty(), "policy", || format!("{order} was allowed by no policy"));
            }
            InForce::Other => return,
        };
        let is_above = |limit: i128| {
            let unit = 10_i128.checked_pow(u32::from(scale))?;
            limit.checked_mul(unit).map(|limit| notional.0 > limit)
        };
        let single = limit(data, terms.market, "single_order", 1_000_000);
        let hourly = limit(data, terms.market, "orders_per_hour", 100);
        let right = [
            (SINGLE_ORDER, single, single.and_then(is_above)),
            (ORDERS_PER_HOUR, hourly, hourly.map(|limit| i128::from(orders_in_hour) > limit)),
        ];
        for (code, limit, is_denied) in right {
            let is_right = is_denied.is_none_or(|is_denied| told.contains(code) == is_denied);
            found.check(is_right, "policy limits", || {
                let what = format!("{notional} at scale {scale}, number {orders_in_hour} in the hour");
                format!("order {order} of {what} is judged {told:?}, and the limit is {limit:?}")
            });
        }
        let known = [SINGLE_ORDER, ORDERS_PER_HOUR, RESTRICTED];
        for code in told.iter().filter(|code| !known.contains(code)) {
            found.tell("policy limits", format!("order {order} was denied for {code}, which no rule says"));
        }
    }
}

fn covers(restriction: Restriction, terms: &OrderTerms, user: UserId) -> bool {
    match restriction {
        Restriction::Instrument(instrument) => terms.instrument == instrument,
        Restriction::InstrumentForAccount { instrument, account } => {
            (terms.instrument, terms.account) == (instrument, account)
        }
        Restriction::Account(account) => terms.account == account,
        Restriction::User(restricted) => restricted == user,
    }
}

/// Who may call what stands in the same bundle, and has no say here.
fn in_force(bundle: &Bundle) -> InForce {
    let is_rule = |text: &str| text.lines().any(|line| line.trim() == "package finance.compliance");
    let mut rules = bundle.modules.iter().filter(|module| is_rule(&module.text));
    let is_shipped = rules.next().is_some_and(|module| module.text == SHIPPED) && rules.next().is_none();
    match serde_json::from_str(&bundle.data) {
        Ok(data) if is_shipped => InForce::Shipped(data),
        Ok(_) | Err(_) => InForce::Other,
    }
}

/// A limit of a market: its own, or the one for all, or the requirements' where the data has none. None if it is no whole
/// number, which this rule leaves alone.
fn limit(data: &Value, market: MarketId, name: &str, default: i128) -> Option<i128> {
    let Some(limits) = data.pointer("/finance/limits") else { return Some(default) };
    let own = limits.get("markets").and_then(|markets| markets.get(market.0.as_str())?.get(name));
    let value = own.or_else(|| limits.get("base")?.get(name))?;
    value.as_i64().map(i128::from)
}
