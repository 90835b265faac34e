//! Reading a log line by line, proving each: content, place in the chain, position, day.

use crate::day_files::{Day, Log};
use crate::error::AuditError;
use crate::hash_chain::{HashChain, hex_text, open_seal};
use crate::line::LineHead;
use node::RecoveryError;
use node::journal::first_position;
use serde::Serialize;
use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

/// Where a log is not what was written, and in what way.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}:{line}: {what} (position {position})", file.display())]
pub struct AuditFlaw {
    /// In which file.
    pub file: PathBuf,
    /// In which line, counted from 1.
    pub line: u64,
    /// Of which record, as near as can be told.
    pub position: u64,
    /// What is wrong.
    pub what: Flaw,
}

/// What is wrong with a line or with its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// The file ends within the line.
    #[error("the line is cut off")]
    CutOff,
    /// Content and hash do not belong together.
    #[error("the line is not as it was written")]
    Changed,
    /// Whole, but not a line of such a log.
    #[error("the line cannot be understood: {0}")]
    NotALine(String),
    /// Lines were taken out, or stand elsewhere. Audit lines count by position, decisions by `seq`.
    #[error("lines {from} to {until} (not included) are missing here")]
    Missing {
        /// The first that should be here.
        from: u64,
        /// The one that is.
        until: u64,
    },
    /// A line stands twice, or too late.
    #[error("line {number} stands here again or too late")]
    Repeated {
        /// Its position or `seq`.
        number: u64,
    },
    /// The number is right, but the line continues another history.
    #[error("the line does not follow the one before it")]
    OtherHistory,
    /// The line's time lies in another day than the file's name says.
    #[error("a line of {day} stands in the file of another day")]
    OtherDay {
        /// The day of the line.
        day: String,
    },
    /// A file that is not the newest has no lines.
    #[error("the file is empty")]
    Empty,
    /// The decision log ends before the audit log says it does.
    #[error("the audit log counts {stated} decisions, and here the decision log ends")]
    DecisionsMissing {
        /// How many there are by the audit log's last line.
        stated: u64,
    },
    /// The line is sound by itself, but its record in the journal says otherwise.
    #[error("the journal says otherwise")]
    NotTheJournals,
    /// The log holds what the journal does not.
    #[error("the journal has no such record")]
    NotInJournal,
    /// The journal holds what the log does not.
    #[error("the log ends here, and the journal goes on to position {until} (not included)")]
    EndsEarly {
        /// The journal's next position when the check began.
        until: u64,
    },
}

/// A log does not verify, or cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// It is not what was written.
    #[error(transparent)]
    Flaw(#[from] AuditFlaw),
    /// It cannot be read.
    #[error(transparent)]
    Log(#[from] AuditError),
    /// The journal to compare with cannot be read, or is damaged itself.
    #[error(transparent)]
    Journal(#[from] RecoveryError),
}

/// What one of the two logs holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LogSummary {
    /// How many days' files.
    pub files: u64,
    /// How many lines.
    pub lines: u64,
    /// Position of the first line's record.
    pub first_position: Option<u64>,
    /// Position of the last line's record.
    pub last_position: Option<u64>,
    /// Hash of the last line, in hexadecimal digits; zeros if there is none.
    pub last_hash: String,
}

impl fmt::Display for LogSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { files, lines, first_position, last_position, last_hash } = self;
        write!(f, "{lines} lines in {files} files are sound")?;
        if let (Some(first), Some(last)) = (first_position, last_position) {
            write!(f, ", positions {first} to {last}, last hash {last_hash}")?;
        }
        Ok(())
    }
}

/// A log that is being read.
pub(crate) struct Walk {
    log: Log,
    dir: PathBuf,
    shard: u16,
    files: std::iter::Peekable<std::vec::IntoIter<(Day, PathBuf)>>,
    open: Option<OpenFile>,
    /// The last line read, without its line break.
    line: Vec<u8>,
    chain: HashChain,
    summary: LogSummary,
}

struct OpenFile {
    day: Day,
    path: PathBuf,
    reader: BufReader<File>,
    line: u64,
}

