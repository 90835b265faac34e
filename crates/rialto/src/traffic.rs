//! What a service of a cluster has to do with Kafka: it brings its events there while it leads, and settlement, risk and
//! compliance read trading's.

use api::{EventTraffic, OpenItem, OpenStatement, ReconciliationFigure, ReconciliationReport, RelayFigure};
use bus::{
    Changes, KafkaSettings, Keep, Kept, ReconcilerStatus, Reconciliation, RelayStatus, Statement, Witness,
    Worker,
};
use engine::{Context, Hosts};
use node::NodeHandle;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use store::postgres::{Database, PostgresReader, ReconciliationTable};

use crate::embedded::SHARD;

/// The most open items of a report.
const ITEMS_MAX: usize = 1_000;

/// A service's traffic with Kafka, whether it leads or not.
pub(crate) struct Traffic {
    settings: KafkaSettings,
    hosts: Hosts,
    relay: Arc<RelayStatus>,
    reconciler: Arc<ReconcilerStatus>,
    witness: Option<Arc<dyn Witness>>,
}

/// What runs while it leads.
pub(crate) struct Leading(Vec<Worker>);

impl Traffic {
    pub(crate) fn new(settings: KafkaSettings, hosts: Hosts, witness: Option<Arc<dyn Witness>>) -> Self {
        Self { settings, hosts, relay: Arc::default(), reconciler: Arc::default(), witness }
    }

    /// The one service that is here, if it reads events: trading is the one that they are held against.
    fn reader(&self) -> Option<Context> {
        let mut all = self.hosts.iter();
        all.next().filter(|context| *context != Context::Trading && all.next().is_none())
    }

    /// What it says of itself.
    pub(crate) fn figures(&self, database: &Database) -> anyhow::Result<Box<dyn EventTraffic>> {
        let kept = match self.reader() {
            Some(own) => Some((own, Mutex::new(ReconciliationTable::open(database, SHARD)?))),
            None => None,
        };
        Ok(Box::new(Figures {
            relay: Arc::clone(&self.relay),
            reconciler: Arc::clone(&self.reconciler),
            kept,
        }))
    }

    /// Begins, for a node that leads.
    pub(crate) fn start(self, database: &Database, node: &NodeHandle) -> anyhow::Result<Leading> {
        let own = self.reader();
        let Self { settings, hosts, relay, reconciler, witness } = self;
        let journal = || PostgresReader::open(database, SHARD);
        let durable = |node: NodeHandle| {
            move || {
                let status = node.status();
                status.leading.then_some(status.durable_position)
            }
        };
        let mut workers = Vec::new();
        if let Some(own) = own {
            let keep = Box::new(Keeper(ReconciliationTable::open(database, SHARD)?));
            let (settings, durable) = (settings.clone(), durable(node.clone()));
            let reader = Box::new(journal()?);
            let witness = witness.clone();
            workers.push(bus::reconcile(settings, own, reader, keep, durable, reconciler, witness)?);
        }
        workers.push(bus::relay(
            settings,
            Box::new(journal()?),
            hosts,
            durable(node.clone()),
            relay,
            witness,
        )?);
        Ok(Leading(workers))
    }
}

impl Leading {
    /// Tells all to end, and does not wait: that may take seconds while Kafka is away.
    pub(crate) fn begin_to_stop(&self) {
        self.0.iter().for_each(Worker::begin_to_stop);
    }

    /// Waits until all have ended.
    pub(crate) fn stop(self) {
        self.0.into_iter().for_each(Worker::stop);
    }
}

/// Keeps a reconciliation in the service's own database.
struct Keeper(ReconciliationTable);

impl Keep for Keeper {
    fn load(&mut self) -> Result<(i64, Kept), Box<dyn Error>> {
        let kept = self.0.load()?;
        Ok((kept.revision, Kept { progress: kept.progress, items: kept.items }))
    }

    fn save(&mut self, revision: i64, changes: &Changes) -> Result<bool, Box<dyn Error>> {
        Ok(self.0.save(revision, &changes.progress, &changes.items)?)
    }
}

struct Figures {
    relay: Arc<RelayStatus>,
    reconciler: Arc<ReconcilerStatus>,
    kept: Option<(Context, Mutex<ReconciliationTable>)>,
}

impl EventTraffic for Figures {
    fn relay(&self) -> RelayFigure {
        let status = &self.relay;
        RelayFigure {
            relayed_position: status.relayed_position(),
            published: status.published(),
            is_waiting: status.trouble().is_some(),
        }
    }

    fn reconciliation(&self) -> Option<ReconciliationFigure> {
        self.kept.as_ref().map(|_| {
            let bus::Open { matched, open, contradictions, since_ns } = self.reconciler.open();
            let is_waiting = self.reconciler.trouble().is_some();
            ReconciliationFigure { matched, open, contradictions, since_ns, is_waiting }
        })
    }

    fn report(&self) -> Result<Option<ReconciliationReport>, String> {
        let Some((own, table)) = &self.kept else { return Ok(None) };
        let kept = table.lock().unwrap_or_else(PoisonError::into_inner).load();
        let kept = kept.map_err(|error| error.to_string())?;
        let kept = Kept { progress: kept.progress, items: kept.items };
        let all = Reconciliation::resume(*own, SHARD, &kept).map_err(|error| error.to_string())?;
        Ok(Some(report(&all)))
    }
}

fn report(all: &Reconciliation) -> ReconciliationReport {
    let open = all.open();
    let stated = |statement: &Option<Statement>| {
        let Statement { what, position, time_ns } = statement.clone()?;
        Some(OpenStatement { what, position, time_ns })
    };
    let items = open.iter().take(ITEMS_MAX).map(|(about, item)| OpenItem {
        about: (*about).to_owned(),
        published: stated(&item.published),
        recorded: stated(&item.recorded),
    });
    ReconciliationReport {
        position: all.next_position() - 1,
        matched: all.matched(),
        open: open.len() as u64,
        items: items.collect(),
        events: all.events().map(|(topic, name, count)| (topic.to_owned(), name.to_owned(), count)).collect(),
    }
}
