//! How everybody else talks to a node.

use crate::follower::{Batch, Feed, FollowerStatus};
use crate::live::{LiveFeed, Subscription};
use crate::recovery::Recovered;
use crate::running::NodeConfig;
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use engine::{Receipt, Request, State};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;
use tokio::sync::{mpsc, oneshot};

/// Why a node does not take a command now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// Too much is waiting. Nothing was done.
    #[error("overloaded: try again in {retry_after_ms} ms")]
    Overloaded {
        /// When to try again.
        retry_after_ms: u64,
    },
    /// The node has stopped after a failure. What was not answered may or may not have happened: ask again by
    /// idempotency key once it is back.
    #[error("halted: {why}")]
    Halted {
        /// What failed.
        why: String,
    },
    /// The node is shutting down. Nothing was done.
    #[error("stopping")]
    Stopping,
    /// Another node leads this shard, or will soon. Nothing was done.
    #[error("not leading: ask the node that leads the shard")]
    NotLeading,
}

pub(crate) type Reply = oneshot::Sender<Result<Vec<Receipt>, Unavailable>>;
/// Looks at the state, and gives what to do with what it saw once that is durable.
pub(crate) type Look = Box<dyn FnOnce(&State, u64) -> Completion + Send>;
pub(crate) type Completion = Box<dyn FnOnce(Result<(), Unavailable>) + Send>;

/// Where the answer of a read will come.
type ReadAnswer<T> = oneshot::Receiver<Result<(u64, T), Unavailable>>;

/// Looks at the state as it is, whether it is durable or not.
pub(crate) type Peek = Box<dyn FnOnce(&State) + Send>;

/// What is handed to the writer.
pub(crate) enum Job {
    Run { requests: Vec<Request>, until: Until, reply: Reply },
    Read(Look),
    Peek(Peek),
}

/// What an answer waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// The command's own record.
    Durable,
    /// Of an order also the decision on it, which takes answers of other nodes where contexts live there. No longer than
    /// until the order's deadline.
    Decided,
}

/// Answers that what they rest on is durable for.
#[derive(Default)]
pub(crate) struct Answers {
    pub(crate) replies: Vec<(Reply, Result<Vec<Receipt>, Unavailable>)>,
    pub(crate) reads: Vec<(Completion, Result<(), Unavailable>)>,
}

impl Answers {
    fn go(self) {
        for (reply, receipts) in self.replies {
            // Whoever asked may have gone.
            drop(reply.send(receipts));
        }
        for (read, durable) in self.reads {
            read(durable);
        }
    }
}

/// What writer, committer and handles share.
pub(crate) struct Shared {
    pub(crate) feed: Arc<Feed>,
    pub(crate) live: LiveFeed,
    pub(crate) durable: AtomicU64,
    pub(crate) waiting: AtomicUsize,
    pub(crate) waiting_max: usize,
    pub(crate) stopping: AtomicBool,
    /// Whether there is a writer: a standby has none.
    pub(crate) leading: AtomicBool,
    /// Until when it leads for sure, in nanoseconds after `began`; for ever where nobody else could.
    leads_until: AtomicU64,
    began: Instant,
    pub(crate) halted: Mutex<Option<String>>,
    pub(crate) clock_jumps: AtomicU64,
    /// Rung when more has become durable, for one who waits for that.
    bell: OnceLock<Sender<()>>,
    /// Where answers go, if not to everybody by himself.
    courier: OnceLock<mpsc::UnboundedSender<Answers>>,
}

impl Shared {
    /// What a node that goes on after `recovered` shares, and the two ends of the way to its writer.
    pub(crate) fn after(
        recovered: &Recovered,
        config: &NodeConfig,
    ) -> (Arc<Self>, Sender<Job>, Receiver<Job>) {
        let durable = recovered.chain.tail().next_position - 1;
        // Without a bound of its own, as only such a one answers what is left in it when the writer goes.
        let (jobs_in, jobs) = unbounded();
        let shared = Self {
            feed: Feed::starting_at(durable),
            live: LiveFeed::new(),
            durable: AtomicU64::new(durable),
            waiting: AtomicUsize::new(0),
            waiting_max: config.waiting_max,
            stopping: AtomicBool::new(false),
            leading: AtomicBool::new(false),
            leads_until: AtomicU64::new(u64::MAX),
            began: Instant::now(),
            halted: Mutex::new(None),
            clock_jumps: AtomicU64::new(0),
            bell: OnceLock::new(),
            courier: OnceLock::new(),
        };
        (Arc::new(shared), jobs_in, jobs)
    }

    /// Makes durable records known to those who read along.
    pub(crate) fn publish(&self, batch: &Batch) {
        let Some(last) = batch.last() else { return };
        self.durable.store(last.moment.position, Ordering::Release);
        if let Some(bell) = self.bell.get() {
            // One that rings already need not ring twice.
            let _ = bell.try_send(());
        }
        self.feed.publish(Arc::clone(batch));
        self.live.publish(batch);
    }

