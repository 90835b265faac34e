//! How the shared words stand in the tables and in answers.
//!
//! Invariant: a word reads back as what it was written for; serde names and these are the same. Absent: codes and dates,
//! which are text already.

use engine::Context;
use engine::block::{Leg, Stage, Step};
use risk::{Measure, Scope, Switch};
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error as WordError, StrDeserializer};
use trading::{Cause, OrderKind, Phase, Status};
use vocabulary::{AssetKind, SettlementModel, Side, TimeInForce};

/// Reads the word of a field-less enum.
pub(crate) fn read<'de, T: Deserialize<'de>>(word: &'de str) -> Option<T> {
    let word: StrDeserializer<'de, WordError> = word.into_deserializer();
    T::deserialize(word).ok()
}

pub(crate) fn asset_kind(kind: AssetKind) -> &'static str {
    match kind {
        AssetKind::Currency => "currency",
        AssetKind::Security => "security",
    }
}

pub(crate) fn side(side: Side) -> &'static str {
    match side {
        Side::Buy => "buy",
        Side::Sell => "sell",
    }
}

pub(crate) fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Closed => "closed",
        Phase::OpeningAuction => "opening_auction",
        Phase::Continuous => "continuous",
        Phase::Halted => "halted",
        Phase::ClosingAuction => "closing_auction",
    }
}

pub(crate) fn order_kind(kind: &OrderKind) -> &'static str {
    match kind {
        OrderKind::Limit(_) => "limit",
        OrderKind::Market => "market",
        OrderKind::Block(_) => "block",
    }
}

pub(crate) fn time_in_force(time_in_force: TimeInForce) -> &'static str {
    match time_in_force {
        TimeInForce::GoodTillCancel => "good_till_cancel",
        TimeInForce::Day => "day",
        TimeInForce::ImmediateOrCancel => "immediate_or_cancel",
        TimeInForce::FillOrKill => "fill_or_kill",
    }
}

pub(crate) fn status(status: Status) -> &'static str {
    match status {
        Status::Created => "created",
        Status::Rejected => "rejected",
        Status::Open => "open",
        Status::PartiallyExecuted => "partially_executed",
        Status::Executed => "executed",
        Status::Canceled => "canceled",
        Status::Expired => "expired",
        Status::Settled => "settled",
    }
}

pub(crate) fn cause(cause: Cause) -> &'static str {
    match cause {
        Cause::Requested => "requested",
        Cause::ImmediateOrCancel => "immediate_or_cancel",
        Cause::FillOrKill => "fill_or_kill",
        Cause::PostOnly => "post_only",
        Cause::SelfTrade => "self_trade",
        Cause::Replaced => "replaced",
        Cause::ReplacedOrderGone => "replaced_order_gone",
        Cause::KillSwitch => "kill_switch",
        Cause::PhaseEnded => "phase_ended",
        Cause::BlockUndone => "block_undone",
        Cause::DayEnded => "day_ended",
    }
}

pub(crate) fn model(model: SettlementModel) -> &'static str {
    match model {
        SettlementModel::Gross => "gross",
        SettlementModel::Net => "net",
    }
}

/// Kind and id of a scope.
pub(crate) fn scope(scope: &Scope) -> (&'static str, &str) {
    match scope {
        Scope::Account(account) => ("account", account.0.as_str()),
        Scope::Participant(participant) => ("participant", participant.0.as_str()),
    }
}

/// Kind and id of a measure; the id is empty where there is none.
pub(crate) fn measure(measure: &Measure) -> (&'static str, &str) {
    match measure {
        Measure::OrderNotional(asset) => ("order_notional", asset.0.as_str()),
        Measure::OrderQuantity(instrument) => ("order_quantity", instrument.0.as_str()),
        Measure::Position(instrument) => ("position", instrument.0.as_str()),
        Measure::GrossExposure(asset) => ("gross_exposure", asset.0.as_str()),
        Measure::OrderRate => ("order_rate", ""),
    }
}

/// Kind and id of what a kill switch stops; the id is empty for all.
pub(crate) fn switch(switch: &Switch) -> (&'static str, &str) {
    match switch {
        Switch::All => ("all", ""),
        Switch::Participant(participant) => ("participant", participant.0.as_str()),
        Switch::Account(account) => ("account", account.0.as_str()),
        Switch::Instrument(instrument) => ("instrument", instrument.0.as_str()),
    }
}

pub(crate) fn context(context: Context) -> &'static str {
    match context {
        Context::Trading => "trading",
        Context::Settlement => "settlement",
        Context::Risk => "risk",
        Context::Compliance => "compliance",
    }
}

