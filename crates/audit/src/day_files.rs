//! One log as files, one a UTC day: `<log>-YYYY-MM-DD.jsonl`.
//!
//! Invariant: only the newest file is ever written to, and every older one is whole and durable. What is not durable is
//! the end of the newest one, which is where a crash of the machine can leave less than was written: an unfinished line,
//! or zeros where the file system had grown the file before it wrote the data.

use crate::error::AuditError;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use vocabulary::text::Text;
use vocabulary::{Timestamp, planted};

/// The most that may be written and not yet durable.
pub(crate) const UNSYNCED_BYTES_MAX: usize = 32 << 20;
/// How much of the newest file's end is searched for what a crash has left: all that was not durable, with room.
const TAIL_BYTES: u64 = 2 * UNSYNCED_BYTES_MAX as u64;
/// Where to start looking for the last line, from the end of the file.
const LINE_BYTES: u64 = 16 << 10;

const SUFFIX: &str = ".jsonl";
const NS_PER_DAY: u64 = 86_400 * 1_000_000_000;

/// A UTC day, by its name and its count since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Day(Text<10>);

impl Day {
    pub(crate) fn of(time: Timestamp) -> Self {
        Self::named(&time.to_string()).expect("RFC 3339 begins with the day")
    }

    /// From a text that begins like `2026-11-22`.
    pub(crate) fn named(text: &str) -> Option<Self> {
        let day = text.get(..10)?;
        day.parse::<vocabulary::Date>().ok()?;
        Text::new(day).ok().map(Self)
    }

    /// Whether `time` lies in the same day as `other`, without making a name.
    pub(crate) fn is_shared(time: Timestamp, other: Timestamp) -> bool {
        time.0 / NS_PER_DAY == other.0 / NS_PER_DAY
    }
}

/// One of the two logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Log {
    Audit,
    Decisions,
}

impl Log {
    fn prefix(self) -> &'static str {
        match self {
            Self::Audit => "audit-",
            Self::Decisions => "decisions-",
        }
    }

    fn file(self, dir: &Path, day: Day) -> PathBuf {
        dir.join(format!("{}{}{SUFFIX}", self.prefix(), day.0))
    }

    /// The log's files in `dir` from the oldest to the newest.
    pub(crate) fn files(self, dir: &Path) -> Result<Vec<(Day, PathBuf)>, AuditError> {
        let failed = || AuditError::io("list", dir);
        let mut files = Vec::new();
        for entry in fs::read_dir(dir).map_err(failed())? {
            let entry = entry.map_err(failed())?;
            let name = entry.file_name();
            let name = name.to_str().and_then(|name| name.strip_prefix(self.prefix())?.strip_suffix(SUFFIX));
            if let Some(day) = name.filter(|name| name.len() == 10).and_then(Day::named) {
                files.push((day, entry.path()));
            }
        }
        files.sort_unstable();
        Ok(files)
    }
}

/// The files of one log, for writing.
#[derive(Debug)]
pub(crate) struct DayFiles {
    log: Log,
    dir: PathBuf,
    /// All but the newest are never touched again.
    files: Vec<(Day, PathBuf)>,
    open: Option<File>,
    unsynced_bytes: usize,
}

/// The last line of a log, without its line break.
#[derive(Debug)]
pub(crate) struct LastLine {
    pub(crate) path: PathBuf,
    pub(crate) bytes: Vec<u8>,
    start: u64,
}

