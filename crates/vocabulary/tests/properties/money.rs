//! Decimal text, notionals, fees and price bands: exact, or rounded as is documented.

use proptest::prelude::*;
use vocabulary::{
    Amount, DecimalError, FeeSchedule, Instrument, Price, Quantity, format_decimal, parse_decimal,
};

fn instrument() -> impl Strategy<Value = Instrument> {
    let scales = (0..=12_u8, 0..=12_u8, 0..=12_u8);
    let steps = (1..=1_000_i64, 1..=1_000_i64, 1..=1_000_000_i64);
    let rates = (0..=FeeSchedule::PPM_MAX, 0..=FeeSchedule::PPM_MAX);
    (scales, steps, rates, prop::option::of(1..10_000_u32)).prop_map(
        |((price_scale, base_scale, quote_scale), (tick, lot, ticks), (maker_ppm, taker_ppm), band_bp)| {
            Instrument {
                instrument: "X".parse().unwrap(),
                isin: None,
                market: "M".parse().unwrap(),
                base: "B".parse().unwrap(),
                quote: "Q".parse().unwrap(),
                price_scale,
                tick: Price(tick),
                lot: Quantity(lot),
                band_bp,
                reference_price: Price(tick * ticks),
                settlement_days: 2,
                calendar: "C".parse().unwrap(),
                fees: FeeSchedule { maker_ppm, taker_ppm },
                base_scale,
                quote_scale,
            }
        },
    )
}

/// An instrument whose notionals are whole numbers, as every defined one is.
fn exact_instrument() -> impl Strategy<Value = Instrument> {
    instrument().prop_map(|mut instrument| {
        if !instrument.notional_is_exact() {
            instrument.quote_scale = 12;
            instrument.base_scale %= 7;
            instrument.price_scale %= 6;
        }
        instrument
    })
}

fn text() -> impl Strategy<Value = String> {
    "-?[0-9]{1,30}(\\.[0-9]{1,14})?|[-+.0-9e ]{0,8}|\\PC{0,4}"
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn a_number_reads_back_from_its_text_at_every_scale(value in any::<i128>(), scale in 0..=40_u8) {
        let text = format_decimal(value, scale);
        let expected = if value == i128::MIN { Err(DecimalError::TooLarge) } else { Ok(value) };
        prop_assert_eq!(parse_decimal(&text, scale), expected, "{}", text);
    }

    /// The value is that of the digits with zeros up to the scale behind them; whatever is not of that form is refused.
    #[test]
    fn text_is_read_as_digits_and_one_point_and_nothing_else(text in text(), scale in 0..=14_u8) {
        let digits = text.strip_prefix('-').unwrap_or(&text);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
        let is_plain = [whole, fraction].iter().all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit()));
        let fraction = if digits.contains('.') { fraction } else { "" };
        let is_zero = !digits.contains(|c: char| ('1'..='9').contains(&c));
        let read = parse_decimal(&text, scale);
        if !is_plain || (is_zero && text.starts_with('-') && fraction.len() <= usize::from(scale)) {
            prop_assert_eq!(read, Err(DecimalError::NotDecimal));
        } else if fraction.len() > usize::from(scale) {
            prop_assert_eq!(read, Err(DecimalError::TooManyDecimals { scale }));
        } else {
            let padded = format!("{whole}{fraction:0<width$}", width = usize::from(scale));
            let sign = if text.starts_with('-') { "-" } else { "" };
            let by_hand = format!("{sign}{padded}").parse().map_err(|_| DecimalError::TooLarge);
            prop_assert_eq!(read, by_hand, "{}", text);
        }
    }

    /// Price x quantity x 10^quote = notional x 10^(price + base), with nothing left over.
    #[test]
    fn a_notional_is_exact(instrument in exact_instrument(), ticks in 1..=10_000_i64, lots in 1..=10_000_i64) {
        prop_assume!(instrument.notional_is_exact());
        let (price, quantity) = (instrument.tick.0 * ticks, instrument.lot.0 * lots);
        let notional = instrument.notional(Price(price), Quantity(quantity)).0;
        let power = |scale: u8| 10_i128.pow(u32::from(scale));
        let scaled = notional * power(instrument.price_scale + instrument.base_scale);
        prop_assert_eq!(scaled, i128::from(price) * i128::from(quantity) * power(instrument.quote_scale));
    }

    /// However an order is cut into fills, its notionals are the whole's, and its fees are within what was frozen and
    /// short of that by less than a minor unit a fill.
    #[test]
    fn fills_add_up_to_the_whole_and_their_fees_stay_below(
        instrument in exact_instrument(),
        ticks in 1..=10_000_i64,
        lots in prop::collection::vec((1..=10_000_i64, any::<bool>()), 1..12),
    ) {
        prop_assume!(instrument.notional_is_exact());
        let price = Price(instrument.tick.0 * ticks);
        let notional = |lots: i64| instrument.notional(price, Quantity(instrument.lot.0 * lots));
        let fees = instrument.fees;
        let whole = notional(lots.iter().map(|(lots, _)| lots).sum());
        let fills: Vec<Amount> = lots.iter().map(|(lots, _)| notional(*lots)).collect();
        prop_assert_eq!(fills.iter().copied().sum::<Amount>(), whole);
        for rate in [FeeSchedule::maker, FeeSchedule::taker] {
            let paid: Amount = fills.iter().map(|fill| rate(fees, *fill)).sum();
            let short = rate(fees, whole) - paid;
            prop_assert!((0..fills.len() as i128).contains(&short.0), "{}", short);
        }
        let mixed = lots.iter().zip(&fills).map(|((_, makes), fill)| if *makes { fees.maker(*fill) } else { fees.taker(*fill) });
        prop_assert!(mixed.sum::<Amount>() <= fees.highest(whole));
    }

    /// The exact fee is not below what is charged, and less than a minor unit above it.
    #[test]
    fn a_fee_is_the_exact_one_rounded_down(notional in 0..=i128::from(i64::MAX), ppm in 0..=FeeSchedule::PPM_MAX) {
        let fees = FeeSchedule { maker_ppm: ppm, taker_ppm: ppm / 2 };
        let left_over = notional * i128::from(ppm) - fees.maker(Amount(notional)).0 * 1_000_000;
        prop_assert!((0..1_000_000).contains(&left_over));
        prop_assert_eq!(fees.highest(Amount(notional)), fees.maker(Amount(notional)));
    }

    /// The outermost prices of whole ticks that are no further from the reference than the band says.
    #[test]
    fn a_band_is_rounded_inwards_to_ticks(instrument in instrument()) {
        let Some((low, high)) = instrument.band() else {
            prop_assert_eq!(instrument.band_bp, None);
            return Ok(());
        };
        let (tick, reference) = (instrument.tick.0, instrument.reference_price.0);
        let width = i128::from(instrument.band_bp.unwrap());
        let is_inside = |price: i64| i128::from((price - reference).abs()) * 10_000 <= i128::from(reference) * width;
        prop_assert!(low.0 % tick == 0 && high.0 % tick == 0 && low.0 >= tick);
        prop_assert!(is_inside(low.0) && is_inside(high.0));
        prop_assert!(!is_inside(high.0 + tick) && (low.0 == tick || !is_inside(low.0 - tick)));
    }
}
