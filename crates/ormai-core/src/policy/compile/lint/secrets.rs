//! Fields whose names say that nobody should read them.

use super::{Linted, Linter};
use crate::catalog::Field;
use crate::policy::document::{Action, Spanned};
use crate::policy::rules::FieldAction;
use crate::value::ColumnType;

/// Words of a name that a secret has.
const WORDS: [&str; 13] = [
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "apikey",
    "ssn",
    "cvv",
    "cvc",
    "otp",
    "salt",
    "credential",
    "credentials",
];
/// Two words in a row.
const PAIRS: [(&str, &str); 7] = [
    ("api", "key"),
    ("private", "key"),
    ("access", "key"),
    ("signing", "key"),
    ("encryption", "key"),
    ("card", "number"),
    ("credit", "card"),
];
/// After these words a name is about a secret, and none.
const ABOUT: [&str; 10] = ["id", "count", "type", "name", "status", "label", "length", "attempts", "hint", "version"];

impl<'a> Linter<'a> {
    pub(super) fn secrets(&mut self, linted: Linted<'a>) {
        for (id, field) in linted.subject.model.field_ids().filter(|(_, field)| is_secret(field)) {
            let base = linted.open.rules.field(id).filter(|rule| rule.action == FieldAction::Allow).map(|_| {
                // A field that is not listed is open by the word at the top.
                linted.policy.fields.get_key_value(field.name.as_str()).map_or(linted.name, |(name, _)| name)
            });
            let overlays = linted.policy.roles.values().filter_map(|overlay| {
                let (name, policy) = overlay.policy.fields.get_key_value(field.name.as_str())?;
                (policy.action.value == Action::Allow).then_some(name)
            });
            let places: Vec<&Spanned<String>> = base.into_iter().chain(overlays).collect();
            for place in places {
                let message = format!("`{}` reads like a secret and is shown as it is", linted.subject.field(id));
                self.warn(place, "open-secret", message, "deny it; or redact it, or mask it");
            }
        }
    }
}

fn is_secret(field: &Field) -> bool {
    let holds = field.ty.is_text() || field.ty.is_integer() || matches!(field.ty, ColumnType::Bytes | ColumnType::Json);
    let words = words(&field.name);
    let about = words.last().is_none_or(|last| ABOUT.contains(&last.as_str()));
    let pair = |(one, two): &(&str, &str)| {
        words.windows(2).any(|pair| pair.first().is_some_and(|w| w == one) && pair.last().is_some_and(|w| w == two))
    };
    let is_token = field.ty.is_text() && words.len() > 1 && words.last().is_some_and(|last| last == "token");
    holds && !about && (is_token || words.iter().any(|word| WORDS.contains(&word.as_str())) || PAIRS.iter().any(pair))
}

/// `card_number`, `cardNumber` and `CardNumber` have the same words.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut lower_before = false;
    for char in name.chars() {
        let begins = !char.is_alphanumeric() || (char.is_uppercase() && lower_before);
        lower_before = char.is_lowercase();
        if begins {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| char.is_alphanumeric()) {
            word.extend(char.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}
