//! Mask patterns: `****{last4}`.

use crate::policy::rules::{Mask, MaskPart};

/// The longest pattern, in bytes.
const MAX_PATTERN: usize = 256;
/// The most characters that one part lets through.
const MAX_SHOWN: usize = 64;

/// Reads a pattern: text that stands for itself, `{first1}` to `{first64}`, `{last1}` to `{last64}`.
///
/// # Errors
///
/// What is wrong, as the end of a sentence that begins with the pattern's name.
pub(super) fn parse(pattern: &str) -> Result<Mask, String> {
    if pattern.is_empty() || pattern.len() > MAX_PATTERN {
        return Err(format!("must have 1 to {MAX_PATTERN} bytes"));
    }
    let mut parts = Vec::new();
    let mut rest = pattern;
    while let Some((text, after)) = rest.split_once('{') {
        push_text(&mut parts, text)?;
        let Some((name, after)) = after.split_once('}') else {
            return Err("has a `{` without its `}`".to_owned());
        };
        parts.push(part(name).ok_or_else(|| {
            format!("has the unknown part `{{{name}}}`; known are {{firstN}} and {{lastN}}, N from 1 to {MAX_SHOWN}")
        })?);
        rest = after;
    }
    push_text(&mut parts, rest)?;
    Ok(Mask::Pattern(parts))
}

fn push_text(parts: &mut Vec<MaskPart>, text: &str) -> Result<(), String> {
    if text.contains('}') {
        return Err("has a `}` without its `{`".to_owned());
    }
    if !text.is_empty() {
        parts.push(MaskPart::Text(text.to_owned()));
    }
    Ok(())
}

fn part(name: &str) -> Option<MaskPart> {
    let (make, digits): (fn(usize) -> MaskPart, &str) = match (name.strip_prefix("first"), name.strip_prefix("last")) {
        (Some(digits), _) => (MaskPart::First, digits),
        (_, Some(digits)) => (MaskPart::Last, digits),
        _ => return None,
    };
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
    let shown: usize = digits.parse().ok().filter(|_| plain)?;
    (1..=MAX_SHOWN).contains(&shown).then(|| make(shown))
}
