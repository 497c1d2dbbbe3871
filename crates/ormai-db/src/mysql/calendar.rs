//! Dates and times on the wire: a length, and then as many parts as are not zero.
//!
//! A date of which a part is zero, and a time that is longer than a day, have no value of
//! their type here, so they are text.

use std::ops::RangeInclusive;
use std::str::FromStr;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::Offset;
use ormai_core::value::Value;

use super::decode::Wire;

/// What a date and time is made of, whether there is such a day or not.
struct Parts {
    year: u16,
    month: u8,
    day: u8,
    clock: Clock,
}

#[derive(Default)]
struct Clock {
    hour: u8,
    minute: u8,
    second: u8,
    micros: u32,
}

/// As stored in a session whose time zone is UTC.
pub(super) fn timestamp(bytes: &mut Wire<'_>) -> Option<Value> {
    let parts = Parts::read(bytes)?;
    let timestamp = parts.date_time().and_then(|at| Offset::UTC.to_timestamp(at).ok());
    Some(timestamp.map_or_else(|| Value::Text(parts.far()), Value::Timestamp))
}

pub(super) fn date_time(bytes: &mut Wire<'_>) -> Option<Value> {
    let parts = Parts::read(bytes)?;
    Some(parts.date_time().map_or_else(|| Value::Text(parts.far()), Value::DateTime))
}

pub(super) fn date(bytes: &mut Wire<'_>) -> Option<Value> {
    let parts = Parts::read(bytes)?;
    Some(parts.date().map_or_else(|| Value::Text(parts.far_date()), Value::Date))
}

/// A length of time to either side of zero, up to 838 hours.
pub(super) fn time(bytes: &mut Wire<'_>) -> Option<Value> {
    let length = bytes.u8()?;
    if length == 0 {
        return Some(Value::Time(Time::midnight()));
    }
    let is_negative = bytes.u8()? != 0;
    let days = bytes.u32()?;
    let clock = Clock::read(bytes, length > 8)?;
    if !is_negative && days == 0 {
        return clock.time().map(Value::Time);
    }
    let hours = u64::from(days) * 24 + u64::from(clock.hour);
    let sign = if is_negative { "-" } else { "" };
    Some(Value::Text(format!("{sign}{hours:02}:{}", clock.behind_hours())))
}

/// As the server writes it.
pub(super) fn written_timestamp(text: &str) -> Option<Value> {
    let parts = Parts::written(text)?;
    let timestamp = parts.date_time().and_then(|at| Offset::UTC.to_timestamp(at).ok());
    Some(timestamp.map_or_else(|| Value::Text(parts.far()), Value::Timestamp))
}

/// As the server writes it.
pub(super) fn written_date_time(text: &str) -> Option<Value> {
    let parts = Parts::written(text)?;
    Some(parts.date_time().map_or_else(|| Value::Text(parts.far()), Value::DateTime))
}

/// As the server writes it.
pub(super) fn written_date(text: &str) -> Option<Value> {
    let parts = Parts::written_date(text, Clock::default())?;
    Some(parts.date().map_or_else(|| Value::Text(parts.far_date()), Value::Date))
}

/// As the server writes it.
pub(super) fn written_time(text: &str) -> Option<Value> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let (hours, rest) = digits.split_once(':')?;
    let clock = Clock::written(&format!("00:{rest}"))?;
    let micros = (number::<i64>(hours, 2..=3)? * 60 + i64::from(clock.minute)) * 60 + i64::from(clock.second);
    length_of_time(sign * (micros * 1_000_000 + i64::from(clock.micros)))
}

/// A length of time in microseconds.
pub(super) fn length_of_time(micros: i64) -> Option<Value> {
    let (length, small) = (micros.unsigned_abs(), |part: u64| u8::try_from(part).ok());
    let (seconds, micros_left) = (length / 1_000_000, u32::try_from(length % 1_000_000).ok()?);
    let (hours, minute, second) = (seconds / 3_600, small(seconds / 60 % 60)?, small(seconds % 60)?);
    let clock = Clock { hour: small(hours).unwrap_or(u8::MAX), minute, second, micros: micros_left };
    if let Some(time) = clock.time().filter(|_| micros >= 0) {
        return Some(Value::Time(time));
    }
    let sign = if micros < 0 { "-" } else { "" };
    Some(Value::Text(format!("{sign}{hours:02}:{}", clock.behind_hours())))
}

/// Digits, as many as there have to be.
fn number<T: FromStr>(digits: &str, length: RangeInclusive<usize>) -> Option<T> {
    let is_number = length.contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit());
    is_number.then(|| digits.parse().ok()).flatten()
}

impl Parts {
    fn written(text: &str) -> Option<Self> {
        let (date, clock) = text.split_once([' ', 'T'])?;
        Self::written_date(date, Clock::written(clock)?)
    }

