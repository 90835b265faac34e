//! A participant of the order flow as the messages of another node meet it, B1 to B10: risk and settlement alike.

use super::market::{definitions, id};
use crate::{
    Answer, Command, Context, Engine, Executed, FLOW_DEADLINE_NS, Hosts, Message, MessageId, Outcome,
    ReceiptResult, Record, Request,
};
use vocabulary::reservation::TOMBSTONE_NS;
use vocabulary::{
    Amount, CorrelationId, Fill, Moment, OrderId, OrderTerms, Quantity, Reserved, Side, Timestamp, TradeId,
};

const HELD: Reserved = Reserved { quantity: 10, amount: 1_000_00 };

fn terms(order: u64) -> OrderTerms {
    OrderTerms {
        order: OrderId(order),
        account: id("ANN"),
        participant: id("NORTH"),
        instrument: id("ACME"),
        market: id("MAIN"),
        base: id("ACME"),
        quote: id("EUR"),
        side: Side::Buy,
        correlation: CorrelationId(order.into()),
    }
}

fn fill(part: u32, quantity: i64) -> Fill {
    Fill {
        trade: TradeId { position: 900 + u64::from(part), index: 0 },
        part,
        used: Reserved { quantity, amount: quantity * 100_00 },
        quantity: Quantity(quantity),
        notional: Amount(i128::from(quantity) * 100_00),
        fee: Amount(1),
        trade_date: id("2023-02-07"),
    }
}

/// A node that hosts risk or settlement, and nothing else.
struct Participant {
    context: Context,
    engine: Engine,
    records: Vec<Record>,
    now: u64,
    sent: u32,
}

/// A message of the protocol, for whichever context it is.
#[derive(Clone, Copy, Debug)]
enum Say {
    Hold,
    Confirm(u32, i64),
    Reduce(u32, i64),
    Release(u32),
}

impl Participant {
    fn all() -> impl Iterator<Item = Self> {
        [Context::Risk, Context::Settlement].into_iter().map(Self::of)
    }

    fn of(context: Context) -> Self {
        let engine = Engine::new(Hosts::only(&[context]));
        let mut participant = Self { context, engine, records: Vec::new(), now: 1_000_000_000, sent: 0 };
        for command in definitions() {
            if let Command::Settlement(_) | Command::Risk(_) | Command::Compliance(_) = command {
                participant.execute(command);
            }
        }
        participant
    }

    fn execute(&mut self, command: Command) -> Executed {
        self.now += 1_000;
        let at = Moment { position: self.records.len() as u64 + 1, time: Timestamp(self.now) };
        let (correlation, actor) = (CorrelationId(0), id("node"));
        let executed = self.engine.execute(Request { command_id: None, correlation, actor, command }, at);
        if let Executed::Recorded(record) = &executed {
            self.records.push((**record).clone());
        }
        executed
    }

    fn message(&self, order: u64, say: Say) -> Message {
        use risk::Command as R;
        use settlement::Command as S;
        let (terms, deadline) = (terms(order), Timestamp(1_000_000_000 + FLOW_DEADLINE_NS));
        let cycle = settlement::Cycle { calendar: id("DAYS"), settlement_days: 2 };
        let what = |quantity: i64| Reserved { quantity, amount: quantity * 100_00 };
        if self.context == Context::Risk {
            return Message::Risk(match say {
                Say::Hold => R::Hold { terms, reserved: HELD, deadline },
                Say::Confirm(part, quantity) => R::Confirm { terms, fill: fill(part, quantity) },
                Say::Reduce(part, quantity) => R::Reduce { terms, part, what: what(quantity) },
                Say::Release(parts) => R::Release { terms, parts, until: deadline },
            });
        }
        Message::Settlement(match say {
            Say::Hold => S::Hold { terms, reserved: HELD, deadline },
            Say::Confirm(part, quantity) => S::Confirm { terms, fill: fill(part, quantity), cycle },
            Say::Reduce(part, quantity) => S::Reduce { terms, part, what: what(quantity) },
            Say::Release(parts) => S::Release { terms, parts, until: deadline },
        })
    }

    /// As a message of its own, as if the sender had sent two.
    fn say(&mut self, order: u64, say: Say) -> Answer {
        self.sent += 1;
        self.deliver(self.sent, self.message(order, say))
    }

