//! Filters: what a caller wants of the rows that the policy admits.

use std::fmt;

use serde::Serialize;
use serde_json::Value as Json;

use super::reader::{Reader, list, shown};
use crate::error::{Error, Result};
use crate::suggest;

/// A condition on rows.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Filter {
    /// A comparison of a field with a value.
    Field {
        /// The field.
        field: String,
        /// The operator.
        op: Operator,
        /// What it is compared with; the operator says which type.
        value: Json,
    },
    /// All of them; never empty.
    And {
        /// The parts.
        and: Vec<Filter>,
    },
    /// At least one of them; never empty.
    Or {
        /// The parts.
        or: Vec<Filter>,
    },
    /// Not this one.
    Not {
        /// The part.
        not: Box<Filter>,
    },
    /// Something about related rows.
    Relation {
        /// The relation.
        relation: String,
        /// How many of the related rows.
        #[serde(rename = "match")]
        matching: Match,
        /// What must hold of them, all together; empty: that they exist.
        filters: Vec<Filter>,
    },
}

/// How many related rows must satisfy a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Match {
    /// At least one.
    Any,
    /// Each one (also when there are none).
    All,
    /// Not one.
    None,
}

impl Match {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::All => "all",
            Self::None => "none",
        }
    }
}

macro_rules! operators {
    ($( $(#[doc = $doc:literal])+ $name:ident = $word:literal $(| $twin:literal)?; )+) => {
        /// An operator of a filter.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Operator { $( $(#[doc = $doc])+ $name, )+ }

        impl Operator {
            /// All operators.
            pub const ALL: &'static [Self] = &[ $( Self::$name, )+ ];

            /// The word for it.
            pub const fn as_str(self) -> &'static str { match self { $( Self::$name => $word, )+ } }

            fn from_word(word: &str) -> Option<Self> {
                match word { $( $word $(| $twin)? => Some(Self::$name), )+ _ => None }
            }
        }
    };
}

operators! {
    /// Equal.
    Eq = "eq";
    /// Not equal; NULL is neither.
    Ne = "ne" | "neq";
    /// Less.
    Lt = "lt";
    /// Less or equal.
    Lte = "lte";
    /// Greater.
    Gt = "gt";
    /// Greater or equal.
    Gte = "gte";
    /// Equal to one of a list.
    In = "in";
    /// Equal to none of a list; NULL is not admitted.
    NotIn = "not_in";
    /// NULL (`true`) or not (`false`).
    IsNull = "is_null";
    /// Text that has this text in it.
    Contains = "contains";
    /// Text that begins with this text.
    StartsWith = "starts_with" | "startswith";
    /// Text that ends with this text.
    EndsWith = "ends_with" | "endswith";
    /// From the first to the second of two values, both included.
    Between = "between";
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Operator {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl Filter {
    /// Reads a filter.
    pub(crate) fn read(json: &Json, path: &str) -> Result<Self> {
        let entries =
            json.as_object().ok_or_else(|| Error::invalid(path, "expected a filter").hint(Some(FORMS.to_owned())))?;
        let has = |key: &str| entries.contains_key(key);
        if has("and") || has("or") {
            let key = if has("and") { "and" } else { "or" };
            let reader = Reader::new(json, path, &[key])?;
            let parts = list(reader.required(key)?, &reader.at(key), Self::read)?;
            if parts.is_empty() {
                return Err(Error::invalid(&reader.at(key), format!("`{key}` needs at least one filter"))
                    .hint(Some(format!("leave `{key}` out when there is nothing to filter"))));
            }
            Ok(if key == "and" { Self::And { and: parts } } else { Self::Or { or: parts } })
        } else if has("not") {
            let reader = Reader::new(json, path, &["not"])?;
            let not = Self::read(reader.required("not")?, &reader.at("not"))?;
            Ok(Self::Not { not: Box::new(not) })
        } else if has("relation") {
            let reader = Reader::new(json, path, &["relation", "match", "filters"])?;
            let matching = match reader.optional("match") {
                None => Match::Any,
                Some(json) => {
                    let word = json.as_str().unwrap_or_default();
                    match word {
                        "any" => Match::Any,
                        "all" => Match::All,
                        "none" => Match::None,
                        _ => {
                            return Err(Error::invalid(&reader.at("match"), "expected any, all or none").hint(
                                suggest::nearest(word, ["any", "all", "none"])
                                    .map(|near| format!("did you mean `{near}`?")),
                            ));
                        }
                    }
                }
            };
            let filters = read_filters(&reader)?;
            Ok(Self::Relation { relation: reader.name("relation")?, matching, filters })
        } else if has("field") {
            let reader = Reader::new(json, path, &["field", "op", "value"])?;
            let word = match reader.present("op") {
                None => "eq",
                Some(json) => {
                    json.as_str().ok_or_else(|| Error::invalid(&reader.at("op"), "expected the name of an operator"))?
                }
            };
            let op = Operator::from_word(word).ok_or_else(|| {
                Error::invalid(&reader.at("op"), format!("unknown operator `{}`", shown(word)))
                    .hint(suggest::help(word, Operator::ALL.iter().map(|op| op.as_str())))
            })?;
            Ok(Self::Field { field: reader.name("field")?, op, value: reader.required("value")?.clone() })
        } else {
            Err(Error::invalid(path, "expected a filter").hint(Some(FORMS.to_owned())))
        }
    }
}

const FORMS: &str = "a filter is {\"field\", \"op\", \"value\"}, {\"and\": […]}, {\"or\": […]}, {\"not\": {…}} \
                     or {\"relation\", \"match\", \"filters\"}";

/// The list under `filters`. Null is refused: a filter that was meant must not vanish.
pub(crate) fn read_filters(reader: &Reader<'_>) -> Result<Vec<Filter>> {
    match reader.present("filters") {
        None => Ok(Vec::new()),
        Some(json) if !json.is_array() => {
            Err(Error::invalid(&reader.at("filters"), "expected a list of filters").hint(Some(FORMS.to_owned())))
        }
        Some(json) => list(json, &reader.at("filters"), Filter::read),
    }
}

/// Names a field, to compare it: `field("status").eq("pending")`.
pub fn field(name: impl Into<String>) -> FieldName {
    FieldName(name.into())
}

/// A field that waits for an operator.
#[derive(Clone, Debug)]
pub struct FieldName(String);

impl FieldName {
    fn compare(self, op: Operator, value: Json) -> Filter {
        Filter::Field { field: self.0, op, value }
    }

    /// Equal to a value.
    pub fn eq(self, value: impl Into<Json>) -> Filter {
        self.compare(Operator::Eq, value.into())
    }

    /// Not equal to a value.
    pub fn ne(self, value: impl Into<Json>) -> Filter {
        self.compare(Operator::Ne, value.into())
    }

    /// Less than a value.
    pub fn lt(self, value: impl Into<Json>) -> Filter {
        self.compare(Operator::Lt, value.into())
    }

    /// Less than a value or equal.
    pub fn lte(self, value: impl Into<Json>) -> Filter {
        self.compare(Operator::Lte, value.into())
    }

    /// Greater than a value.
    pub fn gt(self, value: impl Into<Json>) -> Filter {
        self.compare(Operator::Gt, value.into())
    }

    /// Greater than a value or equal.
    pub fn gte(self, value: impl Into<Json>) -> Filter {
        self.compare(Operator::Gte, value.into())
    }

    /// Equal to one of several values.
    pub fn is_in<T: Into<Json>>(self, values: impl IntoIterator<Item = T>) -> Filter {
        self.compare(Operator::In, values.into_iter().map(Into::into).collect())
    }

    /// Equal to none of several values.
    pub fn not_in<T: Into<Json>>(self, values: impl IntoIterator<Item = T>) -> Filter {
        self.compare(Operator::NotIn, values.into_iter().map(Into::into).collect())
    }

    /// NULL, or not.
    pub fn is_null(self, null: bool) -> Filter {
        self.compare(Operator::IsNull, null.into())
    }

    /// Text that has `text` in it.
    pub fn contains(self, text: &str) -> Filter {
        self.compare(Operator::Contains, text.into())
    }

    /// Text that begins with `text`.
    pub fn starts_with(self, text: &str) -> Filter {
        self.compare(Operator::StartsWith, text.into())
    }

    /// Text that ends with `text`.
    pub fn ends_with(self, text: &str) -> Filter {
        self.compare(Operator::EndsWith, text.into())
    }

    /// From `low` to `high`, both included.
    pub fn between(self, low: impl Into<Json>, high: impl Into<Json>) -> Filter {
        self.compare(Operator::Between, Json::Array(vec![low.into(), high.into()]))
    }
}

/// Names a relation, to filter by it: `relation("items").any([field("sku").eq("A-1")])`.
pub fn relation(name: impl Into<String>) -> RelationName {
    RelationName(name.into())
}

/// A relation that waits for its filters.
#[derive(Clone, Debug)]
pub struct RelationName(String);

impl RelationName {
    fn matching(self, matching: Match, filters: impl IntoIterator<Item = Filter>) -> Filter {
        Filter::Relation { relation: self.0, matching, filters: filters.into_iter().collect() }
    }

    /// At least one related row satisfies all filters.
    pub fn any(self, filters: impl IntoIterator<Item = Filter>) -> Filter {
        self.matching(Match::Any, filters)
    }

    /// Each related row satisfies all filters.
    pub fn all(self, filters: impl IntoIterator<Item = Filter>) -> Filter {
        self.matching(Match::All, filters)
    }

    /// No related row satisfies all filters.
    pub fn none(self, filters: impl IntoIterator<Item = Filter>) -> Filter {
        self.matching(Match::None, filters)
    }
}
