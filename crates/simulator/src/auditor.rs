//! The auditor: watches requests, answers and durable records, and says what must not be.
//!
//! Written against the requirements, with none of the product's logic: it takes the product's words (events, commands,
//! ids) and keeps books of its own from them. Each rule stands in a file of its own and finds what it is there for.

mod answers;
mod clearing;
mod copies;
mod definitions;
mod findings;
mod holds;
mod ledger;
mod limits;
mod lives;
#[cfg(test)]
mod market;
mod priority;
#[cfg(test)]
mod storm;
mod worth;

use engine::{Context, Hosts, Receipt, Record, Request};

pub use answers::Answers;
pub use clearing::Clearing;
pub use copies::{Copies, Entry};
pub use definitions::Definitions;
pub use holds::Holds;
pub use ledger::Ledger;
pub use limits::Limits;
pub use lives::Lives;
pub use priority::Priority;

/// Something that must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which invariant, by its short name: "conservation", "price-time priority".
    pub invariant: &'static str,
    /// What was seen, with ids and amounts.
    pub told: String,
}

/// Which shard of which contexts a record belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ShardName {
    /// The first of the contexts that it hosts.
    pub context: Context,
    /// Its number, which stands in the upper 16 bits of its positions.
    pub number: u16,
}

/// A rule of the auditor. It hears everything in the order in which it came to be.
pub trait Rule {
    /// A record has become durable in the shard's journal: each is told once, in order of position within its shard.
    fn recorded(&mut self, shard: ShardName, hosts: Hosts, record: &Record, found: &mut Vec<Violation>);

    /// A client was told what came of what he asked. The same request can be asked, and is answered, several times.
    fn answered(&mut self, _request: &Request, _receipt: &Receipt, _found: &mut Vec<Violation>) {}

    /// Faults have stopped, and nothing is under way any more: what must be finished is.
    fn ended(&mut self, _found: &mut Vec<Violation>) {}
}

/// All rules together. The first violation counts: what comes after it may follow from it.
pub struct Auditor {
    rules: Vec<Box<dyn Rule>>,
    found: Vec<Violation>,
}

impl Auditor {
    /// With every rule, before anything has happened.
    pub fn new() -> Self {
        let rules: Vec<Box<dyn Rule>> = vec![
            Box::new(Answers::default()),
            Box::new(Ledger::default()),
            Box::new(Lives::default()),
            Box::new(Holds::default()),
            Box::new(Priority::default()),
            Box::new(Clearing::default()),
            Box::new(Limits::default()),
            Box::new(Definitions::default()),
        ];
        Self { rules, found: Vec::new() }
    }

    /// See [`Rule::recorded`].
    ///
    /// # Errors
    /// What must not be.
    pub fn recorded(&mut self, shard: ShardName, hosts: Hosts, record: &Record) -> Result<(), Violation> {
        self.rules.iter_mut().for_each(|rule| rule.recorded(shard, hosts, record, &mut self.found));
        self.verdict()
    }

    /// See [`Rule::answered`].
    ///
    /// # Errors
    /// What must not be.
    pub fn answered(&mut self, request: &Request, receipt: &Receipt) -> Result<(), Violation> {
        self.rules.iter_mut().for_each(|rule| rule.answered(request, receipt, &mut self.found));
        self.verdict()
    }

    /// See [`Rule::ended`].
    ///
    /// # Errors
    /// What must not be.
    pub fn ended(&mut self) -> Result<(), Violation> {
        self.rules.iter_mut().for_each(|rule| rule.ended(&mut self.found));
        self.verdict()
    }

    fn verdict(&mut self) -> Result<(), Violation> {
        if self.found.is_empty() { Ok(()) } else { Err(self.found.swap_remove(0)) }
    }
}

impl Default for Auditor {
    fn default() -> Self {
        Self::new()
    }
}
