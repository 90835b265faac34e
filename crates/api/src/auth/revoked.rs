//! Tokens that were revoked before their time was over: a file of ids, one a line.
//!
//! Invariant: once [`Revoked::add`] has returned, the id is on disk. An id whose token would have expired is left out
//! when the file is read again, so that the list is bounded by the tokens that are in their time.

use super::keys::KeyError;
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, RwLock};

/// Its name in the data directory.
const FILE: &str = "revoked-tokens";
/// How many ids are kept at most.
const IDS_MAX: usize = 1_000_000;

/// The list, in memory and on disk.
pub(super) struct Revoked {
    path: PathBuf,
    file: Mutex<()>,
    /// Until when each would have been good, in seconds of Unix time.
    ids: RwLock<BTreeMap<String, u64>>,
}

impl Revoked {
    pub(super) fn open(data_dir: &Path, now_s: u64) -> Result<Self, KeyError> {
        let path = data_dir.join(FILE);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(why) if why.kind() == io::ErrorKind::NotFound => String::new(),
            Err(why) => return Err(KeyError::File { path, why }),
        };
        let entry = |line: &str| {
            let (until, id) = line.split_once(' ')?;
            Some((id.to_owned(), until.parse::<u64>().ok()?))
        };
        let ids = text.lines().filter_map(entry).filter(|(_, until)| *until > now_s).take(IDS_MAX).collect();
        Ok(Self { path, file: Mutex::new(()), ids: RwLock::new(ids) })
    }

    pub(super) fn contains(&self, id: &str) -> bool {
        self.ids.read().unwrap_or_else(PoisonError::into_inner).contains_key(id)
    }

    pub(super) fn add(&self, id: &str, until_s: u64, now_s: u64) -> io::Result<()> {
        let _one_at_a_time = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.contains(id) {
            let mut file = OpenOptions::new().create(true).append(true).open(&self.path)?;
            writeln!(file, "{until_s} {id}")?;
            file.sync_all()?;
        }
        let mut ids = self.ids.write().unwrap_or_else(PoisonError::into_inner);
        if ids.len() >= IDS_MAX {
            ids.retain(|_, until| *until > now_s);
        }
        ids.insert(id.to_owned(), until_s);
        Ok(())
    }
}
