//! Instruments: their definition, and how they stand in the market now.

use crate::answer::{self, Answer, Done, List, done};
use crate::call::{Call, Filter, Place, parameter};
use crate::decimals::{Decimal, price_text, quantity_text};
use crate::forms;
use crate::live::Level;
use crate::problem::{Problem, kinds};
use crate::services::Api;
use axum::extract::State;
use engine::Command;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use trading::{Phase, Trading};
use vocabulary::{
    AssetId, CalendarId, FeeSchedule, Instrument, InstrumentId, MarketId, Price, Quantity, Side,
    format_decimal, parse_decimal,
};

/// Levels of each side when nobody says how many.
const LEVELS_DEFAULT: usize = 10;
/// The most levels of each side.
const LEVELS_MAX: usize = 500;
/// Decimals of a band in percent: it is kept in hundredths of a percent.
const BAND_SCALE: u8 = 2;

/// An instrument to define.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewInstrument<'a> {
    /// Its symbol.
    #[schema(value_type = forms::Code, example = "600519")]
    instrument: InstrumentId,
    /// ISO 6166 code, with its check digit.
    #[serde(default)]
    #[schema(example = "CNE0000018R8", pattern = "^[A-Z]{2}[A-Z0-9]{9}[0-9]$")]
    isin: Option<String>,
    /// The market it belongs to.
    #[schema(value_type = forms::Code, example = "SSE")]
    market: MarketId,
    /// What is bought and sold: an asset.
    #[schema(value_type = forms::Code, example = "600519")]
    base: AssetId,
    /// What is paid: an asset.
    #[schema(value_type = forms::Code, example = "CNY")]
    quote: AssetId,
    /// Decimals of a price.
    #[schema(example = 2, maximum = 12)]
    price_scale: u8,
    /// Prices are multiples of this.
    #[serde(borrow)]
    #[schema(example = "0.01")]
    tick: Decimal<'a>,
    /// Quantities are multiples of this.
    #[serde(borrow)]
    #[schema(example = "100")]
    lot: Decimal<'a>,
    /// Prices stay within so many percent of the reference price; left out: no band, and no market orders.
    #[serde(default)]
    #[schema(example = "10.00", pattern = r"^[0-9]{1,2}(\.[0-9]{1,2})?$")]
    band_percent: Option<String>,
    /// What the band and the auction's last tie-break refer to.
    #[serde(borrow)]
    #[schema(example = "1788.00")]
    reference_price: Decimal<'a>,
    /// Business days from trade to settlement, 0 to 2.
    #[schema(example = 1, maximum = 2)]
    settlement_days: u8,
    /// Calendar that says what a business day is.
    #[schema(value_type = forms::Code, example = "CN")]
    calendar: CalendarId,
    /// Fee of the order that rested, in parts per million of the notional.
    #[serde(default)]
    #[schema(example = 50)]
    maker_ppm: u32,
    /// Fee of the order that came in and matched.
    #[serde(default)]
    #[schema(example = 100)]
    taker_ppm: u32,
}

/// An instrument as it stands in the market now.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct InstrumentBody {
    #[schema(value_type = forms::Code, example = "600519")]
    instrument: InstrumentId,
    isin: Option<String>,
    #[schema(value_type = forms::Code)]
    market: MarketId,
    #[schema(value_type = forms::Code)]
    base: AssetId,
    #[schema(value_type = forms::Code)]
    quote: AssetId,
    price_scale: u8,
    tick: String,
    lot: String,
    band_percent: Option<String>,
    reference_price: String,
    settlement_days: u8,
    #[schema(value_type = forms::Code)]
    calendar: CalendarId,
    maker_ppm: u32,
    taker_ppm: u32,
    /// `closed`, `opening_auction`, `continuous`, `halted` or `closing_auction`.
    #[schema(value_type = forms::Phase, example = "continuous")]
    phase: Phase,
    best_bid: Option<String>,
    best_offer: Option<String>,
    last_price: Option<String>,
    last_quantity: Option<String>,
}

