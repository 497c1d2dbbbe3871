//! Predicates in words, for people: `explain`, audit records and operators' logs.
//!
//! This text holds values and is never run.

use std::fmt::Write as _;

use super::{Comparison, Exists, Function, Predicate, RelatedRows, Shape, Slot, Source, Step, Term, Truth};
use crate::catalog::{Catalog, FieldId, ModelId};
use crate::value::Value;

impl Step {
    /// The scope of the step's own table, in words; empty where no stored row takes part.
    pub fn show_scope(&self, catalog: &Catalog) -> String {
        let shown = |source: &Source| self.shown(catalog, source.model, &source.scope);
        self.source().map(shown).unwrap_or_default()
    }

    /// The request's filter on the step's own table, in words.
    pub fn show_filter(&self, catalog: &Catalog) -> String {
        let filter = match &self.shape {
            Shape::Select(select) => &select.filter,
            Shape::Aggregate(aggregate) => &aggregate.filter,
            Shape::Update(update) => &update.target.filter,
            Shape::Delete(delete) => &delete.target.filter,
            Shape::Truths(_) | Shape::Present(_) | Shape::Insert(_) => return "TRUE".to_owned(),
        };
        self.source().map(|source| self.shown(catalog, source.model, filter)).unwrap_or_default()
    }

    /// The step's own table; none where it reads none (a new row) or several.
    pub fn source(&self) -> Option<&Source> {
        match &self.shape {
            Shape::Select(select) => Some(&select.source),
            Shape::Aggregate(aggregate) => Some(&aggregate.source),
            Shape::Truths(truths) => Some(&truths.row),
            Shape::Update(update) => Some(&update.target.source),
            Shape::Delete(delete) => Some(&delete.target.source),
            Shape::Present(_) | Shape::Insert(_) => None,
        }
    }

    /// A predicate about a model, with the values of this step, in words.
    pub(crate) fn shown(&self, catalog: &Catalog, model: ModelId, predicate: &Predicate) -> String {
        shown(catalog, model, predicate, &self.binds)
    }

    /// A term about a model, in words.
    pub(crate) fn shown_term(&self, catalog: &Catalog, model: ModelId, term: &Term) -> String {
        let mut writer = Writer { catalog, binds: &self.binds, text: String::new() };
        writer.term(model, term);
        writer.text
    }
}

/// A predicate about a model with the values of its slots, in words.
pub(super) fn shown(catalog: &Catalog, model: ModelId, predicate: &Predicate, binds: &[Value]) -> String {
    let mut writer = Writer { catalog, binds, text: String::new() };
    writer.predicate(model, predicate, false);
    writer.text
}

/// A value as it would stand in SQL.
pub fn literal(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("({})", items.iter().map(literal).collect::<Vec<_>>().join(", ")),
        Value::Pattern(pattern) => literal(&Value::Text(pattern.to_like())),
        value => match value.to_json() {
            serde_json::Value::String(text) => format!("'{}'", text.replace('\'', "''")),
            serde_json::Value::Null => "NULL".to_owned(),
            json => json.to_string(),
        },
    }
}

impl Comparison {
    /// The operator in standard SQL.
    pub fn as_sql(self) -> &'static str {
        match self {
            Self::Eq => "=",
            Self::Ne => "<>",
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
            Self::Distinct => "IS DISTINCT FROM",
            Self::NotDistinct => "IS NOT DISTINCT FROM",
        }
    }
}

impl Function {
    /// The name in the condition language.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Coalesce => "coalesce",
            Self::NullIf => "nullif",
            Self::Lower => "lower",
            Self::Upper => "upper",
        }
    }
}

struct Writer<'a> {
    catalog: &'a Catalog,
    binds: &'a [Value],
    text: String,
}

impl Writer<'_> {
    fn put(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// `inner`: whether the predicate stands inside another, so that it may need parentheses.
    fn predicate(&mut self, model: ModelId, predicate: &Predicate, inner: bool) {
        match predicate {
            Predicate::Const(Truth::True) => self.put("TRUE"),
            Predicate::Const(Truth::False) => self.put("FALSE"),
            Predicate::Const(Truth::Unknown) => self.put("UNKNOWN"),
            Predicate::And(parts) => self.joined(model, parts, " AND ", inner),
            Predicate::Or(parts) => self.joined(model, parts, " OR ", inner),
            Predicate::Not(part) => {
                self.put("NOT (");
                self.predicate(model, part, false);
                self.put(")");
            }
            Predicate::NotTrue(part) => {
                self.put("(");
                self.predicate(model, part, false);
                self.put(") IS NOT TRUE");
            }
            Predicate::Compare { op, left, right } => {
                self.term(model, left);
                let _ = write!(self.text, " {} ", op.as_sql());
                self.term(model, right);
            }
            Predicate::In { term, list, negated } => {
                self.term(model, term);
                self.put(if *negated { " NOT IN " } else { " IN " });
                self.bind(list.slot);
            }
            Predicate::IsNull { term, negated } => {
                self.term(model, term);
                self.put(if *negated { " IS NOT NULL" } else { " IS NULL" });
            }
            Predicate::Matches { term, pattern, negated } => {
                self.term(model, term);
                self.put(if *negated { " NOT LIKE " } else { " LIKE " });
                self.bind(*pattern);
            }
            Predicate::Exists(exists) => self.exists(exists),
        }
    }

    fn joined(&mut self, model: ModelId, parts: &[Predicate], by: &str, inner: bool) {
        if inner {
            self.put("(");
        }
        for (index, part) in parts.iter().enumerate() {
            if index > 0 {
                self.put(by);
            }
            self.predicate(model, part, true);
        }
        if inner {
            self.put(")");
        }
    }

    fn exists(&mut self, exists: &Exists) {
        if exists.negated {
            self.put("NOT ");
        }
        let (model, scope) = match &exists.rows {
            RelatedRows::Scoped(source) => (source.model, Some(&source.scope)),
            RelatedRows::Stored(model) => (*model, None),
        };
        let _ = write!(self.text, "EXISTS ({} WHERE ", self.catalog.model(model).name);
        if let Some(scope) = scope {
            self.predicate(model, scope, true);
            self.put(" AND ");
        }
        self.predicate(model, &exists.filter, true);
        self.put(")");
    }

    fn term(&mut self, model: ModelId, term: &Term) {
        match term {
            Term::Column(field) => self.field(model, *field),
            Term::Bind(slot) => self.bind(*slot),
            Term::Related(related) => {
                let _ = write!(self.text, "{} → ", self.catalog.model(related.model).name);
                self.term(related.model, &related.then);
            }
            Term::Call(function, arguments) => {
                let _ = write!(self.text, "{}(", function.as_str());
                for (index, argument) in arguments.iter().enumerate() {
                    if index > 0 {
                        self.put(", ");
                    }
                    self.term(model, argument);
                }
                self.put(")");
            }
        }
    }

    fn field(&mut self, model: ModelId, field: FieldId) {
        let name = &self.catalog.model(model).field(field).name;
        self.text.push_str(name);
    }

    fn bind(&mut self, slot: Slot) {
        let shown = self.binds.get(slot.index()).map_or_else(|| "?".to_owned(), literal);
        self.put(&shown);
    }
}
