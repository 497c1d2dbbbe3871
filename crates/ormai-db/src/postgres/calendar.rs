//! PostgreSQL counts days and microseconds from 2000-01-01; its calendar is wider than
//! jiff's, so what does not fit becomes ISO 8601 text.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use ormai_core::value::Value;

/// Days from 1970-01-01 to 2000-01-01.
const EPOCH_DAYS: i64 = 10_957;
const DAY: i64 = 86_400_000_000;

pub(super) fn timestamp(micros: i64) -> Value {
    if let Some(infinite) = infinity(micros, i64::MIN, i64::MAX) {
        return infinite;
    }
    let unix = micros.checked_add(EPOCH_DAYS * DAY);
    match unix.and_then(|unix| Timestamp::from_microsecond(unix).ok()) {
        Some(timestamp) => Value::Timestamp(timestamp),
        None => Value::Text(format!("{}Z", far(micros))),
    }
}

pub(super) fn date_time(micros: i64) -> Value {
    if let Some(infinite) = infinity(micros, i64::MIN, i64::MAX) {
        return infinite;
    }
    match (civil(micros.div_euclid(DAY)), clock(micros.rem_euclid(DAY))) {
        (Some(date), Some(time)) => Value::DateTime(date.to_datetime(time)),
        _ => Value::Text(far(micros)),
    }
}

pub(super) fn date(days: i32) -> Value {
    if let Some(infinite) = infinity(days.into(), i32::MIN.into(), i32::MAX.into()) {
        return infinite;
    }
    civil(days.into()).map_or_else(|| Value::Text(far_date(days.into())), Value::Date)
}

/// PostgreSQL knows 24:00:00, the end of a day.
pub(super) fn time(micros: i64) -> Value {
    clock(micros).map_or_else(|| Value::Text("24:00:00".to_owned()), Value::Time)
}

pub(super) fn timestamp_micros(timestamp: Timestamp) -> Option<i64> {
    timestamp.as_microsecond().checked_sub(EPOCH_DAYS * DAY)
}

pub(super) fn date_time_micros(at: DateTime) -> Option<i64> {
    i64::from(date_days(at.date())?).checked_mul(DAY)?.checked_add(time_micros(at.time()))
}

pub(super) fn date_days(date: Date) -> Option<i32> {
    let days = days_from_civil(date.year().into(), date.month().into(), date.day().into());
    i32::try_from(days - EPOCH_DAYS).ok()
}

pub(super) fn time_micros(time: Time) -> i64 {
    let seconds = (i64::from(time.hour()) * 60 + i64::from(time.minute())) * 60 + i64::from(time.second());
    seconds * 1_000_000 + i64::from(time.subsec_nanosecond() / 1_000)
}

fn infinity(value: i64, least: i64, greatest: i64) -> Option<Value> {
    if value == greatest {
        Some(Value::from("infinity"))
    } else if value == least {
        Some(Value::from("-infinity"))
    } else {
        None
    }
}

fn civil(days: i64) -> Option<Date> {
    let (year, month, day) = civil_from_days(days + EPOCH_DAYS);
    Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

fn clock(micros: i64) -> Option<Time> {
    let part = |per: i64, of: i64| i8::try_from(micros / per % of).ok();
    let hour = i8::try_from(micros / 3_600_000_000).ok()?;
    let nanos = i32::try_from(micros % 1_000_000 * 1_000).ok()?;
    Time::new(hour, part(60_000_000, 60)?, part(1_000_000, 60)?, nanos).ok()
}

/// ISO 8601 with an expanded year.
fn far(micros: i64) -> String {
    let date = far_date(micros.div_euclid(DAY));
    match clock(micros.rem_euclid(DAY)) {
        Some(time) => format!("{date}T{time}"),
        None => date,
    }
}

fn far_date(days: i64) -> String {
    let (year, month, day) = civil_from_days(days + EPOCH_DAYS);
    let sign = if year < 0 { '-' } else { '+' };
    format!("{sign}{:06}-{month:02}-{day:02}", year.abs())
}

/// The proleptic Gregorian date of a day counted from 1970-01-01. Years of 400 repeat
/// exactly; counting from March puts the leap day at the end of a year.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_date_of_jiff_is_encoded_and_read_back() {
        for days in (-4_371_222..=2_921_939).step_by(97) {
            let Value::Date(read) = date(days) else { panic!("{days} is within jiff's calendar") };
            assert_eq!(date_days(read), Some(days));
        }
        let check = |text: &str, days| assert_eq!(date_days(text.parse().unwrap()), Some(days), "{text}");
        check("2000-01-01", 0);
        check("1999-12-31", -1);
        check("2000-03-01", 60);
        check("1970-01-01", -10_957);
    }

    #[test]
    fn what_no_calendar_here_holds_is_text() {
        let check = |value: Value, expected: &str| assert_eq!(value.to_json(), expected);
        check(timestamp(i64::MAX), "infinity");
        check(timestamp(i64::MIN), "-infinity");
        check(date_time(i64::MAX), "infinity");
        check(date(i32::MIN), "-infinity");
        check(timestamp(i64::MAX - 1), "+294277-01-09T04:00:54.775806Z");
        check(date(2_921_940), "+010000-01-01");
        check(time(DAY), "24:00:00");
        check(time(DAY - 1), "23:59:59.999999");
        check(timestamp(0), "2000-01-01T00:00:00Z");
        check(timestamp(-1), "1999-12-31T23:59:59.999999Z");
        check(date_time(-1), "1999-12-31T23:59:59.999999");
    }
}
