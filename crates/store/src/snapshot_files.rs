//! Snapshots as files: `snapshots/<next position>.snap` in the data directory.
//!
//! Invariant: a file under its final name was whole when it got that name. It is written under another name, made
//! durable, and only then renamed. The last two are kept, so that one bad file costs a longer replay and not a history.

use crate::durable_file::sync_dir;
use node::snapshot::{BadSnapshot, HEADER_BYTES, Loaded, Snapshot, SnapshotError, Snapshots};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use tracing::warn;

const KEPT: usize = 2;
const SUFFIX: &str = ".snap";
const UNFINISHED_SUFFIX: &str = ".snap.unfinished";

/// The snapshots of one shard in one data directory.
#[derive(Debug)]
pub struct SnapshotFiles {
    dir: PathBuf,
    shard: u16,
}

impl SnapshotFiles {
    /// Snapshots in `data_dir/snapshots`; the directory is made when the first one is saved.
    #[must_use]
    pub fn in_data_dir(data_dir: &Path, shard: u16) -> Self {
        Self { dir: data_dir.join("snapshots"), shard }
    }

    /// Finished snapshots, newest first: a name is its position in twenty digits.
    fn newest_first(&self) -> io::Result<Vec<PathBuf>> {
        let mut files = self.with_suffix(SUFFIX)?;
        files.sort_unstable_by(|left, right| right.cmp(left));
        Ok(files)
    }

    fn with_suffix(&self, suffix: &str) -> io::Result<Vec<PathBuf>> {
        let entries = match fs::read_dir(&self.dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let paths = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
        Ok(paths.into_iter().filter(|path| path.to_string_lossy().ends_with(suffix)).collect())
    }

    fn write(&self, snapshot: &Snapshot) -> io::Result<()> {
        fs::create_dir_all(&self.dir)?;
        let name = format!("{:020}", snapshot.at.next_position);
        let unfinished = self.dir.join(format!("{name}{UNFINISHED_SUFFIX}"));
        let mut file = File::create(&unfinished)?;
        file.write_all(&snapshot.header())?;
        file.write_all(&snapshot.body)?;
        file.sync_all()?;
        drop(file);
        fs::rename(&unfinished, self.dir.join(format!("{name}{SUFFIX}")))?;
        sync_dir(&self.dir)
    }

    fn remove_old(&self) -> io::Result<()> {
        let unfinished = self.with_suffix(UNFINISHED_SUFFIX)?;
        let old = self.newest_first()?.into_iter().skip(KEPT);
        unfinished.into_iter().chain(old).try_for_each(fs::remove_file)
    }

    fn read(&self, path: &Path) -> Result<Snapshot, BadSnapshot> {
        let (header, body) = read_parts(path).map_err(|error| BadSnapshot::Unreadable(error.kind()))?;
        let snapshot = Snapshot::decode(&header, body)?;
        if snapshot.shard == self.shard {
            Ok(snapshot)
        } else {
            Err(BadSnapshot::OtherShard { found: snapshot.shard })
        }
    }

    fn failed(&self, action: &'static str) -> impl FnOnce(io::Error) -> SnapshotError {
        let place = self.dir.display().to_string();
        move |source| SnapshotError { action, place, source }
    }
}

/// Header and body apart, so that a body of a gigabyte is read to where it stays.
fn read_parts(path: &Path) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let mut file = File::open(path)?;
    let body_bytes = file.metadata()?.len().saturating_sub(HEADER_BYTES as u64);
    let mut header = Vec::with_capacity(HEADER_BYTES);
    (&mut file).take(HEADER_BYTES as u64).read_to_end(&mut header)?;
    let mut body = Vec::with_capacity(usize::try_from(body_bytes).unwrap_or(0));
    file.read_to_end(&mut body)?;
    Ok((header, body))
}

impl Snapshots for SnapshotFiles {
    fn save(&mut self, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        assert_eq!(snapshot.shard, self.shard, "a shard's snapshots lie in its own data directory");
        self.write(snapshot).map_err(self.failed("write"))?;
        self.remove_old().map_err(self.failed("remove an old"))
    }

