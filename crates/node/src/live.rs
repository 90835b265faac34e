//! Durable batches for whoever shows them as they happen.
//!
//! Invariant: what waits is bounded by records, since a batch may be large, and whoever is too slow for it is told that
//! he missed some. Absent on purpose: history, and catching up; that is what followers are for.

use crate::follower::Batch;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::broadcast::{self, error::RecvError, error::TryRecvError};

/// How many batches wait for the slowest subscriber.
const BATCHES_MAX: usize = 1_024;
/// How many records wait in them; a batch that waits alone may be larger.
const RECORDS_MAX: usize = 16_384;

/// What a subscriber hears.
#[derive(Clone, Debug)]
pub enum Live {
    /// The next batch.
    Batch(Batch),
    /// There were batches that he was too slow for.
    Missed,
}

/// Where batches wait for subscribers.
pub(crate) struct LiveFeed {
    batches: broadcast::Sender<Option<Arc<Waiting>>>,
    records: Arc<AtomicUsize>,
}

/// A batch, counted for as long as it waits for somebody.
#[derive(Debug)]
struct Waiting {
    batch: Batch,
    records: Arc<AtomicUsize>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.records.fetch_sub(self.batch.len(), Ordering::Relaxed);
    }
}

impl LiveFeed {
    pub(crate) fn new() -> Self {
        Self { batches: broadcast::channel(BATCHES_MAX).0, records: Arc::default() }
    }

    /// Makes a durable batch known to those who listen.
    pub(crate) fn publish(&self, batch: &Batch) {
        if self.batches.receiver_count() == 0 {
            return;
        }
        let waiting = self.records.fetch_add(batch.len(), Ordering::Relaxed);
        let counted = Arc::new(Waiting { batch: Arc::clone(batch), records: Arc::clone(&self.records) });
        let has_room = waiting == 0 || waiting + batch.len() <= RECORDS_MAX;
        // The last listener may have gone just now.
        drop(self.batches.send(has_room.then_some(counted)));
    }

    pub(crate) fn subscribe(&self) -> Subscription {
        Subscription(self.batches.subscribe())
    }
}

/// A subscriber's end: batches from when he subscribed.
pub struct Subscription(broadcast::Receiver<Option<Arc<Waiting>>>);

impl Subscription {
    /// Waits for the next; none once the node has ended. Nothing is lost when it is not waited for to the end.
    pub async fn next(&mut self) -> Option<Live> {
        match self.0.recv().await {
            Ok(heard) => Some(live(heard)),
            Err(RecvError::Lagged(_)) => Some(Live::Missed),
            Err(RecvError::Closed) => None,
        }
    }

    /// The next, if it is there already.
    pub fn try_next(&mut self) -> Option<Live> {
        match self.0.try_recv() {
            Ok(heard) => Some(live(heard)),
            Err(TryRecvError::Lagged(_)) => Some(Live::Missed),
            Err(TryRecvError::Empty | TryRecvError::Closed) => None,
        }
    }
}

fn live(heard: Option<Arc<Waiting>>) -> Live {
    heard.map_or(Live::Missed, |waiting| Live::Batch(Arc::clone(&waiting.batch)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::{Command, Outcome, Record, Request};
    use vocabulary::{CorrelationId, Moment, Timestamp};

    fn batch(records: usize) -> Batch {
        let command =
            Command::Trading(trading::Command::OpenBusinessDay { date: "2023-02-07".parse().unwrap() });
        let request = Request {
            command_id: None,
            correlation: CorrelationId(1),
            actor: "somebody".parse().unwrap(),
            command,
        };
        let moment = Moment { position: 1, time: Timestamp(0) };
        let record = Record { moment, logic_version: 1, request, outcome: Outcome::Events(Vec::new()) };
        Arc::new(vec![record; records])
    }

    fn heard(subscription: &mut Subscription) -> Vec<usize> {
        std::iter::from_fn(|| subscription.try_next())
            .map(|live| match live {
                Live::Batch(batch) => batch.len(),
                Live::Missed => 0,
            })
            .collect()
    }

    #[test]
    fn fault_16_one_who_does_not_listen_holds_so_many_records_and_is_told_that_he_missed_some() {
        let feed = LiveFeed::new();
        let mut slow = feed.subscribe();
        let half = batch(RECORDS_MAX / 2);
        (0..3).for_each(|_| feed.publish(&half));
        assert_eq!(Arc::strong_count(&half), 3, "two wait, and the third is not kept");
        assert_eq!(heard(&mut slow), [half.len(), half.len(), 0]);
        feed.publish(&half);
        assert_eq!(heard(&mut slow), [half.len()], "there is room again once he has heard them");
        drop(slow);
        feed.publish(&half);
        assert_eq!(Arc::strong_count(&half), 1, "nothing waits for nobody");
    }

    #[test]
    fn a_batch_larger_than_all_that_may_wait_is_heard_when_nothing_else_waits() {
        let feed = LiveFeed::new();
        let mut subscription = feed.subscribe();
        feed.publish(&batch(RECORDS_MAX + 1));
        assert_eq!(heard(&mut subscription), [RECORDS_MAX + 1]);
    }
}
