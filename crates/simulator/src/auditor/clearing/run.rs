//! A settlement run, done over again from what is recorded of it.
//!
//! Only who has a reported shortfall can fail. Netting draws first on what he can deliver: while his net outgoing exceeds
//! it, the latest trade that takes from him leaves. Then trades settled gross are judged one by one, oldest first, each by
//! what the earlier ones have left. What leaves is due again on the business day after the run's date.

use settlement::{Cover, Event as S, Party, Short, Total};
use std::collections::{BTreeMap, BTreeSet};
use vocabulary::{Amount, AssetId, Date, ParticipantId, SettledSide, SettlementModel, TradeId};

use super::deal::Deal;
use super::{Clearing, Findings, days};

/// The deliveries of a participant in an asset.
type Deliverer = (ParticipantId, AssetId);
/// Gross in, gross out.
type Position = (Amount, Amount);

/// The run in progress.
#[derive(Debug)]
pub(super) struct Run {
    number: u64,
    pub(super) date: Date,
    /// Neither settled nor recycled, oldest first.
    remaining: BTreeSet<(Date, TradeId)>,
    /// Those of them that settle net; settled ones stay, recycled ones leave.
    netting: BTreeSet<TradeId>,
    /// What these come to for each participant; negative: it delivers.
    nets: BTreeMap<Deliverer, Amount>,
    /// What who has a shortfall can deliver.
    deliverable: BTreeMap<Deliverer, Amount>,
    /// What of it went into trades settled gross.
    delivered: BTreeMap<Deliverer, Amount>,
    /// The positions that were recorded.
    recorded: BTreeMap<(AssetId, Party), Position>,
    settled: u64,
    recycled: u64,
    totals: BTreeMap<AssetId, Total>,
}

impl Run {
    fn net(&self, deliverer: Deliverer) -> Amount {
        self.nets.get(&deliverer).copied().unwrap_or_default()
    }

    /// How much a deliverer lacks for its net position; none if it lacks nothing.
    fn lacks_net(&self, deliverer: Deliverer) -> Option<Amount> {
        let deliverable = *self.deliverable.get(&deliverer)?;
        let lacking = -(self.net(deliverer) + deliverable);
        (lacking > Amount::ZERO).then_some(lacking)
    }

    /// How much a deliverer lacks for the next trade settled gross.
    fn lacks_gross(&self, deliverer: Deliverer, deal: &Deal) -> Option<Amount> {
        let deliverable = *self.deliverable.get(&deliverer)?;
        let for_net = (-self.net(deliverer)).max(Amount::ZERO);
        let delivered = self.delivered.get(&deliverer).copied().unwrap_or_default();
        let lacking = outgoing(deal, deliverer) - (deliverable - for_net - delivered);
        (lacking > Amount::ZERO && outgoing(deal, deliverer) > Amount::ZERO).then_some(lacking)
    }
}

/// What a trade changes for a deliverer.
fn change(deal: &Deal, deliverer: Deliverer) -> Amount {
    let its = deal.movements().into_iter().filter(|m| (m.participant, m.asset) == deliverer);
    its.map(|movement| movement.change).sum()
}

/// What a trade has a deliverer deliver.
fn outgoing(deal: &Deal, deliverer: Deliverer) -> Amount {
    let its = deal.movements().into_iter().filter(|m| (m.participant, m.asset) == deliverer);
    its.map(|movement| (-movement.change).max(Amount::ZERO)).sum()
}

fn add_totals(totals: &mut BTreeMap<AssetId, Total>, deal: &Deal) {
    let zero = |asset| Total { asset, delivered: Amount::ZERO, received: Amount::ZERO, fees: Amount::ZERO };
    for movement in deal.movements() {
        let total = totals.entry(movement.asset).or_insert(zero(movement.asset));
        total.delivered += (-movement.change).max(Amount::ZERO);
        total.received += movement.change.max(Amount::ZERO);
    }
    let (asset, fees) = deal.fees();
    totals.entry(asset).or_insert(zero(asset)).fees += fees;
}

