//! Masks.

use crate::policy::{Mask, MaskPart};

/// What stands for text of which nothing may be seen.
const WHOLE: &str = "****";

/// A text with its mask on.
pub(super) fn apply(mask: &Mask, text: &str) -> String {
    match mask {
        Mask::Default => by_shape(text),
        Mask::Pattern(parts) => by_pattern(parts, text),
    }
}

/// Of an e-mail address the first letter, of other text nothing.
fn by_shape(text: &str) -> String {
    let first = text.chars().next();
    let address = text.split_once('@').is_some_and(|(local, domain)| {
        local.chars().count() > 1 && domain.contains('.') && !text.contains(char::is_whitespace)
    });
    match first {
        Some(first) if address => format!("{first}***@***"),
        _ => WHOLE.to_owned(),
    }
}

/// The pattern with its parts filled in. A text that is no longer than what the pattern
/// shows of it would be shown whole, so it is hidden whole.
fn by_pattern(parts: &[MaskPart], text: &str) -> String {
    let shown: usize = parts
        .iter()
        .map(|part| match part {
            MaskPart::Text(_) => 0,
            MaskPart::First(count) | MaskPart::Last(count) => *count,
        })
        .sum();
    let length = text.chars().count();
    if length <= shown {
        return WHOLE.to_owned();
    }
    let mut masked = String::new();
    for part in parts {
        match part {
            MaskPart::Text(literal) => masked.push_str(literal),
            MaskPart::First(count) => masked.extend(text.chars().take(*count)),
            MaskPart::Last(count) => masked.extend(text.chars().skip(length - count)),
        }
    }
    masked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_never_shows_the_whole_value() {
        let check = |parts: &[MaskPart], text: &str, expected: &str| {
            assert_eq!(apply(&Mask::Pattern(parts.to_vec()), text), expected, "{text:?}");
        };
        let last4 = [MaskPart::Text("****".into()), MaskPart::Last(4)];
        check(&last4, "4242424242424242", "****4242");
        check(&last4, "42424", "****2424");
        check(&last4, "4242", "****");
        check(&last4, "", "****");
        let both = [MaskPart::First(1), MaskPart::Text("…".into()), MaskPart::Last(2)];
        check(&both, "éabcü", "é…cü");
        check(&both, "abc", "****");
    }

    #[test]
    fn the_default_mask_goes_by_shape() {
        let check = |text: &str, expected: &str| assert_eq!(apply(&Mask::Default, text), expected, "{text:?}");
        check("ada@example.com", "a***@***");
        check("a@example.com", "****");
        check("not an @ address.com", "****");
        check("ada", "****");
        check("", "****");
    }
}
