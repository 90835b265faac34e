//! Proving the logs: by themselves, and line by line against the journal.
//!
//! By itself a log cannot tell that its end was cut off between two lines, or that it was written anew as a whole
//! (fault 11). The journal can. Both checks may run beside a node that is writing.

use crate::day_files::Log;
use crate::line::{LineHead, Lines, is_reworded};
use crate::log::directory;
use crate::walk::{AuditFlaw, Flaw, LogSummary, VerifyError, Walk};
use engine::Record;
use node::journal::{Chain, JournalReader};
use node::{RecoveryError, decode_record};
use serde::Serialize;
use std::fmt;
use std::path::Path;

/// How many bytes of journal are read at once.
const READ_BYTES: usize = 8 << 20;
/// Progress is told every so many lines.
const PROGRESS_LINES: u64 = 10_000;

/// What was found sound.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// The audit log.
    pub audit: LogSummary,
    /// The decision log.
    pub decisions: LogSummary,
    /// Refusals whose sentence this version of the program words differently, the rest being what the journal says;
    /// only known against the journal.
    pub reworded: u64,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "audit log: {}", self.audit)?;
        write!(f, "decision log: {}", self.decisions)?;
        if self.reworded > 0 {
            write!(f, "\n{} refusals are worded differently by this version", self.reworded)?;
        }
        Ok(())
    }
}

/// Proves both logs of a shard in `data_dir/audit`: every line as it was written, none missing, repeated or moved, each in the file
/// of its day. `progress` hears how many lines were read.
///
/// # Errors
/// The first flaw, or what cannot be read.
pub fn verify(data_dir: &Path, shard: u16, mut progress: impl FnMut(u64)) -> Result<Summary, VerifyError> {
    let dir = directory(data_dir);
    let mut audit = Walk::start(Log::Audit, &dir, shard)?;
    let mut stated = 0;
    while let Some(head) = audit.advance()? {
        stated = head.decisions;
        tell(audit.lines(), &mut progress);
    }
    let mut decisions = Walk::start(Log::Decisions, &dir, shard)?;
    while decisions.advance()?.is_some() {
        tell(audit.lines() + decisions.lines(), &mut progress);
    }
    if decisions.lines() < stated {
        let flaw = Flaw::DecisionsMissing { stated };
        return Err(decisions.flaw(decisions.position(), flaw).into());
    }
    Ok(Summary { audit: audit.summary(), decisions: decisions.summary(), reworded: 0 })
}

fn tell(lines: u64, progress: &mut impl FnMut(u64)) {
    if lines.is_multiple_of(PROGRESS_LINES) {
        progress(lines);
    }
}

/// As [`verify`], and also that every line is the one that its record in the journal gives, and that every position
/// which the journal held at the beginning has its line. Beside a running node an audit log that is a moment behind may
/// show as [`Flaw::EndsEarly`].
///
/// # Errors
/// The first flaw, or what cannot be read; damage to the journal itself too.
pub fn verify_against(
    data_dir: &Path,
    journal: &dyn JournalReader,
    mut progress: impl FnMut(u64),
) -> Result<Summary, VerifyError> {
    let shard = journal.shard();
    let until = journal.tail().map_err(RecoveryError::from)?.next_position;
    let dir = directory(data_dir);
    let mut comparison = Comparison {
        lines: Lines::new(),
        records: Records { journal, chain: Chain::genesis(shard), read: Vec::new().into_iter() },
        audit: Walk::start(Log::Audit, &dir, shard)?,
        decisions: Walk::start(Log::Decisions, &dir, shard)?,
        audit_line: Vec::new(),
        decision_lines: Vec::new(),
        reworded: 0,
    };
    while let Some(head) = comparison.next_line(until)? {
        comparison.compare(&head)?;
        tell(comparison.audit.lines(), &mut progress);
    }
    comparison.finish(until)
}

struct Comparison<'a> {
    lines: Lines,
    records: Records<'a>,
    audit: Walk,
    decisions: Walk,
    audit_line: Vec<u8>,
    decision_lines: Vec<u8>,
    reworded: u64,
}

