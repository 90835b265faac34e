//! What can be held and what can be traded.

use crate::{Amount, AssetId, CalendarId, InstrumentId, MarketId, Price, Quantity};
use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// Kind of an asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum AssetKind {
    /// Money.
    #[n(0)]
    Currency,
    /// A share, bond or other security.
    #[n(1)]
    Security,
}

/// Something that accounts hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
pub struct Asset {
    /// Its code.
    #[n(0)]
    pub asset: AssetId,
    /// Currency or security.
    #[n(1)]
    pub kind: AssetKind,
    /// Decimals of its minor unit, 0..=12.
    #[n(2)]
    pub scale: u8,
}

/// How the trades of an instrument are delivered against payment (BIS, "Delivery versus payment in securities
/// settlement systems", 1992).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum SettlementModel {
    /// Model 1: securities and funds trade by trade.
    #[n(0)]
    Gross,
    /// Model 3: securities and funds net, per participant and asset.
    #[n(1)]
    Net,
}

/// Fees in parts per million of the notional, charged in quote to both sides; each fill's fee rounds down.
///
/// Rounding down keeps the fees of many fills within the fee frozen for the whole, whatever the fills are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
pub struct FeeSchedule {
    /// For the order that rested, and for both in an auction.
    #[n(0)]
    pub maker_ppm: u32,
    /// For the order that came in and matched.
    #[n(1)]
    pub taker_ppm: u32,
}

impl FeeSchedule {
    /// The highest rate taken: 10 %.
    pub const PPM_MAX: u32 = 100_000;

    /// What must be frozen so that any fill can pay its fee.
    pub fn highest(self, notional: Amount) -> Amount {
        Self::at_rate(self.maker_ppm.max(self.taker_ppm), notional)
    }

    /// Fee of the resting side.
    pub fn maker(self, notional: Amount) -> Amount {
        Self::at_rate(self.maker_ppm, notional)
    }

    /// Fee of the incoming side.
    pub fn taker(self, notional: Amount) -> Amount {
        Self::at_rate(self.taker_ppm, notional)
    }

    fn at_rate(ppm: u32, notional: Amount) -> Amount {
        let up = if crate::planted!("fee-rounds-up") { 999_999 } else { 0 };
        Amount((notional.0 * i128::from(ppm) + up) / 1_000_000)
    }
}

/// Reference data of an instrument.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Encode, Decode)]
pub struct Instrument {
    /// Its symbol.
    #[n(0)]
    pub instrument: InstrumentId,
    /// ISO 6166 code, checked at the edge.
    #[n(1)]
    pub isin: Option<String>,
    /// The market it belongs to.
    #[n(2)]
    pub market: MarketId,
    /// What is bought and sold.
    #[n(3)]
    pub base: AssetId,
    /// What is paid.
    #[n(4)]
    pub quote: AssetId,
    /// Decimals of a price.
    #[n(5)]
    pub price_scale: u8,
    /// Prices are multiples of this.
    #[n(6)]
    pub tick: Price,
    /// Quantities are multiples of this.
    #[n(7)]
    pub lot: Quantity,
    /// Prices stay within this many hundredths of a percent of the reference price; none: no band, no market orders.
    #[n(8)]
    pub band_bp: Option<u32>,
    /// What the band and the auction's last tie-break refer to.
    #[n(9)]
    pub reference_price: Price,
    /// Settlement cycle: business days from trade to settlement, 0..=2.
    #[n(10)]
    pub settlement_days: u8,
    /// Calendar that says what a business day is.
    #[n(11)]
    pub calendar: CalendarId,
    /// Fees.
    #[n(12)]
    pub fees: FeeSchedule,
    /// Decimals of base, copied from the asset.
    #[n(13)]
    pub base_scale: u8,
    /// Decimals of quote, copied from the asset.
    #[n(14)]
    pub quote_scale: u8,
}

impl Instrument {
    /// Price times quantity in minor units of quote. Exact, as [`Instrument::notional_is_exact`] holds of tick and
    /// lot, and price and quantity are multiples of them.
    pub fn notional(&self, price: Price, quantity: Quantity) -> Amount {
        self.checked_notional(price, quantity).expect("a notional is checked where orders come in")
    }

    /// As [`Instrument::notional`]; none when it does not fit 128 bits.
    pub fn checked_notional(&self, price: Price, quantity: Quantity) -> Option<Amount> {
        let product = i128::from(price.0) * i128::from(quantity.0);
        let (up, down) = self.factors();
        product.checked_mul(up).map(|product| Amount(product / down))
    }

    /// Whether one tick on one lot is a whole number of quote's minor units.
    pub fn notional_is_exact(&self) -> bool {
        let (up, down) = self.factors();
        let product = i128::from(self.tick.0) * i128::from(self.lot.0);
        product.checked_mul(up).is_some_and(|product| product % down == 0)
    }

    /// The lowest and the highest price that the band allows, rounded inwards to ticks.
    pub fn band(&self) -> Option<(Price, Price)> {
        let width_bp = i128::from(self.band_bp?);
        let reference = i128::from(self.reference_price.0);
        let tick = i128::from(self.tick.0);
        let ticks = 10_000 * tick;
        // Division of whole numbers rounds towards zero, so the low end is made of what lies below it.
        let low = ((reference * (10_000 - width_bp) + ticks - 1).div_euclid(ticks) * tick).max(tick);
        let high = reference * (10_000 + width_bp) / ticks * tick;
        Some((Price(i64::try_from(low).ok()?), Price(i64::try_from(high).ok()?)))
    }

    fn factors(&self) -> (i128, i128) {
        let (divide, multiply) = (self.price_scale + self.base_scale, self.quote_scale);
        let power = |n: u8| 10_i128.pow(u32::from(n));
        if divide >= multiply { (1, power(divide - multiply)) } else { (power(multiply - divide), 1) }
    }
}