    fn deliver(&mut self, index: u32, body: Message) -> Answer {
        let from = Context::Trading;
        let answered_below = MessageId { position: 1, index: 0, from };
        let message = MessageId { position: 1, index, from };
        let receipt = match self.execute(Command::Deliver { message, body: Box::new(body), answered_below }) {
            Executed::Recorded(record) => record.receipt(),
            Executed::Answered(receipt) => receipt,
            Executed::Repeated { .. } => panic!("a message has no idempotency key"),
        };
        let ReceiptResult::Answered(answer) = receipt.result else { panic!("a message is answered") };
        answer
    }

    /// What is held and what is confirmed, in quote.
    fn held_and_used(&self) -> (i128, i128) {
        let state = self.engine.state();
        if self.context == Context::Settlement {
            let line = state.settlement.quotas()[0];
            return (line.held.0, line.used.0);
        }
        let scope = risk::Scope::Account(id("ANN"));
        let lines = state.risk.exposure(scope);
        let gross = lines.iter().find(|line| line.measure == risk::Measure::GrossExposure(id("EUR")));
        let held = state.risk.held(OrderId(1)).map_or(0, |held| i128::from(held.amount));
        (held, gross.map_or(0, |line| line.used.0) - held)
    }

    fn restart(&mut self) {
        let mut engine = Engine::new(self.engine.setup());
        self.records.iter().for_each(|record| engine.apply(record));
        assert!(engine.state() == self.engine.state());
        self.engine = engine;
    }
}

fn code(answer: &Answer) -> &str {
    match answer {
        Answer::No(reason) => reason.code.rsplit_once('.').unwrap().1,
        Answer::Yes => "yes",
        Answer::Later => "later",
    }
}

#[test]
fn b1_a_hold_and_its_record_are_one_append() {
    for mut participant in Participant::all() {
        let before = participant.engine.snapshot();
        participant.say(1, Say::Hold);
        let record = participant.records.last().unwrap().clone();
        let mut lost = Engine::restore(participant.engine.setup(), &before).unwrap();
        assert_eq!(lost.state().risk.open_count(), 0, "lost with its record");
        lost.apply(&record);
        assert!(lost.state() == participant.engine.state(), "and there with it");
    }
}

#[test]
fn b2_any_message_delivered_many_times_has_the_effect_of_one_and_the_same_answer() {
    let flow = [Say::Hold, Say::Confirm(0, 3), Say::Reduce(1, 2), Say::Confirm(2, 1), Say::Release(3)];
    for (mut participant, mut again) in Participant::all().zip(Participant::all()) {
        for (index, say) in (1..).zip(flow) {
            let first = participant.say(1, say);
            assert_eq!(code(&first), "yes");
            for earlier in 1..=index {
                let message = again.message(1, flow[earlier as usize - 1]);
                assert_eq!(code(&again.deliver(earlier, message)), "yes", "{say:?} and all before it, again");
                again.restart();
            }
            assert_eq!(again.held_and_used(), participant.held_and_used());
            // The same under another id: then it is the hold that knows.
            assert_eq!(code(&participant.say(1, say)), "yes");
        }
        assert_eq!(participant.held_and_used(), (0, 400_00));
    }
}

#[test]
fn b2_a_hold_that_was_refused_stays_refused_though_there_is_room_by_now() {
    for mut participant in Participant::all() {
        let tight = |limit: i128| {
            let (scope, measure) = (risk::Scope::Account(id("ANN")), risk::Measure::OrderNotional(id("EUR")));
            let quota = Amount(limit);
            [
                Command::Risk(risk::Command::SetLimit { scope, measure, limit: Some(Amount(limit)) }),
                Command::Settlement(settlement::Command::SetQuota {
                    participant: id("NORTH"),
                    asset: id("EUR"),
                    quota,
                }),
            ]
        };
        let [of_risk, of_settlement] = tight(1);
        let is_risk = participant.context == Context::Risk;
        participant.execute(if is_risk { of_risk } else { of_settlement });
        let hold = participant.message(1, Say::Hold);
        let refused = participant.deliver(1, hold.clone());
        assert!(matches!(refused, Answer::No(_)));
        let [of_risk, of_settlement] = tight(1_000_000_00);
        participant.execute(if is_risk { of_risk } else { of_settlement });
        let records = participant.records.len();
        assert_eq!(participant.deliver(1, hold), refused);
        assert_eq!(participant.records.len(), records, "and costs no record");
        assert_eq!(participant.held_and_used(), (0, 0));
    }
}

