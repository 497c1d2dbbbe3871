//! Names of models from names of tables. English, by rules and a few exceptions; where a
//! guess is wrong the options name the model.

use std::collections::{HashMap, HashSet};

use super::Table;

/// Plural and singular of words that follow no rule.
const IRREGULAR: &[(&str, &str)] = &[
    ("people", "person"),
    ("children", "child"),
    ("men", "man"),
    ("women", "woman"),
    ("movies", "movie"),
    ("cookies", "cookie"),
    ("caches", "cache"),
    ("heroes", "hero"),
    ("analyses", "analysis"),
    ("indices", "index"),
];

/// Words without a plural of their own.
const INVARIANT: &[&str] = &["series", "species", "news", "data", "metadata", "media", "information", "sms", "dns"];

/// One name per table, in the same order. A name that is taken already gives way: to one
/// with the schema before it, to one that keeps the plural, and at last to a number.
pub(super) fn models(tables: &[Table], overrides: &HashMap<String, String>) -> Vec<String> {
    let named =
        |table: &Table| overrides.get(&table.name.to_string()).or_else(|| overrides.get(&table.name.name)).cloned();
    let mut taken: HashSet<String> = tables.iter().filter_map(named).collect();
    let mut schemas: HashMap<String, Option<String>> = HashMap::new();
    let name = |table: &Table| {
        if let Some(name) = named(table) {
            return name;
        }
        let singular = pascal(&singular(&table.name.name));
        let schema = table.name.schema.as_deref().map(pascal).unwrap_or_default();
        let elsewhere = schemas.get(&singular).is_some_and(|owner| *owner != table.name.schema);
        let plain = pascal(&table.name.name);
        let with_schema = format!("{schema}{singular}");
        let choices = if elsewhere { [&singular, &with_schema, &plain] } else { [&singular, &plain, &with_schema] };
        let free = choices.into_iter().find(|choice| !taken.contains(*choice)).cloned();
        let name = free.unwrap_or_else(|| numbered(&singular, |name| taken.contains(name)));
        taken.insert(name.clone());
        schemas.entry(singular).or_insert_with(|| table.name.schema.clone());
        name
    };
    tables.iter().map(name).collect()
}

/// The first of `name_2`, `name_3`, … that is free.
pub(super) fn numbered(name: &str, taken: impl Fn(&str) -> bool) -> String {
    (2_u32..).map(|number| format!("{name}_{number}")).find(|name| !taken(name)).unwrap_or_default()
}

/// `order_items` to `OrderItems`. A name without a letter or digit still gives a name.
fn pascal(name: &str) -> String {
    let shouts = !name.chars().any(char::is_lowercase);
    let words = name.split(|char: char| !char.is_alphanumeric()).filter(|word| !word.is_empty());
    let out: String = words
        .map(|word| {
            let mut chars = word.chars();
            let first: String = chars.next().map(|char| char.to_uppercase().collect()).unwrap_or_default();
            let rest = if shouts { chars.as_str().to_lowercase() } else { chars.as_str().to_owned() };
            first + &rest
        })
        .collect();
    if out.chars().next().is_some_and(char::is_alphabetic) { out } else { format!("Table{out}") }
}

/// `OrderItem` to `order_item`.
pub(super) fn snake(name: &str) -> String {
    let mut out = String::new();
    let mut before = None;
    for char in name.chars() {
        if char.is_uppercase() && before.is_some_and(|before: char| before.is_lowercase() || before.is_numeric()) {
            out.push('_');
        }
        out.extend(char.to_lowercase());
        before = Some(char);
    }
    out
}

/// The last word in the singular.
fn singular(name: &str) -> String {
    with_last_word(name, |word| {
        if let Some((_, singular)) = IRREGULAR.iter().find(|(plural, _)| *plural == word) {
            return (*singular).to_owned();
        }
        let invariant = INVARIANT.contains(&word) || ["ss", "us", "is"].iter().any(|end| word.ends_with(end));
        let cut = |end: &str, with: &str| word.strip_suffix(end).map(|stem| format!("{stem}{with}"));
        if invariant || word.len() < 3 {
            None
        } else if word.ends_with("ies") && word.len() > 4 {
            cut("ies", "y")
        } else if takes_es(word) {
            cut("es", "")
        } else {
            cut("s", "")
        }
        .unwrap_or_else(|| word.to_owned())
    })
}

