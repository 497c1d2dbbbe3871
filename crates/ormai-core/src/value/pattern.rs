//! Text patterns, apart from any dialect's way of writing them.

use crate::fault::Fault;

/// A pattern for the whole of a text.
///
/// Dialects write it as LIKE or GLOB with their own escapes, so no character that a user
/// types is ever a wildcard, and no pattern can be malformed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pattern(pub Vec<PatternPart>);

/// A part of a [`Pattern`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PatternPart {
    /// Exactly this text.
    Text(String),
    /// Any one character.
    One,
    /// Any number of characters.
    Any,
}

impl Pattern {
    /// Text that stands anywhere.
    pub fn contains(text: &str) -> Self {
        if Fault::PatternNotEscaped.is_on() {
            return Self::like(&format!("%{text}%"));
        }
        Self(vec![PatternPart::Any, PatternPart::Text(text.to_owned()), PatternPart::Any])
    }

    /// Text that stands at the beginning.
    pub fn starts_with(text: &str) -> Self {
        if Fault::PatternNotEscaped.is_on() {
            return Self::like(&format!("{text}%"));
        }
        Self(vec![PatternPart::Text(text.to_owned()), PatternPart::Any])
    }

    /// Text that stands at the end.
    pub fn ends_with(text: &str) -> Self {
        Self(vec![PatternPart::Any, PatternPart::Text(text.to_owned())])
    }

    /// SQL's LIKE: `%` is any text, `_` any one character, `\` takes the next character as
    /// itself. A `\` at the end stands for itself, so every text is a pattern.
    pub fn like(source: &str) -> Self {
        let mut parts = Vec::new();
        let mut text = String::new();
        let mut chars = source.chars();
        while let Some(char) = chars.next() {
            let special = match char {
                '%' => PatternPart::Any,
                '_' => PatternPart::One,
                '\\' => {
                    text.push(chars.next().unwrap_or('\\'));
                    continue;
                }
                other => {
                    text.push(other);
                    continue;
                }
            };
            if !text.is_empty() {
                parts.push(PatternPart::Text(std::mem::take(&mut text)));
            }
            if !(special == PatternPart::Any && parts.last() == Some(&PatternPart::Any)) {
                parts.push(special);
            }
        }
        if !text.is_empty() {
            parts.push(PatternPart::Text(text));
        }
        Self(parts)
    }

    /// As a LIKE pattern with `\\` as its escape character; [`Pattern::like`] reads it back.
    pub fn to_like(&self) -> String {
        self.to_like_with('\\')
    }

    /// As a LIKE pattern with an escape character of the dialect's choice. It is never the
    /// last character, and stands only before itself, `%` and `_`.
    pub fn to_like_with(&self, escape: char) -> String {
        let mut like = String::new();
        for part in &self.0 {
            match part {
                PatternPart::Any => like.push('%'),
                PatternPart::One => like.push('_'),
                PatternPart::Text(text) => {
                    for char in text.chars() {
                        if matches!(char, '%' | '_') || char == escape {
                            like.push(escape);
                        }
                        like.push(char);
                    }
                }
            }
        }
        like
    }

    /// Whether a text matches: the meaning that every dialect's writing must have.
    pub fn matches(&self, text: &str) -> bool {
        match_parts(&self.0, text)
    }
}

/// Greedy matching with one point of return, so linear in text × parts.
fn match_parts(parts: &[PatternPart], text: &str) -> bool {
    let (mut parts_left, mut rest) = (parts, text);
    let mut back: Option<(&[PatternPart], &str)> = None;
    loop {
        let advanced = match parts_left.split_first() {
            None if rest.is_empty() => return true,
            None => None,
            Some((PatternPart::Any, after)) => {
                back = Some((after, rest));
                Some((after, rest))
            }
            Some((PatternPart::One, after)) => {
                let mut chars = rest.chars();
                chars.next().map(|_| (after, chars.as_str()))
            }
            Some((PatternPart::Text(literal), after)) => rest.strip_prefix(literal.as_str()).map(|rest| (after, rest)),
        };
        (parts_left, rest) = match advanced {
            Some(next) => next,
            None => {
                let Some((after, from)) = back else { return false };
                let mut chars = from.chars();
                if chars.next().is_none() {
                    return false;
                }
                back = Some((after, chars.as_str()));
                (after, chars.as_str())
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn like_means_what_sql_means() {
        let check = |pattern: &str, text: &str, expected: bool| {
            assert_eq!(Pattern::like(pattern).matches(text), expected, "{text:?} LIKE {pattern:?}");
        };
        check("a%", "abc", true);
        check("a%", "ba", false);
        check("%b%d", "abcbd", true);
        check("_é_", "xéy", true);
        check("a_", "a", false);
        check(r"100\%", "100%", true);
        check(r"100\%", "1000", false);
        check("trailing\\", "trailing\\", true);
        check("", "", true);
        check("", "a", false);
        check("%", "", true);
        check("%%%", "abc", true);
        check("%ab%ab%", "ababx", true);
    }

    #[test]
    fn a_dialect_chooses_the_escape() {
        assert_eq!(Pattern::contains(r"1|0%_\").to_like_with('|'), r"%1||0|%|_\%");
        assert_eq!(Pattern::ends_with("|").to_like_with('|'), "%||");
    }

    #[test]
    fn what_a_user_types_is_never_a_wildcard() {
        assert!(!Pattern::contains("%").matches("abc"));
        assert!(Pattern::contains("_").matches("a_b"));
        assert!(!Pattern::starts_with("a_").matches("ab"));
        assert!(Pattern::ends_with("\\").matches("c:\\"));
    }
}
