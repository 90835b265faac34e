//! Spans on their way to a collector that is there, away, and there again.

use std::time::{Duration, Instant};
use testbed::Collector;
use tokio::runtime::Runtime;
use traces::{Figures, Kind, Span, TraceSettings, Traces};
use vocabulary::CorrelationId;

fn span(number: u64) -> Span {
    Span {
        thread: CorrelationId(0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c),
        id: number,
        parent: (number > 1).then_some(1),
        name: format!("number {number}"),
        kind: Kind::Internal,
        began_ns: 1_000,
        ended_ns: 2_000,
        has_failed: number == 2,
        attributes: vec![("rialto.position", number.to_string())],
    }
}

fn await_figures(traces: &Traces, what: &str, mut are_so: impl FnMut(Figures) -> bool) -> Figures {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let figures = traces.figures();
        if are_so(figures) {
            return figures;
        }
        assert!(Instant::now() < deadline, "waited for {what}: {figures:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn spans_arrive_as_they_are_and_what_nobody_takes_is_dropped_and_counted() {
    let mut collector = Collector::start().unwrap();
    let runtime = Runtime::new().unwrap();
    let settings = TraceSettings { endpoint: collector.endpoint(), percent: 100 };
    let traces = Traces::start(&settings, "trading", "http://here", runtime.handle()).unwrap();
    (1..=3).for_each(|number| traces.tell(span(number)));
    runtime.block_on(traces.flush(Duration::from_secs(60)));
    assert_eq!(traces.figures(), Figures { exported: 3, ..Figures::default() });
    let told = collector.told();
    assert!(told.iter().all(|told| told.service == "trading"));
    let last = &told[2];
    assert_eq!(last.span.trace_id, 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c_u128.to_be_bytes());
    assert_eq!(
        (&last.span.span_id[..], &last.span.parent_span_id[..]),
        (&[0, 0, 0, 0, 0, 0, 0, 3][..], &[0, 0, 0, 0, 0, 0, 0, 1][..])
    );
    assert_eq!((last.span.start_time_unix_nano, last.span.end_time_unix_nano), (1_000, 2_000));
    assert_eq!(last.attribute("rialto.position").as_deref(), Some("3"));
    assert!(told[0].span.parent_span_id.is_empty(), "it is the first");
    let failed: Vec<_> = told.iter().map(|told| told.span.status.as_ref().unwrap().code).collect();
    assert_eq!(failed, [0, 2, 0], "STATUS_CODE_ERROR is 2");

    collector.stop();
    let mut number = 3;
    let next = |number: &mut u64| {
        *number += 1;
        traces.tell(span(*number));
    };
    next(&mut number);
    await_figures(&traces, "it to be noticed that nobody takes them", |figures| figures.is_waiting);
    collector.restart().unwrap();
    await_figures(&traces, "the collector to take them again", |figures| {
        next(&mut number);
        figures.exported > 3 && !figures.is_waiting
    });
    runtime.block_on(traces.flush(Duration::from_secs(60)));
    let Figures { exported, dropped, .. } = traces.figures();
    assert_eq!(exported + dropped, number, "each is told or counted");
    assert_eq!(collector.told().len() as u64, exported);
}

#[test]
fn what_the_collector_refuses_is_counted_as_dropped() {
    let collector = Collector::refusing("number 2").unwrap();
    let runtime = Runtime::new().unwrap();
    let settings = TraceSettings { endpoint: collector.endpoint(), percent: 100 };
    let traces = Traces::start(&settings, "trading", "http://here", runtime.handle()).unwrap();
    (1..=3).for_each(|number| traces.tell(span(number)));
    runtime.block_on(traces.flush(Duration::from_secs(60)));
    assert_eq!(traces.figures(), Figures { exported: 2, dropped: 1, is_waiting: false });
    assert_eq!(collector.told().len(), 2);
}

#[test]
fn every_process_tells_of_the_same_threads() {
    let runtime = Runtime::new().unwrap();
    let with = |percent| {
        let settings = TraceSettings { endpoint: "http://127.0.0.1:1".to_owned(), percent };
        Traces::start(&settings, "risk", "here", runtime.handle()).unwrap()
    };
    let threads: Vec<_> = (1..=1_000_u128).map(|n| CorrelationId(n * 0x9e37_79b9_7f4a_7c15)).collect();
    let told = |percent| threads.iter().filter(|thread| with(percent).wants(**thread)).count();
    assert_eq!(told(100), 1_000);
    assert!((50..200).contains(&told(10)), "{}", told(10));
    assert!(!with(100).wants(CorrelationId(0)), "which is no trace's id");
}
