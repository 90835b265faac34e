//! The hold protocol, property by property, and over every short sequence of operations.

use super::*;
use Operation::{Confirm, Hold, Reduce, Release};

const ORDER: OrderId = OrderId(7);
const HELD: Reserved = Reserved { quantity: 10, amount: 1_000 };
const DEADLINE: Timestamp = Timestamp(5_000_000_000);

/// A message of the order flow about [`ORDER`].
#[derive(Clone, Copy, Debug, PartialEq)]
enum Operation {
    Hold,
    Confirm { part: u32, what: Reserved },
    Reduce { part: u32, what: Reserved },
    Release { parts: u32 },
}

/// How an operation was answered.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Answer {
    Done,
    Already,
    Refused(HoldRefusal),
}

/// A participant, and beside it an account of what its answers say that it did.
#[derive(Clone, Default)]
struct Participant {
    state: Reservations,
    at: Moment,
    held: Reserved,
    confirmed: Reserved,
    given_back: Reserved,
}

impl Participant {
    fn receive(&mut self, operation: Operation) -> Answer {
        let verdict = match operation {
            Hold => self.hold(),
            Confirm { part, what } => self.take(part, what, true),
            Reduce { part, what } => self.take(part, what, false),
            Release { parts } => self.release(parts),
        };
        match verdict {
            Ok(Verdict::Do(())) => Answer::Done,
            Ok(Verdict::Already) => Answer::Already,
            Err(refusal) => Answer::Refused(refusal),
        }
    }

    fn hold(&mut self) -> Result<Verdict<()>, HoldRefusal> {
        let verdict = self.state.judge_hold(ORDER, DEADLINE, self.at)?;
        if verdict == Verdict::Do(()) {
            self.state.hold(ORDER, HELD);
            self.held = self.held + HELD;
        }
        Ok(verdict)
    }

    fn take(&mut self, part: u32, what: Reserved, confirm: bool) -> Result<Verdict<()>, HoldRefusal> {
        let verdict = self.state.judge_confirm(ORDER, part, what)?;
        if verdict == Verdict::Already {
            return Ok(verdict);
        }
        if confirm {
            self.state.confirm(ORDER, what, self.at);
            self.confirmed = self.confirmed + what;
        } else {
            self.state.reduce(ORDER, what, self.at);
            self.given_back = self.given_back + what;
        }
        Ok(verdict)
    }

    fn release(&mut self, parts: u32) -> Result<Verdict<()>, HoldRefusal> {
        let Verdict::Do(released) = self.state.judge_release(ORDER, parts)? else {
            return Ok(Verdict::Already);
        };
        self.state.release(ORDER, DEADLINE, self.at);
        self.given_back = self.given_back + released;
        Ok(Verdict::Do(()))
    }

    fn outstanding(&self) -> Reserved {
        self.state.outstanding(ORDER).unwrap_or_default()
    }

    fn is_closed(&self) -> bool {
        self.state.outstanding(ORDER).is_none()
    }

    /// B8, and that an order is held at most once.
    fn check_sums(&self) {
        assert_eq!(self.held, self.confirmed + self.given_back + self.outstanding());
        assert!(self.held == HELD || self.held == Reserved::default());
        assert_eq!(self.is_closed(), self.outstanding() == Reserved::default());
        assert_eq!(self.state.open_count(), usize::from(!self.is_closed()));
    }

    fn wait_ns(&mut self, ns: u64) {
        self.at.time = self.at.time.plus_ns(ns);
        self.state.expire(self.at);
    }
}

fn after(operations: &[Operation]) -> Participant {
    let mut participant = Participant::default();
    for operation in operations {
        assert_eq!(participant.receive(*operation), Answer::Done, "{operation:?}");
        participant.check_sums();
    }
    participant
}

fn some(quantity: i64) -> Reserved {
    Reserved { quantity, amount: quantity * 100 }
}

fn confirm(part: u32, quantity: i64) -> Operation {
    Confirm { part, what: some(quantity) }
}

fn reduce(part: u32, quantity: i64) -> Operation {
    Reduce { part, what: some(quantity) }
}

