//! Orders, and the records that make up an order's life.

use serde::Serialize;
use trading::Status;
use vocabulary::{
    AccountId, ClientOrderId, CorrelationId, InstrumentId, MarketId, OrderId, ParticipantId, Side,
    TimeInForce, Timestamp, UserId,
};

use crate::columns::{Columns, Decimal, stored, thread};
use crate::error::ViewsError;
use crate::query::page::{Conditions, Key, Listing, Page, PageRequest};
use crate::query::visibility::Visibility;
use crate::reader::Snapshot;
use crate::words;

/// Which orders by where they are in their lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusFilter {
    /// Undecided, or alive.
    Open,
    /// Just this.
    Is(Status),
}

/// Which orders. What is none does not matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OrderFilter {
    /// Of this account.
    pub account: Option<AccountId>,
    /// Cleared by this participant.
    pub participant: Option<ParticipantId>,
    /// In this instrument.
    pub instrument: Option<InstrumentId>,
    /// Buys or sells.
    pub side: Option<Side>,
    /// Where they are in their lives.
    pub status: Option<StatusFilter>,
    /// Placed by this user.
    pub user: Option<UserId>,
    /// With the client's own id.
    pub client_order_id: Option<ClientOrderId>,
    /// On this thread.
    pub correlation: Option<CorrelationId>,
}

/// An order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OrderRow {
    /// Its id.
    pub order: OrderId,
    /// Whose it is.
    pub account: AccountId,
    /// Opaque id of the account's owner.
    pub owner: UserId,
    /// Who clears it.
    pub participant: ParticipantId,
    /// What it trades.
    pub instrument: InstrumentId,
    /// The market of the instrument.
    pub market: MarketId,
    /// Buy or sell.
    pub side: Side,
    /// `limit`, `market` or `block`.
    pub kind: String,
    /// The worst price it can trade at.
    pub limit: Decimal,
    /// How much it asks for in all.
    pub quantity: Decimal,
    /// How much of it is executed.
    pub executed: Decimal,
    /// How much of it can still be executed; nothing once it is closed.
    pub remaining: Decimal,
    /// How long it lives.
    pub time_in_force: TimeInForce,
    /// Must not match when it comes in.
    pub post_only: bool,
    /// Where it is in its life.
    pub status: Status,
    /// The client's own id.
    pub client_order_id: Option<ClientOrderId>,
    /// Opaque id of who placed it.
    pub user: UserId,
    /// The thread that it hangs on.
    pub correlation: CorrelationId,
    /// The order whose place it took.
    pub replaces: Option<OrderId>,
    /// Where it came into being.
    pub position: u64,
    /// When.
    pub time: Timestamp,
    /// Where it was closed.
    pub closed_position: Option<u64>,
    /// When.
    pub closed_time: Option<Timestamp>,
    /// Why: the code of a rejection, the cause of a cancel, `expired` or `executed`.
    pub closed_code: Option<String>,
    /// The sentence of a rejection.
    pub closed_message: Option<String>,
}

const ORDERS: Listing = Listing {
    name: "orders",
    columns: "o.account, a.owner, o.participant, o.instrument, i.market, i.price_scale, i.base_scale, o.side, o.kind,
        o.limit_price, o.quantity, o.executed, o.time_in_force, o.post_only, o.status, o.client_order_id, o.user,
        o.correlation, o.replaces, o.position, o.time, o.closed_position, o.closed_time, o.closed_code,
        o.closed_message, o.order_id",
    from: "orders o CROSS JOIN instruments i ON i.instrument = o.instrument
        CROSS JOIN accounts a ON a.account = o.account",
    key: &[Key::Number("o.order_id")],
    newest_first: true,
};

/// Must be the condition of the index of open orders, word for word.
const OPEN: &str = "o.closed_position IS NULL";

