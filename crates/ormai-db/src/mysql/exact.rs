//! Exact numbers within the digits that MariaDB and MySQL have.
//!
//! A DECIMAL holds 65 digits, 38 of them behind the point. The server would cut a longer
//! number in silence, or take the largest that it has for it, so that `total < -1e500` finds
//! everything. A number that lies between two that can be stored stays between them here.

use bigdecimal::BigDecimal;

const DIGITS: usize = 65;
const BEHIND: usize = 38;

/// Digits are written out one by one up to here; more of them are a mistake elsewhere.
const WRITTEN: i64 = 20_000;

/// What is bound for an exact number.
#[derive(Debug, PartialEq)]
pub(super) enum Exact {
    Digits(String),
    /// Greater than everything that can be stored, or less.
    Beyond(f64),
}

pub(super) fn of(decimal: &BigDecimal) -> Option<Exact> {
    let (_, scale) = decimal.as_bigint_and_exponent();
    if !(-WRITTEN..=WRITTEN).contains(&scale) {
        return None;
    }
    let plain = decimal.to_plain_string();
    let (sign, plain) = plain.strip_prefix('-').map_or(("", plain.as_str()), |plain| ("-", plain));
    let (whole, behind) = plain.split_once('.').unwrap_or((plain, ""));
    let whole = whole.trim_start_matches('0');
    if whole.len() > DIGITS {
        return Some(Exact::Beyond(if sign.is_empty() { f64::MAX } else { f64::MIN }));
    }
    // With so many digits before the point, no more than these are stored behind it.
    let stored = BEHIND.min(DIGITS - whole.len());
    let (kept, rest) = behind.split_at_checked(stored).unwrap_or((behind, ""));
    let between = if rest.bytes().any(|digit| digit != b'0') { "5" } else { "" };
    Some(Exact::Digits(format!("{sign}{}{whole}.{kept}{between}", if whole.is_empty() { "0" } else { "" })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_between_two_that_can_be_stored_stays_between_them() {
        let check = |text: &str, expected: &str| {
            assert_eq!(of(&text.parse().unwrap()), Some(Exact::Digits(expected.to_owned())), "{text}");
        };
        check("0", "0.");
        check("-12.50", "-12.50");
        check("1e3", "1000.");
        check("1e-900", &format!("0.{}5", "0".repeat(38)));
        check("-1e-39", &format!("-0.{}5", "0".repeat(38)));
        check(&format!("1.5{}", "0".repeat(80)), &format!("1.5{}", "0".repeat(37)));
        check(&format!("{}.25", "9".repeat(65)), &format!("{}.5", "9".repeat(65)));
        check(&format!("{}.25", "9".repeat(64)), &format!("{}.25", "9".repeat(64)));
    }

    #[test]
    fn a_number_beyond_all_is_beyond_all() {
        assert_eq!(of(&"1e65".parse().unwrap()), Some(Exact::Beyond(f64::MAX)));
        assert_eq!(of(&"-1e500".parse().unwrap()), Some(Exact::Beyond(f64::MIN)));
        assert_eq!(of(&"1e-30000".parse().unwrap()), None);
        assert_eq!(of(&"1e30000".parse().unwrap()), None);
    }
}
