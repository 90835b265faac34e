//! Orders and the decisions on them, which take answers of other nodes where contexts live there.
//!
//! Invariant: who places an order is told what was decided on it, and a retry is told the same; only when that takes longer
//! than the order's deadline is he told that it is created.

use crate::problem::{Problem, kinds};
use crate::services::Api;
use engine::{FLOW_DEADLINE_NS, Hosts, Receipt, ReceiptResult, Request, State};
use node::Until;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};
use trading::Status;
use views::Visibility;
use vocabulary::OrderId;

/// How often a retry looks whether the order is decided by now.
const STEP: Duration = Duration::from_millis(20);

impl Api {
    /// Submits an order, and waits for the decision on it.
    pub(crate) async fn submit_order(self: &Arc<Self>, request: Request) -> Result<Receipt, Problem> {
        let receipts = self.submit_orders(vec![request]).await?;
        let none = || Problem::new(&kinds::INTERNAL, "the order was not answered");
        receipts.into_iter().next().ok_or_else(none)
    }

    /// Submits orders, and waits for the decisions on them.
    pub(crate) async fn submit_orders(
        self: &Arc<Self>,
        requests: Vec<Request>,
    ) -> Result<Vec<Receipt>, Problem> {
        if requests.is_empty() {
            return Ok(Vec::new());
        }
        // Where all contexts are at hand, an order is decided in its own record.
        let until = if self.hosts == Hosts::ALL { Until::Durable } else { Until::Decided };
        let mut receipts = self.node.submit_until(until, requests).await?;
        for receipt in &mut receipts {
            if let ReceiptResult::Order(order) = &receipt.result
                && !order.is_decided()
            {
                self.tell_decision(order.order, receipt).await?;
            }
        }
        Ok(receipts)
    }

    /// Brings the receipt of an order that was placed before up to the decision on it, from the records about it.
    async fn tell_decision(self: &Arc<Self>, order: OrderId, receipt: &mut Receipt) -> Result<(), Problem> {
        let Some(position) = self.decided_at(order).await? else { return Ok(()) };
        let about = move |views: &views::Snapshot| views.order_positions(order, Visibility::All);
        let (_, positions) = self.ask_at(position, about).await?;
        let later = positions.unwrap_or_default().into_iter().filter(|position| *position > order.0);
        for record in self.records(later.collect()).await? {
            receipt.follow(&record);
            if matches!(&receipt.result, ReceiptResult::Order(order) if order.is_decided()) {
                return Ok(());
            }
        }
        Ok(())
    }

    /// A position at which the order is decided; none if it takes too long.
    async fn decided_at(&self, order: OrderId) -> Result<Option<u64>, Problem> {
        let deadline = Instant::now() + Duration::from_nanos(FLOW_DEADLINE_NS);
        while Instant::now() < deadline {
            let is_decided = move |state: &State| {
                state.trading.order(order).is_none_or(|known| known.status != Status::Created)
            };
            let (position, is_decided) = self.look(is_decided).await?;
            if is_decided {
                return Ok(Some(position));
            }
            sleep(STEP).await;
        }
        Ok(None)
    }
}