/// What the order flow can send about one order: rejected, cancelled, shrunk, filled.
fn flows() -> [Vec<Operation>; 5] {
    [
        vec![Hold, Release { parts: 0 }],
        vec![Hold, confirm(0, 4), Release { parts: 1 }],
        vec![Hold, confirm(0, 4), reduce(1, 2), Release { parts: 2 }],
        vec![Hold, reduce(0, 2), confirm(1, 3), confirm(2, 5)],
        vec![Hold, confirm(0, 4), confirm(1, 6), Release { parts: 2 }],
    ]
}

/// Calls `visit` for every sequence of up to `length` of `operations`, repetitions included.
fn for_every_sequence(
    operations: &[Operation],
    length: u32,
    state: &Participant,
    visit: &mut impl FnMut(&Participant),
) {
    visit(state);
    if length == 0 {
        return;
    }
    for operation in operations {
        let mut next = state.clone();
        next.receive(*operation);
        next.check_sums();
        for_every_sequence(operations, length - 1, &next, visit);
    }
}

#[test]
fn b2_repeated_operations_answer_success_and_change_nothing() {
    for flow in flows() {
        let mut participant = Participant::default();
        for seen in 0..flow.len() {
            participant.receive(flow[seen]);
            let before = participant.state.clone();
            for earlier in &flow[..=seen] {
                let answer = participant.receive(*earlier);
                let is_late_hold = *earlier == Hold
                    && participant.is_closed()
                    && participant.given_back != Reserved::default();
                // B4: the repetition of a hold that was released says so.
                let released = Answer::Refused(HoldRefusal::AlreadyReleased);
                assert!(
                    answer == Answer::Already || (is_late_hold && answer == released),
                    "{earlier:?}: {answer:?}"
                );
            }
            assert_eq!(participant.state, before);
        }
    }
}

#[test]
fn b2_a_hold_confirmed_to_the_end_answers_its_repetition_with_success() {
    let mut participant = after(&[Hold, confirm(0, 10)]);
    assert_eq!(participant.receive(Hold), Answer::Already);
    assert!(participant.is_closed());
}

#[test]
fn b3_release_without_hold_succeeds_and_leaves_a_tombstone() {
    let mut participant = after(&[Release { parts: 0 }]);
    assert_eq!(participant.given_back, Reserved::default());
    assert_eq!(participant.receive(Release { parts: 0 }), Answer::Already);
    assert_eq!(participant.receive(Hold), Answer::Refused(HoldRefusal::AlreadyReleased));
}

#[test]
fn b4_a_hold_after_its_release_has_no_effect_however_late_or_often() {
    for released in [after(&[Release { parts: 0 }]), after(&[Hold, Release { parts: 0 }])] {
        let mut participant = released;
        for wait_ns in [0, 1, DEADLINE.0, TOMBSTONE_NS, 1, 3_600_000_000_000] {
            participant.wait_ns(wait_ns);
            for _ in 0..3 {
                assert_eq!(participant.receive(Hold), Answer::Refused(HoldRefusal::AlreadyReleased));
                participant.check_sums();
            }
        }
        assert!(participant.is_closed());
    }
}

#[test]
fn b4_a_hold_past_its_deadline_is_refused_and_one_at_its_deadline_is_not() {
    let mut participant = Participant::default();
    participant.wait_ns(DEADLINE.0);
    assert_eq!(participant.clone().receive(Hold), Answer::Done);
    participant.wait_ns(1);
    assert_eq!(participant.receive(Hold), Answer::Refused(HoldRefusal::AlreadyReleased));
}

#[test]
fn b5_hold_and_release_racing_end_as_net_zero() {
    for race in [[Hold, Release { parts: 0 }], [Release { parts: 0 }, Hold]] {
        let mut participant = Participant::default();
        for operation in race {
            participant.receive(operation);
        }
        assert!(participant.is_closed());
        assert_eq!(participant.held, participant.given_back);
    }
}