    /// Whether it leads, for sure.
    pub(crate) fn leads(&self) -> bool {
        let until = self.leads_until.load(Ordering::Acquire);
        self.leading.load(Ordering::Acquire)
            && (until == u64::MAX || self.began.elapsed().as_nanos() < until.into())
    }

    /// Tells those who wait.
    pub(crate) fn let_go(&self, answers: Answers) {
        let Some(courier) = self.courier.get() else { return answers.go() };
        if let Err(mpsc::error::SendError(answers)) = courier.send(answers) {
            answers.go();
        }
    }

    pub(crate) fn halt(&self, why: &str) {
        let mut halted = self.halted.lock().unwrap_or_else(PoisonError::into_inner);
        if halted.is_none() {
            tracing::error!(why, "the node has halted");
            *halted = Some(why.to_owned());
        }
    }

    pub(crate) fn halted(&self) -> Option<String> {
        self.halted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Why nothing can be taken, when that is so.
    pub(crate) fn unavailable(&self) -> Unavailable {
        self.halted().map_or(Unavailable::Stopping, |why| Unavailable::Halted { why })
    }
}

/// What a node says of itself.
#[derive(Clone, Debug, serde::Serialize)]
pub struct NodeStatus {
    /// The last durable position; before the first record, one less than its position.
    pub durable_position: u64,
    /// Commands that wait for an answer.
    pub waiting: usize,
    /// How many may wait.
    pub waiting_max: usize,
    /// Whether it is shutting down.
    pub stopping: bool,
    /// Whether it leads its shard; a standby only follows.
    pub leading: bool,
    /// Why it halted, if it did.
    pub halted: Option<String>,
    /// How often the clock jumped.
    pub clock_jumps: u64,
    /// How far each follower is.
    pub followers: Vec<FollowerStatus>,
}

/// A handle to a running node. Cheap to clone.
#[derive(Clone)]
pub struct NodeHandle {
    pub(crate) jobs: Sender<Job>,
    pub(crate) shared: Arc<Shared>,
}

impl NodeHandle {
    /// Submits one command; resolves once its record is durable.
    ///
    /// # Errors
    /// [`Unavailable`] when the node does not take it.
    pub async fn submit(&self, request: Request) -> Result<Receipt, Unavailable> {
        let receipts = self.submit_all(vec![request]).await?;
        receipts.into_iter().next().ok_or(Unavailable::Stopping)
    }

    /// Submits several commands, decided in this order, each a record of its own; resolves once all are durable.
    ///
    /// # Errors
    /// [`Unavailable`] when the node does not take them: then none was done, unless it halted.
    pub async fn submit_all(&self, requests: Vec<Request>) -> Result<Vec<Receipt>, Unavailable> {
        self.submit_until(Until::Durable, requests).await
    }

    /// As [`NodeHandle::submit_all`], with answers that wait for more. An order's receipt then says what was decided,
    /// and where that is recorded; it says `created` only of an order that was placed before, or when too many wait.
    ///
    /// # Errors
    /// As there.
    pub async fn submit_until(
        &self,
        until: Until,
        requests: Vec<Request>,
    ) -> Result<Vec<Receipt>, Unavailable> {
        let answer = self.hand_over(requests, until)?;
        answer.await.unwrap_or_else(|_| Err(self.shared.unavailable()))
    }

    /// As [`NodeHandle::submit_all`], for a thread without a runtime.
    ///
    /// # Errors
    /// As there.
    pub fn submit_all_blocking(&self, requests: Vec<Request>) -> Result<Vec<Receipt>, Unavailable> {
        self.enqueue(requests)?.blocking_recv().unwrap_or_else(|_| Err(self.shared.unavailable()))
    }

    /// As [`NodeHandle::submit`], for a thread without a runtime.
    ///
    /// # Errors
    /// As there.
    pub fn submit_blocking(&self, request: Request) -> Result<Receipt, Unavailable> {
        let receipts = self.submit_all_blocking(vec![request])?;
        receipts.into_iter().next().ok_or(Unavailable::Stopping)
    }

    /// Hands commands over without waiting for the answer.
    ///
    /// # Errors
    /// [`Unavailable`] when the node does not take them.
    pub fn enqueue(
        &self,
        requests: Vec<Request>,
    ) -> Result<oneshot::Receiver<Result<Vec<Receipt>, Unavailable>>, Unavailable> {
        self.hand_over(requests, Until::Durable)
    }

    fn hand_over(
        &self,
        requests: Vec<Request>,
        until: Until,
    ) -> Result<oneshot::Receiver<Result<Vec<Receipt>, Unavailable>>, Unavailable> {
        let shared = &self.shared;
        if shared.stopping.load(Ordering::Relaxed) {
            return Err(shared.unavailable());
        }
        if !shared.leads() {
            return Err(Unavailable::NotLeading);
        }
        let count = requests.len();
        let before = shared.waiting.fetch_add(count, Ordering::Relaxed);
        if before + count > shared.waiting_max.max(count) {
            shared.waiting.fetch_sub(count, Ordering::Relaxed);
            return Err(Unavailable::Overloaded { retry_after_ms: 100 });
        }
        let (reply, answer) = oneshot::channel();
        self.ask(Job::Run { requests, until, reply }).inspect_err(|_| {
            shared.waiting.fetch_sub(count, Ordering::Relaxed);
        })?;
        Ok(answer)
    }

