//! Events of risk.

use super::Told;
use crate::schema::{self, event::What};
use ::risk::{Event, Scope, Switch};

pub(super) fn tell(event: &Event) -> Told {
    match event {
        Event::LimitSet { scope, measure, limit } => Told::of(
            id_of(scope),
            What::LimitSet(schema::LimitSet {
                scope: Some(scope.into()),
                measure: Some(measure.into()),
                limit: limit.map(|limit| limit.0.to_string()),
            }),
        ),
        Event::AlertThresholdsSet { percents } => {
            let percents = percents.iter().map(|percent| u32::from(*percent)).collect();
            Told::of("", What::AlertThresholdsSet(schema::AlertThresholdsSet { percents }))
        }
        Event::KillSwitchEngaged { switch, reason } => switched(switch, reason, What::KillSwitchEngaged),
        Event::KillSwitchLifted { switch } => switched(switch, "", What::KillSwitchLifted),
        Event::ExposureHeld { terms, reserved } => {
            let what = schema::Held { terms: Some(terms.into()), reserved: Some(reserved.into()) };
            Told::of(terms.order, What::ExposureHeld(what)).on(terms.correlation)
        }
        Event::ExposureConfirmed { terms, fill } => {
            let what = schema::ExposureConfirmed { terms: Some(terms.into()), fill: Some(fill.into()) };
            Told::of(terms.order, What::ExposureConfirmed(what)).on(terms.correlation)
        }
        Event::ExposureReduced { terms, part, what } => {
            let what = schema::Reduced { terms: Some(terms.into()), part: *part, what: Some(what.into()) };
            Told::of(terms.order, What::ExposureReduced(what)).on(terms.correlation)
        }
        Event::ExposureReleased { terms, released, .. } => {
            let what = schema::Released { terms: Some(terms.into()), released: Some(released.into()) };
            Told::of(terms.order, What::ExposureReleased(what)).on(terms.correlation)
        }
        Event::ExposureSettled { side } => {
            let what = schema::ExposureSettled {
                terms: Some((&side.terms).into()),
                fill: Some((&side.fill).into()),
                date: side.date.to_string(),
            };
            Told::of(side.terms.order, What::ExposureSettled(what)).on(side.terms.correlation)
        }
        Event::AlertRaised { scope, measure, percent, used, limit, correlation } => Told::of(
            id_of(scope),
            What::AlertRaised(schema::AlertRaised {
                scope: Some(scope.into()),
                measure: Some(measure.into()),
                percent: (*percent).into(),
                used: used.0.to_string(),
                limit: limit.0.to_string(),
            }),
        )
        .on(*correlation),
    }
}

fn id_of(scope: &Scope) -> String {
    schema::Scope::from(scope).id
}

fn switched(switch: &Switch, reason: &str, what: impl Fn(schema::KillSwitch) -> What) -> Told {
    let scope = schema::Scope::from(switch);
    let key = scope.id.clone();
    Told::of(key, what(schema::KillSwitch { scope: Some(scope), reason: reason.to_owned() }))
}
