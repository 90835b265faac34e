//! Who may give which command. Every variant of every context is listed, so that a new one cannot be reached from
//! outside before somebody has decided that it may.

use crate::command::Command;
use crate::message::Message;

/// Where a command may come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Issuer {
    /// Clients and operators. What of it a principal may do is decided at the edge.
    Person,
    /// A node by itself: time, long work, other nodes, the audit of access.
    Node,
    /// The order flow and the sagas, within an engine or as the body of a message between nodes.
    Flow,
}

impl Command {
    /// Who gives such commands.
    pub fn issuer(&self) -> Issuer {
        match self {
            Self::Trading(command) => of_trading(command),
            Self::Settlement(command) => of_settlement(command),
            Self::Risk(command) => of_risk(command),
            Self::Compliance(command) => of_compliance(command),
            Self::ProposeBlock(_)
            | Self::ConsentBlock { .. }
            | Self::RefuseBlock { .. }
            | Self::RetryBlock { .. }
            | Self::RetryMessage { .. } => Issuer::Person,
            Self::ExpireDeadlines
            | Self::Deliver { .. }
            | Self::Acknowledge { .. }
            | Self::RecordAccess(_)
            | Self::TakeTurns => Issuer::Node,
        }
    }

    /// Whether clients must not reach it.
    pub fn is_internal(&self) -> bool {
        self.issuer() != Issuer::Person
    }
}

impl Message {
    /// Whether one context may say so to another.
    pub(crate) fn is_of_the_flow(&self) -> bool {
        let issuer = match self {
            Self::Trading(command) => of_trading(command),
            Self::Settlement(command) => of_settlement(command),
            Self::Risk(command) => of_risk(command),
            Self::Compliance(command) => of_compliance(command),
            Self::Definition(_, command) => return command.is_definition(),
        };
        issuer == Issuer::Flow
    }
}

fn of_trading(command: &trading::Command) -> Issuer {
    use trading::Command as T;
    match command {
        // A leg without its block trade would wait for ever.
        T::PlaceOrder(place) if matches!(place.kind, trading::OrderKind::Block(_)) => Issuer::Flow,
        T::DefineAsset(_)
        | T::DefineInstrument(_)
        | T::SetReferencePrice { .. }
        | T::RegisterParticipant { .. }
        | T::OpenAccount { .. }
        | T::Deposit { .. }
        | T::Withdraw { .. }
        | T::OpenBusinessDay { .. }
        | T::SetPhase { .. }
        | T::PlaceOrder(_)
        | T::CancelOrder { .. }
        | T::CancelClientOrder { .. }
        | T::ReplaceOrder { .. }
        | T::CancelAll { .. } => Issuer::Person,
        T::ContinueSweep => Issuer::Node,
        T::AcceptOrder { .. }
        | T::RejectOrder { .. }
        | T::Settle { .. }
        | T::ExecuteBlock { .. }
        | T::WithdrawBlock { .. }
        | T::StartSweep { .. } => Issuer::Flow,
    }
}

fn of_settlement(command: &settlement::Command) -> Issuer {
    use settlement::Command as S;
    match command {
        S::SetQuota { .. }
        | S::DefineCalendar { .. }
        | S::SetSettlementModel { .. }
        | S::RecordShortfall { .. }
        | S::Process { .. } => Issuer::Person,
        S::Advance => Issuer::Node,
        S::Hold { .. } | S::Confirm { .. } | S::Reduce { .. } | S::Release { .. } => Issuer::Flow,
    }
}

fn of_risk(command: &risk::Command) -> Issuer {
    use risk::Command as R;
    match command {
        R::SetLimit { .. }
        | R::SetAlertThresholds { .. }
        | R::EngageKillSwitch { .. }
        | R::LiftKillSwitch { .. } => Issuer::Person,
        R::Hold { .. } | R::Confirm { .. } | R::Reduce { .. } | R::Release { .. } | R::Settle { .. } => {
            Issuer::Flow
        }
    }
}

fn of_compliance(command: &compliance::Command) -> Issuer {
    use compliance::Command as C;
    match command {
        C::ActivatePolicy { .. } | C::Restrict { .. } | C::Unrestrict { .. } => Issuer::Person,
        C::Check { .. } => Issuer::Flow,
    }
}
