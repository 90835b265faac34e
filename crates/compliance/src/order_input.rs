//! An order as policies see it: the `input` document of Rego.
//!
//! Invariant: the input depends on the [`CheckInput`] alone, so that what was judged can be shown and judged again from
//! the recorded event, and its JSON says what the policy was shown, to the last digit. The shape is described at the
//! head of `policies/finance/compliance.rego`.

use regorus::value::Object;
use regorus::{Rc, Value};
use std::fmt::{self, Display, Write};
use vocabulary::{Amount, OrderTerms, Price, Quantity, Side, UserId, planted};

/// Everything about an order that a policy may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckInput {
    /// The order.
    pub terms: OrderTerms,
    /// Who placed it.
    pub user: UserId,
    /// Its limit, in the instrument's price scale.
    pub price: Price,
    /// How much base, in minor units.
    pub quantity: Quantity,
    /// Price times quantity in minor units of quote.
    pub notional: Amount,
    /// Decimals of quote.
    pub quote_scale: u8,
    /// Orders of the user in the last hour, this one included.
    pub orders_in_hour: u32,
}

impl CheckInput {
    /// The input document as JSON, for showing it.
    pub fn to_json(&self) -> String {
        let mut json = Vec::new();
        self.append_json(&mut json);
        String::from_utf8(json).expect("names, numbers and ids are ASCII")
    }