#[test]
fn b3_b4_b5_a_release_that_overtakes_its_hold_wins_however_late_the_hold_comes() {
    for mut participant in Participant::all() {
        assert_eq!(code(&participant.say(1, Say::Release(0))), "yes");
        assert_eq!(code(&participant.say(1, Say::Release(0))), "yes", "also again");
        for wait in [0, 1_000, FLOW_DEADLINE_NS, TOMBSTONE_NS, 10 * TOMBSTONE_NS] {
            participant.now += wait;
            assert_eq!(code(&participant.say(1, Say::Hold)), "hold-already-released", "after {wait} ns");
            participant.restart();
        }
        assert_eq!(participant.held_and_used(), (0, 0));
    }
}

#[test]
fn b6_b7_confirms_without_a_hold_and_releases_of_what_is_confirmed_are_refused() {
    for mut participant in Participant::all() {
        assert_eq!(code(&participant.say(1, Say::Confirm(0, 1))), "no-hold");
        participant.say(1, Say::Hold);
        participant.say(1, Say::Confirm(0, 4));
        assert_eq!(code(&participant.say(1, Say::Release(0))), "hold-already-confirmed");
        assert_eq!(participant.held_and_used(), (600_00, 400_00));
        assert_eq!(code(&participant.say(1, Say::Release(1))), "yes");
        assert_eq!(code(&participant.say(1, Say::Confirm(1, 1))), "hold-already-released");
        assert_eq!(participant.held_and_used(), (0, 400_00));
    }
}

#[test]
fn b8_what_was_held_is_confirmed_given_back_or_outstanding() {
    for mut participant in Participant::all() {
        participant.say(1, Say::Hold);
        assert_eq!(participant.held_and_used(), (1_000_00, 0));
        assert_eq!(code(&participant.say(1, Say::Confirm(1, 1))), "later", "parts come in order");
        assert_eq!(code(&participant.say(1, Say::Release(1))), "later", "and the release after them");
        participant.say(1, Say::Confirm(0, 3));
        assert_eq!(participant.held_and_used(), (700_00, 300_00));
        participant.say(1, Say::Reduce(1, 2));
        assert_eq!(participant.held_and_used(), (500_00, 300_00));
        assert_eq!(code(&participant.say(1, Say::Confirm(2, 6))), "exceeds-hold");
        participant.say(1, Say::Confirm(2, 5));
        assert_eq!(participant.held_and_used(), (0, 800_00), "the last part closes it");
        assert_eq!(code(&participant.say(1, Say::Release(3))), "yes");
        assert_eq!(participant.held_and_used(), (0, 800_00));
    }
}

#[test]
fn b9_a_tombstone_outlives_every_hold_that_could_still_be_placed() {
    for mut participant in Participant::all() {
        participant.say(1, Say::Hold);
        participant.say(1, Say::Release(0));
        participant.now += FLOW_DEADLINE_NS / 2;
        assert_eq!(code(&participant.say(1, Say::Hold)), "hold-already-released");
        participant.now += TOMBSTONE_NS - FLOW_DEADLINE_NS;
        assert_eq!(
            code(&participant.say(1, Say::Hold)),
            "hold-already-released",
            "a duplicate removes nothing"
        );
        participant.now += TOMBSTONE_NS;
        assert_eq!(code(&participant.say(1, Say::Hold)), "hold-already-released", "its deadline has passed");
    }
}

#[test]
fn b10_a_confirm_checks_nothing_again() {
    for mut participant in Participant::all() {
        participant.say(1, Say::Hold);
        let (switch, reason) = (risk::Switch::All, String::new());
        let (scope, measure) = (risk::Scope::Account(id("ANN")), risk::Measure::GrossExposure(id("EUR")));
        let (north, asset, quota) = (id("NORTH"), id("EUR"), Amount::ZERO);
        if participant.context == Context::Risk {
            participant.execute(Command::Risk(risk::Command::EngageKillSwitch { switch, reason }));
            let limit = Some(Amount::ZERO);
            participant.execute(Command::Risk(risk::Command::SetLimit { scope, measure, limit }));
        } else {
            let lower = settlement::Command::SetQuota { participant: north, asset, quota };
            participant.execute(Command::Settlement(lower));
        }
        assert_eq!(code(&participant.say(1, Say::Confirm(0, 10))), "yes");
        assert_eq!(participant.held_and_used(), (0, 1_000_00));
    }
}

