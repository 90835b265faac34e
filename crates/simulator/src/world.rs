//! The world: shards with their nodes, clients, the network between them, and what goes wrong with all of it.
//!
//! One queue of what happens when; the dice decide everything that reality leaves open. A history has four parts: the
//! market is defined, then there is trouble while clients ask, then all faults stop and every flow must come to its
//! end, then the day is closed in order. The auditor is shown each record as it becomes durable and each answer as
//! it arrives. Deliberately absent: what is asked (the workload) and what is right (the auditor).

mod clients;
mod clock;
mod disk;
mod ending;
mod faults;
mod read_side;
mod shard;
mod strikes;
mod topology;
mod wire;
mod witness;

use crate::auditor::{Auditor, ShardName, Violation};
use crate::workload::{Asked, Topology, Workload};
use crate::{Dice, Story};
use clients::Clients;
use clock::{MachineClock, WorldTime};
use engine::{Answer, Context, Event, FlowEvent, ReceiptResult, Request, Setup};
use faults::Faults;
pub use faults::Struck;
use node::journal::JournalReader;
use node::{NodeConfig, decode_record};
use read_side::ReadSide;
use shard::{Origin, Shard};
use std::collections::BTreeMap;
use strikes::Relief;
use wire::{End, Packet, Wire};

const MS: u64 = 1_000_000;
/// A node with nothing to do looks around this often.
const IDLE_NS: u64 = 100 * MS;
/// An answer waits less than this for others to go on with it.
const GATHER_NS: u64 = 50 * MS;

/// So many histories in a thousand have views and audit log: they take a while.
const READ_SIDES_PERMILLE: u64 = 250;

/// What happens at some moment.
#[derive(Debug)]
enum Happening {
    /// A node does one thing.
    Tick { shard: usize, leader: u64 },
    /// Something arrives.
    Arrives { at: End, from: End, packet: Packet },
    /// Answers that were waiting for each other go on to the node.
    Gathered { shard: usize },
    /// A client asks for something new.
    ClientAsks,
    /// A client who was not answered asks again.
    ClientRepeats(u64),
    /// A fault.
    Strikes,
    /// A fault ends.
    Relieved(Relief),
}

/// What a history came to.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Simulated time, in nanoseconds.
    pub simulated_ns: u64,
    /// Requests of clients, not counting repetitions.
    pub commands: u64,
    /// Records in all journals.
    pub records: u64,
    /// Which faults struck, and how often.
    pub struck: Struck,
}

/// Everything there is.
pub(crate) struct World<'a> {
    dice: Dice,
    /// For what may be drawn otherwise without a seed's whole history becoming another.
    aside: Dice,
    time: WorldTime,
    queue: BTreeMap<(u64, u64), Happening>,
    queued: u64,
    shards: Vec<Shard>,
    wire: Wire,
    faults: Faults,
    struck: Struck,
    /// Nodes that were ever brought up.
    leaders: u64,
    clients: Clients,
    workload: Workload,
    auditor: Auditor,
    story: &'a mut Story,
    /// Requests that are still to be asked while there is trouble.
    to_ask: u64,
    records: u64,
}

impl<'a> World<'a> {
    /// The world of a seed.
    pub(crate) fn new(seed: u64, story: &'a mut Story) -> Self {
        let mut dice = Dice::new(seed);
        let mut aside = Dice::new(!seed);
        let layout = topology::draw(&mut dice);
        let trading_shards = layout
            .iter()
            .filter(|(_, hosts)| hosts.has(Context::Trading))
            .count()
            .try_into()
            .expect("few shards");
        let workload = Workload::new(dice.split(), &Topology { trading_shards });
        let time = WorldTime::default();
        let step = topology::draw_step(&mut aside);
        let has_read_sides = aside.permille(READ_SIDES_PERMILLE);
        let mut shards = Vec::new();
        for (name, hosts) in layout {
            story.tell(|| format!("shard {} {} hosts {hosts:?}, {step:?}", name.context, name.number));
            let astray_ns = i64::try_from(dice.below(20 * MS)).expect("it is small");
            let clock = MachineClock::new(time.clone(), astray_ns);
            let mut shard = Shard::new(name, Setup { hosts, step }, clock);
            shard.read_side = has_read_sides.then(|| ReadSide::new(name.number));
            shards.push(shard);
        }
        let to_ask = *dice.pick(&[100, 400, 800, 1_200]);
        Self {
            time,
            queue: BTreeMap::new(),
            queued: 0,
            shards,
            wire: Wire::default(),
            faults: Faults::none(),
            struck: Struck::new(),
            leaders: 0,
            clients: Clients::default(),
            workload,
            auditor: Auditor::new(),
            story,
            to_ask,
            records: 0,
            dice,
            aside,
        }
    }

