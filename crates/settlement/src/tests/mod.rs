//! Given, when, then for settlement: a market of a few participants, told what happens in words.

mod encoding;
mod flow;
mod gross;
mod net;
mod properties;
mod reference;
mod resume;

use crate::{Command, Cycle, Event, Refusal, Settlement};
use vocabulary::{
    AccountId, Amount, AssetId, CalendarId, CorrelationId, Date, Fill, InstrumentId, MarketId, Moment,
    OrderId, OrderTerms, ParticipantId, Quantity, Reserved, SettlementModel, Side, StepBound, Timestamp,
    TradeId,
};

pub(crate) const TUESDAY: &str = "2023-02-07";
pub(crate) const WEDNESDAY: &str = "2023-02-08";
pub(crate) const THURSDAY: &str = "2023-02-09";
pub(crate) const SECOND_NS: u64 = 1_000_000_000;
const DEADLINE: Timestamp = Timestamp(1_000 * SECOND_NS);

pub(crate) fn date(text: &str) -> Date {
    text.parse().unwrap()
}

pub(crate) fn participant(text: &str) -> ParticipantId {
    text.parse().unwrap()
}

pub(crate) fn asset(text: &str) -> AssetId {
    text.parse().unwrap()
}

pub(crate) fn market(text: &str) -> MarketId {
    text.parse().unwrap()
}

pub(crate) fn calendar(text: &str) -> CalendarId {
    text.parse().unwrap()
}

pub(crate) fn trade_id(number: u64) -> TradeId {
    TradeId { position: number, index: 0 }
}

/// A trade to be. Fees are 0 unless said otherwise.
#[derive(Clone, Debug)]
pub(crate) struct Deal {
    pub(crate) number: u64,
    pub(crate) market: &'static str,
    pub(crate) base: &'static str,
    pub(crate) buyer: &'static str,
    pub(crate) seller: &'static str,
    pub(crate) quantity: i64,
    pub(crate) notional: i64,
    pub(crate) buy_fee: i64,
    pub(crate) sell_fee: i64,
    pub(crate) days: u8,
}

/// `buyer` buys `quantity` XYZ for `notional` CNY of `seller` on Tuesday, T+0, in the market called `market`.
pub(crate) fn deal(
    number: u64,
    market: &'static str,
    buyer: &'static str,
    seller: &'static str,
    quantity: i64,
    notional: i64,
) -> Deal {
    let (buy_fee, sell_fee, days) = (0, 0, 0);
    Deal { number, market, base: "XYZ", buyer, seller, quantity, notional, buy_fee, sell_fee, days }
}

impl Deal {
    pub(crate) fn terms(&self, side: Side) -> OrderTerms {
        let (offset, participant_code) = match side {
            Side::Buy => (0, self.buyer),
            Side::Sell => (1, self.seller),
        };
        OrderTerms {
            order: OrderId(self.number * 2 + offset),
            account: AccountId(format!("{participant_code}-1").parse().unwrap()),
            participant: participant(participant_code),
            instrument: InstrumentId(self.base.parse().unwrap()),
            market: market(self.market),
            base: asset(self.base),
            quote: asset("CNY"),
            side,
            correlation: CorrelationId(u128::from(self.number)),
        }
    }

    pub(crate) fn reserved(&self) -> Reserved {
        Reserved { quantity: self.quantity, amount: self.notional }
    }

    pub(crate) fn fill(&self, side: Side) -> Fill {
        let fee = match side {
            Side::Buy => self.buy_fee,
            Side::Sell => self.sell_fee,
        };
        Fill {
            trade: trade_id(self.number),
            part: 0,
            used: self.reserved(),
            quantity: Quantity(self.quantity),
            notional: Amount(self.notional.into()),
            fee: Amount(fee.into()),
            trade_date: date(TUESDAY),
        }
    }

    pub(crate) fn hold(&self, side: Side) -> Command {
        Command::Hold { terms: self.terms(side), reserved: self.reserved(), deadline: DEADLINE }
    }

    pub(crate) fn confirm(&self, side: Side) -> Command {
        let cycle = Cycle { calendar: calendar("SSE"), settlement_days: self.days };
        Command::Confirm { terms: self.terms(side), fill: self.fill(side), cycle }
    }

    pub(crate) fn release(&self, side: Side, parts: u32) -> Command {
        Command::Release { terms: self.terms(side), parts, until: vocabulary::Timestamp::default() }
    }
}

