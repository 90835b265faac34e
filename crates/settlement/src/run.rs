//! A settlement run: all complete trades due by a date, settled delivery versus payment in bounded steps.
//!
//! The models are those of the Bank for International Settlements ("Delivery versus payment in securities settlement
//! systems", 1992). A run goes through these stages, and its state alone says which is next:
//! 1. *Cover*: while a participant's net outgoing in the net-settled trades exceeds what it can deliver, the latest of
//!    its trades that take from it leaves as a whole and is recycled (model 3).
//! 2. *Net*: the positions of what is left are recorded, one per party and asset over all net-settled markets.
//! 3. *Settle*: trade by trade, oldest first. A net-settled trade is final. A gross-settled one is final if both
//!    deliverers can cover it from what earlier ones left, and recycled otherwise (model 1).
//! 4. *Complete*.
//!
//! Only a participant with a recorded shortfall can fail. What it can deliver is shared by both models, and netting
//! draws on it first. Gross settlement does not count what the participant receives in the same run. Invariants: a
//! trade leaves the run once; trades that become due later never join; every settled set sums to zero per asset.
//! Absent: retries by time. A recycled trade is due again on the next business day after the run's date.

use crate::due::{Due, DueTrades};
use crate::event::{Cover, Event, Short};
use crate::obligation::{CompleteTrade, Movement, Obligation};
use crate::position::{Party, Position, Positions, Totals};
use crate::{Refusal, Settlement};
use minicbor::{Decode, Encode};
use std::collections::{BTreeMap, BTreeSet};
use vocabulary::{
    Amount, AssetId, Date, Events, ParticipantId, SettlementModel, StepBound, TradeId, one, planted,
};

/// How many trades, or positions, one step of a run takes at most: orders wait for as long as a step takes.
pub const STEP_TRADES_MAX: usize = 128;

/// The deliveries of one participant in one asset.
type Deliverer = (ParticipantId, AssetId);

/// What a participant with a shortfall can deliver in the run, and has delivered trade by trade.
#[derive(Clone, Copy, Debug, PartialEq, Encode, Decode)]
struct Allowance {
    #[n(0)]
    deliverable: Amount,
    #[n(1)]
    delivered_gross: Amount,
    /// No net-settled trade from here on takes from it any more: each was looked at.
    #[n(2)]
    searched: Option<Due>,
}

/// What a deliverer with a shortfall has to deliver in the netting, while trades are taken out of it.
struct Need {
    /// What it receives; negative: delivers.
    net: Amount,
    deliverable: Amount,
    searched: Option<Due>,
}

impl Need {
    fn is_short(&self) -> bool {
        (self.net + self.deliverable).is_negative() && !planted!("short-in-netting-settles")
    }
}

/// The run in progress.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub(crate) struct Run {
    #[n(0)]
    number: u64,
    #[n(1)]
    date: Date,
    /// Trades not yet settled or recycled.
    #[n(2)]
    pub(crate) remaining: DueTrades,
    #[n(3)]
    allowances: BTreeMap<Deliverer, Allowance>,
    /// Of the net-settled trades that have not been recycled.
    #[n(4)]
    positions: Positions,
    /// The last position recorded.
    #[n(5)]
    netted: Option<(AssetId, Party)>,
    #[n(6)]
    settled: u64,
    #[n(7)]
    recycled: u64,
    /// Of what has settled.
    #[n(8)]
    totals: Totals,
}

impl Run {
    pub(crate) fn netted(&mut self, asset: AssetId, party: Party) {
        if self.netted.is_none() || !planted!("netting-step-repeated") {
            self.netted = Some((asset, party));
        }
    }

    fn net_next(&self, step_max: usize) -> Events<Event> {
        let netted = |(asset, party, position): (AssetId, Party, Position)| {
            let net = position.net();
            let Position { gross_in, gross_out } = position;
            let (run, date) = (self.number, self.date);
            Event::PositionNetted { run, date, party, asset, gross_in, gross_out, net }
        };
        self.positions.after(self.netted).take(step_max).map(netted).collect()
    }

