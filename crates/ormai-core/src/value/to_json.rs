//! Values to JSON: the pinned forms.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::ser::{Serialize, SerializeSeq, Serializer};

use super::{Interval, Value};

/// The JSON form. Exact numbers and everything that JSON has no type for are text.
impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(bool) => serializer.serialize_bool(*bool),
            Self::Int(int) => serializer.serialize_i64(*int),
            Self::Float(float) if float.is_finite() => serializer.serialize_f64(*float),
            Self::Float(float) if float.is_nan() => serializer.serialize_str("NaN"),
            Self::Float(float) if *float > 0.0 => serializer.serialize_str("Infinity"),
            Self::Float(_) => serializer.serialize_str("-Infinity"),
            Self::Decimal(decimal) => serializer.serialize_str(&decimal.to_plain_string()),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Bytes(bytes) => serializer.serialize_str(&STANDARD.encode(bytes)),
            Self::Uuid(uuid) => serializer.collect_str(uuid),
            Self::Timestamp(timestamp) => serializer.collect_str(timestamp),
            Self::DateTime(time) => serializer.collect_str(time),
            Self::Date(date) => serializer.collect_str(date),
            Self::Time(time) => serializer.collect_str(time),
            Self::Interval(interval) => serializer.collect_str(interval),
            Self::Json(json) => json.serialize(serializer),
            Self::Array(items) => {
                let mut sequence = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    sequence.serialize_element(item)?;
                }
                sequence.end()
            }
            // A pattern is bound and never read; what it was made from is not kept.
            Self::Pattern(_) => serializer.serialize_str("(pattern)"),
        }
    }
}

impl Value {
    /// The JSON form as a document.
    pub fn to_json(&self) -> serde_json::Value {
        // Serializing a value cannot fail: every arm above writes a scalar, a list or JSON.
        serde_json::to_value(self).unwrap_or_default()
    }
}

/// ISO 8601, such as `P1Y2M3DT4H5M6.5S`; `PT0S` for nothing. Each part keeps its sign.
impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("P")?;
        let part = |f: &mut fmt::Formatter<'_>, amount: i64, unit: char| {
            if amount == 0 { Ok(()) } else { write!(f, "{amount}{unit}") }
        };
        part(f, i64::from(self.months / 12), 'Y')?;
        part(f, i64::from(self.months % 12), 'M')?;
        part(f, i64::from(self.days), 'D')?;
        let empty = self.months == 0 && self.days == 0;
        if self.microseconds == 0 {
            return if empty { f.write_str("T0S") } else { Ok(()) };
        }
        f.write_str("T")?;
        let seconds = self.microseconds / 1_000_000;
        part(f, seconds / 3_600, 'H')?;
        part(f, seconds / 60 % 60, 'M')?;
        let (whole, fraction) = (seconds % 60, self.microseconds % 1_000_000);
        if whole != 0 || fraction != 0 {
            let sign = if self.microseconds < 0 { "-" } else { "" };
            write!(f, "{sign}{}", whole.abs())?;
            if fraction != 0 {
                let digits = format!("{:06}", fraction.abs());
                write!(f, ".{}", digits.trim_end_matches('0'))?;
            }
            f.write_str("S")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_type_has_one_json_form() {
        let check = |value: Value, expected: serde_json::Value| assert_eq!(value.to_json(), expected);
        check(Value::Null, json!(null));
        check(Value::Int(i64::MIN), json!(i64::MIN));
        check(Value::Float(0.5), json!(0.5));
        check(Value::Float(f64::NAN), json!("NaN"));
        check(Value::Float(f64::NEG_INFINITY), json!("-Infinity"));
        check(Value::Decimal("12.50".parse().unwrap()), json!("12.50"));
        check(Value::Decimal("1e3".parse().unwrap()), json!("1000"));
        check(Value::Bytes(vec![0, 255]), json!("AP8="));
        check(Value::Timestamp("2024-05-01T14:00:00+02:00".parse().unwrap()), json!("2024-05-01T12:00:00Z"));
        check(Value::DateTime("2024-05-01T14:00:00.5".parse().unwrap()), json!("2024-05-01T14:00:00.5"));
        check(Value::Array(vec![Value::Int(1), Value::Null]), json!([1, null]));
        let interval = |months, days, microseconds| Value::Interval(Interval { months, days, microseconds });
        check(interval(14, 3, 14_706_500_000), json!("P1Y2M3DT4H5M6.5S"));
        check(interval(0, 0, 0), json!("PT0S"));
        check(interval(0, -1, -500_000), json!("P-1DT-0.5S"));
    }
}