    /// Gives the writer something to do. What it does not come to any more is dropped with it, so that whoever waits for an
    /// answer hears of its end.
    fn ask(&self, job: Job) -> Result<(), Unavailable> {
        // Threads that look at the same moment may go beyond it by one each.
        if self.jobs.len() >= self.shared.waiting_max {
            return Err(Unavailable::Overloaded { retry_after_ms: 100 });
        }
        self.jobs.send(job).map_err(|_| self.shared.unavailable())
    }

    /// Looks at the live state between two commands. The answer comes once all that it saw is durable, with the
    /// position it saw: of a standby that is how far it has followed.
    ///
    /// # Errors
    /// [`Unavailable`] when the node has no time or has stopped.
    pub async fn read<T: Send + 'static>(
        &self,
        look: impl FnOnce(&State) -> T + Send + 'static,
    ) -> Result<(u64, T), Unavailable> {
        let answer = self.enqueue_read(look)?;
        answer.await.unwrap_or_else(|_| Err(self.shared.unavailable()))
    }

    /// As [`NodeHandle::read`], for a thread without a runtime.
    ///
    /// # Errors
    /// As there.
    pub fn read_blocking<T: Send + 'static>(
        &self,
        look: impl FnOnce(&State) -> T + Send + 'static,
    ) -> Result<(u64, T), Unavailable> {
        self.enqueue_read(look)?.blocking_recv().unwrap_or_else(|_| Err(self.shared.unavailable()))
    }

    /// Looks at the state between two commands, at once. What it sees may not be durable yet: nothing of that may leave
    /// the node.
    pub(crate) fn peek_blocking<T: Send + 'static>(
        &self,
        look: impl FnOnce(&State) -> T + Send + 'static,
    ) -> Result<T, Unavailable> {
        if !self.shared.leads() {
            return Err(Unavailable::NotLeading);
        }
        let (reply, answer) = oneshot::channel();
        let peek: Peek = Box::new(move |state| drop(reply.send(look(state))));
        let unavailable = |_| self.shared.unavailable();
        self.ask(Job::Peek(peek))?;
        answer.blocking_recv().map_err(unavailable)
    }

    /// Rings when more has become durable; for one listener at most.
    pub(crate) fn durable_bell(&self) -> Receiver<()> {
        let (bell, rings) = bounded(1);
        drop(self.shared.bell.set(bell));
        rings
    }

    fn enqueue_read<T: Send + 'static>(
        &self,
        look: impl FnOnce(&State) -> T + Send + 'static,
    ) -> Result<ReadAnswer<T>, Unavailable> {
        let shared = &self.shared;
        if shared.leading.load(Ordering::Acquire) && !shared.leads() {
            return Err(Unavailable::NotLeading);
        }
        let (reply, answer) = oneshot::channel();
        let look: Look = Box::new(move |state, position| {
            let seen = look(state);
            Box::new(move |durable| {
                // Nobody may wait for the answer any more.
                drop(reply.send(durable.map(|()| (position, seen))));
            })
        });
        self.ask(Job::Read(look))?;
        Ok(answer)
    }

    /// Gives the answers of a batch to a task of `runtime` to pass on. There it wakes the tasks that wait for them at
    /// the cost of one wake-up, where from the node's own thread each would cost one.
    pub fn answer_on(&self, runtime: &tokio::runtime::Handle) {
        let (courier, mut batches) = mpsc::unbounded_channel::<Answers>();
        if self.shared.courier.set(courier).is_ok() {
            runtime.spawn(async move {
                while let Some(answers) = batches.recv().await {
                    answers.go();
                }
            });
        }
    }

    /// The last durable position; before the first record, one less than its position.
    pub fn durable_position(&self) -> u64 {
        self.shared.durable.load(Ordering::Acquire)
    }

    /// How the node is.
    pub fn status(&self) -> NodeStatus {
        let shared = &self.shared;
        NodeStatus {
            durable_position: self.durable_position(),
            waiting: shared.waiting.load(Ordering::Relaxed),
            waiting_max: shared.waiting_max,
            stopping: shared.stopping.load(Ordering::Relaxed),
            leading: shared.leads(),
            halted: shared.halted(),
            clock_jumps: shared.clock_jumps.load(Ordering::Relaxed),
            followers: shared.feed.statuses(),
        }
    }

    /// Says that nobody else leads before that moment. After it the node takes nothing and answers no reads, until it is
    /// told again: a leader that was replaced while it slept does not know.
    pub fn leads_until(&self, until: Instant) {
        let after = until.saturating_duration_since(self.shared.began).as_nanos();
        self.shared.leads_until.store(u64::try_from(after).unwrap_or(u64::MAX), Ordering::Release);
    }

    /// Durable batches as they happen, for live feeds. One who is too slow is told that he missed some.
    pub fn subscribe(&self) -> Subscription {
        self.shared.live.subscribe()
    }
}