/// `boxes`, `branches`, `statuses`; but `houses` and `causes`.
fn takes_es(word: &str) -> bool {
    let is_us = word.ends_with("uses") && !["ouses", "auses"].iter().any(|end| word.ends_with(end)) && word.len() > 4;
    is_us || ["sses", "xes", "ches", "shes", "zzes"].iter().any(|end| word.ends_with(end))
}

/// The last word in the plural.
pub(super) fn plural(name: &str) -> String {
    with_last_word(name, |word| {
        if let Some((plural, _)) = IRREGULAR.iter().find(|(_, singular)| *singular == word) {
            return (*plural).to_owned();
        }
        let vowel_before_y = ["ay", "ey", "oy", "uy"].iter().any(|end| word.ends_with(end));
        if INVARIANT.contains(&word) {
            word.to_owned()
        } else if let Some(stem) = word.strip_suffix('y').filter(|_| !vowel_before_y) {
            format!("{stem}ies")
        } else if ["s", "x", "ch", "sh", "z"].iter().any(|end| word.ends_with(end)) {
            format!("{word}es")
        } else {
            format!("{word}s")
        }
    })
}

/// Changes the last word of a name, which begins after `_` or with a capital, and keeps its
/// first letter's case.
fn with_last_word(name: &str, change: impl Fn(&str) -> String) -> String {
    let shouts = !name.chars().any(char::is_lowercase);
    let begins = |(at, char): &(usize, char)| {
        let after = !char.is_alphanumeric();
        (after || (char.is_uppercase() && !shouts)).then_some(if after { at + char.len_utf8() } else { *at })
    };
    let start = name.char_indices().filter_map(|position| begins(&position)).next_back().unwrap_or(0);
    let Some((head, word)) = name.split_at_checked(start) else { return name.to_owned() };
    let lower = word.to_lowercase();
    let changed = change(&lower);
    if changed == lower {
        return name.to_owned();
    }
    if word.chars().next().is_some_and(char::is_uppercase) && !shouts {
        let mut chars = changed.chars();
        let first: String = chars.next().map(|char| char.to_uppercase().collect()).unwrap_or_default();
        return format!("{head}{first}{}", chars.as_str());
    }
    format!("{head}{}", if shouts { changed.to_uppercase() } else { changed })
}

#[cfg(test)]
mod tests {
    use ormai_core::catalog::{ModelKind, TableName};

    use super::*;

    #[test]
    fn a_model_is_the_singular_of_its_table() {
        let check = |table: &str, model: &str| assert_eq!(pascal(&singular(table)), model, "{table}");
        check("order_items", "OrderItem");
        check("addresses", "Address");
        check("companies", "Company");
        check("statuses", "Status");
        check("people", "Person");
        check("users", "User");
        check("status", "Status");
        check("warehouses", "Warehouse");
        check("databases", "Database");
        check("boxes", "Box");
        check("branches", "Branch");
        check("keys", "Key");
        check("series", "Series");
        check("analyses", "Analysis");
        check("ties", "Tie");
        check("OrderItems", "OrderItem");
        check("ORDER_ITEMS", "OrderItem");
        check("order-items (old)", "OrderItemsOld");
        check("2fa_codes", "Table2faCode");
        check("caf\u{e9}s", "Caf\u{e9}");
        check("\u{1f600}", "Table");
    }

    #[test]
    fn the_other_side_is_the_plural() {
        let check = |model: &str, relation: &str| assert_eq!(plural(&snake(model)), relation, "{model}");
        check("OrderItem", "order_items");
        check("Address", "addresses");
        check("Company", "companies");
        check("Key", "keys");
        check("Person", "people");
        check("Series", "series");
        check("Table2faCode", "table2fa_codes");
    }

    #[test]
    fn no_two_tables_become_one_model() {
        let table = |schema: &str, name: &str| {
            let name = TableName { schema: Some(schema.to_owned()), name: name.to_owned() };
            Table::new(name, ModelKind::Table)
        };
        let tables = [
            table("public", "user"),
            table("public", "users"),
            table("audit", "users"),
            table("audit", "user"),
            table("audit", "Users"),
            table("audit", "logs"),
        ];
        let overrides = HashMap::from([("audit.logs".to_owned(), "Trail".to_owned())]);
        let names = ["User", "Users", "AuditUser", "User_2", "User_3", "Trail"];
        assert_eq!(models(&tables, &overrides), names);
    }
}