/// The phase to go to.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPhase {
    /// `closed`, `opening_auction`, `continuous`, `halted` or `closing_auction`.
    #[schema(value_type = forms::Phase, example = "continuous")]
    phase: Phase,
}

/// The reference price to set.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewReferencePrice<'a> {
    #[serde(borrow)]
    #[schema(example = "1790.00")]
    price: Decimal<'a>,
}

/// How much of the book.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DepthFilter {
    /// Price levels of each side, 1 to 500; 10 if left out.
    #[param(minimum = 1, maximum = 500)]
    levels: Option<usize>,
}

/// The best price levels of a book, best first.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct Depth {
    #[schema(value_type = forms::Code, example = "600519")]
    instrument: InstrumentId,
    bids: Vec<Level>,
    asks: Vec<Level>,
}

/// What the auction would come to now.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct IndicativeAuction {
    /// Null when there is no auction, or nothing crosses.
    price: Option<String>,
    quantity: Option<String>,
    /// Buy less sell quantity that would be left at that price.
    surplus: Option<String>,
}

/// Makes an instrument known. Defining the same one again changes nothing.
#[utoipa::path(post, path = "/trading/instruments", tag = "reference data", request_body = NewInstrument,
    responses((status = 200, description = "Defined", body = Done)))]
pub(crate) async fn define_instrument(State(api): State<Arc<Api>>, call: Call) -> Answer {
    let body: NewInstrument<'_> = call.read()?;
    let base_scale = api.catalog.scale("base", body.base).await?;
    let quote_scale = api.catalog.scale("quote", body.quote).await?;
    let instrument = Box::new(body.instrument(base_scale, quote_scale)?);
    let define = trading::Command::DefineInstrument(instrument);
    done(&api.submit(call.request(Command::Trading(define))).await?)
}

/// All instruments, as they stand in the market now.
#[utoipa::path(get, path = "/trading/instruments", tag = "market",
    responses((status = 200, description = "In the order of their definition", body = List<InstrumentBody>)))]
pub(crate) async fn list_instruments(State(api): State<Arc<Api>>, _call: Call) -> Answer {
    let look = |state: &engine::State| {
        let trading = &state.trading;
        trading.instruments().map(|instrument| InstrumentBody::of(trading, instrument)).collect::<Vec<_>>()
    };
    let (position, items) = api.look(look).await?;
    answer::ok(position, &List { items })
}

/// An instrument, as it stands in the market now.
#[utoipa::path(get, path = "/trading/instruments/{instrument}", tag = "market",
    params(("instrument" = forms::Code, Path, description = "Its symbol")),
    responses((status = 200, description = "The instrument", body = InstrumentBody)))]
pub(crate) async fn get_instrument(
    State(api): State<Arc<Api>>,
    Place(instrument): Place<String>,
    _call: Call,
) -> Answer {
    let id = parameter("instrument", &instrument)?;
    let look = move |state: &engine::State| {
        state.trading.instrument(id).map(|instrument| InstrumentBody::of(&state.trading, instrument))
    };
    let (position, found) = api.look(look).await?;
    answer::ok(position, &found.ok_or_else(|| unknown(id))?)
}

/// Moves an instrument to another market phase. Leaving an auction trades what crosses, at one price.
#[utoipa::path(post, path = "/trading/instruments/{instrument}/phase", tag = "market", request_body = NewPhase,
    params(("instrument" = forms::Code, Path, description = "Its symbol")),
    responses((status = 200, description = "In that phase", body = Done)))]
pub(crate) async fn set_phase(
    State(api): State<Arc<Api>>,
    Place(instrument): Place<String>,
    call: Call,
) -> Answer {
    let instrument = parameter("instrument", &instrument)?;
    let NewPhase { phase } = call.read()?;
    let set = trading::Command::SetPhase { instrument, phase };
    done(&api.submit(call.request(Command::Trading(set))).await?)
}