#[test]
fn b2_compliance_asked_again_about_an_order_says_the_same_though_its_rules_have_changed() {
    let mut compliance = Participant::of(Context::Compliance);
    let restriction = compliance::Restriction::Account(id("ANN"));
    compliance.execute(Command::Compliance(compliance::Command::Restrict { restriction }));
    let check = |order| {
        Message::Compliance(compliance::Command::Check {
            terms: terms(order),
            user: id("user-1"),
            price: vocabulary::Price(100_00),
            quantity: Quantity(1),
            notional: Amount(100_00),
            quote_scale: 2,
            deadline: Timestamp(1_000_000_000 + FLOW_DEADLINE_NS),
        })
    };
    let first = compliance.deliver(1, check(1));
    assert_eq!(code(&first), "restricted");
    compliance.execute(Command::Compliance(compliance::Command::Unrestrict { restriction }));
    assert_eq!(compliance.deliver(1, check(1)), first, "the same message");
    assert_eq!(compliance.deliver(2, check(1)), first, "another message");
    assert_eq!(code(&compliance.deliver(3, check(2))), "yes", "another order");
}

#[test]
fn a_message_whose_answer_its_sender_has_recorded_is_not_looked_at_any_more() {
    for mut participant in Participant::all() {
        let hold = participant.message(1, Say::Hold);
        let from = Context::Trading;
        let later = MessageId { position: 9, index: 0, from };
        let body = Box::new(participant.message(2, Say::Release(0)));
        participant.execute(Command::Deliver { message: later, body, answered_below: later });
        assert_eq!(participant.deliver(1, hold), Answer::Later);
        assert_eq!(participant.held_and_used(), (0, 0));
    }
}

#[test]
fn a_message_for_a_context_that_is_elsewhere_is_to_be_sent_again() {
    for mut participant in Participant::all() {
        let place = Message::Trading(trading::Command::WithdrawBlock { order: OrderId(1) });
        assert_eq!(participant.deliver(1, place), Answer::Later, "where it belongs");
    }
}

#[test]
fn another_node_gives_no_commands_of_people() {
    for mut participant in Participant::all() {
        let body = match participant.context {
            Context::Risk => Message::Risk(risk::Command::LiftKillSwitch { switch: risk::Switch::All }),
            Context::Settlement => {
                Message::Settlement(settlement::Command::Process { date: id("2023-02-09") })
            }
            Context::Trading | Context::Compliance => unreachable!("participants hold"),
        };
        assert_eq!(code(&participant.deliver(1, body)), "not-a-message");
        let Outcome::Refused(refusal) = &participant.records.last().unwrap().outcome else { panic!() };
        assert_eq!(*refusal, crate::Refusal::NotAMessage);
    }
}

#[test]
fn a_kill_switch_is_told_to_every_trading_shard_that_risk_holds_for() {
    let mut risk = Participant::of(Context::Risk);
    let engage =
        |switch| Command::Risk(risk::Command::EngageKillSwitch { switch, reason: "REF-1".to_owned() });
    let told = |risk: &Participant| -> Vec<u16> {
        let outbox = &risk.engine.state().outbox;
        outbox.waiting().map(|(_, unanswered)| unanswered.body.shard()).collect()
    };
    risk.execute(engage(risk::Switch::Instrument(id("ACME"))));
    assert_eq!(told(&risk), [] as [u16; 0], "no order is open anywhere");
    risk.execute(Command::Risk(risk::Command::LiftKillSwitch {
        switch: risk::Switch::Instrument(id("ACME")),
    }));
    assert_eq!(code(&risk.say(1, Say::Hold)), "yes");
    assert_eq!(code(&risk.say(2 << 48 | 1, Say::Hold)), "yes");
    risk.restart();
    risk.execute(engage(risk::Switch::All));
    assert_eq!(told(&risk), [0, 2]);
}