pub(crate) fn leg(leg: Leg) -> &'static str {
    match leg {
        Leg::Proposer => "proposer",
        Leg::Counterparty => "counterparty",
    }
}

pub(crate) fn step(step: Step) -> &'static str {
    match step {
        Step::CreateOrder => "create-order",
        Step::ValidateRisk => "validate-risk",
        Step::ProcessSettlement => "process-settlement",
        Step::ComplianceCheck => "compliance-check",
    }
}

/// A stage as three words: the stage, and leg and step where it has them.
pub(crate) type StageWords = (&'static str, Option<&'static str>, Option<&'static str>);

pub(crate) fn stage(stage: Stage) -> StageWords {
    let at = |word, l: Leg, s: Step| (word, Some(leg(l)), Some(step(s)));
    match stage {
        Stage::Doing { leg, step } => at("doing", leg, step),
        Stage::AwaitingConsent => ("awaiting_consent", None, None),
        Stage::Executing => ("executing", None, None),
        Stage::Undoing { leg, step } => at("undoing", leg, step),
        Stage::Complete => ("complete", None, None),
        Stage::Undone => ("undone", None, None),
        Stage::Stuck { leg, step } => at("stuck", leg, step),
    }
}

pub(crate) fn read_stage(word: &str, leg_word: Option<&str>, step_word: Option<&str>) -> Option<Stage> {
    let leg = [Leg::Proposer, Leg::Counterparty].into_iter().find(|l| Some(leg(*l)) == leg_word);
    let step = step_word.and_then(read::<Step>);
    Some(match (word, leg.zip(step)) {
        ("doing", Some((leg, step))) => Stage::Doing { leg, step },
        ("undoing", Some((leg, step))) => Stage::Undoing { leg, step },
        ("stuck", Some((leg, step))) => Stage::Stuck { leg, step },
        ("awaiting_consent", None) => Stage::AwaitingConsent,
        ("executing", None) => Stage::Executing,
        ("complete", None) => Stage::Complete,
        ("undone", None) => Stage::Undone,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_back() {
        for value in [
            Status::Created,
            Status::Rejected,
            Status::Open,
            Status::PartiallyExecuted,
            Status::Executed,
            Status::Canceled,
            Status::Expired,
            Status::Settled,
        ] {
            assert_eq!(read::<Status>(status(value)), Some(value));
        }
        for value in
            [Phase::Closed, Phase::OpeningAuction, Phase::Continuous, Phase::Halted, Phase::ClosingAuction]
        {
            assert_eq!(read::<Phase>(phase(value)), Some(value));
        }
        for value in [
            TimeInForce::GoodTillCancel,
            TimeInForce::Day,
            TimeInForce::ImmediateOrCancel,
            TimeInForce::FillOrKill,
        ] {
            assert_eq!(read::<TimeInForce>(time_in_force(value)), Some(value));
        }
        for value in [
            Cause::Requested,
            Cause::ImmediateOrCancel,
            Cause::FillOrKill,
            Cause::PostOnly,
            Cause::SelfTrade,
            Cause::Replaced,
            Cause::ReplacedOrderGone,
            Cause::KillSwitch,
            Cause::PhaseEnded,
            Cause::BlockUndone,
            Cause::DayEnded,
        ] {
            assert_eq!(read::<Cause>(cause(value)), Some(value));
        }
        assert_eq!([Side::Buy, Side::Sell].map(|s| read(side(s))), [Some(Side::Buy), Some(Side::Sell)]);
        let models = [SettlementModel::Gross, SettlementModel::Net];
        assert_eq!(models.map(|m| read(model(m))), models.map(Some));
        let kinds = [AssetKind::Currency, AssetKind::Security];
        assert_eq!(kinds.map(|k| read(asset_kind(k))), kinds.map(Some));
        assert_eq!(read::<Side>("both"), None);
    }

    #[test]
    fn stages_read_back() {
        let mut all = vec![Stage::AwaitingConsent, Stage::Executing, Stage::Complete, Stage::Undone];
        for leg in [Leg::Proposer, Leg::Counterparty] {
            for step in Step::ALL {
                all.extend([
                    Stage::Doing { leg, step },
                    Stage::Undoing { leg, step },
                    Stage::Stuck { leg, step },
                ]);
            }
        }
        for value in all {
            let (word, leg, step) = stage(value);
            assert_eq!(read_stage(word, leg, step), Some(value));
        }
        assert_eq!(read_stage("doing", None, None), None);
    }
}