/// A settlement with its history, so that every test can be told from it.
#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    pub(crate) state: Settlement,
    pub(crate) at: Moment,
    pub(crate) history: Vec<(Event, Moment)>,
}

impl World {
    /// Participants A to E with ample quota, market NET settling net and GROSS gross.
    pub(crate) fn open() -> Self {
        let mut world = Self::default();
        for code in ["A", "B", "C", "D", "E"] {
            world.set_quota(code, 1_000_000_000_000);
        }
        world.does(Command::SetSettlementModel { market: market("NET"), model: SettlementModel::Net });
        world
    }

    /// Decides and applies; the command must not be refused.
    pub(crate) fn does(&mut self, command: Command) -> Vec<Event> {
        self.does_within(StepBound::USUAL, &command)
    }

    fn does_within(&mut self, bound: StepBound, command: &Command) -> Vec<Event> {
        self.at.position += 1;
        let events =
            self.state.decide(command, self.at, bound).unwrap_or_else(|no| panic!("{command:?}: {no}"));
        for event in &events {
            self.state.apply(event, self.at);
            self.history.push((event.clone(), self.at));
        }
        events.to_vec()
    }

    /// The command must be refused.
    pub(crate) fn refuses(&mut self, command: &Command) -> Refusal {
        self.at.position += 1;
        self.state.decide(command, self.at, StepBound::USUAL).expect_err("should be refused")
    }

    /// The command must succeed without effect.
    pub(crate) fn finds_done(&mut self, command: Command) {
        assert_eq!(self.does(command), []);
    }

    pub(crate) fn waits_s(&mut self, seconds: u64) {
        self.at.time = self.at.time.plus_ns(seconds * SECOND_NS);
    }

    pub(crate) fn set_quota(&mut self, code: &str, quota: i128) {
        let command =
            Command::SetQuota { participant: participant(code), asset: asset("CNY"), quota: Amount(quota) };
        self.does(command);
    }

    pub(crate) fn misses(&mut self, code: &str, of: &str, missing: i128) {
        let (participant, asset) = (participant(code), asset(of));
        self.does(Command::RecordShortfall { participant, asset, missing: Amount(missing) });
    }

    pub(crate) fn trades(&mut self, deal: &Deal) {
        for side in [Side::Buy, Side::Sell] {
            self.does(deal.hold(side));
            self.does(deal.confirm(side));
        }
    }

    /// Runs the date to its end and returns all that happened.
    pub(crate) fn processes(&mut self, day: &str) -> Vec<Event> {
        self.processes_within(StepBound::USUAL, day)
    }

    /// As [`World::processes`], in steps of at most that.
    pub(crate) fn processes_within(&mut self, bound: StepBound, day: &str) -> Vec<Event> {
        let mut events = self.does(Command::Process { date: date(day) });
        while self.state.running().is_some() {
            let step = self.does_within(bound, &Command::Advance);
            let step_max = bound.within(crate::STEP_TRADES_MAX);
            assert!(!step.is_empty() && step.len() <= step_max, "each step is bounded, and one");
            events.extend(step);
        }
        events
    }

    /// Quota, held and used of a participant in CNY.
    pub(crate) fn quota(&self, code: &str) -> (i128, i128, i128) {
        let line = self.state.quotas().into_iter().find(|line| line.participant == participant(code));
        line.map_or((0, 0, 0), |line| (line.quota.0, line.held.0, line.used.0))
    }
}

/// Numbers of the trades that settled, in order.
pub(crate) fn settled(events: &[Event]) -> Vec<u64> {
    let trade = |event: &Event| {
        let Event::TradeSettled { buy, sell, .. } = event else { return None };
        assert_eq!(buy.fill.trade, sell.fill.trade, "both sides or neither");
        Some(buy.fill.trade.position)
    };
    events.iter().filter_map(trade).collect()
}

/// Trades that were recycled, in order: number, new date, who was short of what, and by how much.
pub(crate) fn recycled(events: &[Event]) -> Vec<(u64, String, String, String, i128)> {
    let trade = |event: &Event| {
        let Event::TradeRecycled { trade, to, short, .. } = event else { return None };
        let (who, of) = (short.participant.to_string(), short.asset.to_string());
        Some((trade.position, to.to_string(), who, of, short.missing.0))
    };
    events.iter().filter_map(trade).collect()
}

pub(crate) fn gone(
    number: u64,
    to: &str,
    who: &str,
    of: &str,
    missing: i128,
) -> (u64, String, String, String, i128) {
    (number, to.into(), who.into(), of.into(), missing)
}
