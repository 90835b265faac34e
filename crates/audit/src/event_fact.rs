//! What the audit log says of an event: its name and the orders that it touched.
//!
//! The name is the one under which the event shows as JSON everywhere else.

use engine::{Event, FlowEvent};
use vocabulary::OrderId;

/// An event in short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EventFact {
    pub(crate) name: &'static str,
    pub(crate) orders: [Option<OrderId>; 2],
}

fn fact(name: &'static str) -> EventFact {
    EventFact { name, orders: [None, None] }
}

impl EventFact {
    pub(crate) fn of(event: &Event) -> Self {
        match event {
            Event::Trading(event) => of_trading(event),
            Event::Settlement(event) => of_settlement(event),
            Event::Risk(event) => of_risk(event),
            Event::Compliance(event) => of_compliance(event),
            Event::Flow(event) => of_flow(event),
            Event::Block(event) => of_block(event),
        }
    }

    fn on(self, order: OrderId) -> Self {
        Self { orders: [Some(order), None], ..self }
    }

    fn on_both(self, buy: OrderId, sell: OrderId) -> Self {
        Self { orders: [Some(buy), Some(sell)], ..self }
    }
}

fn of_trading(event: &trading::Event) -> EventFact {
    use trading::Event as E;
    match event {
        E::AssetDefined(_) => fact("AssetDefined"),
        E::InstrumentDefined(_) => fact("InstrumentDefined"),
        E::ReferencePriceSet { .. } => fact("ReferencePriceSet"),
        E::ParticipantRegistered { .. } => fact("ParticipantRegistered"),
        E::AccountOpened { .. } => fact("AccountOpened"),
        E::Deposited { .. } => fact("Deposited"),
        E::Withdrawn { .. } => fact("Withdrawn"),
        E::BusinessDayOpened { .. } => fact("BusinessDayOpened"),
        E::PhaseChanged { .. } => fact("PhaseChanged"),
        E::AuctionUncrossed { .. } => fact("AuctionUncrossed"),
        E::OrderCreated(created) => fact("OrderCreated").on(created.terms.order),
        E::OrderCleared { order } => fact("OrderCleared").on(*order),
        E::OrderAccepted { order } => fact("OrderAccepted").on(*order),
        E::OrderRejected { order, .. } => fact("OrderRejected").on(*order),
        E::OrderRested { order } => fact("OrderRested").on(*order),
        E::OrderExecuted(trade) => fact("OrderExecuted").on_both(trade.buy.order, trade.sell.order),
        E::OrderReduced { order, .. } => fact("OrderReduced").on(*order),
        E::OrderCanceled { order, .. } => fact("OrderCanceled").on(*order),
        E::OrderExpired { order, .. } => fact("OrderExpired").on(*order),
        E::ExecutionSettled(side) => fact("ExecutionSettled").on(side.terms.order),
        E::OrderSettled { order } => fact("OrderSettled").on(*order),
        E::SweepStarted { .. } => fact("SweepStarted"),
        E::SweepAdvanced { .. } => fact("SweepAdvanced"),
    }
}

fn of_settlement(event: &settlement::Event) -> EventFact {
    use settlement::Event as E;
    match event {
        E::QuotaSet { .. } => fact("QuotaSet"),
        E::CalendarDefined { .. } => fact("CalendarDefined"),
        E::SettlementModelSet { .. } => fact("SettlementModelSet"),
        E::ShortfallRecorded { .. } => fact("ShortfallRecorded"),
        E::QuotaHeld { terms, .. } => fact("QuotaHeld").on(terms.order),
        E::ObligationRecorded { obligation } => fact("ObligationRecorded").on(obligation.terms.order),
        E::QuotaReduced { terms, .. } => fact("QuotaReduced").on(terms.order),
        E::QuotaReleased { terms, .. } => fact("QuotaReleased").on(terms.order),
        E::RunStarted { .. } => fact("RunStarted"),
        E::PositionNetted { .. } => fact("PositionNetted"),
        E::TradeSettled { buy, sell, .. } => fact("TradeSettled").on_both(buy.terms.order, sell.terms.order),
        E::TradeRecycled { buy, sell, .. } => fact("TradeRecycled").on_both(*buy, *sell),
        E::RunCompleted { .. } => fact("RunCompleted"),
    }
}

fn of_risk(event: &risk::Event) -> EventFact {
    use risk::Event as E;
    match event {
        E::LimitSet { .. } => fact("LimitSet"),
        E::AlertThresholdsSet { .. } => fact("AlertThresholdsSet"),
        E::KillSwitchEngaged { .. } => fact("KillSwitchEngaged"),
        E::KillSwitchLifted { .. } => fact("KillSwitchLifted"),
        E::ExposureHeld { terms, .. } => fact("ExposureHeld").on(terms.order),
        E::ExposureConfirmed { terms, .. } => fact("ExposureConfirmed").on(terms.order),
        E::ExposureReduced { terms, .. } => fact("ExposureReduced").on(terms.order),
        E::ExposureReleased { terms, .. } => fact("ExposureReleased").on(terms.order),
        E::ExposureSettled { side } => fact("ExposureSettled").on(side.terms.order),
        E::AlertRaised { .. } => fact("AlertRaised"),
    }
}

fn of_compliance(event: &compliance::Event) -> EventFact {
    use compliance::Event as E;
    match event {
        E::PolicyActivated { .. } => fact("PolicyActivated"),
        E::Restricted { .. } => fact("Restricted"),
        E::Unrestricted { .. } => fact("Unrestricted"),
        E::OrderChecked { terms, .. } => fact("OrderChecked").on(terms.order),
    }
}

fn of_flow(event: &FlowEvent) -> EventFact {
    match event {
        FlowEvent::BranchAnswered { order, .. } => fact("BranchAnswered").on(*order),
        FlowEvent::FlowTimedOut { order } => fact("FlowTimedOut").on(*order),
        FlowEvent::MessageAnswered { .. } => fact("MessageAnswered"),
        FlowEvent::MessagesUnanswered { .. } => fact("MessagesUnanswered"),
        FlowEvent::MessageRetried { .. } => fact("MessageRetried"),
        FlowEvent::MessageDeferred { .. } => fact("MessageDeferred"),
        FlowEvent::ProtocolAlarm { order, .. } => {
            EventFact { orders: [*order, None], ..fact("ProtocolAlarm") }
        }
    }
}

fn of_block(event: &engine::block::Event) -> EventFact {
    use engine::block::Event as E;
    match event {
        E::BlockProposed { block, .. } => fact("BlockProposed").on(*block),
        E::BlockStepDone { block, .. } => fact("BlockStepDone").on(*block),
        E::BlockStepFailed { block, .. } => fact("BlockStepFailed").on(*block),
        E::BlockConsented { block, order, .. } => fact("BlockConsented").on_both(*block, *order),
        E::BlockRefused { block, .. } => fact("BlockRefused").on(*block),
        E::BlockExpired { block } => fact("BlockExpired").on(*block),
        E::BlockStepUndone { block, .. } => fact("BlockStepUndone").on(*block),
        E::BlockStuck { block, .. } => fact("BlockStuck").on(*block),
        E::BlockRetried { block } => fact("BlockRetried").on(*block),
        E::BlockCompleted { block } => fact("BlockCompleted").on(*block),
    }
}
