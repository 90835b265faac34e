//! The market of one workload: who and what is in it, and the commands that define it.
//!
//! Small, so that orders meet, and with odd scales, rates and bands. Invariant: what is defined here is right; what is
//! wrong is asked elsewhere. How much accounts, quotas and limits have to spare is drawn once for all of them.

use engine::Command;
use std::collections::BTreeSet;
use std::str::FromStr;
use trading::Phase;
use vocabulary::{
    AccountId, Amount, Asset, AssetId, AssetKind, Calendar, CalendarId, Date, FeeSchedule, Instrument,
    InstrumentId, MarketId, ParticipantId, Price, Quantity, SettlementModel, UserId,
};

use super::funds::ACCOUNTS_MIN;
use super::{limits, policies};
use crate::Dice;

/// Fees in parts per million that divide nothing evenly, nothing at all, and the highest.
const RATES: [u32; 9] = [0, 1, 33, 100, 333, 777, 12_345, 99_999, 100_000];

/// An instrument and where it is traded.
#[derive(Clone, Debug)]
pub(super) struct Listed {
    pub(super) shard: u16,
    pub(super) instrument: Instrument,
}

impl Listed {
    /// So many ticks from the reference price, and never below one tick.
    pub(super) fn price_at(&self, ticks: i64) -> Price {
        let Instrument { tick, reference_price, .. } = self.instrument;
        (reference_price + Price(tick.0 * ticks)).max(tick)
    }

    pub(super) fn lots(&self, lots: u64) -> Quantity {
        Quantity(self.instrument.lot.0 * i64::try_from(lots).expect("a few lots are drawn"))
    }

    /// What an order of usual size comes to, in quote.
    pub(super) fn usual_notional(&self) -> Amount {
        self.instrument.notional(self.instrument.reference_price, self.usual_quantity())
    }

    pub(super) fn usual_quantity(&self) -> Quantity {
        self.lots(10)
    }

    /// The same in whole units of quote, as policies see it, rounded up.
    pub(super) fn usual_whole(&self) -> u64 {
        let unit = 10_i128.pow(u32::from(self.instrument.quote_scale));
        u64::try_from((self.usual_notional().0 + unit - 1) / unit).expect("a usual order is small")
    }
}

/// An account, who clears for it and whose it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Holder {
    pub(super) account: AccountId,
    pub(super) participant: ParticipantId,
    pub(super) owner: UserId,
}

/// How much there is to spare, in orders of usual size: from, to.
#[derive(Clone, Copy, Debug)]
struct Room {
    funds: (u64, u64),
    quotas: (u64, u64),
}

/// Who and what there is.
#[derive(Clone, Debug)]
pub(super) struct Market {
    pub(super) shards: u16,
    pub(super) quotes: Vec<Asset>,
    bases: Vec<(u16, Asset)>,
    pub(super) listed: Vec<Listed>,
    pub(super) markets: Vec<MarketId>,
    pub(super) calendars: Vec<CalendarId>,
    pub(super) participants: Vec<ParticipantId>,
    pub(super) accounts: Vec<Holder>,
    pub(super) users: Vec<UserId>,
    pub(super) operator: UserId,
    pub(super) first_day: Date,
    room: Room,
}

/// Reads a code that is made up here.
pub(super) fn id<T: FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().expect("what is made up here is a code")
}

/// A number up to `reach` on either side of zero.
pub(super) fn around(dice: &mut Dice, reach: u32) -> i64 {
    let drawn = dice.below(2 * u64::from(reach) + 1);
    i64::try_from(drawn).expect("twice 32 bits fit") - i64::from(reach)
}

/// An index below `len`.
pub(super) fn index(dice: &mut Dice, len: usize) -> usize {
    usize::try_from(dice.below(len as u64)).expect("an index into memory")
}

/// So many times an amount.
pub(super) fn times(amount: Amount, by: u64) -> Amount {
    Amount(amount.0 * i128::from(by))
}