    /// What each deliverer with a shortfall has left for gross-settled trades.
    fn left(&self) -> BTreeMap<Deliverer, Amount> {
        let left = |(&(participant, asset), allowance): (&Deliverer, &Allowance)| {
            let net = (-self.positions.net(participant, asset)).max(Amount::ZERO);
            ((participant, asset), allowance.deliverable - net - allowance.delivered_gross)
        };
        self.allowances.iter().map(left).collect()
    }

    fn needs(&self) -> BTreeMap<Deliverer, Need> {
        let need = |(&(participant, asset), allowance): (&Deliverer, &Allowance)| {
            let Allowance { deliverable, searched, .. } = *allowance;
            let net = self.positions.net(participant, asset);
            ((participant, asset), Need { net, deliverable, searched })
        };
        self.allowances.iter().map(need).collect()
    }

    /// Counts a gross-settled trade against what its deliverers have.
    fn deliver(&mut self, trade: &CompleteTrade) {
        for movement in trade.movements() {
            let allowance = self.allowances.get_mut(&(movement.participant, movement.asset));
            if let (Some(allowance), Some(outgoing)) = (allowance, movement.outgoing()) {
                allowance.delivered_gross += outgoing;
            }
        }
    }

    fn completed(&self) -> Event {
        Event::RunCompleted {
            run: self.number,
            date: self.date,
            settled: self.settled,
            recycled: self.recycled,
            totals: self.totals.to_vec(),
        }
    }
}

impl Settlement {
    /// The date of the settlement run that still has steps to take.
    pub fn running(&self) -> Option<Date> {
        self.run.as_ref().map(|run| run.date)
    }

    pub(crate) fn running_mut(&mut self) -> &mut Run {
        self.run.as_mut().expect("a run is in progress")
    }

    pub(crate) fn process(&self, date: Date) -> Result<Events<Event>, Refusal> {
        match self.running() {
            Some(running) if running == date => return Ok(Events::new()),
            Some(running) => return Err(Refusal::RunInProgress(running)),
            None => {}
        }
        // Each trade must sum to zero by itself, so that whatever part of them settles does.
        if let Some(trade) = self.obligations.unbalanced(date)
            && let Some((asset, difference)) = trade.imbalance()
        {
            return Err(Refusal::Unbalanced { trade: trade.id(), asset, difference });
        }
        let sums = self.obligations.sums(date);
        if sums.trades == 0 {
            return Ok(Events::new());
        }
        let covers = self.covers(&sums.positions);
        let (run, trades, totals) = (self.runs + 1, sums.trades, sums.totals.to_vec());
        Ok(one(Event::RunStarted { run, date, trades, totals, covers }))
    }

    /// The next step of the run, if there is one.
    pub(crate) fn advance(&self, bound: StepBound) -> Events<Event> {
        let Some(run) = &self.run else { return Events::new() };
        let step_max = bound.within(STEP_TRADES_MAX);
        let uncovered = self.recycle_uncovered(run, step_max);
        if !uncovered.is_empty() {
            return uncovered;
        }
        let netted = run.net_next(step_max);
        if !netted.is_empty() {
            return netted;
        }
        if !run.remaining.is_empty() {
            return self.settle_next(run, step_max);
        }
        one(run.completed())
    }

    /// The shortfalls that matter to a run whose trades come to these positions.
    fn covers(&self, due: &Positions) -> Vec<Cover> {
        if self.shortfalls.is_empty() {
            return Vec::new();
        }
        let outgoing: BTreeMap<Deliverer, Amount> =
            due.outgoing().map(|(participant, asset, outgoing)| ((participant, asset), outgoing)).collect();
        let cover = |(&(participant, asset), &missing): (&Deliverer, &Amount)| {
            let outgoing = outgoing.get(&(participant, asset)).copied().unwrap_or_default();
            (!outgoing.is_zero()).then_some(Cover { participant, asset, outgoing, missing })
        };
        self.shortfalls.iter().filter_map(cover).collect()
    }

