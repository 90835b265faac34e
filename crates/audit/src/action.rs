//! What was asked: a stable name for every command, and the ids of what it is about.
//!
//! Names are `context.verb-object`. Auditors search and count by them, so a name never changes.

use compliance::Restriction;
use engine::{Command, Message, MessageId};
use serde::Serialize;
use vocabulary::{
    AccountId, AssetId, CalendarId, ClientOrderId, Date, InstrumentId, MarketId, OrderId, OrderTerms,
    ParticipantId, UserId,
};

/// A command in short.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Action {
    pub(crate) name: &'static str,
    pub(crate) subject: Subject,
}

/// The ids that a command names; what it does not name is left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Subject {
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<OrderId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    counter_order: Option<OrderId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    block: Option<OrderId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_order_id: Option<ClientOrderId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<AccountId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    counterparty: Option<AccountId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    participant: Option<ParticipantId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instrument: Option<InstrumentId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    asset: Option<AssetId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    market: Option<MarketId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    calendar: Option<CalendarId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<UserId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    date: Option<Date>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<MessageId>,
}

fn about(name: &'static str) -> Action {
    Action { name, subject: Subject::default() }
}

impl Action {
    pub(crate) fn of(command: &Command) -> Self {
        match command {
            Command::Trading(command) => of_trading(command),
            Command::Settlement(command) => of_settlement(command),
            Command::Risk(command) => of_risk(command),
            Command::Compliance(command) => of_compliance(command),
            Command::ProposeBlock(block) => Self {
                name: "block.propose",
                subject: Subject {
                    account: Some(block.account),
                    counterparty: Some(block.counterparty),
                    instrument: Some(block.instrument),
                    user: Some(block.user),
                    ..Subject::default()
                },
            },
            Command::ConsentBlock { block, account, user } => {
                about("block.consent").block(*block).account(*account).user(*user)
            }
            Command::RefuseBlock { block, account } => about("block.refuse").block(*block).account(*account),
            Command::RetryBlock { block } => about("block.retry").block(*block),
            Command::ExpireDeadlines => about("node.expire-deadlines"),
            Command::Deliver { message, body, .. } => {
                Self { name: "node.deliver", ..of_message(body).message(*message) }
            }
            Command::Acknowledge { message, .. } => about("node.acknowledge").message(*message),
            Command::RecordAccess(_) => about("node.record-access"),
            Command::RetryMessage { message } => about("node.retry-message").message(*message),
            Command::TakeTurns => about("node.take-turns"),
        }
    }

    fn order(mut self, order: OrderId) -> Self {
        self.subject.order = Some(order);
        self
    }

    fn block(mut self, block: OrderId) -> Self {
        self.subject.block = Some(block);
        self
    }

    fn account(mut self, account: AccountId) -> Self {
        self.subject.account = Some(account);
        self
    }

    fn participant(mut self, participant: ParticipantId) -> Self {
        self.subject.participant = Some(participant);
        self
    }

    fn instrument(mut self, instrument: InstrumentId) -> Self {
        self.subject.instrument = Some(instrument);
        self
    }

    fn asset(mut self, asset: AssetId) -> Self {
        self.subject.asset = Some(asset);
        self
    }

    fn user(mut self, user: UserId) -> Self {
        self.subject.user = Some(user);
        self
    }

    fn date(mut self, date: Date) -> Self {
        self.subject.date = Some(date);
        self
    }

    fn message(mut self, message: MessageId) -> Self {
        self.subject.message = Some(message);
        self
    }

    fn terms(self, terms: &OrderTerms) -> Self {
        self.order(terms.order)
            .account(terms.account)
            .participant(terms.participant)
            .instrument(terms.instrument)
    }

    fn orders_in(self, scope: trading::Scope) -> Self {
        match scope {
            trading::Scope::All => self,
            trading::Scope::Participant(participant) => self.participant(participant),
            trading::Scope::Account(account) => self.account(account),
            trading::Scope::Instrument(instrument) => self.instrument(instrument),
        }
    }

    fn exposure_of(self, scope: risk::Scope) -> Self {
        match scope {
            risk::Scope::Account(account) => self.account(account),
            risk::Scope::Participant(participant) => self.participant(participant),
        }
    }

    fn measured(self, measure: risk::Measure) -> Self {
        match measure {
            risk::Measure::OrderNotional(asset) | risk::Measure::GrossExposure(asset) => self.asset(asset),
            risk::Measure::OrderQuantity(instrument) | risk::Measure::Position(instrument) => {
                self.instrument(instrument)
            }
            risk::Measure::OrderRate => self,
        }
    }

    fn switched(self, switch: risk::Switch) -> Self {
        match switch {
            risk::Switch::All => self,
            risk::Switch::Participant(participant) => self.participant(participant),
            risk::Switch::Account(account) => self.account(account),
            risk::Switch::Instrument(instrument) => self.instrument(instrument),
        }
    }

    fn restricted(self, restriction: Restriction) -> Self {
        match restriction {
            Restriction::Instrument(instrument) => self.instrument(instrument),
            Restriction::InstrumentForAccount { instrument, account } => {
                self.instrument(instrument).account(account)
            }
            Restriction::Account(account) => self.account(account),
            Restriction::User(user) => self.user(user),
        }
    }
}