impl Market {
    pub(super) fn draw(dice: &mut Dice, shards: u16) -> Self {
        assert!(shards > 0, "orders go to a trading shard");
        let second = *dice.pick(&[None, Some(("JPY", 0)), Some(("XBT", 8))]);
        let currency =
            |(code, scale): (&str, u8)| Asset { asset: id(code), kind: AssetKind::Currency, scale };
        let quotes: Vec<_> = [Some(("EUR", 2)), second].into_iter().flatten().map(currency).collect();
        let numbered = |name: &str, count: u64| (1..=count).map(|n| format!("{name}{n}")).collect::<Vec<_>>();
        let participants: Vec<ParticipantId> =
            numbered("MEMBER-", dice.between(2, 4)).iter().map(|code| id(code)).collect();
        let users: Vec<UserId> = numbered("user-", dice.between(3, 8)).iter().map(|code| id(code)).collect();
        let accounts =
            numbered("ACC-", dice.between(ACCOUNTS_MIN as u64, 10)).iter().map(|code| id(code)).collect();
        let mut market = Self {
            shards,
            quotes,
            bases: Vec::new(),
            listed: Vec::new(),
            markets: vec![id("MAIN"), id("SIDE")],
            calendars: vec![id("DAYS"), id("OTHER")],
            accounts: hold(dice, accounts, &participants, &users),
            participants,
            users,
            operator: id("operator-1"),
            first_day: some_day(dice),
            room: Room {
                funds: *dice.pick(&[(2, 15), (10, 60), (50, 400), (200, 1_000)]),
                quotas: *dice.pick(&[(5, 40), (40, 300), (500, 5_000), (500, 5_000)]),
            },
        };
        for shard in 0..shards {
            let count = dice.between(1, if shards == 1 { 3 } else { 2 });
            (0..count).for_each(|number| market.list(dice, shard, number));
        }
        market
    }

    /// Adds an instrument, of a base of its own or of another currency.
    fn list(&mut self, dice: &mut Dice, shard: u16, number: u64) {
        let quote = *dice.pick(&self.quotes);
        let code = format!("S{shard}{number}");
        let other = self.quotes.iter().find(|asset| asset.asset != quote.asset).copied();
        let base = match other {
            Some(other) if dice.permille(150) => other,
            Some(_) | None => {
                let scale = *dice.pick(&[0, 0, 1, 3]);
                let base = Asset { asset: id(&code), kind: AssetKind::Security, scale };
                self.bases.push((shard, base));
                base
            }
        };
        let tick = Price(*dice.pick(&[1, 1, 5, 25]));
        let band_bp = *dice.pick(&[None, Some(100), Some(250), Some(2_000), Some(9_999)]);
        // A tight band lets a few ticks pass only if a tick is a small part of the price.
        let ticks = if band_bp.is_some_and(|band| band < 1_000) { 150 } else { 20 };
        let mut instrument = Instrument {
            instrument: id(&code),
            isin: None,
            market: *dice.pick(&self.markets),
            base: base.asset,
            quote: quote.asset,
            price_scale: *dice.pick(&[0, 2, 2, 3]),
            tick,
            lot: Quantity(*dice.pick(&[1, 1, 5, 100])),
            band_bp,
            reference_price: Price(tick.0 * i64::try_from(dice.between(ticks, 2_000)).expect("a few ticks")),
            settlement_days: *dice.pick(&[0, 1, 2]),
            calendar: *dice.pick(&self.calendars),
            fees: FeeSchedule { maker_ppm: *dice.pick(&RATES), taker_ppm: *dice.pick(&RATES) },
            base_scale: base.scale,
            quote_scale: quote.scale,
        };
        if !instrument.notional_is_exact() {
            let scales = instrument.price_scale + base.scale;
            instrument.lot = Quantity(10_i64.pow(u32::from(scales.saturating_sub(quote.scale))));
        }
        self.listed.push(Listed { shard, instrument });
    }

    /// Where an instrument stands in the list.
    pub(super) fn place_of(&self, instrument: InstrumentId) -> Option<usize> {
        self.listed.iter().position(|listed| listed.instrument.instrument == instrument)
    }

    /// An order of usual size in that currency, where it is largest.
    pub(super) fn usual_in(&self, quote: AssetId) -> Amount {
        let listed = self.listed.iter().filter(|listed| listed.instrument.quote == quote);
        listed.map(Listed::usual_notional).max().unwrap_or(Amount(1_000_00))
    }

    /// An amount of that asset as an order of usual size takes it.
    pub(super) fn usual_of(&self, asset: AssetId) -> Amount {
        let listed = self.listed.iter().find(|listed| listed.instrument.base == asset);
        let held = listed.map_or(Amount::ZERO, |listed| listed.usual_quantity().into());
        if self.quotes.iter().any(|quote| quote.asset == asset) {
            return held.max(self.usual_in(asset));
        }
        held
    }

    /// What accounts have in a shard.
    pub(super) fn assets_in(&self, shard: u16) -> Vec<Asset> {
        let bases = self.bases.iter().filter(|(at, _)| *at == shard).map(|(_, asset)| *asset);
        self.quotes.iter().copied().chain(bases).collect()
    }

