//! The live feed: what has just become durable, made into messages once and given to every stream that wants them.
//!
//! One task reads the node's feed. It also notices when another policy comes into force. Invariant: nothing is told
//! that is not durable, and what was missed is never passed over in silence: a stream that is too slow, or a feed that
//! was, is told so and ended. Bounded: messages wait in one ring for all. Absent: history, which the views have.

mod news;
mod tape;

pub(crate) use news::{Channel, Item, Level};

use crate::services::{Api, ToldPolicy};
use axum::body::Bytes;
use engine::{Command, Record};
use node::Subscription;
use rustc_hash::FxHashSet;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::broadcast::{self, Receiver, Sender};
use tokio::time::{MissedTickBehavior, interval};
use vocabulary::InstrumentId;

/// How many pieces of news a stream may be behind.
const WAITING_MAX: usize = 512;
/// How many messages a piece of news has at most, whatever became durable at once.
const ITEMS_MAX: usize = 64;
/// How often a book that changes is told: what lies between two is never seen.
const BOOK_INTERVAL: Duration = Duration::from_millis(100);
/// How many price levels of each side are told.
pub(crate) const BOOK_LEVELS: usize = 10;

/// What streams hear.
#[derive(Clone)]
pub(crate) enum Heard {
    /// New messages.
    Items(Arc<Vec<Item>>),
    /// The feed was too slow and lost some.
    Missed,
}

/// Where streams listen.
pub(crate) struct Live(Sender<Heard>);

impl Live {
    pub(crate) fn new() -> Self {
        Self(broadcast::channel(WAITING_MAX).0)
    }

    /// From now on.
    pub(crate) fn listen(&self) -> Receiver<Heard> {
        self.0.subscribe()
    }

    fn is_heard(&self) -> bool {
        self.0.receiver_count() > 0
    }

    /// In pieces that are bounded, so that what waits is.
    fn tell_items(&self, items: Vec<Item>) {
        let mut items = items.into_iter();
        loop {
            let piece: Vec<Item> = items.by_ref().take(ITEMS_MAX).collect();
            if piece.is_empty() {
                return;
            }
            self.tell(Heard::Items(Arc::new(piece)));
        }
    }

    fn tell(&self, heard: Heard) {
        // Nobody may be listening any more, and that is fine.
        drop(self.0.send(heard));
    }
}

/// Reads the node's feed for as long as the gateway is there.
pub(crate) async fn follow(api: Weak<Api>, mut feed: Subscription, mut policy: Option<ToldPolicy>) {
    let mut touched = FxHashSet::default();
    let mut tick = interval(BOOK_INTERVAL);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            heard = feed.next() => {
                let (Some(api), Some(heard)) = (api.upgrade(), heard) else { return };
                match heard {
                    node::Live::Batch(batch) => on_batch(&api, &batch, &mut touched).await,
                    node::Live::Missed => {
                        refresh(&api).await;
                        api.live.tell(Heard::Missed);
                    }
                }
            }
            () = another(&mut policy) => {
                let Some(api) = api.upgrade() else { return };
                refresh(&api).await;
            }
            _ = tick.tick() => {
                let Some(api) = api.upgrade() else { return };
                tell_books(&api, &mut touched).await;
            }
        }
    }
}

/// Until another node says that another policy is in force.
async fn another(policy: &mut Option<ToldPolicy>) {
    if let Some(told) = policy
        && told.changed().await.is_ok()
    {
        return;
    }
    // Nobody tells, or nobody does any more.
    std::future::pending().await
}

async fn on_batch(api: &Api, batch: &[Record], touched: &mut FxHashSet<InstrumentId>) {
    if batch.iter().any(activates_policy) {
        refresh(api).await;
    }
    if !api.live.is_heard() {
        touched.clear();
        return;
    }
    let items = tape::items(api, batch, touched).await;
    api.live.tell_items(items);
}

fn activates_policy(record: &Record) -> bool {
    matches!(&record.request.command, Command::Compliance(compliance::Command::ActivatePolicy { .. }))
}

async fn refresh(api: &Api) {
    if let Err(problem) = api.refresh_permissions().await {
        tracing::error!(detail = problem.detail(), "the policy in force could not be read");
    }
}

/// Tells the books that have changed since the last time.
async fn tell_books(api: &Api, touched: &mut FxHashSet<InstrumentId>) {
    if touched.is_empty() || !api.live.is_heard() {
        touched.clear();
        return;
    }
    let instruments: Vec<InstrumentId> = touched.drain().collect();
    let look = move |state: &engine::State| {
        let books =
            instruments.iter().filter_map(|instrument| news::BookNews::of(&state.trading, *instrument));
        books.collect::<Vec<_>>()
    };
    if let Ok((position, books)) = api.node.read(look).await {
        let items: Vec<Item> = books.iter().map(|book| book.item(position)).collect();
        api.live.tell_items(items);
    }
}

/// One message in the format of event streams (HTML, section 9.2).
pub(crate) fn frame(channel: Channel, position: u64, json: &str) -> Bytes {
    format!("id: {position}\nevent: {}\ndata: {json}\n\n", channel.as_str()).into()
}