    /// Appends the input document as JSON, for the decision log: straight from the fields, since every order takes this
    /// way. Ids hold no character that JSON would escape.
    pub fn append_json(&self, out: &mut Vec<u8>) {
        let OrderTerms { account, instrument, market, side, .. } = &self.terms;
        text(out, r#"{"attributes":{"request":{"body":{"account":""#, account.0.as_str());
        integer(out, r#"","amount":"#, self.whole_amount());
        integer(out, r#","amount_minor":"#, self.notional.0);
        text(out, r#","instrument":""#, instrument.0.as_str());
        text(out, r#"","market":""#, market.0.as_str());
        integer(out, r#"","price":"#, self.price.0);
        integer(out, r#","quantity":"#, self.quantity.0);
        integer(out, r#","scale":"#, self.quote_scale);
        text(out, r#","side":""#, side_name(*side));
        text(out, r#"","user":""#, self.user.0.as_str());
        integer(
            out,
            r#""},"http":{"method":"POST","path":"/trading/orders"}}},"orders_in_hour":"#,
            self.orders_in_hour,
        );
        out.push(b'}');
    }

    /// The notional in whole units of quote, rounded up: over a whole limit exactly when the notional is.
    fn whole_amount(&self) -> i128 {
        // Amounts are below 10^38, so with a unit that large any amount is a part of one.
        let unit = 10_i128.checked_pow(u32::from(self.quote_scale)).unwrap_or(i128::MAX);
        let is_more = self.notional.0.rem_euclid(unit) != 0 && !planted!("amount-rounds-down");
        self.notional.0.div_euclid(unit) + i128::from(is_more)
    }
}

fn text(out: &mut Vec<u8>, before: &str, text: &str) {
    out.extend_from_slice(before.as_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn integer(out: &mut Vec<u8>, before: &str, integer: impl Display) {
    out.extend_from_slice(before.as_bytes());
    write!(Digits(out), "{integer}").expect("writing to memory does not fail");
}

/// Takes what is formatted to the end of the bytes.
struct Digits<'a>(&'a mut Vec<u8>);

impl fmt::Write for Digits<'_> {
    fn write_str(&mut self, digits: &str) -> fmt::Result {
        self.0.extend_from_slice(digits.as_bytes());
        Ok(())
    }
}

fn side_name(side: Side) -> &'static str {
    match side {
        Side::Buy => "buy",
        Side::Sell => "sell",
    }
}

/// The input document, built once and filled in place for each order. Filling costs no allocation for texts that
/// stayed the same; should somebody still hold the document, the parts that change are copied.
pub(crate) struct InputDocument {
    document: Value,
    keys: Keys,
}

struct Keys {
    attributes: Value,
    request: Value,
    body: Value,
    account: Value,
    amount: Value,
    amount_minor: Value,
    instrument: Value,
    market: Value,
    price: Value,
    quantity: Value,
    scale: Value,
    side: Value,
    user: Value,
    orders_in_hour: Value,
}

impl InputDocument {
    pub(crate) fn new() -> Self {
        let keys = Keys {
            attributes: "attributes".into(),
            request: "request".into(),
            body: "body".into(),
            account: "account".into(),
            amount: "amount".into(),
            amount_minor: "amount_minor".into(),
            instrument: "instrument".into(),
            market: "market".into(),
            price: "price".into(),
            quantity: "quantity".into(),
            scale: "scale".into(),
            side: "side".into(),
            user: "user".into(),
            orders_in_hour: "orders_in_hour".into(),
        };
        let fields = [
            &keys.account,
            &keys.amount,
            &keys.amount_minor,
            &keys.instrument,
            &keys.market,
            &keys.price,
            &keys.quantity,
            &keys.scale,
            &keys.side,
            &keys.user,
        ];
        let body = object(fields.map(|key| (key.clone(), Value::Null)));
        let http = object([("method".into(), "POST".into()), ("path".into(), "/trading/orders".into())]);
        let request = object([("http".into(), http), (keys.body.clone(), body)]);
        let attributes = object([(keys.request.clone(), request)]);
        let document =
            object([(keys.attributes.clone(), attributes), (keys.orders_in_hour.clone(), Value::Null)]);
        Self { document, keys }
    }

    /// The document of that order.
    pub(crate) fn fill(&mut self, order: &CheckInput) -> Value {
        let Self { document, keys } = self;
        *slot(document, &keys.orders_in_hour) = order.orders_in_hour.into();
        let body = slot(slot(slot(document, &keys.attributes), &keys.request), &keys.body);
        let amount =
            if planted!("policy-limits-quantity") { order.quantity.0.into() } else { order.whole_amount() };
        *slot(body, &keys.amount) = amount.into();
        *slot(body, &keys.amount_minor) = order.notional.0.into();
        *slot(body, &keys.scale) = u32::from(order.quote_scale).into();
        *slot(body, &keys.price) = order.price.0.into();
        *slot(body, &keys.quantity) = order.quantity.0.into();
        put_text(slot(body, &keys.account), order.terms.account.0.as_str());
        put_text(slot(body, &keys.instrument), order.terms.instrument.0.as_str());
        put_text(slot(body, &keys.market), order.terms.market.0.as_str());
        put_text(slot(body, &keys.user), order.user.0.as_str());
        put_text(slot(body, &keys.side), side_name(order.terms.side));
        document.clone()
    }
}

/// An object of these entries.
pub(crate) fn object<const N: usize>(entries: [(Value, Value); N]) -> Value {
    entries.into_iter().collect::<Object>().into_value()
}

fn slot<'a>(value: &'a mut Value, key: &Value) -> &'a mut Value {
    let object = value.as_object_mut().expect("the document is made of objects");
    object.get_mut(key).expect("the document was made with every key")
}

fn put_text(slot: &mut Value, text: &str) {
    if !matches!(slot, Value::String(held) if **held == *text) {
        *slot = Value::String(Rc::from(text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_orders::an_order;

    #[test]
    fn an_order_reads_as_in_the_requirements() {
        let order = CheckInput { notional: Amount(1_234_501), orders_in_hour: 7, ..an_order() };
        assert_eq!(
            order.to_json(),
            concat!(
                r#"{"attributes":{"request":{"body":{"account":"A1","amount":12346,"amount_minor":1234501,"#,
                r#""instrument":"600519","market":"SSE","price":1234,"quantity":100,"scale":2,"side":"buy","#,
                r#""user":"u-1"},"http":{"method":"POST","path":"/trading/orders"}}},"orders_in_hour":7}"#
            )
        );
    }

    /// Every number of this file at its ends, around the powers of ten and at random, and ids of every length.
    #[test]
    fn json_is_that_of_the_document_that_policies_are_shown() {
        let mut document = InputDocument::new();
        let mut random = 1_u64;
        let mut draw = |below: u64| {
            // Knuth's generator; the upper bits are the random ones.
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) % below
        };
        for round in 0..20_000_u64 {
            let mut number = || {
                let power = 10_i128.pow(draw(38) as u32);
                let near = match draw(6) {
                    0 => i128::MAX,
                    1 => i128::MIN,
                    2 => i128::from(draw(1 << 31)),
                    3 => power - 1,
                    4 => power + i128::from(draw(1 << 31)) * (power / (1 << 31)),
                    _ => power,
                };
                if draw(4) == 0 { near.wrapping_neg() } else { near }
            };
            let mut order = CheckInput {
                price: Price(number().clamp(i64::MIN.into(), i64::MAX.into()) as i64),
                quantity: Quantity(number().clamp(i64::MIN.into(), i64::MAX.into()) as i64),
                notional: Amount(number()),
                orders_in_hour: number().clamp(0, u32::MAX.into()) as u32,
                quote_scale: (round % 256) as u8,
                ..an_order()
            };
            let mut code = |max: usize| -> String {
                let letters = b"ABCXYZabcxyz0189._-";
                let size = 1 + draw(max as u64) as usize;
                (0..size).map(|_| char::from(letters[draw(letters.len() as u64) as usize])).collect()
            };
            order.terms.account = code(16).parse().unwrap();
            order.terms.instrument = code(16).parse().unwrap();
            order.terms.market = code(16).parse().unwrap();
            order.user = code(16).parse().unwrap();
            order.terms.side = if draw(2) == 0 { Side::Buy } else { Side::Sell };
            // Of amounts beyond 64 bits the policy sees every digit, but regorus shows only those that a float keeps.
            let amounts = |whole, minor| format!(r#""amount":{whole},"amount_minor":{minor},"#);
            let shown = amounts(order.whole_amount(), order.notional.0);
            let free = CheckInput { notional: Amount::ZERO, ..order };
            assert_eq!(order.to_json().replace(&shown, &amounts(0, 0)), document.fill(&free).to_string());
            if i64::try_from(order.notional.0).is_ok() {
                assert_eq!(order.to_json(), document.fill(&order).to_string(), "{order:?}");
            }
        }
    }

    #[test]
    fn amounts_round_up_to_whole_units() {
        for (minor, scale, whole) in [
            (0, 2, 0),
            (1, 2, 1),
            (100, 2, 1),
            (101, 2, 2),
            (7, 0, 7),
            (1, 255, 1),
            (10_i128.pow(30), 18, 10_i128.pow(12)),
        ] {
            let order = CheckInput { notional: Amount(minor), quote_scale: scale, ..an_order() };
            assert_eq!(order.whole_amount(), whole, "{minor} at scale {scale}");
        }
    }

    #[test]
    fn a_document_that_is_filled_again_holds_nothing_of_the_last_order() {
        let mut document = InputDocument::new();
        let held = document.fill(&CheckInput { notional: Amount(9), ..an_order() });
        let fresh = InputDocument::new().fill(&an_order());
        assert_eq!(document.fill(&an_order()), fresh);
        assert_ne!(held, fresh, "what somebody still holds does not change under them");
    }
}