    /// Lets the whole history happen.
    ///
    /// # Errors
    /// The first thing that must not be.
    pub(crate) fn run(mut self) -> Result<Summary, Violation> {
        for shard in 0..self.shards.len() {
            self.lead(shard)?;
        }
        for asked in self.workload.definitions() {
            self.ask(asked);
            self.calm()?;
        }
        self.trouble()?;
        self.stop_faults()?;
        self.calm()?;
        self.close()?;
        self.end()?;
        Ok(Summary {
            simulated_ns: self.time.now_ns(),
            commands: self.clients.asked(),
            records: self.records,
            struck: self.struck,
        })
    }

    /// Clients ask, and faults strike, until all is asked.
    fn trouble(&mut self) -> Result<(), Violation> {
        self.faults = Faults::draw(&mut self.dice);
        self.story.tell(|| format!("trouble begins: {:?}", self.faults));
        self.schedule(0, Happening::ClientAsks);
        if let Some(pause) = self.faults.pause(&mut self.dice) {
            self.schedule(pause, Happening::Strikes);
        }
        while self.to_ask > 0 {
            self.step()?;
        }
        Ok(())
    }

    fn now_ns(&self) -> u64 {
        self.time.now_ns()
    }

    fn schedule(&mut self, in_ns: u64, happening: Happening) {
        self.queued += 1;
        self.queue.insert((self.now_ns() + in_ns, self.queued), happening);
    }

    /// The next thing happens.
    fn step(&mut self) -> Result<(), Violation> {
        let ((at, _), happening) = self.queue.pop_first().expect("somebody always has something to do");
        self.time.set(at);
        match happening {
            Happening::Tick { shard, leader } => self.tick(shard, leader),
            Happening::Arrives { at, from, packet } => self.arrive(at, from, packet),
            Happening::Gathered { shard } => {
                self.acknowledge(shard);
                Ok(())
            }
            Happening::ClientAsks => {
                self.client_asks();
                Ok(())
            }
            Happening::ClientRepeats(number) => {
                self.client_repeats(number);
                Ok(())
            }
            Happening::Strikes => self.strike(),
            Happening::Relieved(relief) => self.relieve(relief),
        }
    }

    fn client_asks(&mut self) {
        if self.to_ask == 0 {
            return;
        }
        self.to_ask -= 1;
        let now = vocabulary::Timestamp(clock::BEGINNING_NS + self.now_ns());
        let asked = self.workload.next(now);
        self.ask(asked);
        let pause = u64::try_from(self.workload.pause().as_nanos()).unwrap_or(u64::MAX);
        self.schedule(pause, Happening::ClientAsks);
    }

    /// A client asks for something, and repeats it until he is told.
    fn ask(&mut self, asked: Asked) {
        let shard = topology::find(&self.shards, asked.context, asked.shard);
        let number = self.clients.begin(asked, shard);
        self.send_request(number);
    }

    fn send_request(&mut self, number: u64) {
        let Some((shard, request)) = self.clients.request(number) else { return };
        let (request, to) = (Box::new(request.clone()), End::Shard(shard));
        self.story.tell(|| format!("client asks {number} of {shard}: {:?}", request.command));
        self.send(End::Clients, to, &Packet::Request { origin: Origin::Client(number), request });
        let patience = self.dice.between(150 * MS, 900 * MS);
        self.schedule(patience, Happening::ClientRepeats(number));
    }

