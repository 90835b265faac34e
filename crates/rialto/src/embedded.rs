//! The embedded deployment: one process, one node with all four contexts, SQLite in a data directory.

use anyhow::Context;
use engine::Hosts;
use node::journal::JournalReader;
use node::{Clock, Follower, Node, NodeConfig, NodeParts, Recovered};
use std::path::Path;
use store::snapshot_files::SnapshotFiles;
use store::sqlite::{SqliteJournal, SqliteReader};
use store::{Check, Founding};

use crate::cli::Failure;

/// The shard of a node that has no others beside it.
pub(crate) const SHARD: u16 = 0;

/// The fact of a journal's founding that says which contexts its node hosts; all of them where it is not stated.
const HOSTS_FACT: &str = "hosts";

/// What the journal of a node that hosts those contexts is founded with.
pub(crate) fn founding(hosts: Hosts) -> Founding {
    let stated = (hosts != Hosts::ALL).then(|| (HOSTS_FACT.to_owned(), hosts.to_string()));
    Founding { shard: SHARD, created: time_now(), facts: stated.into_iter().collect() }
}

/// The contexts that a journal's node hosts. It decides as it did only with the same ones.
pub(crate) fn hosts(founding: &Founding) -> anyhow::Result<Hosts> {
    let Some(stated) = founding.facts.get(HOSTS_FACT) else { return Ok(Hosts::ALL) };
    stated.parse().context("the journal was founded for contexts that are not known here")
}

/// Refuses a journal whose node hosts others than `wanted`.
pub(crate) fn check_hosts(founding: &Founding, wanted: Hosts, place: &str) -> anyhow::Result<()> {
    let stated = hosts(founding)?;
    anyhow::ensure!(
        stated == wanted,
        "the journal in {place} is that of a node with {stated}, and not with {wanted}"
    );
    Ok(())
}

/// A handle to read the journal in `data` with, which is not founded where there is none.
pub(crate) fn reader(data: &Path) -> Result<SqliteReader, Failure> {
    if !data.join("journal.db").exists() {
        return Err(Failure::Misuse(format!("there is no journal in {}", data.display())));
    }
    SqliteReader::open(data, SHARD).map_err(|error| Failure::Misuse(error.to_string()))
}

/// An opened data directory, recovered and not yet running.
pub(crate) struct Opened {
    journal: SqliteJournal,
    snapshots: SnapshotFiles,
    recovered: Recovered,
}

/// Opens `data`, founds it if it is empty, and recovers. `progress` hears how many records were folded in.
pub(crate) fn open(data: &Path, progress: impl FnMut(u64)) -> anyhow::Result<Opened> {
    let journal = SqliteJournal::open(data, &founding(Hosts::ALL), Check::Tail)?;
    check_hosts(journal.founding(), Hosts::ALL, &data.display().to_string())?;
    let snapshots = SnapshotFiles::in_data_dir(data, SHARD);
    let recovered = node::recover(Hosts::ALL, &journal.reader()?, &snapshots, progress)?;
    Ok(Opened { journal, snapshots, recovered })
}

impl Opened {
    /// What recovery came to.
    pub(crate) fn recovered(&self) -> &Recovered {
        &self.recovered
    }

    /// A handle to read the journal with.
    pub(crate) fn reader(&self) -> anyhow::Result<SqliteReader> {
        Ok(self.journal.reader()?)
    }

    /// Starts the node.
    pub(crate) fn start(
        self,
        config: &NodeConfig,
        clock: Box<dyn Clock>,
        followers: Vec<Box<dyn Follower>>,
    ) -> anyhow::Result<Node> {
        let with_reader = |follower| -> anyhow::Result<(Box<dyn Follower>, Box<dyn JournalReader>)> {
            Ok((follower, Box::new(self.journal.reader()?)))
        };
        let followers = followers.into_iter().map(with_reader).collect::<anyhow::Result<Vec<_>>>()?;
        let reader = Box::new(self.journal.reader()?);
        let parts = NodeParts {
            recovered: self.recovered,
            journal: Box::new(self.journal),
            snapshots: (Box::new(self.snapshots), reader),
            clock,
            followers,
        };
        Node::start(config, parts).context("the node cannot start")
    }
}

/// The time by the machine's clock, for people.
pub(crate) fn time_now() -> String {
    let mut clock = node::SystemClock::new();
    clock.now().to_string()
}
