//! What risk did: limits, kill switches, alerts. Exposures change with every order and stand in the live state.

use risk::{Event, Measure, Scope};
use rusqlite::params;
use vocabulary::Amount;

use crate::batch::Batch;
use crate::columns::{Minor, stored, thread};
use crate::error::ViewsError;
use crate::words;

impl<'a> Batch<'a> {
    pub(crate) fn fold_risk(&mut self, event: &'a Event) -> Result<(), ViewsError> {
        match event {
            Event::LimitSet { scope, measure, limit } => self.set_limit(scope, measure, *limit),
            Event::AlertThresholdsSet { .. } => Ok(()),
            Event::KillSwitchEngaged { switch, reason } => {
                let (kind, id) = words::switch(switch);
                self.run(
                    "INSERT INTO kill_switches (position, scope, scope_id, reason, time, actor)
                     VALUES (?, ?, ?, ?, ?, ?)",
                    params![self.at.position(), kind, id, reason, self.at.time(), self.at.actor.0.as_str()],
                )
            }
            Event::KillSwitchLifted { switch } => {
                let (kind, id) = words::switch(switch);
                self.run(
                    "UPDATE kill_switches SET lifted_position = ?, lifted_time = ?, lifted_by = ?
                     WHERE scope = ? AND scope_id = ? AND lifted_position IS NULL",
                    params![self.at.position(), self.at.time(), self.at.actor.0.as_str(), kind, id],
                )
            }
            Event::ExposureHeld { terms, .. } => {
                self.touch(terms.order);
                self.held = Some(terms.order);
                Ok(())
            }
            Event::ExposureConfirmed { terms, .. }
            | Event::ExposureReduced { terms, .. }
            | Event::ExposureReleased { terms, .. } => {
                self.touch(terms.order);
                Ok(())
            }
            Event::ExposureSettled { side } => {
                self.touch(side.terms.order);
                Ok(())
            }
            Event::AlertRaised { .. } => self.raise_alert(event),
        }
    }

    fn set_limit(&self, scope: &Scope, measure: &Measure, limit: Option<Amount>) -> Result<(), ViewsError> {
        let (scope, scope_id) = words::scope(scope);
        let (measure, measure_id) = words::measure(measure);
        match limit {
            Some(limit) => self.run(
                "INSERT OR REPLACE INTO limits VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                params![
                    scope,
                    scope_id,
                    measure,
                    measure_id,
                    Minor::from(limit),
                    self.at.position(),
                    self.at.time(),
                    self.at.actor.0.as_str()
                ],
            ),
            None => self.run(
                "DELETE FROM limits WHERE scope = ? AND scope_id = ? AND measure = ? AND measure_id = ?",
                params![scope, scope_id, measure, measure_id],
            ),
        }
    }

    fn raise_alert(&self, event: &Event) -> Result<(), ViewsError> {
        let Event::AlertRaised { scope, measure, percent, used, limit, correlation } = event else {
            return Ok(());
        };
        let (scope, scope_id) = words::scope(scope);
        let (measure, measure_id) = words::measure(measure);
        self.run(
            "INSERT INTO alerts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            params![
                self.at.position(),
                self.at.number(),
                self.at.time(),
                self.day().to_string(),
                scope,
                scope_id,
                measure,
                measure_id,
                percent,
                Minor::from(*used),
                Minor::from(*limit),
                self.held.map(|order| stored(order.0)),
                thread(*correlation)
            ],
        )
    }
}
