//! Values as bytes: for sealed cursors, and to find equal keys.

use bigdecimal::BigDecimal;

use super::Value;

/// Writes values one after another; equal lists give equal bytes.
///
/// A number is written in one way whatever its type, so that a key matches the reference
/// to it in a column of another numeric type.
pub(crate) fn encode(values: &[&Value]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(values.len() * 16);
    for value in values {
        encode_one(value, &mut bytes);
    }
    bytes
}

fn encode_one(value: &Value, bytes: &mut Vec<u8>) {
    let mut put = |tag: u8, body: &[u8]| {
        bytes.push(tag);
        bytes.extend_from_slice(&u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes());
        bytes.extend_from_slice(body);
    };
    match value {
        Value::Null => put(b'n', &[]),
        Value::Bool(bool) => put(b'b', &[u8::from(*bool)]),
        Value::Int(int) => put(b'i', &int.to_be_bytes()),
        Value::Float(float) => put(b'f', &float.to_bits().to_be_bytes()),
        Value::Decimal(decimal) => match whole(decimal) {
            Some(int) => put(b'i', &int.to_be_bytes()),
            None => put(b'd', decimal.normalized().to_string().as_bytes()),
        },
        Value::Text(text) => put(b't', text.as_bytes()),
        Value::Bytes(raw) => put(b'y', raw),
        Value::Uuid(uuid) => put(b'u', uuid.as_bytes()),
        Value::Timestamp(timestamp) => put(b's', timestamp.to_string().as_bytes()),
        Value::DateTime(time) => put(b'm', time.to_string().as_bytes()),
        Value::Date(date) => put(b'a', date.to_string().as_bytes()),
        Value::Time(time) => put(b'h', time.to_string().as_bytes()),
        // These have no order and are no keys; they are written so that nothing is lost.
        Value::Interval(interval) => put(b'v', interval.to_string().as_bytes()),
        Value::Json(json) => put(b'j', json.to_string().as_bytes()),
        Value::Array(items) => put(b'l', &encode(&items.iter().collect::<Vec<_>>())),
        Value::Pattern(_) => put(b'p', &[]),
    }
}

fn whole(decimal: &BigDecimal) -> Option<i64> {
    use bigdecimal::ToPrimitive;
    if decimal.is_integer() { decimal.to_i64() } else { None }
}

/// Reads what [`encode`] wrote; `None` for anything else, and for values that no order has.
pub(crate) fn decode(mut bytes: &[u8]) -> Option<Vec<Value>> {
    let mut values = Vec::new();
    while let Some((tag, rest)) = bytes.split_first() {
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let (body, rest) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        let text = || std::str::from_utf8(body).ok();
        values.push(match tag {
            b'n' => Value::Null,
            b'b' => Value::Bool(body == [1]),
            b'i' => Value::Int(i64::from_be_bytes(body.try_into().ok()?)),
            b'f' => Value::Float(f64::from_bits(u64::from_be_bytes(body.try_into().ok()?))),
            b'd' => Value::Decimal(text()?.parse().ok()?),
            b't' => Value::Text(text()?.to_owned()),
            b'y' => Value::Bytes(body.to_vec()),
            b'u' => Value::Uuid(uuid::Uuid::from_slice(body).ok()?),
            b's' => Value::Timestamp(text()?.parse().ok()?),
            b'm' => Value::DateTime(text()?.parse().ok()?),
            b'a' => Value::Date(text()?.parse().ok()?),
            b'h' => Value::Time(text()?.parse().ok()?),
            _ => return None,
        });
        bytes = rest;
    }
    Some(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let values = [
            Value::Null,
            Value::Bool(true),
            Value::Int(-7),
            Value::Float(f64::NEG_INFINITY),
            Value::Decimal("12.5".parse().unwrap()),
            Value::Text("é'\\".to_owned()),
            Value::Bytes(vec![0, 1]),
            Value::Uuid(uuid::Uuid::from_u128(7)),
            Value::Timestamp("2024-05-01T12:00:00.000001Z".parse().unwrap()),
            Value::DateTime("2024-05-01T12:00:00".parse().unwrap()),
            Value::Date("2024-05-01".parse().unwrap()),
            Value::Time("12:00:00.5".parse().unwrap()),
        ];
        assert_eq!(decode(&encode(&values.iter().collect::<Vec<_>>())), Some(values.to_vec()));
    }

    #[test]
    fn a_key_matches_across_numeric_types() {
        let decimal = Value::Decimal("7.00".parse().unwrap());
        assert_eq!(encode(&[&decimal]), encode(&[&Value::Int(7)]));
    }

    #[test]
    fn broken_bytes_are_refused() {
        assert_eq!(decode(b"t\0\0\0\x09short"), None);
        assert_eq!(decode(b"?\0\0\0\0"), None);
        assert_eq!(decode(b"t"), None);
    }
}
