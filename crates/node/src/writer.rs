//! The writer loop: stamps commands, decides them, and hands batches to the committer, which makes them durable and
//! then lets replies, reads, followers and live feeds go.
//!
//! Invariant: nothing leaves a node before it is durable. The next batch is decided while the last one is written; one
//! batch at most is under way. After a write of unknown outcome the node stops, reads back, and never guesses.

use crate::clock::Clock;
use crate::follower::Batch;
use crate::handle::{Answers, Completion, Job, Reply, Shared, Unavailable, Until};
use crate::journal::{Chain, Journal, JournalError, Outcome, first_position, frame_into};
use crate::recovery::decode_record;
use crate::undecided::Undecided;
use crossbeam_channel::{Receiver, Sender, bounded, select};
use engine::{Due, Engine, Executed, Receipt, Record, Request};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use vocabulary::{CorrelationId, Moment, Timestamp, UserId, planted};

/// How many records a batch has at most: what a larger one saves in commits it costs in fresh memory.
const BATCH_RECORDS_MAX: usize = 1_024;
/// How often the writer looks at the clock for deadlines when nobody asks for anything.
const IDLE: Duration = Duration::from_millis(50);

/// What a command was answered with: its own record, or that of its first execution.
enum Answered {
    Here(Receipt),
    Before(u64),
}

impl Answered {
    fn here(&self) -> Option<Receipt> {
        if let Self::Here(receipt) = self { Some(receipt.clone()) } else { None }
    }
}

struct PendingReply {
    answers: Vec<Answered>,
    until: Until,
    reply: Reply,
}

/// Decided, and not durable yet.
#[derive(Default)]
pub(crate) struct Decided {
    records: Vec<Record>,
    replies: Vec<PendingReply>,
    reads: Vec<Completion>,
    /// Whether it holds a step of long work. It holds one at most: while a batch is written there is time for many, and
    /// whoever waits for the next batch would wait for all of them.
    has_step: bool,
}

impl Decided {
    /// An empty one, with room for as much as the last one had.
    fn like(last: &Self) -> Self {
        let room = last.records.len().next_power_of_two().min(BATCH_RECORDS_MAX);
        Self { records: Vec::with_capacity(room), ..Self::default() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.records.is_empty() && self.replies.is_empty() && self.reads.is_empty()
    }
}

/// The writer's thread.
pub(crate) struct Writer {
    pub(crate) shard: u16,
    pub(crate) engine: Engine,
    pub(crate) clock: Box<dyn Clock>,
    pub(crate) jobs: Receiver<Job>,
    pub(crate) shared: Arc<Shared>,
    /// Opaque id under which the node's own commands are recorded.
    pub(crate) system: UserId,
}

impl Writer {
    /// Runs until it is stopped or halted; gives the engine back.
    pub(crate) fn run(mut self, batches: &CommitterHandle) -> Engine {
        let mut decided = Decided::default();
        let mut busy = false;
        loop {
            let stopping = self.shared.stopping.load(Ordering::Relaxed);
            self.decide_waiting(&mut decided);
            if batches.done.try_recv().is_ok() {
                busy = false;
            }
            if !busy && !decided.is_empty() {
                let next = Decided::like(&decided);
                if batches.work.send(std::mem::replace(&mut decided, next)).is_err() {
                    return self.engine;
                }
                busy = true;
                continue;
            }
            if stopping && !busy && self.jobs.is_empty() {
                return self.engine;
            }
            if !self.wait(batches, &mut decided, &mut busy) {
                return self.engine;
            }
        }
    }

    /// Decides what waits, as far as one batch goes, and one step of what is due if the batch has none. True when it
    /// took one, so that more may be due.
    pub(crate) fn decide_waiting(&mut self, decided: &mut Decided) -> bool {
        while decided.records.len() < BATCH_RECORDS_MAX {
            match self.jobs.try_recv() {
                Ok(job) => self.take(job, decided),
                Err(_) => break,
            }
        }
        self.do_what_is_due(decided)
    }

    /// Waits for a command, for the committer, or for time to pass. False when the committer is gone.
    fn wait(&mut self, batches: &CommitterHandle, decided: &mut Decided, busy: &mut bool) -> bool {
        if decided.records.len() >= BATCH_RECORDS_MAX {
            *busy = false;
            return batches.done.recv().is_ok();
        }
        select! {
            recv(self.jobs) -> job => match job {
                Ok(job) => self.take(job, decided),
                // Every handle is gone; whoever stops the node has said so, or will.
                Err(_) => std::thread::sleep(IDLE),
            },
            recv(batches.done) -> done => {
                *busy = false;
                return done.is_ok();
            },
            default(IDLE) => {},
        }
        true
    }

