//! Numbers that are not whole.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use serde_json::Value as Json;

/// An exact number with up to 15 digits before the point and 18 behind it. Equal numbers are equal however
/// many zeros stand at their ends; it prints with as many as it was given.
#[derive(Clone, Copy, Debug)]
pub struct Decimal {
    /// In units of 10⁻¹⁸.
    units: i128,
    /// How many digits stand behind the point.
    digits: usize,
}

/// Digits behind the point.
const SCALE: usize = 18;
/// Digits before it: a sum of ten thousand numbers is still exact.
const WHOLE: usize = 15;
/// 1 in units.
const ONE: i128 = 1_000_000_000_000_000_000;

impl Decimal {
    /// So many hundredths, without zeros at the end.
    pub fn hundredths(hundredths: i64) -> Self {
        let units = i128::from(hundredths) * (ONE / 100);
        let digits = if hundredths % 100 == 0 {
            0
        } else if hundredths % 10 == 0 {
            1
        } else {
            2
        };
        Self { units, digits }
    }

    /// Reads plain notation, such as `-12.50`. `None` where it is another text, or longer.
    pub fn read(text: &str) -> Option<Self> {
        let (sign, plain) = text.strip_prefix('-').map_or((1, text), |plain| (-1, plain));
        let (whole, rest) = plain.split_once('.').unwrap_or((plain, ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let is_short = whole.trim_start_matches('0').len() <= WHOLE && rest.len() <= SCALE;
        if whole.is_empty() || !digits(whole) || !digits(rest) || !is_short || plain.ends_with('.') {
            return None;
        }
        let units: i128 = format!("{whole}{rest:0<SCALE$}").parse().ok()?;
        Some(Self { units: sign * units, digits: rest.len() })
    }

    /// In units of 10⁻¹⁸.
    pub fn units(self) -> i128 {
        self.units
    }

    /// A whole number in the same units.
    pub fn units_of(int: i64) -> i128 {
        i128::from(int) * ONE
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        self.units == other.units
    }
}

impl Eq for Decimal {}

impl Hash for Decimal {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.units.hash(state);
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        self.units.cmp(&other.units)
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.units < 0 { "-" } else { "" };
        let (whole, rest) = (self.units.abs() / ONE, format!("{:0SCALE$}", self.units.abs() % ONE));
        write!(f, "{sign}{whole}")?;
        match rest.get(..self.digits) {
            None | Some("") => Ok(()),
            Some(rest) => write!(f, ".{rest}"),
        }
    }
}

/// A binary fraction. NaN equals itself and is above all numbers.
#[derive(Clone, Copy, Debug)]
pub struct Float(pub f64);

impl Float {
    /// Reads a number, or the text that stands for what is none.
    pub fn read(json: &Json) -> Option<Self> {
        json.as_f64().map(Self).or_else(|| match json.as_str()? {
            "NaN" => Some(Self(f64::NAN)),
            "Infinity" => Some(Self(f64::INFINITY)),
            "-Infinity" => Some(Self(f64::NEG_INFINITY)),
            _ => None,
        })
    }

    pub(super) fn to_json(self) -> Json {
        serde_json::Number::from_f64(self.0).map_or_else(|| Json::from(self.to_string()), Json::Number)
    }
}

impl Ord for Float {
    fn cmp(&self, other: &Self) -> Ordering {
        let nan = || self.0.is_nan().cmp(&other.0.is_nan());
        self.0.partial_cmp(&other.0).unwrap_or_else(nan)
    }
}

impl PartialOrd for Float {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Float {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Float {}

impl Hash for Float {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // Zero has two forms, and NaN many.
        let one = if self.0 == 0.0 {
            0.0
        } else if self.0.is_nan() {
            f64::NAN
        } else {
            self.0
        };
        one.to_bits().hash(state);
    }
}

/// As an answer has it.
impl fmt::Display for Float {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match serde_json::Number::from_f64(self.0) {
            Some(number) => write!(f, "{number}"),
            None if self.0.is_nan() => f.write_str("NaN"),
            None if self.0 > 0.0 => f.write_str("Infinity"),
            None => f.write_str("-Infinity"),
        }
    }
}
