//! Names and values in the text of an error.

use std::collections::HashSet;

use ormai::principal::Principal;
use serde_json::Value as Json;

use crate::harness::Call;

/// What an error says.
pub(super) struct Said {
    /// Message and hint.
    prose: String,
    /// The words and numbers of the details.
    details: Vec<String>,
}

impl Said {
    pub(super) fn by(error: &Json) -> Self {
        let texts = ["message", "hint"].into_iter().filter_map(|key| error.get(key)?.as_str());
        let prose = texts.collect::<Vec<_>>().join("\n");
        let mut details = Vec::new();
        strings(error.get("details").unwrap_or(&Json::Null), &mut details);
        Self { prose, details }
    }

    /// All of it.
    pub(super) fn text(&self) -> String {
        format!("{}\n{}", self.prose, self.details.join("\n"))
    }

    /// Whether a text stands there as a name or a value: not as English would write a word, but in quotes,
    /// in a list of what is known, or by itself.
    pub(super) fn names(&self, word: &str) -> bool {
        let plain = word.chars().all(|character| character.is_ascii_lowercase());
        let as_name = |place: usize| {
            let before = self.prose.get(..place).unwrap_or_default();
            // An example of a form is nobody's value.
            (!plain && !before.ends_with("such as ")) || before.ends_with(['`', '"', '\'']) || is_list(before)
        };
        places(&self.prose, word).any(as_name)
            || self.details.iter().any(|detail| detail == word || (!plain && places(detail, word).next().is_some()))
    }
}

/// Whether a list of names is under way: `known: id, name, `.
fn is_list(before: &str) -> bool {
    before.rsplit_once("known: ").is_some_and(|(_, listed)| !listed.contains(['.', '\n']))
}

/// All text and numbers in a document, and its keys.
pub(super) fn strings(json: &Json, found: &mut Vec<String>) {
    match json {
        Json::String(text) => found.push(text.clone()),
        Json::Number(number) => found.push(number.to_string()),
        Json::Array(items) => items.iter().for_each(|item| strings(item, found)),
        Json::Object(entries) => {
            for (key, value) in entries {
                found.push(key.clone());
                strings(value, found);
            }
        }
        Json::Null | Json::Bool(_) => {}
    }
}

/// What the caller knows already: what it wrote, and who it is.
pub(super) struct Known(HashSet<String>);

impl Known {
    pub(super) fn to(call: &Call) -> Self {
        let mut texts = vec![call.tool.clone()];
        strings(&call.arguments, &mut texts);
        texts.extend(of_principal(&call.principal));
        Self(texts.into_iter().collect())
    }

    /// Whether a text is known, or part of what is.
    pub(super) fn has(&self, text: &str) -> bool {
        self.0.contains(text) || self.0.iter().any(|known| known.contains(text))
    }
}

fn of_principal(principal: &Principal) -> Vec<String> {
    let mut texts: Vec<String> = principal.roles().to_vec();
    strings(principal.tenant_id(), &mut texts);
    strings(principal.user_id(), &mut texts);
    principal.all_metadata().values().for_each(|value| strings(value, &mut texts));
    texts
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

fn places<'t>(text: &'t str, word: &'t str) -> impl Iterator<Item = usize> + 't {
    text.match_indices(word)
        .filter(move |(place, found)| {
            let before = text.get(..*place).and_then(|before| before.chars().next_back());
            let after = text.get(place + found.len()..).and_then(|after| after.chars().next());
            !word.is_empty() && !before.is_some_and(is_word) && !after.is_some_and(is_word)
        })
        .map(|(place, _)| place)
}

fn is_bound(number: i64) -> bool {
    let bounds = [i64::from(i16::MIN), i16::MAX.into(), i32::MIN.into(), i32::MAX.into(), i64::MIN, i64::MAX];
    bounds.contains(&number)
}

/// Shorter values stand anywhere by chance.
const SHORTEST: usize = 4;

/// The text of a stored value that is long enough to be recognised.
pub(super) fn telling(value: &Json) -> Option<String> {
    let text = match value {
        Json::String(text) => text.clone(),
        // Where a type ends is no secret.
        Json::Number(number) if number.as_i64().is_some_and(is_bound) => return None,
        Json::Number(number) => number.to_string(),
        _ => return None,
    };
    (text.chars().count() >= SHORTEST).then_some(text)
}