impl Comparison<'_> {
    /// The next audit line. One that is cut off behind everything that is asked for is being written just now.
    fn next_line(&mut self, until: u64) -> Result<Option<LineHead>, VerifyError> {
        match self.audit.advance() {
            Err(VerifyError::Flaw(AuditFlaw { what: Flaw::CutOff, position, .. })) if position >= until => {
                Ok(None)
            }
            next => next,
        }
    }

    fn compare(&mut self, head: &LineHead) -> Result<(), VerifyError> {
        let Some(record) = self.records.next()? else {
            return Err(self.audit.flaw(head.position, Flaw::NotInJournal).into());
        };
        self.audit_line.clear();
        self.decision_lines.clear();
        self.lines.write(&record, &mut self.audit_line, &mut self.decision_lines)?;
        let made = self.audit_line.trim_ascii_end();
        if made != self.audit.line() {
            if !is_reworded(self.audit.line(), made) {
                return Err(self.audit.flaw(head.position, Flaw::NotTheJournals).into());
            }
            self.reworded += 1;
            self.lines.continue_audit(self.audit.chain());
        }
        let position = record.moment.position;
        for expected in self.decision_lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            if self.decisions.advance()?.is_none() {
                let stated = head.decisions;
                return Err(self.decisions.flaw(position, Flaw::DecisionsMissing { stated }).into());
            }
            if self.decisions.line() != expected {
                return Err(self.decisions.flaw(position, Flaw::NotTheJournals).into());
            }
        }
        Ok(())
    }

    fn finish(mut self, until: u64) -> Result<Summary, VerifyError> {
        let last = self.audit.position();
        if last + 1 < until {
            return Err(self.audit.flaw(last, Flaw::EndsEarly { until }).into());
        }
        self.compare_decisions_ahead()?;
        let (audit, decisions) = (self.audit.summary(), self.decisions.summary());
        Ok(Summary { audit, decisions, reworded: self.reworded })
    }

    /// Decisions are written before their audit line, so some may be there already whose line is not.
    fn compare_decisions_ahead(&mut self) -> Result<(), VerifyError> {
        self.decision_lines.clear();
        let mut compared = 0;
        loop {
            match self.decisions.advance() {
                Ok(Some(_)) => {}
                Ok(None) | Err(VerifyError::Flaw(AuditFlaw { what: Flaw::CutOff, .. })) => return Ok(()),
                Err(error) => return Err(error),
            }
            let position = self.decisions.position();
            while compared == self.decision_lines.len() {
                let Some(record) = self.records.next()? else {
                    return Err(self.decisions.flaw(position, Flaw::NotInJournal).into());
                };
                (compared, self.decision_lines) = (0, Vec::new());
                self.lines.write(&record, &mut self.audit_line, &mut self.decision_lines)?;
            }
            let rest = self.decision_lines[compared..].strip_prefix(self.decisions.line());
            if !rest.is_some_and(|rest| rest.starts_with(b"\n")) {
                return Err(self.decisions.flaw(position, Flaw::NotTheJournals).into());
            }
            compared += self.decisions.line().len() + 1;
        }
    }
}

/// The journal's records from the first, one after another, with their chain proven.
struct Records<'a> {
    journal: &'a dyn JournalReader,
    chain: Chain,
    read: std::vec::IntoIter<Record>,
}

impl Records<'_> {
    fn next(&mut self) -> Result<Option<Record>, RecoveryError> {
        if self.read.as_slice().is_empty() {
            self.read_more()?;
        }
        Ok(self.read.next())
    }

    fn read_more(&mut self) -> Result<(), RecoveryError> {
        let mut records = Vec::new();
        for batch in self.journal.read_from(self.chain.tail().next_position, READ_BYTES)? {
            self.chain.accept(&batch)?;
            for framed in batch.unframe() {
                let (position, body) = framed?;
                records.push(decode_record(position, body)?);
            }
        }
        self.read = records.into_iter();
        Ok(())
    }
}
