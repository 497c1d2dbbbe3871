//! How long ago.

use std::time::Duration;

use jiff::Timestamp;

use crate::failure::Failure;

/// `30d`, `12h`, `90m` or `60s`.
pub(crate) fn age(text: &str) -> Option<Duration> {
    let unit = text.chars().next_back()?;
    let seconds = match unit {
        'd' => 86_400,
        'h' => 3_600,
        'm' => 60,
        's' => 1,
        _ => return None,
    };
    let digits = text.strip_suffix(unit).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    digits.parse::<u64>().ok()?.checked_mul(seconds).map(Duration::from_secs)
}

/// The age that an option gives.
pub(crate) fn read(option: &str, text: &str) -> Result<Duration, Failure> {
    age(text)
        .ok_or_else(|| Failure::misuse(format!("`{option} {text}` is no age; write a number and d, h, m or s: `30d`")))
}

/// That long before now.
pub(crate) fn ago(age: Duration) -> Result<Timestamp, jiff::Error> {
    Timestamp::now().checked_sub(age)
}
