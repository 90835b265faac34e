//! Whether an order that comes into being is the one that was asked for.

use super::life::{Life, at_once};
use engine::Command;
use trading::{CreatedOrder, OrderKind, PlaceOrder};
use vocabulary::{OrderId, Price, Quantity, UserId};

/// What is wrong with it. `replaced` is the order whose place it is to take.
pub(super) fn flaw(created: &CreatedOrder, replaced: Option<&Life>, command: &Command) -> Option<String> {
    let flaw = match command {
        Command::Trading(trading::Command::PlaceOrder(place)) => (*place != asked_by(created)
            || created.replaces.is_some())
        .then(|| format!("{place:?} was asked")),
        Command::Trading(trading::Command::ReplaceOrder { order, price, quantity, user }) => {
            replacement_flaw(created, replaced, (*order, *price, *quantity, *user))
        }
        Command::ProposeBlock(_) | Command::ConsentBlock { .. } => {
            let is_leg = matches!(created.kind, OrderKind::Block(_)) && created.replaces.is_none();
            (!is_leg).then(|| "a leg of a block trade was asked".to_owned())
        }
        Command::Trading(_)
        | Command::Settlement(_)
        | Command::Risk(_)
        | Command::Compliance(_)
        | Command::RefuseBlock { .. }
        | Command::RetryBlock { .. }
        | Command::ExpireDeadlines
        | Command::Deliver { .. }
        | Command::Acknowledge { .. }
        | Command::RecordAccess(_)
        | Command::RetryMessage { .. }
        | Command::TakeTurns => Some("no order was asked for".to_owned()),
    };
    flaw.or_else(|| (!is_possible(created)).then(|| "its fields contradict each other".to_owned()))
}

/// The command that such an order answers.
fn asked_by(created: &CreatedOrder) -> PlaceOrder {
    PlaceOrder {
        account: created.terms.account,
        instrument: created.terms.instrument,
        side: created.terms.side,
        kind: created.kind,
        quantity: created.quantity,
        time_in_force: created.time_in_force,
        post_only: created.post_only,
        self_trade_prevention: created.self_trade_prevention,
        client_order_id: created.client_order_id,
        user: created.user,
    }
}

/// A replacement is the old order but for price and quantity; what that has executed comes off (`docs/decisions/0016`).
fn replacement_flaw(
    created: &CreatedOrder,
    replaced: Option<&Life>,
    (order, price, quantity, user): (OrderId, Option<Price>, Option<Quantity>, UserId),
) -> Option<String> {
    let Some(old) = replaced.filter(|old| created.replaces == Some(order) && old.is_alive()) else {
        return Some(format!(
            "it takes the place of {:?}, and order {order} was to be replaced",
            created.replaces
        ));
    };
    let wanted = PlaceOrder {
        kind: OrderKind::Limit(price.unwrap_or(old.created.limit)),
        quantity: quantity.unwrap_or(old.quantity) - old.executed,
        client_order_id: None,
        user,
        ..asked_by(&old.created)
    };
    (wanted != asked_by(created)).then(|| format!("{wanted:?} was asked"))
}

fn is_possible(created: &CreatedOrder) -> bool {
    let at_once = at_once(created.time_in_force);
    let may_be = match created.kind {
        OrderKind::Market => at_once,
        OrderKind::Limit(_) => true,
        OrderKind::Block(_) => !at_once && !created.post_only,
    };
    may_be && created.quantity > Quantity::ZERO && !(created.post_only && at_once)
}
