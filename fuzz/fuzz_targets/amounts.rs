//! Decimal text and sums of money: what is read is what was written, and every result is the exact one, rounded as is
//! documented, or none.

#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use vocabulary::{
    Amount, DecimalError, FeeSchedule, Instrument, Price, Quantity, format_decimal, parse_decimal,
};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    value: i128,
    scale: u8,
    market: Market,
    text: &'a str,
}

/// An instrument and one order in it, as numbers from outside.
#[derive(Arbitrary, Debug)]
struct Market {
    scales: [u8; 3],
    tick: u64,
    lot: u64,
    ticks: u64,
    lots: u64,
    band_bp: u16,
    fees: (u32, u32),
    parts: [u8; 4],
}

fuzz_target!(|input: Input<'_>| {
    read(input.text, input.scale);
    written(input.value, input.scale);
    traded(&input.market);
});

/// By hand: the digits with as many zeros behind them as the scale asks for.
fn read(text: &str, scale: u8) {
    let Ok(value) = parse_decimal(text, scale) else { return };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let padded = format!("{whole}{fraction:0<width$}", width = usize::from(scale));
    assert_eq!(padded.parse::<i128>(), Ok(value), "{text:?} at scale {scale}");
    assert_eq!(parse_decimal(&format_decimal(value, scale), scale), Ok(value));
}

fn written(value: i128, scale: u8) {
    let text = format_decimal(value, scale);
    let expected = if value == i128::MIN { Err(DecimalError::TooLarge) } else { Ok(value) };
    assert_eq!(parse_decimal(&text, scale), expected, "{text}");
    assert!(text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.' || byte == b'-'), "{text}");
    let decimals = text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    assert_eq!(decimals, usize::from(scale));
}

/// Only instruments and orders within the bounds at which definitions and orders are taken.
fn traded(market: &Market) {
    let within = |drawn: u64, max: i64| (drawn % max as u64) as i64 + 1;
    let [price_scale, base_scale, quote_scale] = market.scales.map(|scale| scale % 13);
    let tick = within(market.tick, Price::MAX.0);
    let lot = within(market.lot, Quantity::MAX.0);
    let price = tick * within(market.ticks, Price::MAX.0 / tick);
    let quantity = lot * within(market.lots, Quantity::MAX.0 / lot);
    let rate = |drawn| drawn % (FeeSchedule::PPM_MAX + 1);
    let instrument = Instrument {
        instrument: "X".parse().expect("a code"),
        isin: None,
        market: "M".parse().expect("a code"),
        base: "B".parse().expect("a code"),
        quote: "Q".parse().expect("a code"),
        price_scale,
        tick: Price(tick),
        lot: Quantity(lot),
        band_bp: (market.band_bp > 0).then(|| u32::from(market.band_bp).min(9_999)),
        reference_price: Price(price),
        settlement_days: 0,
        calendar: "C".parse().expect("a code"),
        fees: FeeSchedule { maker_ppm: rate(market.fees.0), taker_ppm: rate(market.fees.1) },
        base_scale,
        quote_scale,
    };
    banded(&instrument);
    if instrument.notional_is_exact() {
        let whole = instrument.checked_notional(Price(price), Quantity(quantity));
        exact(&instrument, Price(price), Quantity(quantity), whole);
        if let Some(whole) = whole.filter(|whole| i64::try_from(whole.0).is_ok()) {
            parts(&instrument, Price(price), Quantity(quantity), whole, market.parts);
        }
    }
}

/// Price x quantity x 10^quote = notional x 10^(price + base), in as many digits as it takes.
fn exact(instrument: &Instrument, price: Price, quantity: Quantity, notional: Option<Amount>) {
    let product = i128::from(price.0) * i128::from(quantity.0);
    let (price_scale, base_scale) = (u32::from(instrument.price_scale), u32::from(instrument.base_scale));
    let shift = i64::from(price_scale + base_scale) - i64::from(instrument.quote_scale);
    let power = 10_i128.pow(shift.unsigned_abs() as u32);
    match notional {
        Some(Amount(notional)) if shift >= 0 => assert_eq!(notional.checked_mul(power), Some(product)),
        Some(Amount(notional)) => assert_eq!(product.checked_mul(power), Some(notional)),
        None => assert!(shift < 0 && product.checked_mul(power).is_none(), "only what does not fit is none"),
    }
}

/// However an order is cut into fills, notionals add up, and fees are never more than that of the whole, nor less than
/// it by a minor unit a fill.
fn parts(instrument: &Instrument, price: Price, quantity: Quantity, whole: Amount, parts: [u8; 4]) {
    let fees = instrument.fees;
    let (mut left, mut notional, mut paid, mut fills) = (quantity.0 / instrument.lot.0, 0, 0, 0);
    for part in parts.into_iter().chain([u8::MAX]) {
        let lots = if part == u8::MAX { left } else { left * i64::from(part) / 256 };
        left -= lots;
        let fill = instrument.notional(price, Quantity(lots * instrument.lot.0));
        notional += fill.0;
        paid += fees.taker(fill).0.max(fees.maker(fill).0);
        fills += 1;
    }
    assert_eq!((left, notional), (0, whole.0));
    let frozen = fees.highest(whole).0;
    assert!(paid <= frozen && frozen - paid <= fills, "{paid} of {frozen} in {fills} fills");
    let ppm = i128::from(fees.maker_ppm.max(fees.taker_ppm));
    let rest = whole.0 * ppm - frozen * 1_000_000;
    assert!((0..1_000_000).contains(&rest), "a fee is exact, rounded down");
}

/// The outermost ticks within the band, and none beyond.
fn banded(instrument: &Instrument) {
    let Some((low, high)) = instrument.band() else { return };
    let (reference, tick) = (i128::from(instrument.reference_price.0), instrument.tick.0);
    let width = i128::from(instrument.band_bp.unwrap_or_default());
    let is_inside = |price: i64| (i128::from(price) - reference).abs() * 10_000 <= reference * width;
    assert!(low.0 % tick == 0 && high.0 % tick == 0 && low.0 > 0);
    assert!(is_inside(low.0) && !(is_inside(low.0 - tick) && low.0 > tick), "{low} of {instrument:?}");
    assert!(is_inside(high.0) && !is_inside(high.0 + tick), "{high} of {instrument:?}");
}
