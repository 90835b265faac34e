//! The read side: a follower of the journal that keeps SQL tables, typed questions to them, and the reports of
//! settlement (SRV-2), risk (SRV-3) and compliance (SRV-4).
//!
//! Invariant: everything here follows from the journal, and can be dropped and rebuilt from it; no decision reads it.
//! Absent on purpose: the access log, exposures as they change with every order (the live state has them), and what an
//! event held in detail (the journal has it, by position).

mod batch;
mod columns;
mod decision_log;
mod error;
mod fold;
mod insert;
mod progress;
mod query;
mod reader;
mod report;
mod schema;
mod texts;
mod words;
mod writer;

pub use columns::Decimal;
pub use decision_log::decision_log_line;
pub use error::ViewsError;
pub use query::blocks::{BlockFilter, BlockRow, BlockStageRow};
pub use query::compliance::{
    DecisionCountRow, DecisionFilter, DecisionRow, PolicyRow, ReasonRow, RestrictionRow,
};
pub use query::orders::{OrderFilter, OrderRow, StatusFilter};
pub use query::page::{PAGE_ROWS_DEFAULT, PAGE_ROWS_MAX, Page, PageRequest};
pub use query::reference::{AccountRow, AssetRow, BalanceRow, BusinessDayRow, InstrumentRow, ParticipantRow};
pub use query::refusals::{RefusalCountRow, RefusalFilter, RefusalRow};
pub use query::risk::{AlarmRow, AlertFilter, AlertRow, KillSwitchRow, LimitRow};
pub use query::runs::{NettedPositionRow, RecyclingRow, RunRow, RunTotalRow, SettledPositionRow};
pub use query::settlement::{ObligationFilter, ObligationRow, QuotaRow, ShortfallRow};
pub use query::trades::{TradeFilter, TradeRow, TradeSideRow};
pub use query::visibility::Visibility;
pub use reader::{Snapshot, ViewsReader};
pub use report::ReportHead;
pub use report::compliance::{ComplianceReport, DecisionSum};
pub use report::risk::{ExposureRow, RiskReport};
pub use report::settlement::{PositionLine, RecycledLine, SettlementReport, SumLine};
pub use schema::SCHEMA_VERSION;
pub use writer::ViewsWriter;
