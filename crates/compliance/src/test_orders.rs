//! An order to test with.

use crate::CheckInput;
use vocabulary::{Amount, CorrelationId, OrderId, OrderTerms, Price, Quantity, Side};

pub(crate) fn an_order() -> CheckInput {
    CheckInput {
        terms: OrderTerms {
            order: OrderId(1),
            account: "A1".parse().unwrap(),
            participant: "P1".parse().unwrap(),
            instrument: "600519".parse().unwrap(),
            market: "SSE".parse().unwrap(),
            base: "600519".parse().unwrap(),
            quote: "CNY".parse().unwrap(),
            side: Side::Buy,
            correlation: CorrelationId(7),
        },
        user: "u-1".parse().unwrap(),
        price: Price(1_234),
        quantity: Quantity(100),
        notional: Amount(123_400),
        quote_scale: 2,
        orders_in_hour: 1,
    }
}