impl Walk {
    pub(crate) fn start(log: Log, dir: &Path, shard: u16) -> Result<Self, VerifyError> {
        let files = log.files(dir)?;
        let summary = LogSummary {
            files: files.len() as u64,
            lines: 0,
            first_position: None,
            last_position: None,
            last_hash: String::new(),
        };
        let files = files.into_iter().peekable();
        let (dir, chain) = (dir.to_owned(), HashChain::GENESIS);
        Ok(Self { log, dir, shard, files, open: None, line: Vec::new(), chain, summary })
    }

    pub(crate) fn line(&self) -> &[u8] {
        &self.line
    }

    /// The position of the last line's record; before the first line, the one before all.
    pub(crate) fn position(&self) -> u64 {
        self.summary.last_position.unwrap_or(first_position(self.shard) - 1)
    }

    /// The chain with the last line.
    pub(crate) fn chain(&self) -> HashChain {
        self.chain
    }

    pub(crate) fn lines(&self) -> u64 {
        self.summary.lines
    }

    pub(crate) fn summary(&self) -> LogSummary {
        LogSummary { last_hash: hex_text(&self.chain.hash()), ..self.summary.clone() }
    }

    /// A flaw in the last line.
    pub(crate) fn flaw(&self, position: u64, what: Flaw) -> AuditFlaw {
        match &self.open {
            Some(file) => AuditFlaw { file: file.path.clone(), line: file.line, position, what },
            None => AuditFlaw { file: self.dir.clone(), line: 0, position, what },
        }
    }

    /// Reads and proves the next line; nothing at the end of the log.
    pub(crate) fn advance(&mut self) -> Result<Option<LineHead>, VerifyError> {
        let next = self.position() + 1;
        if !self.read_line()? {
            return Ok(None);
        }
        if self.line.pop() != Some(b'\n') {
            return Err(self.flaw(next, Flaw::CutOff).into());
        }
        let Some(seal) = open_seal(&self.line) else {
            return Err(self.flaw(next, Flaw::Changed).into());
        };
        let head = LineHead::parse(&self.line)
            .map_err(|error| self.flaw(next, Flaw::NotALine(error.to_string())))?;
        self.check_number(&head)?;
        if seal.previous != self.chain.hash() {
            return Err(self.flaw(head.position, Flaw::OtherHistory).into());
        }
        self.check_day(&head)?;
        self.chain = HashChain::after(seal);
        self.summary.lines += 1;
        self.summary.first_position.get_or_insert(head.position);
        self.summary.last_position = Some(head.position);
        Ok(Some(head))
    }

    /// Fills `line`, with its line break; goes on to the next file where one ends.
    fn read_line(&mut self) -> Result<bool, VerifyError> {
        loop {
            if let Some(file) = &mut self.open {
                self.line.clear();
                let read = file.reader.read_until(b'\n', &mut self.line);
                if read.map_err(AuditError::io("read", &file.path))? > 0 {
                    file.line += 1;
                    return Ok(true);
                }
                if file.line == 0 && self.files.peek().is_some() {
                    return Err(self.flaw(self.position() + 1, Flaw::Empty).into());
                }
            }
            let Some((day, path)) = self.files.next() else { return Ok(false) };
            let file = File::open(&path).map_err(AuditError::io("open", &path))?;
            self.open =
                Some(OpenFile { day, path, reader: BufReader::with_capacity(1 << 20, file), line: 0 });
        }
    }

    fn check_number(&self, head: &LineHead) -> Result<(), AuditFlaw> {
        let (expected, found) = match self.log {
            Log::Audit => (self.position() + 1, head.position),
            Log::Decisions => (self.lines() + 1, head.seq),
        };
        if found > expected {
            return Err(self.flaw(head.position, Flaw::Missing { from: expected, until: found }));
        }
        if found < expected {
            return Err(self.flaw(head.position, Flaw::Repeated { number: found }));
        }
        Ok(())
    }

    fn check_day(&self, head: &LineHead) -> Result<(), AuditFlaw> {
        let day = Day::named(&head.time);
        if day.is_some() && day == self.open.as_ref().map(|file| file.day) {
            return Ok(());
        }
        let day = head.time.chars().take(10).collect();
        Err(self.flaw(head.position, Flaw::OtherDay { day }))
    }
}
