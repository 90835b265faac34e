//! The messages of the live feed, as clients read them.

use crate::decimals::{price_text, quantity_text};
use crate::forms;
use axum::body::Bytes;
use serde::{Deserialize, Serialize};
use trading::{DepthLevel, Trading};
use vocabulary::{AccountId, CorrelationId, InstrumentId, OrderId, Reason, Side, Timestamp, TradeId, UserId};

use super::{BOOK_LEVELS, frame};

/// What a stream can be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Channel {
    /// What happens to orders; to an owner, his own.
    Orders,
    /// Executions, without who.
    Trades,
    /// The best price levels of a book that has changed.
    Book,
    /// Risk alerts.
    Alerts,
}

impl Channel {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Orders => "orders",
            Self::Trades => "trades",
            Self::Book => "book",
            Self::Alerts => "alerts",
        }
    }
}

/// A message, and whom it is for.
pub(crate) struct Item {
    pub(crate) channel: Channel,
    pub(crate) instrument: Option<InstrumentId>,
    /// Whose order it is; of an order, who may see it besides the offices.
    pub(crate) owner: Option<UserId>,
    pub(crate) frame: Bytes,
}

/// What happened to an order.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct OrderNews {
    pub(crate) position: u64,
    #[schema(value_type = forms::Moment)]
    pub(crate) time: Timestamp,
    #[schema(value_type = u64)]
    pub(crate) order: OrderId,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<forms::Code>)]
    pub(crate) account: Option<AccountId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<forms::Code>)]
    pub(crate) instrument: Option<InstrumentId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<forms::Correlation>)]
    pub(crate) correlation: Option<CorrelationId>,
    /// `created`, `accepted`, `rejected`, `resting`, `executed`, `reduced`, `canceled`, `expired` or `settled`.
    pub(crate) what: &'static str,
    /// Of `created` its limit, of `executed` the trade's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) price: Option<String>,
    /// How much it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) quantity: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<forms::Side>)]
    pub(crate) side: Option<Side>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(crate) trade: Option<TradeId>,
    /// Why it was rejected or cancelled: a stable code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<String>,
    /// Why it was rejected, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<String>,
}

impl OrderNews {
    pub(crate) fn of(order: OrderId, what: &'static str) -> Self {
        Self {
            position: 0,
            time: Timestamp(0),
            order,
            account: None,
            instrument: None,
            correlation: None,
            what,
            price: None,
            quantity: None,
            side: None,
            trade: None,
            code: None,
            message: None,
        }
    }

    pub(crate) fn because(mut self, reason: &Reason) -> Self {
        self.code = Some(reason.code.clone());
        self.message = Some(reason.message.clone());
        self
    }
}

/// An execution, as everybody sees it.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct TradeNews {
    pub(crate) position: u64,
    #[schema(value_type = forms::Moment)]
    pub(crate) time: Timestamp,
    #[schema(value_type = String, example = "4711-0")]
    pub(crate) trade: TradeId,
    #[schema(value_type = forms::Code)]
    pub(crate) instrument: InstrumentId,
    pub(crate) price: String,
    pub(crate) quantity: String,
    /// The side that came in and matched; null in an auction or a block trade.
    #[schema(value_type = Option<forms::Side>)]
    pub(crate) aggressor: Option<Side>,
}

/// One price level.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct Level {
    #[schema(example = "1788.00")]
    pub(crate) price: String,
    #[schema(example = "300")]
    pub(crate) quantity: String,
    /// How many orders rest there.
    pub(crate) orders: u32,
}

impl Level {
    pub(crate) fn of(level: &DepthLevel, price_scale: u8, base_scale: u8) -> Self {
        Self {
            price: price_text(level.price, price_scale),
            quantity: quantity_text(level.quantity, base_scale),
            orders: level.orders,
        }
    }
}

/// The best levels of a book, best first.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct BookNews {
    #[schema(value_type = forms::Code)]
    pub(crate) instrument: InstrumentId,
    pub(crate) bids: Vec<Level>,
    pub(crate) asks: Vec<Level>,
}

impl BookNews {
    pub(crate) fn of(trading: &Trading, instrument: InstrumentId) -> Option<Self> {
        let listed = trading.instrument(instrument)?;
        let side = |side: Side| {
            let levels = trading.depth(instrument, side, BOOK_LEVELS);
            levels.iter().map(|level| Level::of(level, listed.price_scale, listed.base_scale)).collect()
        };
        Some(Self { instrument, bids: side(Side::Buy), asks: side(Side::Sell) })
    }

    pub(crate) fn item(&self, position: u64) -> Item {
        item(Channel::Book, Some(self.instrument), None, position, self)
    }
}

/// A risk alert. `used` and `limit` are in minor units.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct AlertNews<'a> {
    pub(crate) position: u64,
    #[schema(value_type = forms::Moment)]
    pub(crate) time: Timestamp,
    /// Whose limit: `{"account": ..}` or `{"participant": ..}`.
    #[schema(value_type = Object)]
    pub(crate) scope: &'a risk::Scope,
    /// On what, like `{"position": "600519"}`.
    #[schema(value_type = Object)]
    pub(crate) measure: &'a risk::Measure,
    /// The share of the limit that was reached.
    pub(crate) percent: u8,
    /// What was used, as decimal text.
    pub(crate) used: String,
    /// The limit.
    pub(crate) limit: String,
    #[schema(value_type = forms::Correlation)]
    pub(crate) correlation: CorrelationId,
}

/// A message ready to be sent.
pub(crate) fn item(
    channel: Channel,
    instrument: Option<InstrumentId>,
    owner: Option<UserId>,
    position: u64,
    news: &impl Serialize,
) -> Item {
    let json = serde_json::to_string(news).expect("news are plain data");
    Item { channel, instrument, owner, frame: frame(channel, position, &json) }
}