    fn client_repeats(&mut self, number: u64) {
        if self.clients.request(number).is_some() {
            self.send_request(number);
        }
    }

    fn send(&mut self, from: End, to: End, packet: &Packet) {
        for delay in self.wire.send(from, to, &self.faults, &mut self.dice) {
            self.schedule(delay, Happening::Arrives { at: to, from, packet: packet.clone() });
        }
    }

    fn arrive(&mut self, at: End, from: End, packet: Packet) -> Result<(), Violation> {
        match (at, packet) {
            (End::Shard(shard), Packet::Request { origin, request }) => {
                self.hand_over(shard, origin, *request)
            }
            (End::Shard(shard), Packet::Answered { message, answer }) => {
                self.shards[shard].brought.push((message, answer));
                // Some wait for the next one, as they do in a courier who is busy, but not for ever.
                if self.dice.permille(500) {
                    self.acknowledge(shard);
                } else {
                    let later = self.dice.below(GATHER_NS);
                    self.schedule(later, Happening::Gathered { shard });
                }
            }
            (End::Clients, Packet::Told { number, receipt }) => return self.told(number, &receipt),
            (End::Clients, packet) => unreachable!("{packet:?} from {from:?} is not for clients"),
            (End::Shard(_), Packet::Told { .. }) => unreachable!("what clients are told goes to clients"),
        }
        Ok(())
    }

    fn acknowledge(&mut self, shard: usize) {
        let brought = std::mem::take(&mut self.shards[shard].brought);
        for request in Request::acknowledge(brought, NodeConfig::default().system) {
            // Nobody waits for what comes of it.
            self.hand_over(shard, Origin::Client(0), request);
        }
    }

    /// Of two leaders, either may be the one that is found.
    fn hand_over(&mut self, shard: usize, origin: Origin, request: Request) {
        let leaders = self.shards[shard].leaders.len();
        if leaders == 0 {
            return;
        }
        let at = usize::try_from(self.dice.below(leaders as u64)).expect("few leaders");
        self.shards[shard].leaders[at].ask(origin, request);
        let soon = self.dice.below(MS / 10);
        self.tick_in(shard, at, soon);
    }

    fn told(&mut self, number: u64, receipt: &engine::Receipt) -> Result<(), Violation> {
        let Some(asked) = self.clients.asked_for(number) else { return Ok(()) };
        let asked = asked.clone();
        self.story.tell(|| format!("client is told of {number}: {receipt:?}"));
        self.auditor.answered(&asked.request, receipt)?;
        if self.clients.end(number) {
            self.workload.answered(&asked, receipt);
        }
        Ok(())
    }

    /// The leader does something in so long, unless it does something sooner anyway.
    fn tick_in(&mut self, shard: usize, leader: usize, in_ns: u64) {
        let now = self.now_ns();
        let leader = &mut self.shards[shard].leaders[leader];
        let at = (now + in_ns).max(leader.paused_until);
        if leader.tick_at <= now || at < leader.tick_at {
            leader.tick_at = at;
            let number = leader.number;
            self.schedule(at - now, Happening::Tick { shard, leader: number });
        }
    }

    /// A node does one round: writes, decides, answers, sends, lets its followers read.
    fn tick(&mut self, shard: usize, number: u64) -> Result<(), Violation> {
        let now = self.now_ns();
        let find = |leader: &shard::Leader| leader.number == number && leader.tick_at == now;
        let Some(at) = self.shards[shard].leaders.iter().position(find) else { return Ok(()) };
        if self.shards[shard].leaders[at].paused_until > now {
            return Ok(());
        }
        let has_decided = self.shards[shard].leaders[at].node.has_decided();
        if has_decided && !self.dice.permille(self.faults.slow_disk) && !self.commit(shard, at)? {
            return Ok(());
        }
        let leader = &mut self.shards[shard].leaders[at];
        let more = leader.node.decide();
        if self.dice.permille(300) {
            while leader.node.follow() {}
        }
        let answers = leader.answers();
        let parcels = leader.parcels(now);
        let is_busy = more || leader.node.has_decided();
        for (origin, receipt) in answers {
            self.send_answer(shard, origin, receipt);
        }
        for node::Parcel { to, shard: number, message, request } in parcels {
            let to = topology::find(&self.shards, to, number);
            self.story.tell(|| format!("{shard} sends {message} to {to}: {:?}", request.command));
            let origin = Origin::Node { shard, message };
            self.send(
                End::Shard(shard),
                End::Shard(to),
                &Packet::Request { origin, request: Box::new(request) },
            );
        }
        let next = if is_busy { self.dice.between(MS / 10, 2 * MS) } else { IDLE_NS };
        self.tick_in(shard, at, next);
        Ok(())
    }

