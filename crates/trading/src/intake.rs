//! What must be right about an order before it exists.
//!
//! An order that repeats an earlier one under the same client order id is that one, whatever has changed since. Otherwise
//! refusals come in this order, and tests walk it: account, instrument, business day, phase, fields that contradict each
//! other, quantity, price, notional, room in the book, client order id used before, funds. Invariant: what passes here
//! can be accepted, matched and settled without another check. Absent on purpose: limits, quotas and policies.

use sha2::{Digest, Sha256};
use vocabulary::{
    AccountId, Amount, ClientOrderId, CorrelationId, Events, Moment, OrderId, OrderTerms, Price, Quantity,
    Side, TimeInForce, one, planted,
};

use crate::Trading;
use crate::command::{OrderKind, PlaceOrder};
use crate::event::{CreatedOrder, Event};
use crate::listing::Listing;
use crate::order::Order;
use crate::refusal::Refusal;

/// An order that is right but for its funds.
pub(crate) struct Checked<'a> {
    account: u32,
    listing: &'a Listing,
    limit: Price,
    notional: Amount,
}

impl Trading {
    pub(crate) fn place(
        &self,
        place: &PlaceOrder,
        at: Moment,
        correlation: CorrelationId,
    ) -> Result<Events<Event>, Refusal> {
        let digest = place.client_order_id.map_or(0, |_| digest(place));
        let used = place.client_order_id.and_then(|client_order_id| {
            let key = client_key(place.account, client_order_id);
            self.client_orders.get(&key).map(|(order, known)| (client_order_id, *order, *known))
        });
        if used.is_some_and(|(_, _, known)| known == digest) {
            return Ok(Events::new());
        }
        let checked = self.check(place)?;
        if let Some((client_order_id, order, _)) = used {
            return Err(Refusal::ClientOrderIdReused { client_order_id, order });
        }
        self.create(place, &checked, None, digest, at, correlation)
    }

    /// The order that an account placed under that id, if it did.
    pub fn order_of_client(&self, account: AccountId, client_order_id: ClientOrderId) -> Option<OrderId> {
        self.client_orders.get(&client_key(account, client_order_id)).map(|(order, _)| *order)
    }

    /// Everything that must be right but funds and client order id.
    pub(crate) fn check(&self, place: &PlaceOrder) -> Result<Checked<'_>, Refusal> {
        let account = self.ledger.slot(place.account).ok_or(Refusal::UnknownAccount(place.account))?;
        let listing = self.listing(place.instrument)?;
        self.business_date.ok_or(Refusal::NoBusinessDay)?;
        check_phase(place, listing)?;
        check_contradictions(place)?;
        check_quantity(place.quantity, listing)?;
        let limit = limit(place, listing)?;
        let notional = listing.instrument.checked_notional(limit, place.quantity);
        // Reservations count notionals in 63 bits.
        let notional = notional.filter(|notional| i64::try_from(notional.0).is_ok());
        let notional = notional.ok_or(Refusal::NotionalTooLarge)?;
        let open = listing.open_quantity(place.side);
        if open.0.checked_add(place.quantity.0).is_none() {
            return Err(Refusal::BookFull(place.instrument));
        }
        Ok(Checked { account, listing, limit, notional })
    }

    /// Freezes the funds of an order that is right otherwise.
    pub(crate) fn create(
        &self,
        place: &PlaceOrder,
        checked: &Checked<'_>,
        replaces: Option<&Order>,
        digest: u64,
        at: Moment,
        correlation: CorrelationId,
    ) -> Result<Events<Event>, Refusal> {
        let &Checked { account, listing, limit, notional } = checked;
        let frozen = listing.freeze(place.side, limit, place.quantity);
        self.check_funds(account, listing, place.side, frozen)?;
        let instrument = &listing.instrument;
        let terms = OrderTerms {
            order: OrderId(at.position),
            account: place.account,
            participant: self.ledger.at(account).participant,
            instrument: place.instrument,
            market: instrument.market,
            base: instrument.base,
            quote: instrument.quote,
            side: place.side,
            correlation,
        };
        Ok(one(Event::OrderCreated(Box::new(CreatedOrder {
            terms,
            kind: place.kind,
            limit,
            quantity: place.quantity,
            time_in_force: place.time_in_force,
            post_only: place.post_only,
            self_trade_prevention: place.self_trade_prevention,
            client_order_id: place.client_order_id,
            user: place.user,
            frozen,
            notional,
            replaces: replaces.map(|order| order.id),
            digest,
            quote_scale: instrument.quote_scale,
        }))))
    }

    fn check_funds(&self, slot: u32, listing: &Listing, side: Side, needed: Amount) -> Result<(), Refusal> {
        let (asset, scale) = match side {
            Side::Buy => (listing.instrument.quote, listing.instrument.quote_scale),
            Side::Sell => (listing.instrument.base, listing.instrument.base_scale),
        };
        let account = self.ledger.at(slot);
        let available = account.balance(asset).available;
        if available >= needed || planted!("funds-unchecked") {
            return Ok(());
        }
        Err(Refusal::InsufficientFunds { account: account.account, asset, available, needed, scale })
    }
}

