//! What events are called.

use crate::schema::event::What;

macro_rules! names {
    ($($variant:ident)*) => {
        /// As in the schema.
        pub(super) fn name_of(what: &What) -> &'static str {
            match what {
                $(What::$variant(_) => stringify!($variant),)*
            }
        }
    };
}

names! {
    AssetDefined InstrumentDefined ReferencePriceSet ParticipantRegistered AccountOpened Deposited Withdrawn
    BusinessDayOpened PhaseChanged AuctionUncrossed OrderCreated OrderCleared OrderAccepted OrderRejected OrderRested
    OrderExecuted OrderReduced OrderCanceled OrderExpired ExecutionSettled OrderSettled SweepStarted SweepAdvanced
    BranchAnswered FlowTimedOut ProtocolAlarm BlockProposed BlockStepDone BlockStepFailed BlockConsented BlockRefused
    BlockExpired BlockStepUndone BlockStuck BlockRetried BlockCompleted
    QuotaSet CalendarDefined SettlementModelSet ShortfallRecorded QuotaHeld ObligationRecorded QuotaReduced
    QuotaReleased RunStarted PositionNetted TradeSettled TradeRecycled RunCompleted
    LimitSet AlertThresholdsSet KillSwitchEngaged KillSwitchLifted ExposureHeld ExposureConfirmed ExposureReduced
    ExposureReleased ExposureSettled AlertRaised
    PolicyActivated Restricted Unrestricted OrderChecked
}