    fn load_newest(&self) -> Result<Loaded, SnapshotError> {
        let mut loaded = Loaded::default();
        for path in self.newest_first().map_err(self.failed("read"))? {
            match self.read(&path) {
                Ok(snapshot) => {
                    loaded.snapshot = Some(snapshot);
                    break;
                }
                Err(why) => {
                    let file = path.display().to_string();
                    warn!(%file, "the snapshot is passed over: {why}");
                    loaded.rejected.push((file, why));
                }
            }
        }
        Ok(loaded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use node::journal::Tail;
    use tempfile::TempDir;

    fn snapshot(next_position: u64) -> Snapshot {
        let at = Tail { next_position, epoch: 1, hash: [7; 32] };
        Snapshot { shard: 0, at, body: format!("state at {next_position}").into_bytes() }
    }

    /// A data directory with the snapshots at 100, 200 and 300 saved in turn.
    fn three_saved() -> (TempDir, SnapshotFiles) {
        let dir = TempDir::new().unwrap();
        let mut files = SnapshotFiles::in_data_dir(dir.path(), 0);
        [100, 200, 300].iter().for_each(|at| files.save(&snapshot(*at)).unwrap());
        (dir, files)
    }

    fn file(dir: &TempDir, position: u64) -> PathBuf {
        dir.path().join(format!("snapshots/{position:020}.snap"))
    }

    #[test]
    fn without_any_the_whole_journal_is_folded() {
        let dir = TempDir::new().unwrap();
        let loaded = SnapshotFiles::in_data_dir(dir.path(), 0).load_newest().unwrap();
        assert_eq!(loaded, Loaded::default());
    }

    #[test]
    fn the_newest_is_loaded_and_the_last_two_are_kept() {
        let (dir, files) = three_saved();
        assert_eq!(files.load_newest().unwrap().snapshot, Some(snapshot(300)));
        let kept = [100, 200, 300].map(|at| file(&dir, at).exists());
        assert_eq!(kept, [false, true, true]);
    }

    #[test]
    fn saving_again_at_the_same_place_is_harmless() {
        let (_dir, mut files) = three_saved();
        files.save(&snapshot(300)).unwrap();
        assert_eq!(files.load_newest().unwrap().snapshot, Some(snapshot(300)));
    }

    #[test]
    fn fault_10_a_truncated_one_is_named_and_the_older_one_taken() {
        let (dir, files) = three_saved();
        let len = fs::metadata(file(&dir, 300)).unwrap().len();
        for cut in [0, 1, 50, HEADER_BYTES as u64, len - 1] {
            File::options().write(true).open(file(&dir, 300)).unwrap().set_len(cut).unwrap();
            let loaded = files.load_newest().unwrap();
            assert_eq!(loaded.snapshot, Some(snapshot(200)), "cut to {cut} bytes");
            let name = file(&dir, 300).display().to_string();
            assert!(matches!(&loaded.rejected[..], [(n, _)] if *n == name), "{:?}", loaded.rejected);
            files.write(&snapshot(300)).unwrap();
        }
    }

    #[test]
    fn fault_10_with_both_flipped_the_whole_journal_is_folded() {
        let (dir, files) = three_saved();
        for at in [200, 300] {
            let mut bytes = fs::read(file(&dir, at)).unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            fs::write(file(&dir, at), bytes).unwrap();
        }
        let loaded = files.load_newest().unwrap();
        assert_eq!(loaded.snapshot, None);
        assert_eq!(loaded.rejected.iter().map(|(_, why)| *why).collect::<Vec<_>>(), [BadSnapshot::Digest; 2]);
    }

    #[test]
    fn one_that_was_never_finished_is_not_seen_and_goes_away() {
        let (dir, mut files) = three_saved();
        let unfinished = dir.path().join("snapshots/00000000000000000400.snap.unfinished");
        fs::write(&unfinished, "half").unwrap();
        assert_eq!(files.load_newest().unwrap().snapshot, Some(snapshot(300)));
        files.save(&snapshot(500)).unwrap();
        assert!(!unfinished.exists());
    }

    #[test]
    fn another_shards_snapshot_is_passed_over() {
        let (dir, _) = three_saved();
        let loaded = SnapshotFiles::in_data_dir(dir.path(), 1).load_newest().unwrap();
        assert_eq!(loaded.snapshot, None);
        assert_eq!(loaded.rejected[0].1, BadSnapshot::OtherShard { found: 0 });
    }

    #[test]
    fn an_unwritable_place_is_named() {
        let dir = TempDir::new().unwrap();
        fs::write(dir.path().join("snapshots"), "a file where the directory should be").unwrap();
        let error = SnapshotFiles::in_data_dir(dir.path(), 0).save(&snapshot(1)).unwrap_err();
        assert!(error.to_string().contains(&dir.path().display().to_string()), "{error}");
    }
}