    /// Takes trades out of the netting until every net outgoing is covered. The first short deliverer, by participant
    /// and asset, loses the latest trade that takes from it; and so on with what is left then.
    fn recycle_uncovered(&self, run: &Run, step_max: usize) -> Events<Event> {
        let (mut events, mut taken, mut needs) = (Events::new(), BTreeSet::new(), run.needs());
        while events.len() < step_max {
            let Some((deliverer, need)) = needs.iter_mut().find(|(_, need)| need.is_short()) else { break };
            let (participant, asset) = *deliverer;
            let short = Short { participant, asset, missing: -(need.net + need.deliverable) };
            let (due, trade) = self.latest_taking(run, *deliverer, need.searched, &taken);
            need.searched = Some(due);
            taken.insert(due);
            for movement in trade.movements() {
                if let Some(need) = needs.get_mut(&(movement.participant, movement.asset)) {
                    need.net -= movement.change;
                }
            }
            events.push(self.recycled(run, due.0, &trade, short));
        }
        events
    }

    /// The latest net-settled trade before `searched` that lowers what the deliverer has, and is not taken yet.
    fn latest_taking(
        &self,
        run: &Run,
        deliverer: Deliverer,
        searched: Option<Due>,
        taken: &BTreeSet<Due>,
    ) -> (Due, CompleteTrade) {
        let candidates = run.remaining.before(searched).filter(|due| !taken.contains(due));
        let mut trades = candidates.map(|due| (due, self.trade_in_run(due.1)));
        let takes = |trade: &CompleteTrade| {
            let change =
                |m: &Movement| if (m.participant, m.asset) == deliverer { m.change } else { Amount::ZERO };
            let sum: Amount = trade.movements().iter().map(change).sum();
            sum.is_negative()
        };
        let found = trades.find(|(_, trade)| self.model_of(trade) == SettlementModel::Net && takes(trade));
        found.expect("a net outgoing comes from a trade that takes")
    }

    /// The next trades in order: final where covered, recycled where not.
    fn settle_next(&self, run: &Run, step_max: usize) -> Events<Event> {
        let mut left = run.left();
        let settle = |(due, trade): Due| {
            let trade = self.trade_in_run(trade);
            let model = self.model_of(&trade);
            let short = match model {
                SettlementModel::Net => None,
                SettlementModel::Gross => draw(&mut left, &trade.movements()).err(),
            };
            match short {
                Some(short) => self.recycled(run, due, &trade, short),
                None => Event::TradeSettled {
                    run: run.number,
                    date: run.date,
                    model,
                    buy: trade.buy.settled(run.date),
                    sell: trade.sell.settled(run.date),
                },
            }
        };
        run.remaining.iter().take(step_max).map(settle).collect()
    }

    fn recycled(&self, run: &Run, from: Date, trade: &CompleteTrade, short: Short) -> Event {
        Event::TradeRecycled {
            run: run.number,
            trade: trade.id(),
            buy: trade.buy.terms.order,
            sell: trade.sell.terms.order,
            model: self.model_of(trade),
            from,
            to: self.business_day(
                trade.buy.calendar,
                if planted!("recycled-to-the-same-day") { run.date } else { run.date.next() },
                0,
            ),
            short,
        }
    }

    fn model_of(&self, trade: &CompleteTrade) -> SettlementModel {
        self.model(trade.buy.terms.market)
    }

    fn trade_in_run(&self, trade: TradeId) -> CompleteTrade {
        self.obligations.complete(trade).expect("a run takes complete trades only")
    }

