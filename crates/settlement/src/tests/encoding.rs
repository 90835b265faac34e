//! Bytes of recorded events. These are never edited: what was written once must be read for good.

use super::{TUESDAY, WEDNESDAY, asset, calendar, date, deal, market, participant, trade_id};
use crate::{Command, Cover, Event, Obligation, Party, Refusal, Short, Total};
use vocabulary::{Amount, Calendar, HoldRefusal, OrderId, Reserved, SettlementModel, Side};

fn events() -> Vec<(&'static str, Event)> {
    let trade = deal(7, "NET", "A", "B", 10, 1_000);
    let (terms, fill) = (trade.terms(Side::Buy), trade.fill(Side::Buy));
    let obligation = Obligation { terms, fill, calendar: calendar("SSE"), date: date(TUESDAY) };
    let (run, day, a, cny) = (3, date(TUESDAY), participant("A"), asset("CNY"));
    let what = Reserved { quantity: 1, amount: 100 };
    let totals = vec![Total { asset: cny, delivered: Amount(1_003), received: Amount(998), fees: Amount(5) }];
    let cover = Cover { participant: a, asset: cny, outgoing: Amount(1_003), missing: Amount(3) };
    let short = Short { participant: a, asset: cny, missing: Amount(3) };
    let netted = |party, gross_in, gross_out| Event::PositionNetted {
        run,
        date: day,
        party,
        asset: cny,
        gross_in: Amount(gross_in),
        gross_out: Amount(gross_out),
        net: Amount(gross_in - gross_out),
    };
    vec![
        ("QuotaSet", Event::QuotaSet { participant: a, asset: cny, quota: Amount(1_i128 << 70) }),
        ("CalendarDefined", Event::CalendarDefined { calendar: calendar("SSE"), days: Calendar::default() }),
        (
            "SettlementModelSet",
            Event::SettlementModelSet { market: market("NET"), model: SettlementModel::Net },
        ),
        ("ShortfallRecorded", Event::ShortfallRecorded { participant: a, asset: cny, missing: Amount(5) }),
        ("QuotaHeld", Event::QuotaHeld { terms, reserved: trade.reserved() }),
        ("ObligationRecorded", Event::ObligationRecorded { obligation }),
        ("QuotaReduced", Event::QuotaReduced { terms, part: 1, what }),
        ("QuotaReleased", Event::QuotaReleased { terms, released: what, until: vocabulary::Timestamp(7) }),
        (
            "RunStarted",
            Event::RunStarted { run, date: day, trades: 1, totals: totals.clone(), covers: vec![cover] },
        ),
        ("PositionNetted", netted(Party::Participant(a), 0, 1_003)),
        ("PositionNetted (central counterparty)", netted(Party::CentralCounterparty, 1_003, 998)),
        (
            "TradeSettled",
            Event::TradeSettled {
                run,
                date: day,
                model: SettlementModel::Net,
                buy: obligation.settled(day),
                sell: Obligation { terms: trade.terms(Side::Sell), ..obligation }.settled(day),
            },
        ),
        (
            "TradeRecycled",
            Event::TradeRecycled {
                run,
                trade: trade_id(7),
                buy: OrderId(14),
                sell: OrderId(15),
                model: SettlementModel::Gross,
                from: day,
                to: date(WEDNESDAY),
                short,
            },
        ),
        ("RunCompleted", Event::RunCompleted { run, date: day, settled: 1, recycled: 0, totals }),
    ]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn events_keep_their_bytes() {
    let golden = include_str!("events.golden");
    let written: Vec<_> = golden.lines().filter_map(|line| line.split_once(": ")).collect();
    let events = events();
    assert_eq!(written.len(), events.len(), "one line for each");
    for ((name, event), (golden_name, golden)) in events.iter().zip(written) {
        let bytes = minicbor::to_vec(event).unwrap();
        assert_eq!((*name, hex(&bytes).as_str()), (golden_name, golden));
        assert_eq!(&minicbor::decode::<Event>(&bytes).unwrap(), event);
    }
}

/// As releases were written before they said until when they are remembered.
const RELEASED_BEFORE: &str =
    "820782890e63412d3161416358595a634e45546358595a63434e5900500000000000000000000000000000000782011864";

#[test]
fn a_release_of_before_is_still_read() {
    let byte = |at| u8::from_str_radix(&RELEASED_BEFORE[at..at + 2], 16).unwrap();
    let bytes: Vec<u8> = (0..RELEASED_BEFORE.len()).step_by(2).map(byte).collect();
    let event: Event = minicbor::decode(&bytes).unwrap();
    let Event::QuotaReleased { until, .. } = event else { panic!("{event:?}") };
    assert_eq!(until, vocabulary::Timestamp::default());
}

#[test]
fn events_show_under_their_names() {
    for (name, event) in events() {
        let shown = serde_json::to_value(&event).unwrap();
        let first = shown.as_object().and_then(|object| object.keys().next()).cloned();
        assert_eq!(first.as_deref(), name.split(' ').next());
    }
}

#[test]
fn commands_and_refusals_come_back_as_they_went() {
    let trade = deal(7, "NET", "A", "B", 10, 1_000);
    let (a, cny) = (participant("A"), asset("CNY"));
    for command in [
        Command::SetQuota { participant: a, asset: cny, quota: Amount(1) },
        Command::DefineCalendar { calendar: calendar("SSE"), days: Calendar::default() },
        Command::SetSettlementModel { market: market("NET"), model: SettlementModel::Net },
        Command::RecordShortfall { participant: a, asset: cny, missing: Amount(1) },
        trade.hold(Side::Buy),
        trade.confirm(Side::Sell),
        Command::Reduce { terms: trade.terms(Side::Buy), part: 1, what: trade.reserved() },
        trade.release(Side::Buy, 2),
        Command::Process { date: date(TUESDAY) },
        Command::Advance,
    ] {
        let bytes = minicbor::to_vec(&command).unwrap();
        assert_eq!(minicbor::decode::<Command>(&bytes).unwrap(), command);
    }
    for refusal in [
        Refusal::NegativeAmount(Amount(-1)),
        Refusal::NoBusinessDay(calendar("SSE")),
        Refusal::NotAWeekday(7),
        Refusal::RunInProgress(date(TUESDAY)),
        Refusal::Unbalanced { trade: trade_id(1), asset: cny, difference: Amount(1) },
        Refusal::Hold(HoldRefusal::NoHold),
    ] {
        let bytes = minicbor::to_vec(&refusal).unwrap();
        assert_eq!(minicbor::decode::<Refusal>(&bytes).unwrap(), refusal);
        assert!(!refusal.to_string().contains('\n') && refusal.code().starts_with("settlement."));
    }
}