impl DayFiles {
    /// Opens the log in `dir` for writing, makes the directory if it is not there, and cuts back what a crash has left
    /// behind the last whole line.
    pub(crate) fn open(log: Log, dir: &Path) -> Result<Self, AuditError> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(AuditError::io("make", dir))?;
        let files = log.files(dir)?;
        let mut opened = Self { log, dir: dir.to_owned(), files, open: None, unsynced_bytes: 0 };
        while let Some((_, path)) = opened.files.last().cloned() {
            let whole = whole_bytes(&path).map_err(AuditError::io("read", &path))?;
            if let Some(bytes) = whole.filter(|_| !planted!("audit-torn-end-kept")) {
                opened.cut_to(bytes)?;
            }
            if whole != Some(0) {
                break;
            }
        }
        Ok(opened)
    }

    /// The last line, if there is one.
    pub(crate) fn last_line(&self) -> Result<Option<LastLine>, AuditError> {
        let Some((_, path)) = self.files.last() else { return Ok(None) };
        let (start, bytes) = last_line(path).map_err(AuditError::io("read", path))?;
        Ok(Some(LastLine { path: path.clone(), bytes, start }))
    }

    /// Takes the last line off.
    pub(crate) fn cut(&mut self, last: &LastLine) -> Result<(), AuditError> {
        self.cut_to(last.start)
    }

    /// Shortens the newest file, durably; one without any line is removed.
    fn cut_to(&mut self, bytes: u64) -> Result<(), AuditError> {
        let Some((_, path)) = self.files.last() else { return Ok(()) };
        if bytes == 0 {
            fs::remove_file(path)
                .and_then(|()| sync_dir(&self.dir))
                .map_err(AuditError::io("remove", path))?;
            self.files.pop();
            return Ok(());
        }
        let shorten = || {
            let file = OpenOptions::new().write(true).open(path)?;
            if file.metadata()?.len() > bytes {
                file.set_len(bytes)?;
                file.sync_all()?;
            }
            Ok(())
        };
        shorten().map_err(AuditError::io("shorten", path))
    }

    /// Appends lines of one day. A new day begins only once all before it is durable: see [`DayFiles::sync`].
    pub(crate) fn append(&mut self, day: Day, lines: &[u8]) -> Result<(), AuditError> {
        if lines.is_empty() {
            return Ok(());
        }
        if self.open.is_none() || self.files.last().is_none_or(|(newest, _)| *newest != day) {
            self.turn_to(day)?;
        }
        let (Some(file), Some((_, path))) = (&mut self.open, self.files.last()) else {
            unreachable!("the file of the day is open");
        };
        file.write_all(lines).map_err(AuditError::io("append to", path))?;
        self.unsynced_bytes += lines.len();
        Ok(())
    }

    fn turn_to(&mut self, day: Day) -> Result<(), AuditError> {
        let path = self.log.file(&self.dir, day);
        let is_new = self.files.last().is_none_or(|(newest, _)| *newest != day);
        let open = || {
            let file = OpenOptions::new().append(true).create(true).mode(0o600).open(&path)?;
            if is_new {
                sync_dir(&self.dir)?;
            }
            Ok(file)
        };
        let file = open().map_err(AuditError::io("open", &path))?;
        self.open = Some(file);
        if is_new {
            self.files.push((day, path));
        }
        Ok(())
    }

    /// Makes everything appended durable.
    pub(crate) fn sync(&mut self) -> Result<(), AuditError> {
        if self.unsynced_bytes == 0 {
            return Ok(());
        }
        if let (Some(file), Some((_, path))) = (&self.open, self.files.last()) {
            file.sync_data().map_err(AuditError::io("sync", path))?;
        }
        self.unsynced_bytes = 0;
        Ok(())
    }

    pub(crate) fn unsynced_bytes(&self) -> usize {
        self.unsynced_bytes
    }
}

fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// How many bytes at the start of the file are whole lines, if something lies behind them or there are none. JSON has
/// no zero bytes, so the first of these is where the data never reached the disk.
fn whole_bytes(path: &Path) -> io::Result<Option<u64>> {
    let (start, tail) = read_tail(path, TAIL_BYTES)?;
    let written = tail.iter().position(|byte| *byte == 0).unwrap_or(tail.len());
    let whole = tail[..written].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    if whole == 0 && start > 0 {
        return Err(io::Error::new(ErrorKind::InvalidData, "it ends in something that is no line"));
    }
    let is_clean = whole == tail.len() && whole > 0;
    Ok((!is_clean).then_some(start + whole as u64))
}

/// Where the last line of a file of whole lines starts, and the line.
fn last_line(path: &Path) -> io::Result<(u64, Vec<u8>)> {
    let mut size = LINE_BYTES;
    loop {
        let (start, mut tail) = read_tail(path, size)?;
        if tail.pop() != Some(b'\n') {
            return Err(io::Error::new(ErrorKind::InvalidData, "it does not end in a line"));
        }
        match tail.iter().rposition(|byte| *byte == b'\n') {
            Some(at) => return Ok((start + at as u64 + 1, tail.split_off(at + 1))),
            None if start == 0 => return Ok((0, tail)),
            None => size *= 8,
        }
    }
}

/// The last `size` bytes of a file, or all of it, and where they start.
fn read_tail(path: &Path, size: u64) -> io::Result<(u64, Vec<u8>)> {
    let mut file = File::open(path)?;
    let len = file.metadata()?.len();
    let start = len.saturating_sub(size);
    file.seek(SeekFrom::Start(start))?;
    let mut tail = Vec::new();
    file.take(len - start).read_to_end(&mut tail)?;
    Ok((start, tail))
}
