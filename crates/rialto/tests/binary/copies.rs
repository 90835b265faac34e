//! Data directories copied, and the history of one carried over to another as far as a crash would have left it.

use node::journal::{Chain, JournalReader, frame_into};
use std::fs;
use std::path::Path;
use store::Check;
use store::sqlite::{SqliteJournal, SqliteReader};
use tempfile::TempDir;

const SHARD: u16 = 0;

/// Everything in a directory, again in one of its own.
pub(crate) fn copy_of(from: &Path) -> TempDir {
    let to = tempfile::tempdir().unwrap();
    copy_into(from, to.path());
    to
}

fn copy_into(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let (entry, to) = (entry.as_ref().unwrap().path(), to.join(entry.as_ref().unwrap().file_name()));
        if entry.is_dir() {
            fs::create_dir(&to).unwrap();
            copy_into(&entry, &to);
        } else {
            fs::copy(&entry, &to).unwrap();
        }
    }
}

/// The bodies of the records from a position on, of a journal that nobody writes to.
pub(crate) fn records_from(data: &Path, position: u64) -> Vec<Vec<u8>> {
    let batches = SqliteReader::open(data, SHARD).unwrap().read_from(position, usize::MAX).unwrap();
    let records = batches.iter().flat_map(node::journal::Batch::unframe).map(Result::unwrap);
    records.filter(|(at, _)| *at >= position).map(|(_, body)| body.to_owned()).collect()
}

/// Appends records to a journal that nobody writes to, each in a batch of its own.
pub(crate) fn append(data: &Path, records: &[Vec<u8>]) {
    let founding = SqliteReader::open(data, SHARD).unwrap().founding().clone();
    let mut journal = SqliteJournal::open(data, &founding, Check::Tail).unwrap();
    let tail = journal.tail().unwrap();
    let mut chain = Chain::after(SHARD, tail);
    for body in records {
        let mut bytes = Vec::new();
        frame_into(&mut bytes, |out| out.extend_from_slice(body));
        node::journal::Journal::append(&mut journal, &chain.seal(tail.epoch, 1, bytes)).unwrap();
    }
}
