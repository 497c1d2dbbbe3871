//! The principal's attributes as values of columns: exact or refused.

use std::fmt;

use serde_json::Value as Json;

use crate::principal::{Attribute, Principal, PrincipalPath};
use crate::value::{ColumnType, Misfit, Value};

/// An attribute is there and cannot be read as what a policy needs. Names what would fit,
/// never what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributeError {
    /// Which attribute.
    pub path: PrincipalPath,
    /// What would fit, such as `text` or `a list of integers`.
    pub expected: String,
}

impl fmt::Display for AttributeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not {}", self.path, self.expected)
    }
}

impl std::error::Error for AttributeError {}

/// Whether an attribute is missing: absent, null or `""`.
pub fn is_missing(principal: &Principal, path: &PrincipalPath) -> bool {
    match principal.attribute(path) {
        None => true,
        Some(Attribute::Roles(_)) => false,
        Some(Attribute::Json(json)) => json.as_str() == Some(""),
    }
}

/// Reads an attribute as one value of a type. `None` when it is missing, null or `""`.
///
/// Text is read from JSON text only, a boolean from a JSON boolean only. An integer is read
/// from a JSON integer or from its one decimal form as text (`"7"`, not `"07"`, `"+7"`,
/// `" 7"` or `"7abc"`). Everything else follows [`Value::from_json`].
///
/// # Errors
///
/// [`AttributeError`] when the attribute is a list, an object, or does not fit the type.
///
/// ```
/// use ormai_core::condition::attribute::scalar;
/// use ormai_core::principal::{Principal, PrincipalPath};
/// use ormai_core::value::{ColumnType, Value};
///
/// let principal = Principal::new("7");
/// assert_eq!(scalar(&principal, &PrincipalPath::TenantId, &ColumnType::Int), Ok(Some(Value::Int(7))));
/// let principal = Principal::new("7abc");
/// assert!(scalar(&principal, &PrincipalPath::TenantId, &ColumnType::Int).is_err());
/// ```
pub fn scalar(principal: &Principal, path: &PrincipalPath, ty: &ColumnType) -> Result<Option<Value>, AttributeError> {
    let error = |expected: String| AttributeError { path: path.clone(), expected };
    match principal.attribute(path) {
        None => Ok(None),
        Some(Attribute::Json(Json::String(text))) if text.is_empty() => Ok(None),
        Some(Attribute::Json(json)) => read(json, ty).map(Some).map_err(|misfit| error(misfit.expected)),
        Some(Attribute::Roles(_)) => Err(error("a single value".to_owned())),
    }
}

/// Reads an attribute as a list of values of a type. `None` when it is missing or null.
///
/// # Errors
///
/// [`AttributeError`] when the attribute is no list, or an item is null, `""` or does not
/// fit the type (as [`scalar`] reads it).
pub fn list(
    principal: &Principal,
    path: &PrincipalPath,
    ty: &ColumnType,
) -> Result<Option<Vec<Value>>, AttributeError> {
    let error = |expected: String| AttributeError { path: path.clone(), expected };
    let item = |json: &Json| {
        if json.is_null() || json.as_str() == Some("") {
            return Err(error(format!("a list of {ty} values without null and empty text")));
        }
        read(json, ty).map_err(|misfit| error(format!("a list whose items are all {}", misfit.expected)))
    };
    match principal.attribute(path) {
        None => Ok(None),
        Some(Attribute::Roles(roles)) => {
            roles.iter().map(|role| item(&Json::String(role.clone()))).collect::<Result<_, _>>().map(Some)
        }
        Some(Attribute::Json(Json::Array(items))) => items.iter().map(item).collect::<Result<_, _>>().map(Some),
        Some(Attribute::Json(_)) => Err(error(format!("a list of {ty} values"))),
    }
}

fn read(json: &Json, ty: &ColumnType) -> Result<Value, Misfit> {
    match json {
        Json::Array(_) | Json::Object(_) => Err(Misfit { expected: format!("a single {ty} value") }),
        Json::String(text) if ty.is_integer() => match text.parse::<i64>() {
            // The same text back: no sign, zero or blank that another reader might see differently.
            Ok(int) if int.to_string() == *text => Value::from_json(&Json::from(int), ty),
            _ => Value::from_json(json, ty),
        },
        _ => Value::from_json(json, ty),
    }
}
