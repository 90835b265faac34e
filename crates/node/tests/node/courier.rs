//! Contexts in running nodes of their own, and the post between them.

use crate::place::{Place, definitions, id, must, order, request, wait_until};
use engine::{Command, Context, Hosts, OrderReceipt, Receipt, ReceiptResult, State, StateHash};
use node::{Carrier, Courier, Node, NodeHandle, Parcel, ReturnPath, Until};
use std::collections::BTreeMap;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use trading::{OrderKind, PlaceOrder};
use vocabulary::{Amount, AssetId, Price, Side};

/// Who can be reached, and how many parcels were lost on the way.
#[derive(Default)]
struct Roads {
    nodes: Mutex<BTreeMap<Context, NodeHandle>>,
    parcels: Mutex<u64>,
    /// One of so many parcels is lost, and one answer of so many; 0: none.
    lost_of: u64,
}

impl Roads {
    fn is_lost(&self) -> bool {
        let mut parcels = self.parcels.lock().unwrap();
        *parcels += 1;
        self.lost_of > 0 && parcels.is_multiple_of(self.lost_of)
    }

    /// Brings parcels to their node and its answers back, as far as they get.
    fn travel(&self, parcels: Vec<Parcel>, back: &ReturnPath) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for parcel in parcels.into_iter().filter(|_| !self.is_lost()) {
            let Some(node) = self.nodes.lock().unwrap().get(&parcel.to).cloned() else { continue };
            let taken = node.deliver(vec![(parcel.message, parcel.request)]);
            let answers = taken.and_then(|answers| runtime.block_on(answers));
            if let (Ok(answers), false) = (answers, self.is_lost()) {
                back.bring(answers);
            }
        }
    }
}

/// Hands parcels to a thread that walks.
struct Walker(Sender<Vec<Parcel>>);

impl Walker {
    fn on(roads: &Arc<Roads>, back: ReturnPath) -> Self {
        let (given, parcels) = channel::<Vec<Parcel>>();
        let roads = Arc::clone(roads);
        thread::spawn(move || parcels.iter().for_each(|parcels| roads.travel(parcels, &back)));
        Self(given)
    }
}

impl Carrier for Walker {
    fn carry(&mut self, parcels: Vec<Parcel>) {
        self.0.send(parcels).unwrap();
    }
}

/// A node with some contexts, and its courier.
struct Branch {
    place: Place,
    hosts: Hosts,
    contexts: Vec<Context>,
    running: Option<(Node, Courier)>,
}

impl Branch {
    fn open(contexts: &[Context], roads: &Arc<Roads>) -> Self {
        let hosts = Hosts::only(contexts);
        let mut branch =
            Self { place: Place::hosting(hosts), hosts, contexts: contexts.to_vec(), running: None };
        branch.start(roads);
        branch
    }

    fn start(&mut self, roads: &Arc<Roads>) {
        let node = self.place.start();
        let handle = node.handle();
        for context in &self.contexts {
            roads.nodes.lock().unwrap().insert(*context, handle.clone());
        }
        let make = |back| -> Box<dyn Carrier> { Box::new(Walker::on(roads, back)) };
        let courier = Courier::start(handle, self.place.config.system, make).unwrap();
        self.running = Some((node, courier));
    }

    fn stop(&mut self, roads: &Roads) {
        let (node, courier) = self.running.take().unwrap();
        roads.nodes.lock().unwrap().retain(|context, _| !self.contexts.contains(context));
        courier.stop();
        node.stop().unwrap();
    }

    fn handle(&self) -> NodeHandle {
        self.running.as_ref().unwrap().0.handle()
    }

    fn hashes(&self) -> Vec<(Context, StateHash)> {
        let hosts = self.hosts;
        self.handle().read_blocking(move |state| state.hashes(hosts)).unwrap().1
    }
}

/// Nodes that together host every context.
struct Company {
    branches: Vec<Branch>,
    roads: Arc<Roads>,
}

impl Company {
    fn open(split: &[&[Context]], lost_of: u64) -> Self {
        let roads = Arc::new(Roads { lost_of, ..Roads::default() });
        let branches = split.iter().map(|contexts| Branch::open(contexts, &roads)).collect();
        let company = Self { branches, roads };
        definitions().into_iter().chain(a_seller()).for_each(|command| company.must(command));
        company.calm();
        company
    }