    /// All that must be said before anyone trades, with the number of the trading shard for what is said to one.
    pub(super) fn definitions(&self, dice: &mut Dice) -> Vec<(u16, Command)> {
        let mut all: Vec<(u16, Command)> =
            vec![(0, Command::Compliance(policies::activate(policies::draw(dice, self))))];
        all.extend(self.clearing(dice).into_iter().map(|command| (0, Command::Settlement(command))));
        let limits = dice.below(8);
        let percents = limits::percents(dice);
        all.push((0, Command::Risk(risk::Command::SetAlertThresholds { percents })));
        all.extend((0..limits).map(|_| (0, Command::Risk(limits::draw(dice, self)))));
        for shard in 0..self.shards {
            let commands = self.shard(dice, shard);
            all.extend(commands.into_iter().map(|command| (shard, Command::Trading(command))));
        }
        all
    }

    fn clearing(&self, dice: &mut Dice) -> Vec<settlement::Command> {
        use settlement::Command as S;
        // The other calendar is nowhere defined, and counts as Monday to Friday.
        let mut all =
            vec![S::DefineCalendar { calendar: self.calendars[0], days: days(dice, self.first_day) }];
        for &market in &self.markets {
            let model = *dice.pick(&[SettlementModel::Gross, SettlementModel::Net]);
            all.push(S::SetSettlementModel { market, model });
        }
        for &participant in &self.participants {
            for &Asset { asset, .. } in &self.quotes {
                let (low, high) = self.room.quotas;
                let quota = times(self.usual_in(asset), dice.between(low, high));
                // A member without any quota has no room at all.
                if dice.permille(970) {
                    all.push(S::SetQuota { participant, asset, quota });
                }
            }
        }
        all
    }

    fn shard(&self, dice: &mut Dice, shard: u16) -> Vec<trading::Command> {
        use trading::Command as T;
        let assets = self.assets_in(shard);
        let mut all: Vec<_> = assets.iter().copied().map(T::DefineAsset).collect();
        let here = || self.listed.iter().filter(|listed| listed.shard == shard);
        all.extend(here().map(|listed| T::DefineInstrument(Box::new(listed.instrument.clone()))));
        all.extend(
            self.participants.iter().map(|participant| T::RegisterParticipant { participant: *participant }),
        );
        all.push(T::OpenBusinessDay { date: self.first_day });
        for &Holder { account, participant, owner } in &self.accounts {
            all.push(T::OpenAccount { account, participant, owner });
            for Asset { asset, .. } in &assets {
                // Some have nothing to sell, or nothing to pay with.
                if dice.permille(950) {
                    all.push(T::Deposit { account, asset: *asset, amount: self.wealth(dice, *asset) });
                }
            }
        }
        let first = |dice: &mut Dice, instrument| {
            let phase = *dice.pick(&[Phase::Continuous, Phase::Continuous, Phase::OpeningAuction]);
            T::SetPhase { instrument, phase }
        };
        all.extend(here().map(|listed| first(dice, listed.instrument.instrument)));
        all
    }

    fn wealth(&self, dice: &mut Dice, asset: AssetId) -> Amount {
        let (low, high) = self.room.funds;
        times(self.usual_of(asset), dice.between(low, high))
    }
}

/// Gives each account a member and an owner; some owners have several.
fn hold(
    dice: &mut Dice,
    accounts: Vec<AccountId>,
    participants: &[ParticipantId],
    users: &[UserId],
) -> Vec<Holder> {
    let holder =
        |account| Holder { account, participant: *dice.pick(participants), owner: *dice.pick(users) };
    accounts.into_iter().map(holder).collect()
}

/// Any day of a week, so that settlement meets weekends.
fn some_day(dice: &mut Dice) -> Date {
    (0..dice.below(7)).fold(id("2023-02-06"), |day: Date, _| day.next())
}

/// Business days, with a few holidays within the next weeks.
pub(super) fn days(dice: &mut Dice, from: Date) -> Calendar {
    let weekend: BTreeSet<u8> = match dice.below(6) {
        0 => BTreeSet::new(),
        1 => BTreeSet::from([4, 5]),
        2 => BTreeSet::from([0, 1, 2, 3, 4, 6]),
        _ => BTreeSet::from([5, 6]),
    };
    let mut day = from;
    let mut holidays = BTreeSet::new();
    for _ in 0..dice.below(5) {
        day = (0..dice.between(1, 4)).fold(day, |day, _| day.next());
        holidays.insert(day);
    }
    Calendar { weekend, holidays }
}
