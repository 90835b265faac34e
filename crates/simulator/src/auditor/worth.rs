//! What a price, a quantity and a rate come to, in the auditor's own arithmetic (`docs/decisions/0004` and `0005`):
//! notionals are exact, fees round down, and a buy freezes its notional with the higher of the two fees.

use vocabulary::{Amount, Instrument, Price, Quantity, Side};

/// What a product of minor units is multiplied with, and then divided by, to be in minor units of quote.
fn scaling(instrument: &Instrument) -> (i128, i128) {
    let (of_product, of_quote) = (instrument.price_scale + instrument.base_scale, instrument.quote_scale);
    let ten_to = |exponent: u8| 10_i128.pow(u32::from(exponent));
    (ten_to(of_quote.saturating_sub(of_product)), ten_to(of_product.saturating_sub(of_quote)))
}

/// Price times quantity in minor units of quote.
pub(super) fn notional(instrument: &Instrument, price: Price, quantity: Quantity) -> Amount {
    let (up, down) = scaling(instrument);
    Amount(i128::from(price.0) * i128::from(quantity.0) * up / down)
}

/// Whether every price times every quantity is a whole number of quote's minor units.
pub(super) fn is_exact(instrument: &Instrument) -> bool {
    let (up, down) = scaling(instrument);
    i128::from(instrument.tick.0) * i128::from(instrument.lot.0) * up % down == 0
}

/// The fee on a notional at a rate in parts per million.
pub(super) fn fee(ppm: u32, notional: Amount) -> Amount {
    Amount((notional.0 * i128::from(ppm)).div_euclid(1_000_000))
}

/// What an order must have frozen while it wants `quantity`: base for a sell, quote for a buy.
pub(super) fn frozen(instrument: &Instrument, side: Side, limit: Price, quantity: Quantity) -> Amount {
    match side {
        Side::Sell => Amount(i128::from(quantity.0)),
        Side::Buy => {
            let notional = notional(instrument, limit, quantity);
            notional + fee(instrument.fees.maker_ppm.max(instrument.fees.taker_ppm), notional)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::market::instrument;
    use super::*;

    #[test]
    fn a_price_of_two_decimals_on_shares_is_in_cents() {
        assert_eq!(notional(&instrument(), Price(100_25), Quantity(4)), Amount(401_00));
        let fractions = Instrument { base_scale: 3, lot: Quantity(10), ..instrument() };
        assert_eq!(notional(&fractions, Price(100_00), Quantity(1_500)), Amount(150_00));
        assert!(is_exact(&instrument()) && !is_exact(&fractions));
        assert!(is_exact(&Instrument { lot: Quantity(1_000), ..fractions }));
        let fine = Instrument { quote_scale: 4, ..instrument() };
        assert_eq!(notional(&fine, Price(100_25), Quantity(4)), Amount(401_0000));
    }

    #[test]
    fn fees_round_down_and_the_higher_one_is_frozen() {
        assert_eq!((fee(300, Amount(3_333)), fee(300, Amount(3_334))), (Amount(0), Amount(1)));
        let frozen = |side| frozen(&instrument(), side, Price(100_00), Quantity(10));
        assert_eq!((frozen(Side::Sell), frozen(Side::Buy)), (Amount(10), Amount(1_000_33)));
    }
}