type Arms = Vec<(&'static Listing, Conditions)>;

impl OrderFilter {
    /// One for each account, or one for all.
    pub(crate) fn arms(&self, accounts: Option<Vec<AccountId>>) -> Arms {
        // A thread has few orders and an account many. The sign keeps SQLite from walking those of the account.
        let of_account = if self.correlation.is_some() { "+o.account_ref" } else { "o.account_ref" };
        let Some(accounts) = accounts else { return vec![(&ORDERS, self.conditions())] };
        let arm = |account| {
            let mut conditions = self.conditions();
            conditions.and_ref(of_account, Some(account));
            (&ORDERS, conditions)
        };
        accounts.into_iter().map(arm).collect()
    }

    fn conditions(&self) -> Conditions {
        let mut conditions = Conditions::default();
        conditions.and_ref("o.participant_ref", self.participant);
        conditions.and_ref("o.instrument_ref", self.instrument);
        conditions.and_ref("o.side_ref", self.side.map(words::side));
        match self.status {
            Some(StatusFilter::Open) => conditions.and(OPEN),
            Some(StatusFilter::Is(status)) => conditions.and_ref("o.status_ref", Some(words::status(status))),
            None => {}
        }
        conditions.and_ref("o.user_ref", self.user);
        conditions.and_text("o.client_order_id = ?", self.client_order_id);
        conditions.and_some("o.correlation = ?", self.correlation.map(|on| thread(on).to_vec()));
        conditions
    }
}

impl Snapshot {
    /// Orders, the latest first.
    pub fn orders(
        &self,
        filter: &OrderFilter,
        visibility: Visibility,
        page: &PageRequest,
    ) -> Result<Page<OrderRow>, ViewsError> {
        let arms = filter.arms(self.confined(filter.account, visibility)?);
        self.page(&arms, page, order)
    }

    /// An order, if it is seen.
    pub fn order(&self, order_id: OrderId, visibility: Visibility) -> Result<Option<OrderRow>, ViewsError> {
        let mut conditions = Conditions::default();
        conditions.and_value("o.order_id = ?", stored(order_id.0));
        let page = self.page(&[(&ORDERS, conditions)], &PageRequest::default(), order)?;
        match page.rows.into_iter().next() {
            Some(row) if self.sees(row.account, visibility)? => Ok(Some(row)),
            Some(_) | None => Ok(None),
        }
    }

    /// The positions of all records that touched an order, in sequence, if it is seen. What each of them did is in the
    /// journal; a record may tell of other orders too, which its reader must leave out for an owner.
    pub fn order_positions(
        &self,
        order: OrderId,
        visibility: Visibility,
    ) -> Result<Option<Vec<u64>>, ViewsError> {
        if self.order(order, visibility)?.is_none() {
            return Ok(None);
        }
        self.order_records(order).map(Some)
    }

    /// As [`Snapshot::order_positions`], for those who see everything, and also of an order that was created in another
    /// node.
    pub fn order_records(&self, order: OrderId) -> Result<Vec<u64>, ViewsError> {
        let sql = "SELECT position FROM orders WHERE order_id = ?1
            UNION SELECT position FROM order_records WHERE order_id = ?1 ORDER BY position";
        self.all(sql, [stored(order.0)], |c| c.number())
    }

    /// The positions of all records on a thread, in sequence: those that carry it, and those that touched an order that
    /// carries it. An owner sees those that touched an own order.
    pub fn correlation_positions(
        &self,
        correlation: CorrelationId,
        visibility: Visibility,
    ) -> Result<Vec<u64>, ViewsError> {
        let on = thread(correlation);
        match visibility {
            Visibility::All => {
                let sql = "SELECT position FROM correlations WHERE correlation = ?1
                    UNION SELECT position FROM orders WHERE correlation = ?1
                    UNION SELECT r.position FROM orders o CROSS JOIN order_records r ON r.order_id = o.order_id
                        WHERE o.correlation = ?1
                    ORDER BY position";
                self.all(sql, [on], |c| c.number())
            }
            Visibility::Owner(owner) => self.all(
                "WITH own AS (
                    SELECT o.order_id, o.position FROM orders o
                    CROSS JOIN accounts a ON a.account = o.account AND a.owner = ?2
                    WHERE o.correlation = ?1)
                 SELECT position FROM own
                 UNION SELECT r.position FROM own CROSS JOIN order_records r ON r.order_id = own.order_id
                 ORDER BY position",
                rusqlite::params![on, owner.0.as_str()],
                |c| c.number(),
            ),
        }
    }
}

fn order(c: &mut Columns<'_>) -> rusqlite::Result<OrderRow> {
    let (account, owner, participant, instrument, market) = (c.id()?, c.id()?, c.id()?, c.id()?, c.id()?);
    let (price_scale, base_scale) = (c.take()?, c.take()?);
    let (side, kind, limit) = (c.word()?, c.take()?, c.decimal(price_scale)?);
    let (quantity, executed) = (c.decimal(base_scale)?, c.decimal(base_scale)?);
    let (time_in_force, post_only, status) = (c.word()?, c.take()?, c.word::<Status>()?);
    let open = status.is_live() || status == Status::Created;
    let remaining = if open { quantity.minor - executed.minor } else { 0 };
    Ok(OrderRow {
        account,
        owner,
        participant,
        instrument,
        market,
        side,
        kind,
        limit,
        quantity,
        executed,
        remaining: Decimal::new(remaining, base_scale),
        time_in_force,
        post_only,
        status,
        client_order_id: c.opt_id()?,
        user: c.id()?,
        correlation: c.thread()?,
        replaces: c.opt_number()?.map(OrderId),
        position: c.number()?,
        time: c.time()?,
        closed_position: c.opt_number()?,
        closed_time: c.opt_time()?,
        closed_code: c.take()?,
        closed_message: c.take()?,
        order: OrderId(c.number()?),
    })
}