    fn of(&self, context: Context) -> NodeHandle {
        self.roads.nodes.lock().unwrap()[&context].clone()
    }

    fn must(&self, command: Command) {
        must(&self.of(command.context()), command);
    }

    /// Asks, whatever comes of it: what is executed cannot be cancelled any more.
    fn ask(&self, command: Command) {
        self.of(command.context()).submit_blocking(request(command)).unwrap();
    }

    /// Waits until nothing is under way any more.
    fn calm(&self) {
        let is_calm = |state: &State| state.outbox.is_empty() && state.flows.waiting().next().is_none();
        for branch in &self.branches {
            let calm = || branch.handle().read_blocking(is_calm).unwrap().1;
            wait_until("every message is answered", calm);
        }
    }

    fn hashes(&self) -> BTreeMap<String, StateHash> {
        let all = self.branches.iter().flat_map(Branch::hashes);
        all.map(|(context, hash)| (context.to_string(), hash)).collect()
    }

    fn close(mut self) {
        let roads = Arc::clone(&self.roads);
        self.branches.iter_mut().for_each(|branch| branch.stop(&roads));
    }
}

fn a_seller() -> Vec<Command> {
    use trading::Command as T;
    let (account, participant, owner) = (id("BOB"), id("SOUTH"), id("owner-2"));
    let (eur, acme): (AssetId, AssetId) = (id("EUR"), id("ACME"));
    let quota = Amount(1_000_000_000_00);
    vec![
        Command::Trading(T::RegisterParticipant { participant }),
        Command::Trading(T::OpenAccount { account, participant, owner }),
        Command::Trading(T::Deposit { account, asset: acme, amount: Amount(1_000_000) }),
        Command::Settlement(settlement::Command::SetQuota { participant, asset: eur, quota }),
    ]
}

/// Buyers and sellers in turn, some orders above a limit of the policy, some of them cancelled.
fn trade(number: i64) -> Vec<Command> {
    let name = format!("order-{number}");
    let quantity = if number % 14 == 3 { 99_999 } else { 1 + number % 5 };
    let Command::Trading(trading::Command::PlaceOrder(buy)) = order(Some(&name), quantity) else {
        unreachable!("it is an order")
    };
    let kind = OrderKind::Limit(Price(100_00 + number % 3));
    let sell = PlaceOrder { account: id("BOB"), side: Side::Sell, user: id("owner-2"), ..buy };
    let order = if number % 2 == 0 { PlaceOrder { kind, ..buy } } else { PlaceOrder { kind, ..sell } };
    let mut commands = vec![Command::Trading(trading::Command::PlaceOrder(order))];
    if number % 11 == 10 {
        let (account, client_order_id) = (order.account, id(&name));
        commands.push(Command::Trading(trading::Command::CancelClientOrder { account, client_order_id }));
    }
    commands
}

const EACH: [&[Context]; 4] =
    [&[Context::Trading], &[Context::Settlement], &[Context::Risk], &[Context::Compliance]];
const PAIRS: [&[Context]; 2] =
    [&[Context::Trading, Context::Compliance], &[Context::Settlement, Context::Risk]];

/// What all of it comes to in one node.
fn embedded(orders: i64) -> BTreeMap<String, StateHash> {
    let company = Company::open(&[&Context::ALL], 0);
    (0..orders).flat_map(trade).for_each(|command| company.ask(command));
    settle(&company);
    let hashes = company.hashes();
    company.close();
    hashes
}

fn settle(company: &Company) {
    company.calm();
    company.must(Command::Settlement(settlement::Command::Process { date: id("2023-02-07") }));
    let is_running = |state: &State| state.settlement.running().is_some();
    let settlement = company.of(Context::Settlement);
    wait_until("the date is settled", || !settlement.read_blocking(is_running).unwrap().1);
    company.calm();
}

#[test]
fn c10_running_nodes_come_to_the_same_state_as_one_wherever_the_contexts_live_and_whatever_is_lost() {
    let expected = embedded(28);
    assert_eq!(expected.len(), 4);
    for (split, lost_of) in [(&EACH[..], 0), (&EACH[..], 5), (&PAIRS[..], 7)] {
        let company = Company::open(split, lost_of);
        for command in (0..28).flat_map(trade) {
            company.ask(command);
            // Which of the two comes first, the decision on an order or its cancellation, is nobody's to say.
            company.calm();
        }
        settle(&company);
        assert_eq!(company.hashes(), expected, "{split:?}, one of {lost_of} lost");
        company.close();
    }
}

