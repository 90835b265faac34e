//! Questions to the views and to the journal: on threads that may block, so many at a time, each from one snapshot.

use crate::auth::Principal;
use crate::call::Call;
use crate::problem::{Problem, kinds};
use crate::services::Api;
use engine::Record;
use node::decode_record;
use node::journal::{Batch, GENESIS_HASH, JournalReader};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;
use views::{Page, PageRequest, Snapshot, ViewsError, ViewsReader, Visibility};
use vocabulary::OrderId;

/// How many questions are answered at once. More wait, without a thread of their own.
const AT_ONCE_MAX: usize = 16;

/// Where questions go.
pub(crate) struct Reads {
    views: ViewsReader,
    journal: Mutex<Box<dyn JournalReader>>,
    slots: Semaphore,
}

impl Reads {
    pub(crate) fn new(views: ViewsReader, journal: Box<dyn JournalReader>) -> Self {
        Self { views, journal: Mutex::new(journal), slots: Semaphore::new(AT_ONCE_MAX) }
    }
}

impl Reads {
    /// The hash of the batch that holds `position`, in hexadecimal: what a report stands on.
    fn hash_at(&self, position: u64) -> Result<String, Problem> {
        let journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        let hash = if position == 0 {
            GENESIS_HASH
        } else {
            let read = journal.read_from(position, 1).map_err(unreadable)?;
            read.first().map_or(GENESIS_HASH, |batch| batch.hash)
        };
        Ok(hash.iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

fn unreadable(why: impl std::fmt::Display) -> Problem {
    tracing::error!(%why, "the journal could not be read");
    Problem::new(&kinds::READS_UNAVAILABLE, "the journal could not be read")
}

/// A part of a list.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct PageBody<T> {
    /// In the order of the list.
    pub(crate) items: Vec<T>,
    /// The `cursor` of the next page; null if this is the last.
    pub(crate) next: Option<String>,
}

impl<T> PageBody<T> {
    /// The page as it is answered.
    pub(crate) fn of(page: Page<T>) -> Self {
        Self { items: page.rows, next: page.next }
    }

    /// All there is.
    pub(crate) fn whole(items: Vec<T>) -> Self {
        Self { items, next: None }
    }
}

/// Which part of a list that has no filters.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageQuery {
    /// Rows of the page, 1 to 1,000; 100 if left out.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// Where the page begins: `next` of the page before.
    #[param(min_length = 1)]
    cursor: Option<String>,
}

impl PageQuery {
    /// That part.
    pub(crate) fn page(self) -> Result<PageRequest, Problem> {
        page(self.limit, self.cursor)
    }
}

/// A part of a list.
pub(crate) fn page(limit: Option<usize>, cursor: Option<String>) -> Result<PageRequest, Problem> {
    PageRequest::new(limit, cursor)
        .map_err(|error| Problem::new(&kinds::INVALID_QUERY, error.to_string()).in_field("limit"))
}

/// Whose rows a caller sees.
pub(crate) fn visibility(principal: &Principal) -> Visibility {
    if principal.is_confined() { Visibility::Owner(principal.user) } else { Visibility::All }
}

impl Api {
    /// Asks the views, once they have seen what the call wants to have seen. With the position that they hold.
    pub(crate) async fn ask<T: Send + 'static>(
        self: &Arc<Self>,
        call: &Call,
        question: impl FnOnce(&Snapshot) -> Result<T, ViewsError> + Send + 'static,
    ) -> Result<(u64, T), Problem> {
        self.ask_at(call.at_least, question).await
    }