impl Clearing {
    pub(super) fn start_run(
        &mut self,
        number: u64,
        date: Date,
        trades: u64,
        totals: &[Total],
        covers: &[Cover],
        found: &mut Findings<'_>,
    ) {
        found.check(self.run.is_none() && number == self.runs + 1, "settlement run", || {
            format!("run {number} of {date} began after {}, or before that was over", self.runs)
        });
        let remaining: BTreeSet<_> = self.due(date).collect();
        found.check(remaining.len() as u64 == trades, "settlement run", || {
            format!("run {number} of {date} takes {trades} trades, and {} are due", remaining.len())
        });
        let mut due_totals = BTreeMap::new();
        let (mut netting, mut nets) = (BTreeSet::new(), BTreeMap::<_, Amount>::new());
        let mut outgoing: BTreeMap<Deliverer, Amount> = BTreeMap::new();
        for (_, trade) in &remaining {
            let Some(deal) = self.deals.get(trade) else { continue };
            add_totals(&mut due_totals, deal);
            let is_net = self.model(deal) == SettlementModel::Net;
            if is_net {
                netting.insert(*trade);
            }
            for movement in deal.movements() {
                let deliverer = (movement.participant, movement.asset);
                *outgoing.entry(deliverer).or_default() += (-movement.change).max(Amount::ZERO);
                if is_net {
                    *nets.entry(deliverer).or_default() += movement.change;
                }
            }
        }
        check_totals(&due_totals, totals, "is due", found);
        let deliverable = self.deliverable(&outgoing, covers, found);
        for (_, trade) in &remaining {
            if let Some(deal) = self.deals.get_mut(trade) {
                deal.enter_run();
            }
        }
        let (delivered, recorded, settled, recycled, totals) = Default::default();
        self.runs = number;
        self.run = Some(Run {
            number,
            date,
            remaining,
            netting,
            nets,
            deliverable,
            delivered,
            recorded,
            settled,
            recycled,
            totals,
        });
    }

    /// What who reported a shortfall can deliver of what is due; the run must say the same.
    fn deliverable(
        &self,
        outgoing: &BTreeMap<Deliverer, Amount>,
        covers: &[Cover],
        found: &mut Findings<'_>,
    ) -> BTreeMap<Deliverer, Amount> {
        let due = |deliverer| outgoing.get(deliverer).copied().unwrap_or_default();
        let missing =
            self.shortfalls.iter().map(|(deliverer, missing)| (*deliverer, due(deliverer), *missing));
        let right: Vec<_> =
            missing.filter(|(_, due, missing)| !due.is_zero() && !missing.is_zero()).collect();
        let told = covers.iter().map(|c| ((c.participant, c.asset), c.outgoing, c.missing));
        found.check(told.clone().eq(right.iter().copied()), "shortfall", || {
            format!("the run covers {:?}, and {right:?} is right", told.collect::<Vec<_>>())
        });
        let deliverable = |(deliverer, due, missing): (Deliverer, Amount, Amount)| {
            (deliverer, (due - missing).max(Amount::ZERO))
        };
        right.into_iter().map(deliverable).collect()
    }

    /// The run in progress, which must be this one.
    fn running(&mut self, number: u64, date: Date, found: &mut Findings<'_>) -> Option<&mut Run> {
        let is_it = self.run.as_ref().is_some_and(|run| (run.number, run.date) == (number, date));
        found.check(is_it, "settlement run", || format!("run {number} of {date} is not the one going on"));
        self.run.as_mut()
    }

    pub(super) fn net(
        &mut self,
        number: u64,
        date: Date,
        key: (AssetId, Party),
        (gross_in, gross_out, net): (Amount, Amount, Amount),
        found: &mut Findings<'_>,
    ) {
        let Some(run) = self.running(number, date, found) else { return };
        found.check(net == gross_in - gross_out, "netting", || {
            format!("{key:?} gets {gross_in} and gives {gross_out}, and nets to {net}")
        });
        found.check(run.settled == 0, "netting", || {
            format!("{key:?} was netted after trades of the run had settled")
        });
        let before = run.recorded.insert(key, (gross_in, gross_out));
        found.check(before.is_none(), "netting", || format!("{key:?} was netted twice"));
    }