    fn written_date(date: &str, clock: Clock) -> Option<Self> {
        let mut parts = date.split('-');
        let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
        let rest = parts.next();
        let parts = Self { year: number(year, 4..=4)?, month: number(month, 2..=2)?, day: number(day, 2..=2)?, clock };
        rest.is_none().then_some(parts)
    }

    fn read(bytes: &mut Wire<'_>) -> Option<Self> {
        let length = bytes.u8()?;
        if length == 0 {
            return Some(Self { year: 0, month: 0, day: 0, clock: Clock::default() });
        }
        let (year, month, day) = (bytes.u16()?, bytes.u8()?, bytes.u8()?);
        let clock = if length > 4 { Clock::read(bytes, length > 7)? } else { Clock::default() };
        Some(Self { year, month, day, clock })
    }

    fn date(&self) -> Option<Date> {
        // The year 0 is nobody's: MySQL has no day before the year 1 either.
        let year = i16::try_from(self.year).ok().filter(|year| *year > 0)?;
        Date::new(year, i8::try_from(self.month).ok()?, i8::try_from(self.day).ok()?).ok()
    }

    fn date_time(&self) -> Option<DateTime> {
        Some(self.date()?.to_datetime(self.clock.time()?))
    }

    fn far_date(&self) -> String {
        format!("{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }

    fn far(&self) -> String {
        format!("{}T{:02}:{}", self.far_date(), self.clock.hour, self.clock.behind_hours())
    }
}

impl Clock {
    fn written(text: &str) -> Option<Self> {
        let (whole, micros) = text.split_once('.').unwrap_or((text, "0"));
        let mut parts = whole.split(':');
        let (hour, minute, second) = (parts.next()?, parts.next()?, parts.next()?);
        let micros = number::<u32>(micros, 1..=6)? * 10_u32.pow(u32::try_from(6 - micros.len()).ok()?);
        let (hour, minute, second) = (number(hour, 2..=2)?, number(minute, 2..=2)?, number(second, 2..=2)?);
        parts.next().is_none().then_some(Self { hour, minute, second, micros })
    }

    fn read(bytes: &mut Wire<'_>, has_micros: bool) -> Option<Self> {
        let (hour, minute, second) = (bytes.u8()?, bytes.u8()?, bytes.u8()?);
        Some(Self { hour, minute, second, micros: if has_micros { bytes.u32()? } else { 0 } })
    }

    fn time(&self) -> Option<Time> {
        let small = |part: u8| i8::try_from(part).ok();
        let nanos = i32::try_from(self.micros.checked_mul(1_000)?).ok()?;
        Time::new(small(self.hour)?, small(self.minute)?, small(self.second)?, nanos).ok()
    }

    fn behind_hours(&self) -> String {
        let whole = format!("{:02}:{:02}", self.minute, self.second);
        if self.micros == 0 { whole } else { format!("{whole}.{:06}", self.micros) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_day_and_no_time_of_day_is_text() {
        let check = |read: fn(&mut Wire<'_>) -> Option<Value>, bytes: &[u8], expected: &str| {
            let mut wire = Wire::new(bytes);
            assert_eq!(read(&mut wire).unwrap().to_json(), expected);
            assert!(wire.rest().is_empty());
        };
        check(date, &[0], "0000-00-00");
        check(date, &[4, 0xe8, 7, 2, 0], "2024-02-00");
        check(date, &[4, 0xe8, 7, 2, 30], "2024-02-30");
        check(date, &[4, 0xe8, 7, 2, 29], "2024-02-29");
        check(date_time, &[0], "0000-00-00T00:00:00");
        check(date_time, &[7, 0xe8, 7, 0, 1, 1, 2, 3], "2024-00-01T01:02:03");
        check(date_time, &[11, 0xe8, 7, 3, 1, 1, 2, 3, 1, 0, 0, 0], "2024-03-01T01:02:03.000001");
        check(timestamp, &[0], "0000-00-00T00:00:00");
        check(timestamp, &[4, 0xb2, 7, 1, 1], "1970-01-01T00:00:00Z");
        check(time, &[0], "00:00:00");
        check(time, &[8, 0, 0, 0, 0, 0, 23, 59, 59], "23:59:59");
        check(time, &[8, 0, 1, 0, 0, 0, 0, 0, 0], "24:00:00");
        check(time, &[12, 1, 34, 0, 0, 0, 22, 59, 59, 0x20, 0xa1, 7, 0], "-838:59:59.500000");
    }

    #[test]
    fn parts_cut_short_are_refused() {
        for bytes in [&[][..], &[4, 0xe8, 7, 2], &[7, 0xe8, 7, 2, 1, 1], &[11, 0xe8, 7, 2, 1, 1, 1, 1, 0]] {
            assert_eq!(date_time(&mut Wire::new(bytes)), None, "{bytes:?}");
        }
        assert_eq!(time(&mut Wire::new(&[8, 0, 0, 0])), None);
    }
}