/// Sets what the price band and the auction refer to.
#[utoipa::path(post, path = "/trading/instruments/{instrument}/reference-price", tag = "market",
    request_body = NewReferencePrice, params(("instrument" = forms::Code, Path, description = "Its symbol")),
    responses((status = 200, description = "Set", body = Done)))]
pub(crate) async fn set_reference_price(
    State(api): State<Arc<Api>>,
    Place(instrument): Place<String>,
    call: Call,
) -> Answer {
    let instrument = parameter("instrument", &instrument)?;
    let body: NewReferencePrice<'_> = call.read()?;
    let scales = api.catalog.find_scales(instrument).await?.ok_or_else(|| unknown(instrument))?;
    let price = body.price.price("price", scales.price)?;
    let set = trading::Command::SetReferencePrice { instrument, price };
    done(&api.submit(call.request(Command::Trading(set))).await?)
}

/// The best price levels of an instrument's book.
#[utoipa::path(get, path = "/trading/instruments/{instrument}/depth", tag = "market",
    params(("instrument" = forms::Code, Path, description = "Its symbol"), DepthFilter),
    responses((status = 200, description = "Best first", body = Depth)))]
pub(crate) async fn depth(
    State(api): State<Arc<Api>>,
    Place(instrument): Place<String>,
    _call: Call,
    Filter(filter): Filter<DepthFilter>,
) -> Answer {
    let instrument = parameter("instrument", &instrument)?;
    let levels = filter.levels.unwrap_or(LEVELS_DEFAULT);
    if !(1..=LEVELS_MAX).contains(&levels) {
        let detail = format!("levels must be 1 to {LEVELS_MAX}");
        return Err(Problem::new(&kinds::INVALID_QUERY, detail).in_field("levels"));
    }
    let look = move |state: &engine::State| {
        let known = state.trading.instrument(instrument)?;
        let (price_scale, base_scale) = (known.price_scale, known.base_scale);
        let side = |side: Side| {
            let levels = state.trading.depth(instrument, side, levels);
            levels.iter().map(|level| Level::of(level, price_scale, base_scale)).collect()
        };
        Some(Depth { instrument, bids: side(Side::Buy), asks: side(Side::Sell) })
    };
    let (position, found) = api.look(look).await?;
    answer::ok(position, &found.ok_or_else(|| unknown(instrument))?)
}

/// What the call auction of an instrument would come to now.
#[utoipa::path(get, path = "/trading/instruments/{instrument}/auction", tag = "market",
    params(("instrument" = forms::Code, Path, description = "Its symbol")),
    responses((status = 200, description = "Price, quantity and surplus", body = IndicativeAuction)))]
pub(crate) async fn indicative_auction(
    State(api): State<Arc<Api>>,
    Place(instrument): Place<String>,
    _call: Call,
) -> Answer {
    let instrument = parameter("instrument", &instrument)?;
    let look = move |state: &engine::State| {
        let known = state.trading.instrument(instrument)?;
        let auction = state.trading.indicative_auction(instrument);
        Some(IndicativeAuction {
            price: auction.map(|auction| price_text(auction.price, known.price_scale)),
            quantity: auction.map(|auction| quantity_text(auction.quantity, known.base_scale)),
            surplus: auction.map(|auction| format_decimal(auction.surplus.into(), known.base_scale)),
        })
    };
    let (position, found) = api.look(look).await?;
    answer::ok(position, &found.ok_or_else(|| unknown(instrument))?)
}

fn unknown(instrument: InstrumentId) -> Problem {
    Problem::new(&kinds::UNKNOWN_INSTRUMENT, format!("there is no instrument {instrument}"))
}

