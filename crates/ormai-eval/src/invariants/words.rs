//! Names and values in the text of an error.

use std::collections::HashSet;

use ormai::principal::Principal;
use serde_json::Value as Json;

use crate::harness::Call;

/// Everything that an error says: message, hint and details.
pub(super) fn said(error: &Json) -> String {
    let mut texts = Vec::new();
    for key in ["message", "hint", "details"] {
        strings(error.get(key).unwrap_or(&Json::Null), &mut texts);
    }
    texts.join("\n")
}

/// All text and numbers in a document, also its keys.
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

/// Whether a text stands in another one as a word of its own.
pub(super) fn stands_in(text: &str, word: &str) -> bool {
    places(text, word).next().is_some()
}

/// Whether a word stands there as a name: in quotes, in a list of what is known, or not as English
/// would write it.
pub(super) fn is_named_in(text: &str, word: &str) -> bool {
    let plain = word.chars().all(|character| character.is_ascii_lowercase());
    places(text, word).any(|place| {
        let before = text.get(..place).and_then(|before| before.chars().next_back());
        let quoted = before.is_some_and(|before| matches!(before, '`' | '"' | '\''));
        !plain || quoted || text.get(..place).is_some_and(|before| before.rsplit('\n').next().is_some_and(is_list))
    })
}

/// `known: id, name, ` and the beginning of a detail.
fn is_list(before: &str) -> bool {
    before.is_empty() || before.rsplit_once("known: ").is_some_and(|(_, listed)| !listed.contains('.'))
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

/// Shorter values stand anywhere by chance.
const SHORTEST: usize = 4;

/// The text of a stored value that is long enough to be recognised.
pub(super) fn telling(value: &Json) -> Option<String> {
    let text = match value {
        Json::String(text) => text.clone(),
        Json::Number(number) => number.to_string(),
        _ => return None,
    };
    (text.chars().count() >= SHORTEST).then_some(text)
}
