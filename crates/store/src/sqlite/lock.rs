//! The lock that makes a process the only writer of a data directory: an advisory lock on `writer.lock`.
//!
//! Invariant: the operating system gives it back when the process ends, however it ends. The file's content only tells
//! a person who holds it. SQLite's own exclusive lock would keep readers out as well.

use super::OpenError;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::Path;
use std::thread;
use std::time::Duration;

const FILE: &str = "writer.lock";

/// A reader that opens holds the lock for a moment too, so a writer asks more than once.
const ATTEMPTS: u32 = 25;
const PAUSE: Duration = Duration::from_millis(20);

/// Held as long as it lives.
#[derive(Debug)]
pub(super) struct WriterLock(#[expect(dead_code, reason = "an open file is what holds the lock")] File);

impl WriterLock {
    /// Becomes the writer.
    pub(super) fn take(dir: &Path) -> Result<Self, OpenError> {
        let unusable = |source| OpenError::Directory { dir: dir.to_owned(), source };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(dir.join(FILE)).map_err(unusable)?;
        for _ in 0..ATTEMPTS {
            match file.try_lock() {
                Ok(()) => {
                    file.set_len(0)
                        .and_then(|()| write!(file, "process {}", std::process::id()))
                        .map_err(unusable)?;
                    return Ok(Self(file));
                }
                Err(TryLockError::WouldBlock) => thread::sleep(PAUSE),
                Err(TryLockError::Error(error)) => return Err(unusable(error)),
            }
        }
        let mut holder = String::new();
        file.read_to_string(&mut holder).map_err(unusable)?;
        Err(OpenError::InUse { dir: dir.to_owned(), holder })
    }

    /// Keeps a writer from starting; none if there is one already.
    pub(super) fn take_unless_written(dir: &Path) -> Result<Option<Self>, OpenError> {
        let unusable = |source| OpenError::Directory { dir: dir.to_owned(), source };
        let file = match File::open(dir.join(FILE)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file.map_err(unusable)?,
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(Some(Self(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(unusable(error)),
        }
    }
}
