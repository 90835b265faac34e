//! Definitions: what trading has defined is known in the end wherever another context lives, with the same content, and
//! nothing else is. Of the business days it is the last one.

use super::findings::Findings;
use super::{Rule, ShardName, Violation};
use engine::{Command, Context, Event, Hosts, Message, Record};
use std::collections::{BTreeMap, BTreeSet};
use vocabulary::Date;

const DEFINITIONS: &str = "definitions";

/// Facts that name what they define, with all of their content.
type Known = BTreeSet<String>;

/// What each shard knows.
#[derive(Default)]
pub struct Definitions {
    defined: Known,
    copied: BTreeMap<ShardName, Known>,
    days: BTreeSet<Date>,
    /// The last one that each shard was told of.
    told: BTreeMap<ShardName, Date>,
}

impl Rule for Definitions {
    fn recorded(&mut self, shard: ShardName, hosts: Hosts, record: &Record, found: &mut Vec<Violation>) {
        let is_trading = hosts.has(Context::Trading);
        if !is_trading {
            self.copied.entry(shard).or_default();
        }
        for date in record.events().iter().filter_map(day) {
            if is_trading {
                self.days.insert(date);
                continue;
            }
            let found = &mut Findings::in_record(shard, record, found);
            found
                .check(self.days.contains(&date), DEFINITIONS, || format!("{date}, which nobody has opened"));
            let last = self.told.insert(shard, date);
            found.check(last < Some(date), DEFINITIONS, || format!("{date} after {last:?}"));
        }
        for definition in record.events().iter().filter_map(definition) {
            if is_trading {
                self.defined.insert(definition);
                continue;
            }
            let found = &mut Findings::in_record(shard, record, found);
            found.check(self.defined.contains(&definition), DEFINITIONS, || {
                format!("{definition}, which no trading shard has defined so")
            });
            let is_new = self.copied.entry(shard).or_default().insert(definition.clone());
            found.check(is_new, DEFINITIONS, || format!("{definition}, for the second time"));
        }
    }

    fn ended(&mut self, found: &mut Vec<Violation>) {
        let found = &mut Findings::at_the_end(found);
        for (shard, known) in &self.copied {
            for missing in self.defined.difference(known) {
                found.tell(DEFINITIONS, format!("{shard:?} was never told of {missing}"));
            }
            let (told, last) = (self.told.get(shard), self.days.last());
            found.check(told == last, DEFINITIONS, || {
                format!("{shard:?} takes {told:?} for today, not {last:?}")
            });
        }
    }
}

/// Whether this is what a node without trading notes of a definition that it was told.
pub(super) fn is_copy(event: &Event, record: &Record) -> bool {
    let Command::Deliver { body, .. } = &record.request.command else { return false };
    (definition(event).is_some() || day(event).is_some()) && matches!(**body, Message::Definition(..))
}

fn day(event: &Event) -> Option<Date> {
    let Event::Trading(trading::Event::BusinessDayOpened { date }) = event else { return None };
    Some(*date)
}

fn definition(event: &Event) -> Option<String> {
    use trading::Event as E;
    let Event::Trading(event) = event else { return None };
    let is_definition = matches!(
        event,
        E::AssetDefined(_)
            | E::InstrumentDefined(_)
            | E::ParticipantRegistered { .. }
            | E::AccountOpened { .. }
    );
    is_definition.then(|| format!("{event:?}"))
}
