//! A trade on its way to settlement.

use settlement::Obligation;
use vocabulary::{
    Amount, AssetId, Date, Fill, Instrument, OrderTerms, ParticipantId, Reserved, SettledSide, Side, Trade,
};

use super::Findings;

/// Who hears that a side of a trade is final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hearer {
    Trading,
    Risk,
}

/// Where a trade is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Pending,
    InRun,
    Settled(Date),
}

/// A trade, its obligations, and what became of it.
#[derive(Debug)]
pub(super) struct Deal {
    pub(super) trade: Trade,
    pub(super) instrument: Instrument,
    pub(super) due: Option<Date>,
    buy: Option<Obligation>,
    sell: Option<Obligation>,
    stage: Stage,
    told: Vec<(Hearer, Side)>,
}

/// One participant's change in one asset; negative: it delivers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Movement {
    pub(super) participant: ParticipantId,
    pub(super) asset: AssetId,
    pub(super) change: Amount,
}

impl Deal {
    pub(super) fn new(trade: &Trade, instrument: &Instrument) -> Self {
        let (trade, instrument) = (*trade, instrument.clone());
        Self { trade, instrument, due: None, buy: None, sell: None, stage: Stage::Pending, told: Vec::new() }
    }

    fn obligation(&self, side: Side) -> Option<&Obligation> {
        match side {
            Side::Buy => self.buy.as_ref(),
            Side::Sell => self.sell.as_ref(),
        }
    }

    pub(super) fn obligation_mut(&mut self, side: Side) -> &mut Option<Obligation> {
        match side {
            Side::Buy => &mut self.buy,
            Side::Sell => &mut self.sell,
        }
    }

    /// Whether both its obligations are known and no run has taken it.
    pub(super) fn is_pending(&self) -> bool {
        self.stage == Stage::Pending && self.buy.is_some() && self.sell.is_some()
    }

    pub(super) fn enter_run(&mut self) {
        self.stage = Stage::InRun;
    }

    pub(super) fn become_settled(&mut self, date: Date) {
        self.stage = Stage::Settled(date);
    }

    pub(super) fn become_due(&mut self, date: Date) {
        self.stage = Stage::Pending;
        self.due = Some(date);
    }

    /// The terms that a side's order has, as far as the trade tells.
    fn terms(&self, side: Side) -> OrderTerms {
        let (of, instrument) = (self.trade.side(side), &self.instrument);
        OrderTerms {
            order: of.order,
            account: of.account,
            participant: of.participant,
            instrument: self.trade.instrument,
            market: instrument.market,
            base: instrument.base,
            quote: instrument.quote,
            side,
            correlation: of.correlation,
        }
    }

    /// What a side executed. Its reservation is used with the trade's quantity, at the order's own limit.
    fn fill(&self, side: Side) -> Fill {
        let (of, trade) = (self.trade.side(side), &self.trade);
        let amount = i64::try_from(of.reserved.0).unwrap_or(i64::MAX);
        Fill {
            trade: trade.trade,
            part: of.part,
            used: Reserved { quantity: trade.quantity.0, amount },
            quantity: trade.quantity,
            notional: trade.notional,
            fee: of.fee,
            trade_date: trade.trade_date,
        }
    }

    /// Where an obligation differs from the execution that it follows from.
    pub(super) fn flaws_of(&self, obligation: &Obligation) -> Vec<String> {
        let side = obligation.terms.side;
        let mut flaws = Vec::new();
        if obligation.terms != self.terms(side) {
            flaws.push(format!("{:?} are not the terms of its order", obligation.terms));
        }
        if obligation.fill != self.fill(side) {
            flaws.push(format!("{:?} is not what was executed", obligation.fill));
        }
        if obligation.calendar != self.instrument.calendar {
            flaws.push(format!("{} is not its instrument's calendar", obligation.calendar));
        }
        flaws
    }

    /// What the participants receive and deliver; the difference in quote are the fees.
    pub(super) fn movements(&self) -> [Movement; 4] {
        let Trade { quantity, notional, buy, sell, .. } = &self.trade;
        let (quantity, Instrument { base, quote, .. }) = (Amount(i128::from(quantity.0)), &self.instrument);
        let movement = |participant, asset: &AssetId, change| Movement { participant, asset: *asset, change };
        [
            movement(buy.participant, base, quantity),
            movement(buy.participant, quote, -(*notional + buy.fee)),
            movement(sell.participant, base, -quantity),
            movement(sell.participant, quote, *notional - sell.fee),
        ]
    }

    /// What the central counterparty keeps, in quote.
    pub(super) fn fees(&self) -> (AssetId, Amount) {
        (self.instrument.quote, self.trade.buy.fee + self.trade.sell.fee)
    }

    /// Whether this is what a side comes to that settles on that date.
    pub(super) fn is_side(&self, side: &SettledSide, date: Date) -> bool {
        let of = side.terms.side;
        (side.terms, side.fill, side.date) == (self.terms(of), self.fill(of), date)
    }

    /// Trading or risk has taken in that a side is final.
    pub(super) fn hear(&mut self, hearer: Hearer, side: &SettledSide, found: &mut Findings<'_>) {
        let (trade, of) = (self.trade.trade, side.terms.side);
        let is_settled = matches!(self.stage, Stage::Settled(date) if self.is_side(side, date));
        found.check(is_settled, "finality", || {
            format!("{hearer:?} settled {side:?} of trade {trade}, and settlement says {:?}", self.stage)
        });
        found.check(!self.told.contains(&(hearer, of)), "finality", || {
            format!("{hearer:?} settled the {of:?} of trade {trade} twice")
        });
        self.told.push((hearer, of));
    }

    /// When nothing is under way, each execution has its obligations, and who must know of a settled one does.
    pub(super) fn check_end(&self, found: &mut Findings<'_>) {
        let trade = self.trade.trade;
        for side in [Side::Buy, Side::Sell] {
            found.check(self.obligation(side).is_some(), "obligations", || {
                format!("the {side:?} of trade {trade} has none")
            });
            for hearer in [Hearer::Trading, Hearer::Risk] {
                let is_owed = matches!(self.stage, Stage::Settled(_)) && !self.told.contains(&(hearer, side));
                found.check(!is_owed, "finality", || {
                    format!("{hearer:?} never heard that the {side:?} of trade {trade} is settled")
                });
            }
        }
    }
}
