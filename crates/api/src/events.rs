//! What becomes of events on Kafka, where they go there: asked of whoever brings and reads them.

/// What brings events to Kafka and reads them there.
pub trait EventTraffic: Send + Sync {
    /// How far the relay is.
    fn relay(&self) -> RelayFigure;

    /// How the reconciliation stands, where there is one.
    fn reconciliation(&self) -> Option<ReconciliationFigure>;

    /// The whole of the reconciliation as it is kept, whichever process leads.
    ///
    /// # Errors
    /// Why it cannot be read now.
    fn report(&self) -> Result<Option<ReconciliationReport>, String>;
}

/// How far a relay is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RelayFigure {
    /// Everything up to this position is published; 0 before this process has led.
    pub relayed_position: u64,
    /// Events that this process has published.
    pub published: u64,
    /// Whether events wait because nobody takes them.
    pub is_waiting: bool,
}

/// How a reconciliation stands, as far as this process knows; all 0 before it has led.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReconciliationFigure {
    /// Pairs of statements that agreed, ever.
    pub matched: u64,
    /// What has no counterpart yet, or another one.
    pub open: u64,
    /// Of these, what has another one.
    pub contradictions: u64,
    /// When the oldest of them was first stated: UTC, nanoseconds since 1970-01-01.
    pub since_ns: Option<u64>,
    /// Whether events cannot be read, or what came of them not be kept.
    pub is_waiting: bool,
}

/// What trading has published, held against what a service has recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReconciliationReport {
    /// Up to where the service's own journal was read.
    pub position: u64,
    /// Pairs of statements that agreed, ever.
    pub matched: u64,
    /// How many are open.
    pub open: u64,
    /// The open ones: contradictions first, and else the oldest first. Not all of them if there are many.
    pub items: Vec<OpenItem>,
    /// How many events there were: service, name, count.
    pub events: Vec<(String, String, u64)>,
}

/// Something that only one side has stated, or both unlike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenItem {
    /// What it is about.
    pub about: String,
    /// What trading has published.
    pub published: Option<OpenStatement>,
    /// What the service has recorded.
    pub recorded: Option<OpenStatement>,
}

/// What one side says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenStatement {
    /// In words and numbers, amounts in minor units.
    pub what: String,
    /// Where that side has it on record.
    pub position: u64,
    /// When: UTC, nanoseconds since 1970-01-01.
    pub time_ns: u64,
}
