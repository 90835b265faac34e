//! Commands that were refused, with the order or account that they were about.

use engine::{Command, Refusal};
use rusqlite::params;
use vocabulary::{AccountId, OrderId};

use crate::batch::Batch;
use crate::columns::{stored, thread};
use crate::error::ViewsError;
use crate::fold::counts::Refused;

impl<'a> Batch<'a> {
    pub(crate) fn fold_refusal(&mut self, command: &Command, refusal: &'a Refusal) -> Result<(), ViewsError> {
        let (account, order) = subject(command);
        order.iter().for_each(|order| self.touch(*order));
        let (day, code) = (self.day(), refusal.code());
        self.counts.refusal(day, Refused::Command, code);
        self.run(
            "INSERT INTO refusals VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            params![
                self.at.position(),
                self.at.time(),
                day.to_string(),
                code,
                refusal.to_string(),
                self.at.actor.0.as_str(),
                thread(self.at.correlation),
                account.as_ref().map(|account| account.0.as_str()),
                order.map(|order| stored(order.0))
            ],
        )
    }
}

/// The account and the order that a client's command names.
fn subject(command: &Command) -> (Option<AccountId>, Option<OrderId>) {
    use trading::Command as Trading;
    if let Command::Trading(Trading::PlaceOrder(place)) = command {
        return (Some(place.account), None);
    }
    if let Command::Trading(Trading::CancelOrder { order } | Trading::ReplaceOrder { order, .. }) = command {
        return (None, Some(*order));
    }
    if let Command::Trading(
        Trading::CancelClientOrder { account, .. }
        | Trading::Deposit { account, .. }
        | Trading::Withdraw { account, .. },
    ) = command
    {
        return (Some(*account), None);
    }
    if let Command::ProposeBlock(propose) = command {
        return (Some(propose.account), None);
    }
    if let Command::ConsentBlock { block, account, .. } | Command::RefuseBlock { block, account } = command {
        return (Some(*account), Some(*block));
    }
    (None, None)
}