    pub(super) fn settle(
        &mut self,
        number: u64,
        date: Date,
        model: SettlementModel,
        [buy, sell]: [&SettledSide; 2],
        found: &mut Findings<'_>,
    ) {
        let trade = buy.fill.trade;
        self.running(number, date, found);
        let market_model = self.deals.get(&trade).map(|deal| self.model(deal));
        let (Some(run), Some(deal)) = (&mut self.run, self.deals.get_mut(&trade)) else {
            return found.tell("finality", format!("trade {trade} settled, and is not due"));
        };
        let is_taken = deal.due.is_some_and(|due| run.remaining.remove(&(due, trade)));
        found.check(is_taken, "finality", || format!("trade {trade} settled, and is not in the run"));
        let is_whole = deal.is_side(buy, run.date)
            && deal.is_side(sell, run.date)
            && buy.terms.side != sell.terms.side
            && sell.fill.trade == trade;
        found.check(is_whole, "delivery versus payment", || {
            format!("trade {trade} settled with other sides than it has: {buy:?}, {sell:?}")
        });
        found.check(market_model == Some(model), "delivery versus payment", || {
            format!("trade {trade} settled {model:?}, and its market is {market_model:?}")
        });
        for deliverer in run.deliverable.keys() {
            if let Some(lacking) = run.lacks_net(*deliverer) {
                let told = format!("trade {trade} settled while {deliverer:?} lacks {lacking} of its net");
                found.tell("shortfall", told);
            }
        }
        if model == SettlementModel::Gross {
            for movement in deal.movements().into_iter().filter(|m| m.change.is_negative()) {
                let deliverer = (movement.participant, movement.asset);
                if let Some(lacking) = run.lacks_gross(deliverer, deal) {
                    let told = format!("trade {trade} settled, and {deliverer:?} lacks {lacking} for it");
                    found.tell("shortfall", told);
                }
                *run.delivered.entry(deliverer).or_default() -= movement.change;
            }
        }
        run.settled += 1;
        add_totals(&mut run.totals, deal);
        deal.become_settled(run.date);
        let due = deal.due;
        self.check_oldest_first(model, due, trade, found);
    }

    /// Trades settled gross are judged oldest first, because the earlier ones use up what there is.
    fn check_oldest_first(
        &self,
        model: SettlementModel,
        due: Option<Date>,
        trade: TradeId,
        found: &mut Findings<'_>,
    ) {
        let (SettlementModel::Gross, Some(run), Some(due)) = (model, &self.run, due) else { return };
        let mut before =
            run.remaining.range(..(due, trade)).filter(|(_, older)| !run.netting.contains(older));
        if let Some((_, older)) = before.next() {
            found.tell("shortfall", format!("trade {trade} was judged before {older}, which is older"));
        }
    }

    /// Neither side of a trade moves, because a deliverer is short.
    pub(super) fn recycle(&mut self, event: &S, found: &mut Findings<'_>) {
        let &S::TradeRecycled { run: number, trade, buy, sell, model, from, to, ref short } = event else {
            return;
        };
        let date = self.run.as_ref().map_or(from, |run| run.date);
        self.running(number, date, found);
        self.check_short(trade, (from, model), short, found);
        let market_model = self.deals.get(&trade).map(|deal| self.model(deal));
        let (Some(run), Some(deal)) = (&mut self.run, self.deals.get_mut(&trade)) else {
            return found.tell("shortfall", format!("trade {trade} was recycled, and is not due"));
        };
        let is_taken = run.remaining.remove(&(from, trade));
        found.check(is_taken, "shortfall", || {
            format!("trade {trade}, due on {from}, was recycled, and is not in the run")
        });
        let is_described = (deal.trade.buy.order, deal.trade.sell.order) == (buy, sell);
        found.check(is_described && market_model == Some(model), "shortfall", || {
            format!("trade {trade} was recycled with other orders or another model than it has")
        });
        let right = days::business_day(self.calendars.get(&deal.instrument.calendar), run.date.next(), 0);
        found.check(to == right, "settlement date", || {
            format!("trade {trade} was recycled to {to}, and {right} is right")
        });
        run.recycled += 1;
        if run.netting.remove(&trade) {
            for movement in deal.movements() {
                *run.nets.entry((movement.participant, movement.asset)).or_default() -= movement.change;
            }
        }
        deal.become_due(to);
        self.check_oldest_first(model, Some(from), trade, found);
    }