impl NewInstrument<'_> {
    fn instrument(&self, base_scale: u8, quote_scale: u8) -> Result<Instrument, Problem> {
        let isin = self.isin.clone();
        if isin.as_deref().is_some_and(|isin| !is_isin(isin)) {
            return Err(Problem::invalid("isin", "must be a code of ISO 6166 with its check digit"));
        }
        Ok(Instrument {
            instrument: self.instrument,
            isin,
            market: self.market,
            base: self.base,
            quote: self.quote,
            price_scale: self.price_scale,
            tick: self.tick.price("tick", self.price_scale)?,
            lot: self.lot.quantity("lot", base_scale)?,
            band_bp: self.band_bp()?,
            reference_price: self.reference_price.price("reference_price", self.price_scale)?,
            settlement_days: self.settlement_days,
            calendar: self.calendar,
            fees: FeeSchedule { maker_ppm: self.maker_ppm, taker_ppm: self.taker_ppm },
            base_scale,
            quote_scale,
        })
    }

    /// Percent with two decimals to hundredths of a percent.
    fn band_bp(&self) -> Result<Option<u32>, Problem> {
        let Some(text) = &self.band_percent else { return Ok(None) };
        let band =
            parse_decimal(text, BAND_SCALE).map_err(|error| Problem::invalid("band_percent", error))?;
        let band = u32::try_from(band).ok().filter(|band| (1..10_000).contains(band));
        band.map(Some).ok_or_else(|| Problem::invalid("band_percent", "must be above 0 and below 100"))
    }
}

/// ISO 6166: country, nine letters or digits, and a check digit by the Luhn formula over letters as numbers 10 to 35.
fn is_isin(text: &str) -> bool {
    let bytes = text.as_bytes();
    let shape = bytes.len() == 12
        && bytes[..2].iter().all(u8::is_ascii_uppercase)
        && bytes.iter().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
        && bytes[11].is_ascii_digit();
    let digits: String =
        text.chars().filter_map(|letter| letter.to_digit(36)).map(|d| d.to_string()).collect();
    let weighed = digits.bytes().rev().enumerate().map(|(at, digit)| {
        let value = u32::from(digit - b'0') * if at % 2 == 1 { 2 } else { 1 };
        value / 10 + value % 10
    });
    shape && weighed.sum::<u32>() % 10 == 0
}

impl InstrumentBody {
    fn of(trading: &Trading, instrument: &Instrument) -> Self {
        let id = instrument.instrument;
        let price = |price: Price| price_text(price, instrument.price_scale);
        let quantity = |quantity: Quantity| quantity_text(quantity, instrument.base_scale);
        let last = trading.last_trade(id);
        Self {
            instrument: id,
            isin: instrument.isin.clone(),
            market: instrument.market,
            base: instrument.base,
            quote: instrument.quote,
            price_scale: instrument.price_scale,
            tick: price(instrument.tick),
            lot: quantity(instrument.lot),
            band_percent: instrument.band_bp.map(|band| format_decimal(band.into(), BAND_SCALE)),
            reference_price: price(instrument.reference_price),
            settlement_days: instrument.settlement_days,
            calendar: instrument.calendar,
            maker_ppm: instrument.fees.maker_ppm,
            taker_ppm: instrument.fees.taker_ppm,
            phase: trading.phase(id).unwrap_or_default(),
            best_bid: trading.best(id, Side::Buy).map(price),
            best_offer: trading.best(id, Side::Sell).map(price),
            last_price: last.map(|(last, _)| price(last)),
            last_quantity: last.map(|(_, last)| quantity(last)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn isins_carry_a_check_digit() {
        for good in ["CNE0000018R8", "US0378331005", "DE000BAY0017"] {
            assert!(is_isin(good), "{good}");
        }
        for bad in ["CNE0000018R7", "US037833100", "us0378331005", "US03783310055", "", "US0378331é5"] {
            assert!(!is_isin(bad), "{bad}");
        }
    }
}
