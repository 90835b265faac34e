//! What was done to a log shows, with file and line.

use super::market::{Journal, a_few_days, batch};
use crate::hash_chain::HashChain;
use crate::line::Lines;
use crate::{AuditFlaw, AuditLog, Flaw, VerifyError, verify, verify_against};
use node::Follower;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use tempfile::TempDir;

const FIRST: &str = "audit-2026-11-22.jsonl";
const SECOND: &str = "audit-2026-11-23.jsonl";
const THIRD: &str = "audit-2026-11-24.jsonl";
const DECISIONS: &str = "decisions-2026-11-24.jsonl";

struct Logs(TempDir);

impl Logs {
    fn written() -> Self {
        let dir = TempDir::new().unwrap();
        AuditLog::open(dir.path(), 0).unwrap().follow(&batch(&a_few_days())).unwrap();
        Self(dir)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join("audit").join(name)
    }

    fn edit(self, name: &str, edit: impl FnOnce(&mut Vec<String>)) -> Self {
        let text = fs::read_to_string(self.file(name)).unwrap();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        edit(&mut lines);
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        fs::write(self.file(name), text).unwrap();
        self
    }

    fn shows(&self, name: &str, line: u64, position: u64, what: &Flaw) {
        let expected = AuditFlaw { file: self.file(name), line, position, what: what.clone() };
        assert_eq!(flaw(verify(self.0.path(), 0, |_| ())), expected, "by itself");
        let journal = Journal::of(&a_few_days());
        let against = flaw(verify_against(self.0.path(), &journal, |_| ()));
        assert_eq!((&against.file, against.line), (&expected.file, line), "against the journal: {against}");
    }

    /// Sound by itself, and only the journal knows better.
    fn shows_against_the_journal(&self, name: &str, line: u64, position: u64, what: Flaw) {
        verify(self.0.path(), 0, |_| ()).unwrap();
        let expected = AuditFlaw { file: self.file(name), line, position, what };
        let journal = Journal::of(&a_few_days());
        assert_eq!(flaw(verify_against(self.0.path(), &journal, |_| ())), expected);
    }
}

fn flaw<T: std::fmt::Debug>(result: Result<T, VerifyError>) -> AuditFlaw {
    match result {
        Err(VerifyError::Flaw(flaw)) => flaw,
        other => panic!("no flaw but {other:?}"),
    }
}

#[test]
fn a_flipped_bit_shows_wherever_it_is() {
    let logs = Logs::written();
    let path = logs.file(SECOND);
    let bytes = fs::read(&path).unwrap();
    for at in (0..bytes.len()).step_by(3) {
        let mut other = bytes.clone();
        other[at] ^= 1 << (at % 7);
        fs::write(&path, &other).unwrap();
        let flaw = flaw(verify(logs.0.path(), 0, |_| ()));
        assert_eq!(flaw.file, path, "byte {at}: {flaw}");
        let line = 1 + bytes[..at].iter().filter(|byte| **byte == b'\n').count() as u64;
        assert_eq!(flaw.line, line, "byte {at}: {flaw}");
    }
}

#[test]
fn a_changed_word_shows() {
    let logs = Logs::written().edit(FIRST, |lines| lines[18] = lines[18].replace("rejected", "accepted"));
    logs.shows(FIRST, 19, 19, &Flaw::Changed);
}

#[test]
fn removed_repeated_and_moved_lines_show() {
    Logs::written().edit(FIRST, |lines| drop(lines.remove(4))).shows(
        FIRST,
        5,
        6,
        &Flaw::Missing { from: 5, until: 6 },
    );
    Logs::written().edit(FIRST, |lines| lines.insert(4, lines[3].clone())).shows(
        FIRST,
        5,
        4,
        &Flaw::Repeated { number: 4 },
    );
    Logs::written().edit(FIRST, |lines| lines.swap(4, 5)).shows(
        FIRST,
        5,
        6,
        &Flaw::Missing { from: 5, until: 6 },
    );
    Logs::written().edit(DECISIONS, |lines| drop(lines.remove(1))).shows(
        DECISIONS,
        2,
        26,
        &Flaw::Missing { from: 6, until: 7 },
    );
}

#[test]
fn removed_emptied_and_cut_files_show() {
    let logs = Logs::written();
    fs::remove_file(logs.file(SECOND)).unwrap();
    logs.shows(THIRD, 1, 24, &Flaw::Missing { from: 22, until: 24 });
    let logs = Logs::written();
    fs::remove_file(logs.file(FIRST)).unwrap();
    logs.shows(SECOND, 1, 22, &Flaw::Missing { from: 1, until: 22 });
    Logs::written().edit(SECOND, Vec::clear).shows(SECOND, 0, 22, &Flaw::Empty);
    Logs::written().edit(SECOND, |lines| drop(lines.pop())).shows(
        THIRD,
        1,
        24,
        &Flaw::Missing { from: 23, until: 24 },
    );
    let logs = Logs::written();
    let bytes = fs::read(logs.file(THIRD)).unwrap();
    fs::write(logs.file(THIRD), &bytes[..bytes.len() - 5]).unwrap();
    logs.shows(THIRD, 4, 27, &Flaw::CutOff);
    let logs = Logs::written().edit(DECISIONS, |lines| drop(lines.pop()));
    logs.shows(DECISIONS, 2, 25, &Flaw::DecisionsMissing { stated: 7 });
}

#[test]
fn files_under_each_others_names_show() {
    let logs = Logs::written();
    fs::rename(logs.file(THIRD), logs.file("audit-2026-11-25.jsonl")).unwrap();
    let what = Flaw::OtherDay { day: "2026-11-24".into() };
    logs.shows("audit-2026-11-25.jsonl", 1, 24, &what);
}