    /// Whether the deliverer is short indeed, by so much, and loses the right trade.
    fn check_short(
        &self,
        trade: TradeId,
        (from, model): (Date, SettlementModel),
        short: &Short,
        found: &mut Findings<'_>,
    ) {
        let (Some(run), Some(deal)) = (&self.run, self.deals.get(&trade)) else { return };
        let deliverer = (short.participant, short.asset);
        let lacking = match model {
            SettlementModel::Net => run.lacks_net(deliverer),
            SettlementModel::Gross => run.lacks_gross(deliverer, deal),
        };
        found.check(lacking == Some(short.missing), "shortfall", || {
            format!("trade {trade} failed for {short:?}, and {lacking:?} is missing")
        });
        if model == SettlementModel::Gross {
            return;
        }
        let takes = |deal: &Deal| change(deal, deliverer).is_negative();
        found.check(takes(deal), "shortfall", || {
            format!("trade {trade} failed for {deliverer:?}, from whom it takes nothing")
        });
        let later = run.remaining.iter().filter(|(due, id)| (*due, *id) > (from, trade));
        let mut later = later.filter(|(_, id)| run.netting.contains(id));
        if let Some((_, later)) = later.find(|(_, id)| self.deals.get(id).is_some_and(takes)) {
            let told = format!("trade {trade} failed for {deliverer:?}, and {later} is the latest");
            found.tell("shortfall", told);
        }
    }

    pub(super) fn complete_run(
        &mut self,
        number: u64,
        date: Date,
        told: (u64, u64),
        totals: &[Total],
        found: &mut Findings<'_>,
    ) {
        self.running(number, date, found);
        let Some(run) = self.run.take() else { return };
        found.check(run.remaining.is_empty(), "settlement run", || {
            format!("run {number} ended without {:?}", run.remaining)
        });
        let counts = (run.settled, run.recycled);
        found.check(told == counts, "settlement run", || {
            format!("run {number} counts {told:?} settled and recycled, and {counts:?} is right")
        });
        check_totals(&run.totals, totals, "has settled", found);
        self.check_positions(&run, found);
    }

    /// Each net position is the sum over the gross ones of the trades in it, and per asset they sum to zero.
    fn check_positions(&self, run: &Run, found: &mut Findings<'_>) {
        let mut right: BTreeMap<(AssetId, Party), Position> = BTreeMap::new();
        for movement in run.netting.iter().filter_map(|id| self.deals.get(id)).flat_map(Deal::movements) {
            let (gets, gives) = (movement.change.max(Amount::ZERO), (-movement.change).max(Amount::ZERO));
            let his = right.entry((movement.asset, Party::Participant(movement.participant))).or_default();
            *his = (his.0 + gets, his.1 + gives);
            let of_all = right.entry((movement.asset, Party::CentralCounterparty)).or_default();
            *of_all = (of_all.0 + gives, of_all.1 + gets);
        }
        for key in right.keys().chain(run.recorded.keys()).collect::<BTreeSet<_>>() {
            let (right, told) = (right.get(key), run.recorded.get(key));
            found.check(right == told, "netting", || {
                format!("{key:?} gets and gives {told:?} in run {}, and {right:?} is right", run.number)
            });
        }
    }
}

fn check_totals(right: &BTreeMap<AssetId, Total>, told: &[Total], what: &str, found: &mut Findings<'_>) {
    found.check(right.values().eq(told), "netting", || {
        format!("{told:?} {what}, and {:?} is right", right.values().collect::<Vec<_>>())
    });
    for total in told.iter().filter(|total| total.delivered != total.received + total.fees) {
        found.tell("netting", format!("{total:?} does not sum to zero"));
    }
}
