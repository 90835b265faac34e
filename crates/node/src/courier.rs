//! The post of a running node: its messages to other nodes leave once they are durable, and what comes back is recorded.
//!
//! It repeats what is not answered, and forgets everything when it ends: what a message is owed stands in the outbox, which
//! follows from the journal. How parcels travel is the business of a [`Carrier`].

use crate::handle::{NodeHandle, Unavailable};
use crate::postman::{Parcel, Postman};
use crossbeam_channel::{Receiver, Sender, select, unbounded};
use engine::{Answer, Context, MessageId, ReceiptResult, Request};
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};
use vocabulary::UserId;

/// What is to be sent again is looked for at least so often.
const ROUND: Duration = Duration::from_millis(50);

/// What brings parcels to other nodes.
pub trait Carrier: Send {
    /// Takes parcels on their way, and does not wait for them. What comes back goes to the [`ReturnPath`] that the carrier
    /// was made with. A parcel that gets lost is handed over again.
    fn carry(&mut self, parcels: Vec<Parcel>);
}

/// Where a carrier puts what it brings back.
#[derive(Clone)]
pub struct ReturnPath(Sender<Brought>);

/// What a carrier brings back.
enum Brought {
    Answers(Vec<(MessageId, Answer)>),
    /// That one can be reached, and could not before.
    Reached(Context, u16),
}

impl ReturnPath {
    /// Hands answers over.
    pub fn bring(&self, answers: Vec<(MessageId, Answer)>) {
        // A courier that has ended needs none: its messages will be sent again.
        let _ = self.0.send(Brought::Answers(answers));
    }

    /// Says that the node of that context and shard can be reached now: what it is owed is handed over at once, however
    /// long it would have waited to be sent again.
    pub fn reached(&self, context: Context, shard: u16) {
        let _ = self.0.send(Brought::Reached(context, shard));
    }
}

/// A courier's thread. Dropping it without [`Courier::stop`] leaves it running.
pub struct Courier {
    thread: JoinHandle<()>,
    enough: Arc<AtomicBool>,
}

impl Courier {
    /// Starts it for a node whose own commands are recorded as those of `system`. `make` makes the carrier.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        handle: NodeHandle,
        system: UserId,
        make: impl FnOnce(ReturnPath) -> Box<dyn Carrier>,
    ) -> io::Result<Self> {
        let (bringing, brought) = unbounded();
        let carrier = make(ReturnPath(bringing));
        let enough = Arc::new(AtomicBool::new(false));
        let round = Round {
            system,
            carrier,
            brought,
            durable: handle.durable_bell(),
            handle,
            postman: Some(Postman::new(system)),
            began: Instant::now(),
            seen: 0,
            looked: None,
        };
        let ends = Arc::clone(&enough);
        let thread = Builder::new().name("courier".to_owned()).spawn(move || round.run(&ends))?;
        Ok(Self { thread, enough })
    }

    /// Ends it.
    pub fn stop(self) {
        self.enough.store(true, Ordering::Relaxed);
        drop(self.thread.join());
    }
}

struct Round {
    handle: NodeHandle,
    system: UserId,
    carrier: Box<dyn Carrier>,
    brought: Receiver<Brought>,
    /// Rings when more has become durable.
    durable: Receiver<()>,
    /// With the writer for as long as it looks through the outbox.
    postman: Option<Postman>,
    began: Instant,
    /// The durable position up to which the outbox was looked through.
    seen: u64,
    looked: Option<Instant>,
}

impl Round {
    fn run(mut self, enough: &AtomicBool) {
        while !enough.load(Ordering::Relaxed) {
            select! {
                recv(self.brought) -> brought => match brought {
                    Ok(brought) => self.take(brought),
                    Err(_) => return,
                },
                recv(self.durable) -> _ => {},
                default(ROUND) => {},
            }
            self.send();
        }
    }

    /// Has answers recorded, and those sent to again that have come back. An answer that is lost on the way comes again,
    /// as the message will be sent again.
    fn take(&mut self, first: Brought) {
        let mut told = Vec::new();
        for brought in std::iter::once(first).chain(self.brought.try_iter()) {
            match brought {
                // What is to be asked again later is no answer.
                Brought::Answers(answers) => {
                    told.extend(answers.into_iter().filter(|(_, answer)| *answer != Answer::Later));
                }
                Brought::Reached(context, shard) => {
                    if let Some(postman) = &mut self.postman {
                        postman.send_all_again(context, shard);
                    }
                    self.looked = None;
                }
            }
        }
        let requests: Vec<Request> = Request::acknowledge(told, self.system).collect();
        if !requests.is_empty() {
            // A node that has no time for them will send the messages again.
            drop(self.handle.enqueue(requests));
        }
    }

    /// Sends what is to be sent, if anything can have changed.
    fn send(&mut self) {
        let durable = self.handle.durable_position();
        let is_due = self.looked.is_none_or(|looked| looked.elapsed() >= ROUND);
        if durable == self.seen && !is_due {
            return;
        }
        let Some(mut postman) = self.postman.take() else { return };
        let now = self.began.elapsed();
        let looked = self.handle.peek_blocking(move |state| {
            let parcels = postman.collect(&state.outbox, durable, now);
            (postman, parcels)
        });
        self.looked = Some(Instant::now());
        let Ok((postman, parcels)) = looked else {
            // The node does not lead, or has no time. The one who has sent nothing sends everything again.
            self.postman = Some(Postman::new(self.system));
            return;
        };
        self.postman = Some(postman);
        self.seen = durable;
        if !parcels.is_empty() {
            self.carrier.carry(parcels);
        }
    }
}

impl NodeHandle {
    /// Takes parcels in from another node, at once, and answers each once its record is durable.
    ///
    /// # Errors
    /// [`Unavailable`] when the node does not take them: then nothing was done.
    pub fn deliver(
        &self,
        requests: Vec<(MessageId, Request)>,
    ) -> Result<impl Future<Output = Result<Vec<(MessageId, Answer)>, Unavailable>> + use<>, Unavailable>
    {
        let (messages, requests): (Vec<_>, Vec<_>) = requests.into_iter().unzip();
        let receipts = self.enqueue(requests)?;
        let shared = Arc::clone(&self.shared);
        Ok(async move {
            let receipts = receipts.await.unwrap_or_else(|_| Err(shared.unavailable()))?;
            let answered = messages.into_iter().zip(receipts);
            Ok(answered
                .filter_map(|(message, receipt)| match receipt.result {
                    ReceiptResult::Answered(answer) => Some((message, answer)),
                    ReceiptResult::Done { .. } | ReceiptResult::Order(_) | ReceiptResult::Refused(_) => None,
                })
                .collect())
        })
    }
}
