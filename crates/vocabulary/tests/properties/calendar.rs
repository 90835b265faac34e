//! Business days, told again by walking the calendar day by day.

use proptest::prelude::*;
use std::collections::BTreeSet;
use vocabulary::{Calendar, Date};

/// Days around February 2024, which has 29.
fn date() -> impl Strategy<Value = Date> {
    (0..120_u32).prop_map(|days| (0..days).fold(Date::new(2024, 1, 1).unwrap(), |date, _| date.next()))
}

/// Up to six days off a week, and stretches of holidays.
fn calendar() -> impl Strategy<Value = Calendar> {
    let weekend = prop_oneof![
        3 => Just(BTreeSet::from([5, 6])),
        1 => prop::collection::btree_set(0..7_u8, 0..=6),
    ];
    let stretch = (date(), 1..9_u32).prop_map(|(first, days)| {
        std::iter::successors(Some(first), |date| Some(date.next())).take(days as usize).collect::<Vec<_>>()
    });
    (weekend, prop::collection::vec(stretch, 0..6)).prop_map(|(weekend, holidays)| Calendar {
        weekend,
        holidays: holidays.into_iter().flatten().collect(),
    })
}

fn is_off(calendar: &Calendar, date: Date) -> bool {
    // 1 January 2024 was a Monday.
    let weekday = date.days_after(Date::new(2024, 1, 1).unwrap()).rem_euclid(7);
    calendar.weekend.iter().any(|day| i32::from(*day) == weekday)
        || calendar.holidays.iter().any(|day| *day == date)
}

/// The business days after `from`, up to and with `to`.
fn business_days_between(calendar: &Calendar, from: Date, to: Date) -> usize {
    let days = std::iter::successors(Some(from.next()), |day| Some(day.next()));
    days.take_while(|day| *day <= to).filter(|day| !is_off(calendar, *day)).count()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1_000) })]

    #[test]
    fn a_due_date_is_a_business_day_and_so_many_of_them_after(
        calendar in calendar(),
        trade_date in date(),
        days in 0..=5_u8,
    ) {
        let due = calendar.business_days_after(trade_date, days);
        prop_assert!(calendar.is_business_day(due) && !is_off(&calendar, due));
        prop_assert!(due >= trade_date);
        // A trade of a day off counts as one of the next business day.
        let counted = business_days_between(&calendar, trade_date, due);
        prop_assert_eq!(counted, usize::from(days) + usize::from(is_off(&calendar, trade_date)));
    }

    #[test]
    fn a_later_trade_or_a_longer_cycle_is_never_due_earlier(
        calendar in calendar(),
        (one, other) in (date(), date()),
        days in 0..=4_u8,
    ) {
        let due = |date, days| calendar.business_days_after(date, days);
        prop_assert!(due(one.min(other), days) <= due(one.max(other), days));
        prop_assert!(due(one, days) < due(one, days + 1));
        prop_assert_eq!(due(due(one, days), 1), due(one, days + 1), "one day at a time comes to the same");
    }

    #[test]
    fn another_holiday_never_brings_a_date_forward(calendar in calendar(), holiday in date(), trade_date in date(), days in 0..=5_u8) {
        let mut longer = calendar.clone();
        longer.holidays.insert(holiday);
        let (before, after) = (calendar.business_days_after(trade_date, days), longer.business_days_after(trade_date, days));
        prop_assert!(after >= before);
        prop_assert_eq!(after == before, is_off(&calendar, holiday) || holiday < trade_date || holiday > before);
    }

    #[test]
    fn dates_read_as_they_show_and_no_other_way(date in date(), text in "20[0-9]{2}-[-+01][0-9]-[-+0-2][0-9]|[-+0-9]{4}-[-+0-9]{2}-[-+0-9]{2}|\\PC{0,12}") {
        prop_assert_eq!(date.to_string().parse(), Ok(date));
        if let Ok(read) = text.parse::<Date>() {
            prop_assert_eq!(read.to_string(), text);
        }
    }
}