    /// As [`Api::ask`], about something whose id is the position that it came into being at: whoever has been told of
    /// an id finds what it names, however far the views are behind.
    pub(crate) async fn ask_about<T: Send + 'static>(
        self: &Arc<Self>,
        call: &Call,
        id: OrderId,
        question: impl FnOnce(&Snapshot) -> Result<T, ViewsError> + Send + 'static,
    ) -> Result<(u64, T), Problem> {
        let exists = id.0 <= self.node.durable_position();
        let position = if exists { call.at_least.max(id.0) } else { call.at_least };
        self.ask_at(position, question).await
    }

    /// As [`Api::ask`], once they have seen `position`.
    pub(crate) async fn ask_at<T: Send + 'static>(
        self: &Arc<Self>,
        position: u64,
        question: impl FnOnce(&Snapshot) -> Result<T, ViewsError> + Send + 'static,
    ) -> Result<(u64, T), Problem> {
        let timeout = self.settings.position_timeout;
        self.blocking(move |reads| {
            let answered = reads
                .views
                .snapshot_at_least(position, timeout)
                .and_then(|snapshot| Ok((snapshot.position(), question(&snapshot)?)));
            answered.map_err(problem)
        })
        .await
    }

    /// As [`Api::ask`], for a report: with the hash of the journal where the views stand.
    pub(crate) async fn report<T: Send + 'static>(
        self: &Arc<Self>,
        call: &Call,
        report: impl FnOnce(&Snapshot, &str) -> Result<T, ViewsError> + Send + 'static,
    ) -> Result<(u64, T), Problem> {
        let (position, timeout) = (call.at_least, self.settings.position_timeout);
        self.blocking(move |reads| {
            let snapshot = reads.views.snapshot_at_least(position, timeout).map_err(problem)?;
            let hash = reads.hash_at(snapshot.position())?;
            let report = report(&snapshot, &hash).map_err(problem)?;
            Ok((snapshot.position(), report))
        })
        .await
    }

    /// The records at these positions, which must ascend. Those that are not there are left out.
    pub(crate) async fn records(self: &Arc<Self>, positions: Vec<u64>) -> Result<Vec<Record>, Problem> {
        self.blocking(move |reads| {
            let journal = reads.journal.lock().unwrap_or_else(PoisonError::into_inner);
            records_at(journal.as_ref(), &positions).map_err(unreadable)
        })
        .await
    }

    async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Reads) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let _slot = self.reads.slots.acquire().await;
        let api = Arc::clone(self);
        let done = tokio::task::spawn_blocking(move || work(&api.reads)).await;
        done.unwrap_or_else(|_| Err(Problem::new(&kinds::READS_UNAVAILABLE, "the read side failed")))
    }
}

fn problem(error: ViewsError) -> Problem {
    match error {
        ViewsError::UnknownCursor { .. } => {
            Problem::new(&kinds::INVALID_QUERY, error.to_string()).in_field("cursor")
        }
        ViewsError::BadLimit { .. } => {
            Problem::new(&kinds::INVALID_QUERY, error.to_string()).in_field("limit")
        }
        ViewsError::Behind { .. } => {
            Problem::new(&kinds::POSITION_NOT_REACHED, error.to_string()).retry_after_s(1)
        }
        ViewsError::Open { .. }
        | ViewsError::OtherVersion { .. }
        | ViewsError::Database(_)
        | ViewsError::Gap { .. }
        | ViewsError::Misfit { .. }
        | ViewsError::Unwritable(_) => {
            tracing::error!(%error, "the views could not answer");
            Problem::new(&kinds::READS_UNAVAILABLE, "the read side cannot answer now").retry_after_s(5)
        }
    }
}

/// Reads batch by batch, each once.
fn records_at(journal: &dyn JournalReader, positions: &[u64]) -> Result<Vec<Record>, String> {
    let mut found = Vec::with_capacity(positions.len());
    let mut batch: Option<Batch> = None;
    for &position in positions {
        let holds = |batch: &Batch| (batch.first_position..batch.next_position()).contains(&position);
        if !batch.as_ref().is_some_and(holds) {
            let read = journal.read_from(position, 1).map_err(|error| error.to_string())?;
            batch = read.into_iter().next();
        }
        let Some(batch) = &batch else { continue };
        for framed in batch.unframe() {
            let (at, body) = framed.map_err(|error| error.to_string())?;
            if at == position {
                found.push(decode_record(at, body).map_err(|error| error.to_string())?);
                break;
            }
        }
    }
    Ok(found)
}
