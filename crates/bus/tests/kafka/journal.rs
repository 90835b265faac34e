//! A journal in memory, of orders that are let in and executed.

use bus::{Place, publications_of};
use engine::{Command, Event, Hosts, LOGIC_VERSION, Outcome, Record, Request};
use node::journal::{Batch, Chain, JournalError, JournalReader, Tail, first_position, frame_into};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use vocabulary::{
    AccountId, Amount, CorrelationId, Date, Moment, OrderId, Price, Quantity, Side, Timestamp, Trade,
    TradeId, TradeSide, UserId,
};

/// Orders that events are about.
const ORDERS: u64 = 40;

#[derive(Clone)]
pub(crate) struct Journal {
    shard: u16,
    is_slow: Arc<AtomicBool>,
    written: Arc<Mutex<Written>>,
}

struct Written {
    chain: Chain,
    batches: Vec<Batch>,
    records: Vec<Record>,
}

impl Journal {
    pub(crate) fn new(shard: u16) -> Self {
        let written = Written { chain: Chain::genesis(shard), batches: Vec::new(), records: Vec::new() };
        Self { shard, is_slow: Arc::default(), written: Arc::new(Mutex::new(written)) }
    }

    pub(crate) fn number(&self) -> u16 {
        self.shard
    }

    /// Whether it is read a little at a time, and slowly.
    pub(crate) fn slow(&self, is_slow: bool) {
        self.is_slow.store(is_slow, Ordering::Release);
    }

    pub(crate) fn first(&self) -> u64 {
        first_position(self.shard)
    }

    pub(crate) fn last(&self) -> u64 {
        self.written.lock().unwrap().chain.tail().next_position - 1
    }

    /// Writes so many records, a few in each batch.
    pub(crate) fn write(&self, records: u64) {
        let mut written = self.written.lock().unwrap();
        let begin = written.chain.tail().next_position;
        for first in (begin..begin + records).step_by(7) {
            let batch: Vec<Record> = (first..(first + 7).min(begin + records)).map(record).collect();
            let mut bytes = Vec::new();
            for record in &batch {
                frame_into(&mut bytes, |out| minicbor::encode(record, out).unwrap());
            }
            let sealed = written.chain.seal(1, u32::try_from(batch.len()).unwrap(), bytes);
            written.batches.push(sealed);
            written.records.extend(batch);
        }
    }

    /// Where the events stand that are to be published.
    pub(crate) fn places(&self) -> Vec<Place> {
        let written = self.written.lock().unwrap();
        let all = written.records.iter().flat_map(|record| publications_of(record, Hosts::ALL));
        all.map(|publication| publication.place()).collect()
    }

    pub(crate) fn trades(&self) -> usize {
        let written = self.written.lock().unwrap();
        let events = written.records.iter().flat_map(Record::events);
        events.filter(|event| matches!(event, Event::Trading(trading::Event::OrderExecuted(_)))).count()
    }
}

fn record(position: u64) -> Record {
    let order = OrderId(position % ORDERS);
    let event = match position % 3 {
        0 => trading::Event::OrderAccepted { order },
        1 => trading::Event::OrderExecuted(trade(position)),
        _ => trading::Event::OrderExpired { order, remaining: Quantity(7), released: Amount(70) },
    };
    // Some records have several events, and some none.
    let events = if position.is_multiple_of(11) {
        Vec::new()
    } else {
        vec![event.into(); 1 + usize::from(position.is_multiple_of(5))]
    };
    Record {
        moment: Moment { position, time: Timestamp(1_700_000_000_000_000_000 + position) },
        logic_version: LOGIC_VERSION,
        request: Request {
            command_id: None,
            correlation: CorrelationId(position.into()),
            actor: "somebody".parse::<UserId>().unwrap(),
            command: Command::ExpireDeadlines,
        },
        outcome: Outcome::Events(events),
    }
}

fn trade(position: u64) -> Trade {
    let side = |order: u64| TradeSide {
        order: OrderId(order % ORDERS),
        account: "ACC-1".parse::<AccountId>().unwrap(),
        participant: "MEMBER-1".parse().unwrap(),
        fee: Amount(1),
        reserved: Amount(500),
        part: 0,
        correlation: CorrelationId(u128::from(order)),
    };
    Trade {
        trade: TradeId { position, index: 0 },
        instrument: "600519".parse().unwrap(),
        price: Price(100),
        quantity: Quantity(5),
        notional: Amount(500),
        trade_date: Date::new(2023, 2, 7).unwrap(),
        aggressor: Some(Side::Buy),
        buy: side(position),
        sell: side(position + 1),
    }
}

impl JournalReader for Journal {
    fn shard(&self) -> u16 {
        self.shard
    }

    fn tail(&self) -> Result<Tail, JournalError> {
        Ok(self.written.lock().unwrap().chain.tail())
    }

    fn read_from(&self, position: u64, bytes_max: usize) -> Result<Vec<Batch>, JournalError> {
        let mut bytes_max = bytes_max.min(65_536);
        if self.is_slow.load(Ordering::Acquire) {
            bytes_max = 1_024;
            std::thread::sleep(Duration::from_millis(20));
        }
        let written = self.written.lock().unwrap();
        let mut bytes = 0;
        let from = written.batches.iter().filter(|batch| batch.next_position() > position);
        let some = from.take_while(|batch| {
            let is_taken = bytes == 0 || bytes < bytes_max;
            bytes += batch.bytes.len();
            is_taken
        });
        Ok(some.cloned().collect())
    }
}
