//! Reference data, and funds that come in and go out.
//!
//! Invariant: defining the same thing again changes nothing, and defining it differently is refused. Absent on purpose:
//! taking a definition back, because history refers to it.

use vocabulary::{
    AccountId, Amount, Asset, AssetId, Date, Events, FeeSchedule, Instrument, InstrumentId, ParticipantId,
    Price, Quantity, UserId, one,
};

use crate::Trading;
use crate::command::Command;
use crate::event::Event;
use crate::phase::Phase;
use crate::refusal::Refusal;

/// The most decimals an asset or a price may have.
const SCALE_MAX: u8 = 12;

fn invalid<T>(field: &str, rule: &str) -> Result<T, Refusal> {
    Err(Refusal::InvalidDefinition { field: field.to_owned(), rule: rule.to_owned() })
}

fn already<T>(what: String) -> Result<T, Refusal> {
    Err(Refusal::AlreadyDefined { what })
}

impl Trading {
    pub(crate) fn define_asset(&self, asset: Asset) -> Result<Events<Event>, Refusal> {
        if asset.scale > SCALE_MAX {
            return invalid("scale", "must be at most 12");
        }
        match self.assets.get(&asset.asset) {
            Some(known) if *known == asset => Ok(Events::new()),
            Some(_) => already(format!("asset {}", asset.asset)),
            None => Ok(one(Event::AssetDefined(asset))),
        }
    }

    pub(crate) fn define_instrument(&self, instrument: &Instrument) -> Result<Events<Event>, Refusal> {
        let base = self.assets.get(&instrument.base).ok_or(Refusal::UnknownAsset(instrument.base))?;
        let quote = self.assets.get(&instrument.quote).ok_or(Refusal::UnknownAsset(instrument.quote))?;
        if instrument.base == instrument.quote {
            return invalid("quote", "must be another asset than base");
        }
        if (instrument.base_scale, instrument.quote_scale) != (base.scale, quote.scale) {
            return invalid("base_scale and quote_scale", "must be those of the assets");
        }
        if instrument.price_scale > SCALE_MAX {
            return invalid("price_scale", "must be at most 12");
        }
        if instrument.tick <= Price(0) || instrument.tick > Price::MAX {
            return invalid("tick", "must be above 0 and at most 10^15 minor units");
        }
        if instrument.lot <= Quantity::ZERO || instrument.lot > Quantity::MAX {
            return invalid("lot", "must be above 0 and at most 10^15 minor units");
        }
        if !instrument.notional_is_exact() {
            return invalid(
                "tick",
                "times lot must be a whole number of the quote's minor units: use a larger tick or lot, or a quote with more decimals",
            );
        }
        if instrument.band_bp.is_some_and(|band| band == 0 || band >= 10_000) {
            return invalid("band_percent", "must be above 0 and below 100");
        }
        check_reference_price(instrument, instrument.reference_price)?;
        if instrument.settlement_days > 2 {
            return invalid("settlement_days", "must be 0, 1 or 2");
        }
        if instrument.fees.maker_ppm.max(instrument.fees.taker_ppm) > FeeSchedule::PPM_MAX {
            return invalid("fees", "must be at most 10 percent");
        }
        self.new_instrument(instrument)
    }

    fn new_instrument(&self, instrument: &Instrument) -> Result<Events<Event>, Refusal> {
        match self.listing(instrument.instrument) {
            Ok(known) if known.instrument == *instrument => Ok(Events::new()),
            Ok(_) => already(format!("instrument {}", instrument.instrument)),
            Err(_) => Ok(one(Event::InstrumentDefined(Box::new(instrument.clone())))),
        }
    }

    /// What was defined in another shard's trading, taken over here, where nothing is traded. It was checked there, and
    /// what it rests on may come later.
    ///
    /// # Errors
    /// [`Refusal::AlreadyDefined`] when it is known with other content: two shards have defined it differently.
    pub fn adopt(&self, definition: &Command) -> Result<Events<Event>, Refusal> {
        match definition {
            Command::DefineAsset(asset) => self.define_asset(*asset),
            Command::DefineInstrument(instrument) => self.new_instrument(instrument),
            Command::RegisterParticipant { participant } => Ok(self.register_participant(*participant)),
            Command::OpenAccount { account, participant, owner } => {
                self.new_account(*account, *participant, *owner)
            }
            // A later one may have been told of sooner.
            Command::OpenBusinessDay { date }
                if self.business_date.is_some_and(|current| *date < current) =>
            {
                Ok(Events::new())
            }
            Command::OpenBusinessDay { date } => self.open_business_day(*date),
            Command::SetReferencePrice { .. }
            | Command::Deposit { .. }
            | Command::Withdraw { .. }
            | Command::SetPhase { .. }
            | Command::PlaceOrder(_)
            | Command::CancelOrder { .. }
            | Command::CancelClientOrder { .. }
            | Command::ReplaceOrder { .. }
            | Command::CancelAll { .. }
            | Command::AcceptOrder { .. }
            | Command::RejectOrder { .. }
            | Command::Settle { .. }
            | Command::ExecuteBlock { .. }
            | Command::WithdrawBlock { .. }
            | Command::StartSweep { .. }
            | Command::ContinueSweep => Ok(Events::new()),
        }
    }

