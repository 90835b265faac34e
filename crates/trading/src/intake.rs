//! What must be right about an order before it exists.
//!
//! Refusals come in this order, and tests walk it: account, instrument, business day, phase, fields that contradict
//! each other, quantity, price, notional, client order id used before, funds.

use sha2::{Digest, Sha256};
use vocabulary::{
    AccountId, Amount, ClientOrderId, CorrelationId, Events, Moment, OrderId, OrderTerms, Price, Quantity,
    Side, TimeInForce, one,
};

use crate::Trading;
use crate::command::{OrderKind, PlaceOrder};
use crate::event::{CreatedOrder, Event};
use crate::listing::Listing;
use crate::order::Order;
use crate::refusal::Refusal;

impl Trading {
    pub(crate) fn place(
        &self,
        place: &PlaceOrder,
        at: Moment,
        correlation: CorrelationId,
    ) -> Result<Events<Event>, Refusal> {
        let digest = digest(place);
        if let Some(refused) = self.known_client_order_id(place, digest)? {
            return Ok(refused);
        }
        self.create(place, None, digest, at, correlation)
    }

    /// `Some` of nothing when the same order was placed before.
    fn known_client_order_id(
        &self,
        place: &PlaceOrder,
        digest: u64,
    ) -> Result<Option<Events<Event>>, Refusal> {
        let Some(client_order_id) = place.client_order_id else { return Ok(None) };
        match self.client_orders.get(&client_key(place.account, client_order_id)) {
            None => Ok(None),
            Some((_, known)) if *known == digest => Ok(Some(Events::new())),
            Some((order, _)) => Err(Refusal::ClientOrderIdReused { client_order_id, order: *order }),
        }
    }

    /// The order that an account placed under that id, if it did.
    pub fn order_of_client(&self, account: AccountId, client_order_id: ClientOrderId) -> Option<OrderId> {
        self.client_orders.get(&client_key(account, client_order_id)).map(|(order, _)| *order)
    }

    pub(crate) fn create(
        &self,
        place: &PlaceOrder,
        replaces: Option<&Order>,
        digest: u64,
        at: Moment,
        correlation: CorrelationId,
    ) -> Result<Events<Event>, Refusal> {
        let slot = self.ledger.slot(place.account).ok_or(Refusal::UnknownAccount(place.account))?;
        let listing = self.listing(place.instrument)?;
        self.business_date.ok_or(Refusal::NoBusinessDay)?;
        check_phase(place, listing)?;
        check_contradictions(place, listing)?;
        let limit = check_price_and_quantity(place, listing)?;
        let notional = listing.instrument.notional(limit, place.quantity);
        if i64::try_from(notional.0).is_err() {
            return Err(Refusal::NotionalTooLarge);
        }
        let frozen = listing.freeze(place.side, limit, place.quantity);
        self.check_funds(slot, listing, place.side, frozen)?;
        let instrument = &listing.instrument;
        let terms = OrderTerms {
            order: OrderId(at.position),
            account: place.account,
            participant: self.ledger.at(slot).participant,
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
        if available >= needed {
            return Ok(());
        }
        Err(Refusal::InsufficientFunds { account: account.account, asset, available, needed, scale })
    }
}

fn check_phase(place: &PlaceOrder, listing: &Listing) -> Result<(), Refusal> {
    let forbids = |what: &str| {
        let instrument = listing.instrument.instrument;
        Err(Refusal::PhaseForbids { instrument, phase: listing.phase, what: what.to_owned() })
    };
    if matches!(place.kind, OrderKind::Block(_)) {
        return Ok(());
    }
    if !listing.phase.takes_orders() {
        return forbids("new orders");
    }
    let at_once = matches!(place.time_in_force, TimeInForce::ImmediateOrCancel | TimeInForce::FillOrKill);
    if listing.phase.is_auction() && at_once {
        return forbids("orders that must match at once");
    }
    Ok(())
}

fn check_contradictions(place: &PlaceOrder, listing: &Listing) -> Result<(), Refusal> {
    let contradiction = |field: &str, rule: &str| {
        Err(Refusal::Contradiction { field: field.to_owned(), rule: rule.to_owned() })
    };
    let at_once = matches!(place.time_in_force, TimeInForce::ImmediateOrCancel | TimeInForce::FillOrKill);
    if place.post_only && at_once {
        return contradiction("post_only", "cannot go with an order that must match at once");
    }
    if place.kind == OrderKind::Market {
        if !at_once {
            return contradiction(
                "time_in_force",
                "of a market order must be immediate_or_cancel or fill_or_kill",
            );
        }
        if listing.instrument.band().is_none() {
            return Err(Refusal::MarketOrderNeedsBand(place.instrument));
        }
    }
    Ok(())
}

/// Checks both and gives the limit: for a market order, the end of the band.
fn check_price_and_quantity(place: &PlaceOrder, listing: &Listing) -> Result<Price, Refusal> {
    let instrument = &listing.instrument;
    check_quantity(place.quantity, listing)?;
    let band = instrument.band();
    match (place.kind, band) {
        (OrderKind::Limit(price) | OrderKind::Block(price), _) => {
            check_price(price, listing)?;
            Ok(price)
        }
        (OrderKind::Market, Some((low, high))) => Ok(if place.side == Side::Buy { high } else { low }),
        (OrderKind::Market, None) => Err(Refusal::MarketOrderNeedsBand(place.instrument)),
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
        Some((low, high)) if !(low..=high).contains(&price) => {
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