    /// False when the write failed, and the node is gone.
    fn commit(&mut self, shard: usize, at: usize) -> Result<bool, Violation> {
        let is_durable = self.shards[shard].leaders[at].node.commit();
        self.show(shard)?;
        if is_durable {
            return Ok(true);
        }
        // What it could still answer goes out; then the process ends.
        let leader = &mut self.shards[shard].leaders[at];
        let why = leader.node.handle().status().halted;
        let answers = leader.answers();
        self.story.tell(|| format!("leader {at} of {shard} halts: {why:?}"));
        for (origin, receipt) in answers {
            self.send_answer(shard, origin, receipt);
        }
        self.shards[shard].leaders.remove(at);
        if self.shards[shard].leaders.is_empty() {
            let later = self.dice.below(2_000 * MS);
            self.schedule(later, Happening::Relieved(Relief::Restart(shard)));
        }
        Ok(false)
    }

    fn send_answer(&mut self, shard: usize, origin: Origin, receipt: engine::Receipt) {
        match origin {
            // An answer to an answer: nobody waits for it.
            Origin::Client(0) => {}
            Origin::Client(number) => {
                let told = Packet::Told { number, receipt: Box::new(receipt) };
                self.send(End::Shard(shard), End::Clients, &told);
            }
            Origin::Node { shard: to, message } => {
                if let ReceiptResult::Answered(answer) = receipt.result
                    && answer != Answer::Later
                {
                    self.send(End::Shard(shard), End::Shard(to), &Packet::Answered { message, answer });
                }
            }
        }
    }

    /// Shows the auditor what has become durable.
    fn show(&mut self, shard: usize) -> Result<(), Violation> {
        let Shard { name, setup, disk, shown, leaders, read_side, .. } = &mut self.shards[shard];
        let batches = disk.read_from(*shown, usize::MAX).expect("a simulated disk can be read");
        for batch in batches {
            for framed in batch.unframe() {
                let (position, body) = framed.map_err(|bad| unreadable(*name, &bad))?;
                if position < *shown {
                    continue;
                }
                let record = decode_record(position, body).map_err(|bad| unreadable(*name, &bad))?;
                self.story.tell(|| format!("{} {} records {record:?}", name.context, name.number));
                *shown = position + 1;
                self.records += 1;
                for event in record.events() {
                    if let Event::Flow(FlowEvent::MessageRetried { message }) = event {
                        leaders.iter_mut().for_each(|leader| leader.send_again(*message));
                    }
                }
                if let Some(read_side) = read_side {
                    read_side.copies.recorded(&record);
                }
                self.auditor.recorded(*name, setup.hosts, &record)?;
            }
        }
        Ok(())
    }

    /// Brings up a node from what is stored.
    fn lead(&mut self, shard: usize) -> Result<(), Violation> {
        self.leaders += 1;
        let (number, now) = (self.leaders, self.now_ns());
        self.shards[shard].lead(number, now).map_err(|why| Violation {
            invariant: "recovery",
            told: format!("shard {shard} does not come up from sound storage: {why}"),
        })?;
        self.story.tell(|| format!("node {number} leads shard {shard}"));
        self.schedule(0, Happening::Tick { shard, leader: number });
        Ok(())
    }
}

fn unreadable(name: ShardName, why: &dyn std::fmt::Display) -> Violation {
    let told =
        format!("a record of {} {} cannot be read as it was written: {why}", name.context, name.number);
    Violation { invariant: "records", told }
}