#[test]
fn b6_confirm_without_a_hold_is_refused() {
    let mut participant = Participant::default();
    assert_eq!(participant.receive(confirm(0, 1)), Answer::Refused(HoldRefusal::NoHold));
    assert_eq!(participant.receive(reduce(0, 1)), Answer::Refused(HoldRefusal::NoHold));
    assert_eq!(participant.state, Reservations::default());
}

#[test]
fn b7_confirm_after_release_and_release_of_what_is_confirmed_are_refused() {
    let mut released = after(&[Hold, confirm(0, 4), Release { parts: 1 }]);
    assert_eq!(released.receive(confirm(1, 1)), Answer::Refused(HoldRefusal::AlreadyReleased));
    assert_eq!(released.receive(Release { parts: 0 }), Answer::Refused(HoldRefusal::AlreadyConfirmed));
    let mut open = after(&[Hold, confirm(0, 4)]);
    assert_eq!(open.receive(Release { parts: 0 }), Answer::Refused(HoldRefusal::AlreadyConfirmed));
    let mut overtaken = after(&[Release { parts: 0 }]);
    assert_eq!(overtaken.receive(confirm(0, 1)), Answer::Refused(HoldRefusal::AlreadyReleased));
}

#[test]
fn b8_the_last_confirm_reduction_or_release_closes_the_hold() {
    assert_eq!(after(&[Hold, confirm(0, 4)]).outstanding(), some(6));
    assert!(after(&[Hold, confirm(0, 4), confirm(1, 6)]).is_closed());
    assert!(after(&[Hold, confirm(0, 4), reduce(1, 6)]).is_closed());
    assert!(after(&[Hold, confirm(0, 4), Release { parts: 1 }]).is_closed());
}

#[test]
fn b8_parts_take_effect_in_order_and_within_the_hold() {
    let mut participant = after(&[Hold]);
    assert_eq!(participant.receive(confirm(1, 1)), Answer::Refused(HoldRefusal::Early));
    assert_eq!(participant.receive(Release { parts: 1 }), Answer::Refused(HoldRefusal::Early));
    assert_eq!(participant.receive(confirm(0, 11)), Answer::Refused(HoldRefusal::ExceedsHold));
    for (quantity, amount) in [(11, 0), (0, 1_001), (-1, 0), (0, -1)] {
        let what = Reserved { quantity, amount };
        assert_eq!(participant.receive(Confirm { part: 0, what }), Answer::Refused(HoldRefusal::ExceedsHold));
        assert_eq!(participant.receive(Reduce { part: 0, what }), Answer::Refused(HoldRefusal::ExceedsHold));
    }
    let mut none = Participant::default();
    assert_eq!(none.receive(Release { parts: 1 }), Answer::Refused(HoldRefusal::Early));
}

/// Every interleaving and duplication: whatever of a flow's messages has arrived, in whatever order and however often,
/// the sums hold; and once the flow has repeated its messages in order, it is as if each had arrived once.
#[test]
fn b8_no_sequence_of_messages_leaks_or_takes_effect_twice() {
    for flow in flows() {
        // A rejected order is released on purpose before it is known whether its hold arrived.
        let is_rejection = flow.contains(&Release { parts: 0 });
        let confirmed = flow.iter().filter_map(confirmed_by).fold(Reserved::default(), Reserved::add);
        let mut sequences = 0;
        for_every_sequence(&flow, 7, &Participant::default(), &mut |participant| {
            let mut participant = participant.clone();
            for operation in &flow {
                let answer = participant.receive(*operation);
                let late_hold = *operation == Hold && answer == Answer::Refused(HoldRefusal::AlreadyReleased);
                assert!(late_hold || !matches!(answer, Answer::Refused(_)), "{operation:?}: {answer:?}");
                participant.check_sums();
            }
            assert!(participant.is_closed());
            assert!(is_rejection || participant.held == HELD);
            assert_eq!(participant.confirmed, confirmed);
            sequences += 1;
        });
        let length = flow.len() as u64;
        assert_eq!(sequences, (0..=7).map(|n| length.pow(n)).sum::<u64>());
    }
}

fn confirmed_by(operation: &Operation) -> Option<Reserved> {
    match operation {
        Confirm { what, .. } => Some(*what),
        Hold | Reduce { .. } | Release { .. } => None,
    }
}