fn of_message(message: &Message) -> Action {
    match message {
        Message::Trading(command) => of_trading(command),
        Message::Settlement(command) => of_settlement(command),
        Message::Risk(command) => of_risk(command),
        Message::Compliance(command) => of_compliance(command),
        Message::Definition(_, command) => of_trading(command),
    }
}

fn of_trading(command: &trading::Command) -> Action {
    use trading::Command as C;
    match command {
        C::DefineAsset(asset) => about("trading.define-asset").asset(asset.asset),
        C::DefineInstrument(definition) => {
            about("trading.define-instrument").instrument(definition.instrument)
        }
        C::SetReferencePrice { instrument, .. } => {
            about("trading.set-reference-price").instrument(*instrument)
        }
        C::RegisterParticipant { participant } => {
            about("trading.register-participant").participant(*participant)
        }
        C::OpenAccount { account, participant, owner } => {
            about("trading.open-account").account(*account).participant(*participant).user(*owner)
        }
        C::Deposit { account, asset, .. } => about("trading.deposit").account(*account).asset(*asset),
        C::Withdraw { account, asset, .. } => about("trading.withdraw").account(*account).asset(*asset),
        C::OpenBusinessDay { date } => about("trading.open-business-day").date(*date),
        C::SetPhase { instrument, .. } => about("trading.set-phase").instrument(*instrument),
        C::PlaceOrder(place) => placing(place),
        C::CancelOrder { order } => about("trading.cancel-order").order(*order),
        C::ReplaceOrder { order, user, .. } => about("trading.replace-order").order(*order).user(*user),
        C::CancelAll { scope } => about("trading.cancel-all").orders_in(*scope),
        C::AcceptOrder { order } => about("trading.accept-order").order(*order),
        C::RejectOrder { order, .. } => about("trading.reject-order").order(*order),
        C::Settle { side } => about("trading.settle").terms(&side.terms),
        C::ExecuteBlock { buy, sell } => {
            let mut action = about("trading.execute-block").order(*buy);
            action.subject.counter_order = Some(*sell);
            action
        }
        C::WithdrawBlock { order } => about("trading.withdraw-block").order(*order),
        C::StartSweep { scope, .. } => about("trading.start-sweep").orders_in(*scope),
        C::ContinueSweep => about("trading.continue-sweep"),
        C::CancelClientOrder { account, client_order_id } => {
            let mut action = about("trading.cancel-client-order").account(*account);
            action.subject.client_order_id = Some(*client_order_id);
            action
        }
    }
}

fn placing(place: &trading::PlaceOrder) -> Action {
    let mut action =
        about("trading.place-order").account(place.account).instrument(place.instrument).user(place.user);
    action.subject.client_order_id = place.client_order_id;
    action
}

fn of_settlement(command: &settlement::Command) -> Action {
    use settlement::Command as C;
    match command {
        C::SetQuota { participant, asset, .. } => {
            about("settlement.set-quota").participant(*participant).asset(*asset)
        }
        C::DefineCalendar { calendar, .. } => {
            let mut action = about("settlement.define-calendar");
            action.subject.calendar = Some(*calendar);
            action
        }
        C::SetSettlementModel { market, .. } => {
            let mut action = about("settlement.set-settlement-model");
            action.subject.market = Some(*market);
            action
        }
        C::RecordShortfall { participant, asset, .. } => {
            about("settlement.record-shortfall").participant(*participant).asset(*asset)
        }
        C::Hold { terms, .. } => about("settlement.hold").terms(terms),
        C::Confirm { terms, .. } => about("settlement.confirm").terms(terms),
        C::Reduce { terms, .. } => about("settlement.reduce").terms(terms),
        C::Release { terms, .. } => about("settlement.release").terms(terms),
        C::Process { date } => about("settlement.process").date(*date),
        C::Advance => about("settlement.advance"),
    }
}

fn of_risk(command: &risk::Command) -> Action {
    use risk::Command as C;
    match command {
        C::SetLimit { scope, measure, .. } => about("risk.set-limit").exposure_of(*scope).measured(*measure),
        C::SetAlertThresholds { .. } => about("risk.set-alert-thresholds"),
        C::EngageKillSwitch { switch, .. } => about("risk.engage-kill-switch").switched(*switch),
        C::LiftKillSwitch { switch } => about("risk.lift-kill-switch").switched(*switch),
        C::Hold { terms, .. } => about("risk.hold").terms(terms),
        C::Confirm { terms, .. } => about("risk.confirm").terms(terms),
        C::Reduce { terms, .. } => about("risk.reduce").terms(terms),
        C::Release { terms, .. } => about("risk.release").terms(terms),
        C::Settle { side } => about("risk.settle").terms(&side.terms),
    }
}

fn of_compliance(command: &compliance::Command) -> Action {
    use compliance::Command as C;
    match command {
        C::ActivatePolicy { .. } => about("compliance.activate-policy"),
        C::Restrict { restriction } => about("compliance.restrict").restricted(*restriction),
        C::Unrestrict { restriction } => about("compliance.unrestrict").restricted(*restriction),
        C::Check { terms, user, .. } => about("compliance.check").terms(terms).user(*user),
    }
}
