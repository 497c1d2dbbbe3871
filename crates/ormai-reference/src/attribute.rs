//! The principal's attributes as values. Exact, or not at all.

use serde_json::Value as Json;

use crate::world::{Attribute, Cell, Kind, Who};

/// What an attribute is.
pub(super) enum Given<T> {
    /// Absent, null or `""`.
    Missing,
    /// There, and read.
    Is(T),
    /// There, and not to be read as what is needed.
    Misfit,
}

fn raw<'w>(who: &'w Who, attribute: &Attribute) -> Option<&'w Json> {
    let json = match attribute {
        Attribute::Tenant => &who.tenant,
        Attribute::User => &who.user,
        // Roles are a list, and read as one only.
        Attribute::Roles => return None,
        Attribute::Metadata(path) => who.attribute(path)?,
    };
    (!json.is_null()).then_some(json)
}

/// Whether an attribute is absent, null or `""`.
pub(super) fn is_missing(who: &Who, attribute: &Attribute) -> bool {
    match attribute {
        Attribute::Roles => false,
        other => raw(who, other).is_none_or(|json| json.as_str() == Some("")),
    }
}

/// An attribute as one value.
pub(super) fn scalar(who: &Who, attribute: &Attribute, kind: &Kind) -> Given<Cell> {
    if *attribute == Attribute::Roles {
        return Given::Misfit;
    }
    match raw(who, attribute) {
        None => Given::Missing,
        Some(Json::String(text)) if text.is_empty() => Given::Missing,
        Some(json) => read(json, kind).map_or(Given::Misfit, Given::Is),
    }
}

/// An attribute as a list of values.
pub(super) fn list(who: &Who, attribute: &Attribute, kind: &Kind) -> Given<Vec<Cell>> {
    let roles: Vec<Json>;
    let items = match (attribute, raw(who, attribute)) {
        (Attribute::Roles, _) => {
            roles = who.roles.iter().map(|role| Json::from(role.as_str())).collect();
            &roles
        }
        (_, None) => return Given::Missing,
        (_, Some(Json::Array(items))) => items,
        (_, Some(_)) => return Given::Misfit,
    };
    let item = |json: &Json| if json.as_str() == Some("") { None } else { read(json, kind) };
    items.iter().map(item).collect::<Option<_>>().map_or(Given::Misfit, Given::Is)
}

/// As in a request, and an integer also from its one decimal form as text.
fn read(json: &Json, kind: &Kind) -> Option<Cell> {
    match json {
        Json::String(text) if kind.is_integer() => {
            let int = text.parse::<i64>().ok().filter(|int| int.to_string() == *text)?;
            Cell::fit(&Json::from(int), kind)
        }
        _ => Cell::fit(json, kind),
    }
}

/// Whether an attribute is given as a list.
pub(super) fn is_list(who: &Who, attribute: &Attribute) -> bool {
    raw(who, attribute).is_some_and(Json::is_array)
}