#[test]
fn a_line_of_another_history_shows() {
    let mut records = a_few_days();
    let other = Logs(TempDir::new().unwrap());
    records[0].request.actor = super::market::id("mallory");
    AuditLog::open(other.0.path(), 0).unwrap().follow(&batch(&records)).unwrap();
    let theirs = fs::read_to_string(other.file(SECOND)).unwrap();
    let logs = Logs::written();
    fs::write(logs.file(SECOND), theirs).unwrap();
    logs.shows(SECOND, 1, 22, &Flaw::OtherHistory);
}

#[test]
fn fault_11_a_log_rewritten_as_a_whole_shows_against_the_journal() {
    let mut records = a_few_days();
    records[17].request.actor = super::market::id("mallory");
    let logs = Logs(TempDir::new().unwrap());
    AuditLog::open(logs.0.path(), 0).unwrap().follow(&batch(&records)).unwrap();
    logs.shows_against_the_journal(FIRST, 18, 18, Flaw::NotTheJournals);
}

/// A record whose refusal this program puts into other words than its writer stands for one of an older version.
#[test]
fn another_wording_of_a_refusal_is_counted_and_forgiven_and_nothing_else() {
    let records = a_few_days();
    let logs = |edit: fn(&str) -> String| {
        let logs = Logs(TempDir::new().unwrap());
        fs::create_dir(logs.0.path().join("audit")).unwrap();
        rewrite(&logs, &records, edit);
        verify_against(logs.0.path(), &Journal::of(&records), |_| ())
    };
    let reworded = logs(|line| line.replace("there is no open order 7", "order 7 is not open")).unwrap();
    assert_eq!((reworded.reworded, reworded.audit.lines), (1, records.len() as u64));
    let recoded = flaw(logs(|line| line.replace("trading.order-not-open", "trading.other")));
    assert_eq!((recoded.position, recoded.what), (20, Flaw::NotTheJournals));
    let disguised = flaw(logs(|line| {
        line.replace("\"outcome\":\"rejected\",\"code\":\"c", "\"outcome\":\"rejected\",\"code\":\"d")
    }));
    assert_eq!((disguised.position, disguised.what), (19, Flaw::NotTheJournals));
}

/// Writes the logs of `records` with every audit line edited, in a chain that is sound.
fn rewrite(logs: &Logs, records: &[engine::Record], edit: fn(&str) -> String) {
    let (mut lines, mut chain) = (Lines::new(), HashChain::GENESIS);
    for record in records {
        let (mut audit, mut decisions) = (Vec::new(), Vec::new());
        lines.write(record, &mut audit, &mut decisions).unwrap();
        let text = String::from_utf8(audit).unwrap();
        let (members, _) = text.split_once(",\"previous\"").unwrap();
        let mut line = edit(&format!("{members}}}")).into_bytes();
        chain.seal(&mut line, 0);
        let day = &record.moment.time.to_string()[..10];
        for (log, bytes) in [("audit", line), ("decisions", decisions)] {
            let path = logs.file(&format!("{log}-{day}.jsonl"));
            let mut file = fs::OpenOptions::new().append(true).create(true).open(path).unwrap();
            file.write_all(&bytes).unwrap();
        }
    }
    let empty = logs.file(SECOND.replace("audit", "decisions").as_str());
    fs::remove_file(empty).unwrap();
}

#[test]
fn fault_11_decisions_rewritten_as_a_whole_show_against_the_journal() {
    let mut records = a_few_days();
    let engine::Outcome::Events(events) = &mut records[17].outcome else { panic!("an order was placed") };
    for event in events {
        if let engine::Event::Compliance(compliance::Event::OrderChecked { price, .. }) = event {
            *price = vocabulary::Price(1);
        }
    }
    let logs = Logs(TempDir::new().unwrap());
    AuditLog::open(logs.0.path(), 0).unwrap().follow(&batch(&records)).unwrap();
    logs.shows_against_the_journal("decisions-2026-11-22.jsonl", 3, 18, Flaw::NotTheJournals);
}

#[test]
fn coverage_counts_every_position_of_the_journal_and_nothing_else() {
    let records = a_few_days();
    let logs = Logs::written().edit(THIRD, |lines| drop(lines.pop()));
    logs.shows_against_the_journal(THIRD, 3, 26, Flaw::EndsEarly { until: 28 });
    let logs = Logs::written();
    let shorter = Journal::of(&records[..26]);
    let found = flaw(verify_against(logs.0.path(), &shorter, |_| ()));
    assert_eq!((found.line, found.position, found.what), (4, 27, Flaw::NotInJournal));
}

#[test]
fn decisions_may_be_ahead_of_their_audit_line_but_not_of_the_journal() {
    let records = a_few_days();
    let longer = Logs::written();
    let logs = Logs(TempDir::new().unwrap());
    AuditLog::open(logs.0.path(), 0).unwrap().follow(&batch(&records[..24])).unwrap();
    fs::copy(longer.file(DECISIONS), logs.file(DECISIONS)).unwrap();
    let (running, ended) = (Journal::of(&records), Journal::of(&records[..24]));
    let found = flaw(verify_against(logs.0.path(), &running, |_| ()));
    assert_eq!(found.what, Flaw::EndsEarly { until: 28 });
    let found = flaw(verify_against(logs.0.path(), &ended, |_| ()));
    assert_eq!((found.line, found.position, found.what), (2, 25, Flaw::NotInJournal));
    AuditLog::open(logs.0.path(), 0).unwrap();
    verify_against(logs.0.path(), &ended, |_| ()).unwrap();
}