    fn take(&mut self, job: Job, decided: &mut Decided) {
        match job {
            Job::Run { requests, until, reply } => {
                let answers: Vec<_> =
                    requests.into_iter().map(|request| self.decide(request, decided)).collect();
                if planted!("reply-before-durable")
                    && let Some(receipts) = answers.iter().map(Answered::here).collect()
                {
                    drop(reply.send(Ok(receipts)));
                    return;
                }
                decided.replies.push(PendingReply { answers, until, reply });
            }
            Job::Read(look) => {
                let position = self.engine.last().map_or(0, |moment| moment.position);
                decided.reads.push(look(self.engine.state(), position));
            }
            Job::Peek(look) => look(self.engine.state()),
        }
    }

    fn decide(&mut self, request: Request, decided: &mut Decided) -> Answered {
        let at = self.stamp();
        match self.engine.execute(request, at) {
            Executed::Repeated { position } => Answered::Before(position),
            // Its record went before, so it is durable before this reply leaves.
            Executed::Answered(receipt) => Answered::Here(receipt),
            Executed::Recorded(record) => {
                let receipt = record.receipt();
                decided.records.push(*record);
                Answered::Here(receipt)
            }
        }
    }

    /// The next position, and the time: never earlier than the last.
    fn stamp(&mut self) -> Moment {
        let now = self.now();
        match self.engine.last() {
            Some(last) if planted!("time-goes-back") => Moment { position: last.position + 1, time: now },
            Some(last) => Moment { position: last.position + 1, time: now.max(last.time) },
            None => Moment { position: first_position(self.shard), time: now },
        }
    }

    fn now(&mut self) -> Timestamp {
        let now = self.clock.now();
        self.shared.clock_jumps.store(self.clock.jumps(), Ordering::Relaxed);
        now
    }

    /// Takes one step of long work, or ends what is past its deadline, if the batch has no step yet. True when it did.
    fn do_what_is_due(&mut self, decided: &mut Decided) -> bool {
        if decided.has_step {
            return false;
        }
        let Moment { position, time } = self.stamp();
        let Due::Now(command) = self.engine.due(time) else { return false };
        let correlation = self.engine.thread_of(&command).unwrap_or(CorrelationId(position.into()));
        let request = Request { command_id: None, correlation, actor: self.system, command };
        self.decide(request, decided);
        decided.has_step = true;
        true
    }
}

/// The writer's side of the committer.
pub(crate) struct CommitterHandle {
    work: Sender<Decided>,
    done: Receiver<()>,
}

/// What makes batches durable, and then lets go what waited for it.
pub(crate) struct Committer {
    journal: Box<dyn Journal>,
    chain: Chain,
    epoch: u64,
    shared: Arc<Shared>,
    /// Answers that wait for decisions on their orders.
    undecided: Undecided,
    /// The bytes of the last batch, to be overwritten by the next: memory that is warm.
    buffer: Vec<u8>,
}

/// The committer's side of the writer.
pub(crate) struct WriterHandle {
    work: Receiver<Decided>,
    done: Sender<()>,
}

/// What a writer and a committer, each in a thread of its own, talk over.
pub(crate) fn connection() -> (CommitterHandle, WriterHandle) {
    let (work_in, work) = bounded(1);
    let (done, done_out) = bounded(1);
    (CommitterHandle { work: work_in, done: done_out }, WriterHandle { work, done })
}

impl Committer {
    pub(crate) fn new(journal: Box<dyn Journal>, chain: Chain, shared: Arc<Shared>) -> Self {
        let epoch = chain.tail().epoch + 1;
        Self { journal, chain, epoch, shared, undecided: Undecided::default(), buffer: Vec::new() }
    }

    /// Runs until the writer ends or a write fails; gives journal and chain back.
    pub(crate) fn run(mut self, writer: &WriterHandle) -> (Box<dyn Journal>, Chain) {
        while let Ok(decided) = writer.work.recv() {
            let (answers, is_durable) = self.write(decided);
            // The writer goes on while the answers go out.
            let goes_on = is_durable && writer.done.send(()).is_ok();
            self.shared.let_go(answers);
            if !goes_on {
                break;
            }
        }
        self.end()
    }

    /// Lets followers and whoever waits for a decision know that no more comes; gives journal and chain back.
    pub(crate) fn end(self) -> (Box<dyn Journal>, Chain) {
        let replies = self.undecided.give_up().collect();
        self.shared.let_go(Answers { replies, reads: Vec::new() });
        self.shared.feed.close();
        (self.journal, self.chain)
    }