fn at_once(time_in_force: TimeInForce) -> bool {
    match time_in_force {
        TimeInForce::ImmediateOrCancel | TimeInForce::FillOrKill => true,
        TimeInForce::GoodTillCancel | TimeInForce::Day => false,
    }
}

fn check_phase(place: &PlaceOrder, listing: &Listing) -> Result<(), Refusal> {
    let (instrument, phase) = (listing.instrument.instrument, listing.phase);
    let forbids = |what: &str| Err(Refusal::PhaseForbids { instrument, phase, what: what.to_owned() });
    match place.kind {
        OrderKind::Block(_) => Ok(()),
        OrderKind::Limit(_) | OrderKind::Market if !phase.takes_orders() => forbids("takes no new orders"),
        OrderKind::Market if phase.is_auction() => forbids("takes no market orders"),
        OrderKind::Limit(_) if phase.is_auction() && at_once(place.time_in_force) => {
            forbids("takes no orders that must match at once")
        }
        OrderKind::Limit(_) | OrderKind::Market => Ok(()),
    }
}

fn check_contradictions(place: &PlaceOrder) -> Result<(), Refusal> {
    let contradiction = |field: &str, rule: &str| {
        Err(Refusal::Contradiction { field: field.to_owned(), rule: rule.to_owned() })
    };
    match place.kind {
        OrderKind::Market if !at_once(place.time_in_force) => contradiction(
            "time_in_force",
            "of a market order must be immediate_or_cancel or fill_or_kill, because it has no price to rest at",
        ),
        OrderKind::Block(_) if place.time_in_force != TimeInForce::GoodTillCancel => {
            contradiction("time_in_force", "of a leg of a block trade must be good_till_cancel")
        }
        OrderKind::Market | OrderKind::Limit(_) if place.post_only && at_once(place.time_in_force) => {
            contradiction("post_only", "cannot go with an order that must match at once")
        }
        OrderKind::Block(_) if place.post_only => {
            contradiction("post_only", "cannot go with a leg of a block trade, which is never on the book")
        }
        OrderKind::Limit(_) | OrderKind::Market | OrderKind::Block(_) => Ok(()),
    }
}

/// The order's limit, checked; for a market order, the end of the band.
fn limit(place: &PlaceOrder, listing: &Listing) -> Result<Price, Refusal> {
    match place.kind {
        OrderKind::Limit(price) | OrderKind::Block(price) => check_price(price, listing).map(|()| price),
        OrderKind::Market => match (listing.instrument.band(), place.side) {
            (Some((_, high)), Side::Buy) => Ok(high),
            (Some((low, _)), Side::Sell) => Ok(low),
            (None, Side::Buy | Side::Sell) => Err(Refusal::MarketOrderNeedsBand(place.instrument)),
        },
    }
}

pub(crate) fn check_quantity(quantity: Quantity, listing: &Listing) -> Result<(), Refusal> {
    let lot = listing.instrument.lot;
    if quantity <= Quantity::ZERO || quantity > Quantity::MAX {
        return Err(Refusal::QuantityOutOfRange);
    }
    if quantity.0 % lot.0 != 0 {
        return Err(Refusal::QuantityNotInLots { lot, scale: listing.instrument.base_scale });
    }
    Ok(())
}

fn check_price(price: Price, listing: &Listing) -> Result<(), Refusal> {
    let (tick, scale) = (listing.instrument.tick, listing.instrument.price_scale);
    if price <= Price(0) || price > Price::MAX {
        return Err(Refusal::PriceOutOfRange);
    }
    if price.0 % tick.0 != 0 {
        return Err(Refusal::PriceNotInTicks { tick, scale });
    }
    match listing.instrument.band() {
        Some((low, high)) if !(low..=high).contains(&price) && !planted!("band-ignored") => {
            Err(Refusal::PriceOutsideBand { low, high, scale })
        }
        Some(_) | None => Ok(()),
    }
}

/// Where the client's id of an order is kept: 128 bits of SHA-256, so that nobody can make two ids collide.
pub(crate) fn client_key(account: AccountId, client_order_id: ClientOrderId) -> u128 {
    let hash = Sha256::new()
        .chain_update(account.0.as_bytes())
        .chain_update(client_order_id.0.as_bytes())
        .finalize();
    hash.iter().take(16).fold(0, |key, byte| (key << 8) | u128::from(*byte))
}

/// 64 bits of SHA-256 over the command as it is encoded: tells a retry from another order.
pub(crate) fn digest(place: &PlaceOrder) -> u64 {
    let mut buffer = [0_u8; 256];
    let mut cursor = minicbor::encode::write::Cursor::new(&mut buffer[..]);
    minicbor::encode(place, &mut cursor).expect("an order encodes to at most 200 bytes");
    let used = cursor.position();
    Sha256::digest(&buffer[..used]).iter().take(8).fold(0, |key, byte| (key << 8) | u64::from(*byte))
}
