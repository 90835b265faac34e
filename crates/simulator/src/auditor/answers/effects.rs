//! What a client's command brings about is what he asked for: facts that only one command can bring about say what that
//! command says, and come once.

use super::ONCE;
use crate::auditor::findings::Findings;
use engine::{Command, Event, Message, Record};
use std::borrow::Cow;

/// Checks every such fact of a record.
pub(super) fn check(record: &Record, findings: &mut Findings<'_>) {
    let mut effects = 0;
    let asked = asked(&record.request.command);
    for event in record.events() {
        let Some(command) = cause_of(event) else { continue };
        effects += 1;
        findings.check(*asked == command, ONCE, || {
            format!("{event:?}, and {:?} was asked", record.request.command)
        });
    }
    findings.check(effects <= 1, ONCE, || format!("{:?} has {effects} effects", record.request.command));
}

/// What was asked: a definition that comes from another node is asked for by its message.
fn asked(command: &Command) -> Cow<'_, Command> {
    if let Command::Deliver { body, .. } = command
        && let Message::Definition(_, definition) = &**body
    {
        return Cow::Owned(Command::Trading((**definition).clone()));
    }
    Cow::Borrowed(command)
}

/// The only command that brings about such a fact; none if there are several, or none of a client.
fn cause_of(event: &Event) -> Option<Command> {
    match event {
        Event::Trading(event) => cause_in_trading(event).map(Command::Trading),
        Event::Settlement(event) => cause_in_settlement(event).map(Command::Settlement),
        Event::Risk(event) => cause_in_risk(event).map(Command::Risk),
        Event::Compliance(event) => cause_in_compliance(event).map(Command::Compliance),
        Event::Flow(_) | Event::Block(_) => None,
    }
}

fn cause_in_trading(event: &trading::Event) -> Option<trading::Command> {
    use trading::{Command as C, Event as E};
    Some(match event {
        E::AssetDefined(asset) => C::DefineAsset(*asset),
        E::InstrumentDefined(instrument) => C::DefineInstrument(instrument.clone()),
        E::ReferencePriceSet { instrument, price } => {
            C::SetReferencePrice { instrument: *instrument, price: *price }
        }
        E::ParticipantRegistered { participant } => C::RegisterParticipant { participant: *participant },
        E::AccountOpened { account, participant, owner } => {
            C::OpenAccount { account: *account, participant: *participant, owner: *owner }
        }
        E::Deposited { account, asset, amount } => {
            C::Deposit { account: *account, asset: *asset, amount: *amount }
        }
        E::Withdrawn { account, asset, amount } => {
            C::Withdraw { account: *account, asset: *asset, amount: *amount }
        }
        E::BusinessDayOpened { date } => C::OpenBusinessDay { date: *date },
        E::PhaseChanged { instrument, to, .. } => C::SetPhase { instrument: *instrument, phase: *to },
        E::AuctionUncrossed { .. }
        | E::OrderCreated(_)
        | E::OrderCleared { .. }
        | E::OrderAccepted { .. }
        | E::OrderRejected { .. }
        | E::OrderRested { .. }
        | E::OrderExecuted(_)
        | E::OrderReduced { .. }
        | E::OrderCanceled { .. }
        | E::OrderExpired { .. }
        | E::ExecutionSettled(_)
        | E::OrderSettled { .. }
        | E::SweepStarted { .. }
        | E::SweepAdvanced { .. } => return None,
    })
}

fn cause_in_settlement(event: &settlement::Event) -> Option<settlement::Command> {
    use settlement::{Command as C, Event as E};
    Some(match event {
        E::QuotaSet { participant, asset, quota } => {
            C::SetQuota { participant: *participant, asset: *asset, quota: *quota }
        }
        E::CalendarDefined { calendar, days } => {
            C::DefineCalendar { calendar: *calendar, days: days.clone() }
        }
        E::SettlementModelSet { market, model } => C::SetSettlementModel { market: *market, model: *model },
        E::ShortfallRecorded { participant, asset, missing } => {
            C::RecordShortfall { participant: *participant, asset: *asset, missing: *missing }
        }
        E::RunStarted { date, .. } => C::Process { date: *date },
        E::QuotaHeld { .. }
        | E::ObligationRecorded { .. }
        | E::QuotaReduced { .. }
        | E::QuotaReleased { .. }
        | E::PositionNetted { .. }
        | E::TradeSettled { .. }
        | E::TradeRecycled { .. }
        | E::RunCompleted { .. } => return None,
    })
}

fn cause_in_risk(event: &risk::Event) -> Option<risk::Command> {
    use risk::{Command as C, Event as E};
    Some(match event {
        E::LimitSet { scope, measure, limit } => {
            C::SetLimit { scope: *scope, measure: *measure, limit: *limit }
        }
        E::KillSwitchEngaged { switch, reason } => {
            C::EngageKillSwitch { switch: *switch, reason: reason.clone() }
        }
        E::KillSwitchLifted { switch } => C::LiftKillSwitch { switch: *switch },
        // Thresholds are put in order before they are recorded.
        E::AlertThresholdsSet { .. }
        | E::ExposureHeld { .. }
        | E::ExposureConfirmed { .. }
        | E::ExposureReduced { .. }
        | E::ExposureReleased { .. }
        | E::ExposureSettled { .. }
        | E::AlertRaised { .. } => return None,
    })
}

fn cause_in_compliance(event: &compliance::Event) -> Option<compliance::Command> {
    use compliance::{Command as C, Event as E};
    Some(match event {
        E::PolicyActivated { bundle, .. } => C::ActivatePolicy { bundle: bundle.clone() },
        E::Restricted { restriction } => C::Restrict { restriction: *restriction },
        E::Unrestricted { restriction } => C::Unrestrict { restriction: *restriction },
        E::OrderChecked { .. } => return None,
    })
}
