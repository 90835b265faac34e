//! Idempotency keys and client order ids: one execution, whatever is repeated (faults 1 to 3).

use super::market::{Market, id, limit, named, place};
use crate::{Command, CommandId, Engine, Executed, Refusal, Request};
use vocabulary::{Amount, CorrelationId, Side};

fn keyed(market: &Market, key: u128, command: Command) -> Request {
    Request { command_id: Some(CommandId(CorrelationId(key))), ..market.request(command) }
}

fn deposit(amount: i128) -> Command {
    let (account, asset, amount) = (id("ANN"), id("EUR"), Amount(amount));
    Command::Trading(trading::Command::Deposit { account, asset, amount })
}

fn position(executed: &Executed) -> u64 {
    match executed {
        Executed::Recorded(record) => record.moment.position,
        Executed::Repeated { position } => *position,
        Executed::Answered(receipt) => receipt.position,
    }
}

#[test]
fn a_command_with_the_same_key_is_executed_once_and_answered_as_at_first() {
    let mut market = Market::open();
    let first = position(&market.submit(keyed(&market, 7, deposit(5))));
    let records = market.records.len();
    for _ in 0..50 {
        let again = market.submit(keyed(&market, 7, deposit(5)));
        assert_eq!(again, Executed::Repeated { position: first });
    }
    assert_eq!(market.records.len(), records, "nothing is written");
}

#[test]
fn a_key_survives_a_restart_from_records_and_from_a_snapshot() {
    let mut market = Market::open();
    let first = position(&market.submit(keyed(&market, 7, deposit(5))));
    let mut from_records = Engine::new(market.engine.setup());
    market.records.iter().for_each(|record| from_records.apply(record));
    let from_snapshot = Engine::restore(market.engine.setup(), &market.engine.snapshot()).unwrap();
    for engine in [from_records, from_snapshot] {
        market.engine = engine;
        let again = market.submit(keyed(&market, 7, deposit(5)));
        assert_eq!(again, Executed::Repeated { position: first });
    }
}

#[test]
fn a_key_that_is_used_for_another_command_is_refused_and_stands_for_the_first() {
    let mut market = Market::open();
    let first = position(&market.submit(keyed(&market, 7, deposit(5))));
    let before = market.engine.state().trading.clone();
    let other = market.submit(keyed(&market, 7, deposit(6)));
    let Executed::Recorded(record) = other else { panic!() };
    let refused = crate::Outcome::Refused(Refusal::IdempotencyKeyReused { position: first });
    assert_eq!(record.outcome, refused);
    assert_eq!(market.engine.state().trading, before);
    let again = market.submit(keyed(&market, 7, deposit(5)));
    assert_eq!(again, Executed::Repeated { position: first });
    market.check_replay();
}

#[test]
fn a_refusal_is_an_answer_too() {
    let mut market = Market::open();
    let too_much = Command::Trading(trading::Command::Withdraw {
        account: id("ANN"),
        asset: id("EUR"),
        amount: Amount(10_i128.pow(20)),
    });
    let first = position(&market.submit(keyed(&market, 7, too_much.clone())));
    assert_eq!(market.submit(keyed(&market, 7, too_much)), Executed::Repeated { position: first });
}

#[test]
fn a_key_is_forgotten_after_a_day_of_record_time() {
    let mut market = Market::open();
    market.submit(keyed(&market, 7, deposit(5)));
    market.now += 24 * 3_600 * 1_000_000_000;
    let again = market.submit(keyed(&market, 7, deposit(6)));
    let Executed::Recorded(record) = again else { panic!("a day later it is another command") };
    assert_eq!(record.events().len(), 1);
    market.check_replay();
}

#[test]
fn a_client_order_id_stands_for_one_order_for_good() {
    let mut market = Market::open();
    let order = named(limit("ANN", Side::Buy, 100_00, 4), "mine");
    let first = market.place(order);
    market.now += 10 * 24 * 3_600 * 1_000_000_000;
    let again = market.submit(market.request(place(order)));
    assert_eq!(again, Executed::Repeated { position: first.0 });
    let other = named(limit("ANN", Side::Buy, 100_00, 5), "mine");
    let refusal = market.refused(place(other));
    assert_eq!(refusal.code(), "trading.client-order-id-reused");
    market.place(named(limit("BOB", Side::Buy, 100_00, 5), "mine"));
    market.check_replay();
}