#[test]
fn c6_a_node_that_is_away_and_comes_back_is_told_everything() {
    let expected = embedded(17);
    let mut company = Company::open(&EACH, 9);
    for number in 0..17 {
        let commands = trade(number);
        for branch in [1, 2, 3] {
            if number % 8 == i64::try_from(branch).unwrap() {
                company.branches[branch].stop(&Arc::clone(&company.roads));
            }
        }
        let mut commands = commands.into_iter();
        commands.next().into_iter().for_each(|command| company.ask(command));
        let roads = Arc::clone(&company.roads);
        let away = company.branches.iter_mut().filter(|branch| branch.running.is_none());
        away.for_each(|branch| branch.start(&roads));
        company.calm();
        commands.for_each(|command| company.ask(command));
        company.calm();
    }
    settle(&company);
    assert_eq!(company.hashes(), expected);
    company.close();
}

#[test]
fn a_courier_starts_again_from_what_the_journal_says() {
    let mut company = Company::open(&EACH, 0);
    let roads = Arc::clone(&company.roads);
    company.branches[2].stop(&roads);
    let placed = company.of(Context::Trading).submit_blocking(request(order(Some("order-1"), 1))).unwrap();
    let ReceiptResult::Order(placed) = placed.result else { panic!("{placed:?}") };
    assert_eq!(placed.status, trading::Status::Created, "risk has not answered");
    // Neither the courier nor the node remembers anything but the journal.
    company.branches[0].stop(&roads);
    company.branches[2].start(&roads);
    company.branches[0].start(&roads);
    company.calm();
    let status = move |state: &State| state.trading.order(placed.order).unwrap().status;
    assert_eq!(company.of(Context::Trading).read_blocking(status).unwrap().1, trading::Status::Open);
    company.close();
}

/// Submits, waits for the decision, and gives the order's receipt with its position.
fn decided(node: &NodeHandle, commands: Vec<Command>) -> Vec<(u64, OrderReceipt)> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let requests = commands.into_iter().map(request).collect();
    let receipts = runtime.block_on(node.submit_until(Until::Decided, requests)).unwrap();
    let order = |receipt: Receipt| {
        let ReceiptResult::Order(order) = receipt.result else { panic!("{receipt:?}") };
        (receipt.position, order)
    };
    receipts.into_iter().map(order).collect()
}

#[test]
fn who_places_orders_is_told_what_was_decided_and_where_that_is_recorded() {
    let company = Company::open(&EACH, 0);
    let trading = company.of(Context::Trading);
    let placed = decided(&trading, (0..4).flat_map(trade).collect());
    let rejected: Vec<bool> = placed.iter().map(|(_, order)| order.rejected.is_some()).collect();
    assert_eq!(rejected, [false, false, false, true], "the last one is above a limit of the policy");
    for (position, order) in &placed {
        assert!(order.is_decided() && *position > order.order.0, "{order:?} at {position}");
    }
    // A retry gets the first record's receipt: nothing is decided any more that it could wait for.
    let again = decided(&trading, trade(0));
    assert_eq!((again[0].1.order, again[0].1.status), (placed[0].1.order, trading::Status::Created));
    company.close();
}

#[test]
fn who_waits_for_a_decision_that_does_not_come_is_told_at_the_deadline_or_when_the_node_ends() {
    let mut company = Company::open(&EACH, 0);
    let roads = Arc::clone(&company.roads);
    company.branches[2].stop(&roads);
    let trading = company.of(Context::Trading);
    let waiting = thread::spawn(move || decided(&trading, trade(0)));
    let orders =
        || company.of(Context::Trading).read_blocking(|state| state.trading.order_count()).unwrap().1;
    wait_until("the order to be created", || orders() == 1);
    company.branches[0].stop(&roads);
    let told = waiting.join().unwrap();
    assert_eq!(told[0].1.status, trading::Status::Created, "it is there, and goes on when the node does");
    company.branches[0].start(&roads);
    company.branches[2].start(&roads);
    company.calm();
    company.close();
}