    pub(crate) fn set_reference_price(
        &self,
        instrument: InstrumentId,
        price: Price,
    ) -> Result<Events<Event>, Refusal> {
        let listing = self.listing(instrument)?;
        check_reference_price(&listing.instrument, price)?;
        if !matches!(listing.phase, Phase::Closed | Phase::Halted) {
            let what = "takes no new reference price".to_owned();
            return Err(Refusal::PhaseForbids { instrument, phase: listing.phase, what });
        }
        if listing.instrument.reference_price == price {
            return Ok(Events::new());
        }
        Ok(one(Event::ReferencePriceSet { instrument, price }))
    }

    pub(crate) fn register_participant(&self, participant: ParticipantId) -> Events<Event> {
        if self.participants.contains(&participant) {
            return Events::new();
        }
        one(Event::ParticipantRegistered { participant })
    }

    pub(crate) fn open_account(
        &self,
        account: AccountId,
        participant: ParticipantId,
        owner: UserId,
    ) -> Result<Events<Event>, Refusal> {
        if !self.participants.contains(&participant) {
            return Err(Refusal::UnknownParticipant(participant));
        }
        self.new_account(account, participant, owner)
    }

    fn new_account(
        &self,
        account: AccountId,
        participant: ParticipantId,
        owner: UserId,
    ) -> Result<Events<Event>, Refusal> {
        match self.ledger.account(account) {
            Some(known) if (known.participant, known.owner) == (participant, owner) => Ok(Events::new()),
            Some(_) => already(format!("account {account}")),
            None => Ok(one(Event::AccountOpened { account, participant, owner })),
        }
    }

    pub(crate) fn deposit(
        &self,
        account: AccountId,
        asset: AssetId,
        amount: Amount,
    ) -> Result<Events<Event>, Refusal> {
        self.check_transfer(account, asset, amount)?;
        let held = self.ledger.totals().get(&asset).map_or(Amount::ZERO, |totals| totals.outside);
        if held > Amount(Amount::MAX.0 * 1_000_000) {
            return Err(Refusal::AmountOutOfRange);
        }
        Ok(one(Event::Deposited { account, asset, amount }))
    }

    pub(crate) fn withdraw(
        &self,
        account: AccountId,
        asset: AssetId,
        amount: Amount,
    ) -> Result<Events<Event>, Refusal> {
        let scale = self.check_transfer(account, asset, amount)?;
        let holder = self.ledger.account(account).ok_or(Refusal::UnknownAccount(account))?;
        let available = holder.balance(asset).available;
        if available < amount {
            return Err(Refusal::InsufficientFunds { account, asset, available, needed: amount, scale });
        }
        Ok(one(Event::Withdrawn { account, asset, amount }))
    }

    /// Gives the asset's scale.
    fn check_transfer(&self, account: AccountId, asset: AssetId, amount: Amount) -> Result<u8, Refusal> {
        self.ledger.slot(account).ok_or(Refusal::UnknownAccount(account))?;
        let known = self.assets.get(&asset).ok_or(Refusal::UnknownAsset(asset))?;
        if amount <= Amount::ZERO || amount > Amount::MAX {
            return Err(Refusal::AmountOutOfRange);
        }
        Ok(known.scale)
    }

    pub(crate) fn open_business_day(&self, date: Date) -> Result<Events<Event>, Refusal> {
        match self.business_date {
            Some(current) if date == current => Ok(Events::new()),
            Some(current) if date < current => Err(Refusal::BusinessDayNotLater { current }),
            Some(_) | None => Ok(one(Event::BusinessDayOpened { date })),
        }
    }
}

fn check_reference_price(instrument: &Instrument, price: Price) -> Result<(), Refusal> {
    if price <= Price(0) || price > Price::MAX {
        return invalid("reference_price", "must be above 0 and at most 10^15 minor units");
    }
    if price.0 % instrument.tick.0 != 0 {
        return invalid("reference_price", "must be a multiple of the tick size");
    }
    Ok(())
}
