//! PostgreSQL's numeric on the wire: digits to the base of 10,000.

use bigdecimal::BigDecimal;
use bigdecimal::num_bigint::{BigInt, Sign};
use ormai_core::value::Value;

use super::decode::Wire;

const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xC000;
const INFINITY: u16 = 0xD000;
const MINUS_INFINITY: u16 = 0xF000;

/// Digits on either side of the point that PostgreSQL takes; more is a mistake elsewhere.
const MAX_SCALE: i64 = 16_383;
const MAX_WHOLE: i64 = 131_072;

pub(super) fn decode(bytes: &mut Wire<'_>) -> Option<Value> {
    let count = bytes.i16()?;
    let weight = i64::from(bytes.i16()?);
    let sign = bytes.u16()?;
    let scale = i64::from(bytes.u16()?);
    match sign {
        NAN => return Some(Value::from("NaN")),
        INFINITY => return Some(Value::from("Infinity")),
        MINUS_INFINITY => return Some(Value::from("-Infinity")),
        _ => {}
    }
    let mut digits = String::with_capacity(usize::try_from(count).ok()?.saturating_mul(4));
    for _ in 0..count {
        let group = bytes.i16()?;
        if !(0..10_000).contains(&group) {
            return None;
        }
        digits.push_str(&format!("{group:04}"));
    }
    let whole = if digits.is_empty() { BigInt::from(0) } else { BigInt::parse_bytes(digits.as_bytes(), 10)? };
    let whole = if sign == NEGATIVE { -whole } else { whole };
    // The last group stands for 10,000 to this power.
    let last = weight - i64::from(count) + 1;
    Some(Value::Decimal(BigDecimal::new(whole, -4 * last).with_scale(scale)))
}

/// `None` for a number beyond what PostgreSQL holds.
pub(super) fn encode(decimal: &BigDecimal) -> Option<Vec<u8>> {
    let (whole, scale) = decimal.as_bigint_and_exponent();
    if !(-MAX_WHOLE..=MAX_SCALE).contains(&scale) {
        return None;
    }
    let mut digits = whole.magnitude().to_string();
    // Groups are counted from the point, so the digits after it fill up whole groups.
    let behind = scale.rem_euclid(4);
    let padding = if behind == 0 { 0 } else { 4 - behind };
    digits.extend(std::iter::repeat_n('0', usize::try_from(padding).ok()?));
    let groups_behind = (scale + padding) / 4;
    let lead = digits.len().next_multiple_of(4) - digits.len();
    digits.insert_str(0, "000".get(..lead)?);
    let mut groups = Vec::with_capacity(digits.len() / 4);
    for group in digits.as_bytes().chunks(4) {
        groups.push(std::str::from_utf8(group).ok()?.parse::<i16>().ok()?);
    }
    let mut weight = i64::try_from(groups.len()).ok()? - 1 - groups_behind;
    while groups.last() == Some(&0) {
        groups.pop();
    }
    let zeros = groups.iter().take_while(|group| **group == 0).count();
    groups.drain(..zeros);
    weight -= i64::try_from(zeros).ok()?;
    if groups.is_empty() {
        weight = 0;
    }
    let sign = if whole.sign() == Sign::Minus { NEGATIVE } else { 0 };
    let mut out = Vec::with_capacity(8 + groups.len() * 2);
    out.extend(i16::try_from(groups.len()).ok()?.to_be_bytes());
    out.extend(i16::try_from(weight).ok()?.to_be_bytes());
    out.extend(sign.to_be_bytes());
    out.extend(u16::try_from(scale.max(0)).ok()?.to_be_bytes());
    for group in groups {
        out.extend(group.to_be_bytes());
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_is_encoded_and_read_back_with_its_scale() {
        let check = |text: &str, plain: &str| {
            let bytes = encode(&text.parse().unwrap()).unwrap();
            assert_eq!(decode(&mut Wire::new(&bytes)).unwrap().to_json(), plain, "{text}");
        };
        check("0", "0");
        check("0.00", "0.00");
        check("12.50", "12.50");
        check("-12.5", "-12.5");
        check("10000", "10000");
        check("1e8", "100000000");
        check("1e9", "1000000000");
        check("0.0001", "0.0001");
        check("0.00001", "0.00001");
        check("-0.000000123", "-0.000000123");
        check("99999999999999999999999999999999.99999999", "99999999999999999999999999999999.99999999");
        check("100000000.000000001", "100000000.000000001");
    }

    #[test]
    fn what_postgresql_cannot_hold_is_refused() {
        assert_eq!(encode(&"1e-20000".parse().unwrap()), None);
        assert_eq!(encode(&"1e200000".parse().unwrap()), None);
    }
}
