//! Business days, counted one by one.

use vocabulary::{Calendar, Date};

/// The `days`-th business day after `from`; with 0, `from` itself if it is one, else the next. A calendar that nobody has
/// defined has Saturdays and Sundays off.
pub(super) fn business_day(calendar: Option<&Calendar>, from: Date, days: u8) -> Date {
    let mut day = from;
    let mut to_go = days;
    loop {
        if is_open(calendar, day) {
            if to_go == 0 {
                return day;
            }
            to_go -= 1;
        }
        day = day.next();
    }
}

fn is_open(calendar: Option<&Calendar>, day: Date) -> bool {
    let monday = Date::new(2024, 1, 1).expect("2024 began on a Monday");
    let weekday = u8::try_from(day.days_after(monday).rem_euclid(7)).expect("a week has seven days");
    match calendar {
        None => weekday < 5,
        Some(calendar) => !calendar.weekend.contains(&weekday) && !calendar.holidays.contains(&day),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_friday_trade_settles_on_tuesday_and_later_where_that_is_a_holiday() {
        let date = |text: &str| text.parse::<Date>().unwrap();
        let friday = date("2023-02-10");
        assert_eq!(business_day(None, friday, 2), date("2023-02-14"));
        assert_eq!(business_day(None, friday, 0), friday);
        assert_eq!(business_day(None, friday.next(), 0), date("2023-02-13"));
        assert_eq!(business_day(None, friday.next(), 1), date("2023-02-14"));
        let mut days = Calendar::default();
        days.holidays.insert(date("2023-02-13"));
        assert_eq!(business_day(Some(&days), friday, 2), date("2023-02-15"));
        assert_eq!(business_day(Some(&days), friday.next(), 0), date("2023-02-14"));
    }
}