    /// Freezes the run: what is due and complete now belongs to it, and nothing that comes later.
    pub(crate) fn start_run(&mut self, number: u64, date: Date, trades: u64, covers: &[Cover]) {
        assert!(self.run.is_none() && number == self.runs + 1, "runs follow one another");
        let (remaining, sums) = self.obligations.take_due(date);
        let due: u64 = sums.values().map(|sums| sums.trades).sum();
        assert_eq!(due, trades, "a run takes what was due when it was decided");
        let mut positions = Positions::default();
        let netted = sums.iter().filter(|(market, _)| self.model(**market) == SettlementModel::Net);
        netted.for_each(|(_, sums)| positions.merge(&sums.positions));
        if planted!("net-leaves-out-a-trade")
            && let Some(first) = remaining.iter().map(|due| self.trade_in_run(due.1)).next()
            && self.model_of(&first) == SettlementModel::Net
        {
            positions.remove(&first);
        }
        let allowance = |cover: &Cover| {
            let (deliverable, delivered_gross) = (cover.deliverable(), Amount::ZERO);
            ((cover.participant, cover.asset), Allowance { deliverable, delivered_gross, searched: None })
        };
        let allowances = covers.iter().map(allowance).collect();
        let (settled, recycled, totals) = Default::default();
        let netted = None;
        self.runs = number;
        self.run =
            Some(Run { number, date, remaining, allowances, positions, netted, settled, recycled, totals });
    }

    /// The trade is final: it leaves, and its quota is free again.
    pub(crate) fn settle(&mut self, trade: TradeId, model: SettlementModel) {
        let complete = self.trade_in_run(trade);
        let run = self.running_mut();
        assert!(run.remaining.remove((complete.buy.date, trade)), "trade {trade} settles once");
        run.settled += 1;
        run.totals.add(&complete);
        if model == SettlementModel::Gross {
            run.deliver(&complete);
        }
        for Obligation { terms, fill, .. } in [&complete.buy, &complete.sell] {
            self.quotas.settle(terms.participant, terms.quote, fill.used);
        }
        self.obligations.forget(trade);
    }

    /// Neither side moves: the trade waits for its new date, and its quota stays in use.
    pub(crate) fn recycle(&mut self, due: Due, to: Date, model: SettlementModel, short: &Short) {
        let trade = self.trade_in_run(due.1);
        let run = self.running_mut();
        assert!(run.remaining.remove(due), "trade {} is recycled once a run", due.1);
        run.recycled += 1;
        if model == SettlementModel::Net {
            run.positions.remove(&trade);
            let deliverer = (short.participant, short.asset);
            let allowance = run.allowances.get_mut(&deliverer).expect("who is short has an allowance");
            allowance.searched = Some(due);
        }
        self.obligations.put_back(due.1, to);
    }

    pub(crate) fn complete_run(&mut self, settled: u64, recycled: u64) {
        let run = self.run.take().expect("a run is in progress");
        assert!(run.remaining.is_empty(), "a run completes when nothing is left of it");
        assert_eq!((run.settled, run.recycled), (settled, recycled), "a run counts its trades");
        assert!(run.totals.is_balanced(), "what a run settles sums to zero per asset");
    }
}

/// Draws what a gross-settled trade takes from what its deliverers have left; nothing if one of them falls short.
fn draw(left: &mut BTreeMap<Deliverer, Amount>, movements: &[Movement; 4]) -> Result<(), Short> {
    let mut drawn = BTreeMap::new();
    for Movement { participant, asset, change } in movements {
        let Some(left) = left.get(&(*participant, *asset)) else { continue };
        let rest: &mut Amount = drawn.entry((*participant, *asset)).or_insert(*left);
        *rest -= (-*change).max(Amount::ZERO);
        if rest.is_negative() && !planted!("short-in-gross-settles") {
            return Err(Short { participant: *participant, asset: *asset, missing: -*rest });
        }
    }
    left.append(&mut drawn);
    Ok(())
}