/// The sums hold even if the order flow breaks the protocol and sends what contradicts itself.
#[test]
fn b8_contradicting_messages_cannot_break_the_sums() {
    let messages =
        [Hold, confirm(0, 4), confirm(1, 6), reduce(1, 2), Release { parts: 0 }, Release { parts: 1 }];
    let mut sequences = 0;
    for_every_sequence(&messages, 6, &Participant::default(), &mut |_| sequences += 1);
    assert_eq!(sequences, (0..=6).map(|n| 6_u64.pow(n)).sum::<u64>());
}

#[test]
fn b9_a_tombstone_lasts_its_time_and_a_duplicate_hold_never_removes_it() {
    let mut participant = after(&[Release { parts: 0 }]);
    participant.wait_ns(TOMBSTONE_NS);
    assert_eq!(participant.receive(Hold), Answer::Refused(HoldRefusal::AlreadyReleased));
    assert!(participant.state.tombstones.contains(&ORDER));
    participant.wait_ns(1);
    assert_eq!(participant.state, Reservations::default(), "nothing is left behind");
    assert_eq!(
        participant.receive(Hold),
        Answer::Refused(HoldRefusal::AlreadyReleased),
        "its deadline is over"
    );
}

#[test]
fn b9_tombstones_expire_in_the_order_of_their_holds_and_open_holds_never_do() {
    let mut state = Reservations::default();
    let at = |ns| Moment { position: 0, time: Timestamp(ns) };
    for order in 0..10 {
        state.hold(OrderId(order), HELD);
    }
    for order in 0..9 {
        state.release(OrderId(order), Timestamp::default(), at(order));
    }
    state.expire(at(TOMBSTONE_NS + 5));
    assert_eq!((state.tombstones.len(), state.expiries.len(), state.open_count()), (4, 4, 1));
    state.expire(at(u64::MAX - 1));
    assert_eq!((state.tombstones.len(), state.open_count()), (0, 1));
}

#[test]
fn b10_what_is_outstanding_can_always_be_confirmed_whole() {
    for quantity in 1..=9 {
        let mut participant = after(&[Hold, reduce(0, quantity)]);
        participant.wait_ns(u64::MAX / 2);
        let what = participant.outstanding();
        assert_eq!(participant.receive(Confirm { part: 1, what }), Answer::Done);
        assert!(participant.is_closed());
    }
}

#[test]
#[should_panic(expected = "more than held was taken")]
fn b11_history_that_takes_more_than_was_held_halts() {
    after(&[Hold]).state.confirm(ORDER, some(11), Moment::default());
}

#[test]
#[should_panic(expected = "closed twice")]
fn history_that_closes_a_hold_twice_halts() {
    after(&[Hold, Release { parts: 0 }]).state.release(ORDER, DEADLINE, Moment::default());
}

#[test]
fn state_survives_encoding() {
    let mut state = after(&[Hold, confirm(0, 10)]).state;
    state.hold(OrderId(8), HELD);
    state.reduce(OrderId(8), some(1), Moment::default());
    state.release(OrderId(9), DEADLINE, Moment::default());
    let bytes = minicbor::to_vec(&state).unwrap();
    assert_eq!(minicbor::decode::<Reservations>(&bytes).unwrap(), state);
}

#[test]
fn b9_a_tombstone_outlives_its_holds_requests_however_far_ahead_their_senders_clock_is() {
    let hour_ns = 3_600_000_000_000;
    let deadline = Timestamp(hour_ns);
    let mut state = Reservations::default();
    state.release(ORDER, deadline, Moment::default());
    for time in [1, TOMBSTONE_NS + 1, hour_ns, hour_ns + 1, 2 * hour_ns] {
        let at = Moment { position: 2, time: Timestamp(time) };
        state.expire(at);
        assert_eq!(state.judge_hold(ORDER, deadline, at), Err(HoldRefusal::AlreadyReleased), "at {time}");
    }
    assert_eq!(state, Reservations::default(), "it is forgotten in the end");
}