    /// Makes a batch durable, and gives the answers that waited for it. False when that failed and the node has halted.
    pub(crate) fn write(&mut self, mut decided: Decided) -> (Answers, bool) {
        let batch: Batch = Arc::new(std::mem::take(&mut decided.records));
        let appended = if batch.is_empty() { Ok(()) } else { self.append(&batch) };
        let is_durable = appended.as_ref().map_or_else(|failure| failure.committed, |()| true);
        if is_durable {
            self.shared.publish(&batch);
        }
        if let Err(AppendFailure { why, .. }) = &appended {
            self.shared.halt(why);
            self.shared.stopping.store(true, Ordering::Relaxed);
        }
        let answers = if is_durable { self.answers(decided, &batch) } else { self.refusals(decided) };
        (answers, appended.is_ok())
    }

    fn append(&mut self, records: &[Record]) -> Result<(), AppendFailure> {
        let mut bytes = std::mem::take(&mut self.buffer);
        bytes.clear();
        for record in records {
            frame_into(&mut bytes, |out| {
                minicbor::encode(record, out).expect("a record encodes into memory");
            });
        }
        let count = u32::try_from(records.len()).expect("a batch is bounded");
        let batch = self.chain.seal(self.epoch, count, bytes);
        let Err(error) = self.journal.append(&batch) else {
            self.buffer = batch.bytes;
            return Ok(());
        };
        if planted!("fence-unchecked") && matches!(error, JournalError::Fenced { .. }) {
            self.buffer = batch.bytes;
            return Ok(());
        }
        let why = error.to_string();
        let unknown = matches!(error, JournalError::UnknownOutcome { .. } | JournalError::Io { .. });
        let mut outcome = || self.journal.outcome_of(batch.first_position, &batch.hash);
        let committed =
            unknown && (planted!("guessed-outcome") || matches!(outcome(), Ok(Outcome::Committed)));
        Err(AppendFailure { why, committed })
    }

    fn answers(&mut self, decided: Decided, batch: &Batch) -> Answers {
        let mut replies = Vec::with_capacity(decided.replies.len());
        for PendingReply { answers, until, reply } in decided.replies {
            self.shared.waiting.fetch_sub(answers.len(), Ordering::Relaxed);
            let is_new: Vec<bool> = match until {
                Until::Durable => Vec::new(),
                Until::Decided => answers.iter().map(|answer| matches!(answer, Answered::Here(_))).collect(),
            };
            let told = answers.into_iter().map(|answered| self.receipt(answered, batch)).collect();
            match told {
                Ok(receipts) if until == Until::Decided => {
                    replies.extend(self.undecided.take_in(receipts, &is_new, reply));
                }
                told => replies.push((reply, told)),
            }
        }
        self.undecided.hear(batch, &mut replies);
        Answers { replies, reads: decided.reads.into_iter().map(|read| (read, self.still_leads())).collect() }
    }

    /// What a read saw may be out of date by now if another leads.
    fn still_leads(&self) -> Result<(), Unavailable> {
        if self.shared.leads() { Ok(()) } else { Err(Unavailable::NotLeading) }
    }

    fn receipt(&self, answered: Answered, batch: &Batch) -> Result<Receipt, Unavailable> {
        let position = match answered {
            Answered::Here(receipt) => return Ok(receipt),
            Answered::Before(position) => position,
        };
        if let Some(record) = batch.iter().find(|record| record.moment.position == position) {
            return Ok(record.receipt());
        }
        self.read_receipt(position).map_err(|why| Unavailable::Halted { why })
    }

    fn read_receipt(&self, position: u64) -> Result<Receipt, String> {
        let batches = self.journal.read_from(position, 0).map_err(|error| error.to_string())?;
        for framed in batches.iter().flat_map(|batch| batch.unframe()) {
            let (at, body) = framed.map_err(|error| error.to_string())?;
            if at == position {
                return decode_record(at, body)
                    .map(|record| record.receipt())
                    .map_err(|error| error.to_string());
            }
        }
        Err(format!("there is no record at position {position}"))
    }

    fn refusals(&self, decided: Decided) -> Answers {
        let unavailable = self.shared.unavailable();
        let refused = decided.replies.into_iter().map(|PendingReply { answers, reply, .. }| {
            self.shared.waiting.fetch_sub(answers.len(), Ordering::Relaxed);
            (reply, Err(unavailable.clone()))
        });
        Answers {
            replies: refused.collect(),
            reads: decided.reads.into_iter().map(|read| (read, Err(unavailable.clone()))).collect(),
        }
    }
}

struct AppendFailure {
    why: String,
    /// Reading back has shown that it is in the journal all the same.
    committed: bool,
}
