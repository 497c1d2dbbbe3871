//! Expressions: an attribute of the principal, `now()`, or a literal of the column's type.

use indexmap::IndexMap;
use serde_json::Value as Json;

use super::subject::{Checker, Subject, type_name};
use crate::catalog::{Collation, FieldId};
use crate::policy::document::{Literal, Spanned};
use crate::policy::rules::{AutoValue, ScopeRule, ScopeValue};
use crate::principal::PrincipalPath;
use crate::suggest;
use crate::value::{ColumnType, Value};

/// What stands in text.
enum Expression {
    Principal(PrincipalPath),
    Now,
    Text(String),
}

fn parse(text: &str) -> Result<Expression, (String, String)> {
    if text == "now()" {
        return Ok(Expression::Now);
    }
    if let Some(inner) = text.strip_prefix('\'') {
        let literal = inner.strip_suffix('\'').filter(|inner| !inner.replace("''", "").contains('\''));
        return match literal {
            Some(inner) => Ok(Expression::Text(inner.replace("''", "'"))),
            None => {
                Err(("has a quote without its other".to_owned(), "write a quote in text twice: `'it''s'`".to_owned()))
            }
        };
    }
    let known = "write `principal.tenant_id`, or `'text'` with its own quotes".to_owned();
    let Some(path) = text.strip_prefix("principal.") else {
        return Err(("is neither an attribute of the principal nor a literal".to_owned(), known));
    };
    let segments: Vec<&str> = path.split('.').collect();
    let word = |segment: &&str| {
        segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && segment.bytes().next().is_some_and(|byte| !byte.is_ascii_digit())
    };
    let path = segments.iter().all(word).then(|| PrincipalPath::from_segments(&segments)).flatten();
    path.map(Expression::Principal).ok_or_else(|| {
        let attributes = ["tenant_id", "user_id", "roles", "metadata"];
        let first = segments.first().copied().unwrap_or_default();
        let help = match attributes.contains(&first) {
            true => "write `principal.metadata.<key>` for an attribute of the application's own".to_owned(),
            false => suggest::nearest(first, attributes)
                .map(|near| format!("did you mean `principal.{near}`?"))
                .unwrap_or_else(|| "known: tenant_id, user_id, roles, metadata.<key>".to_owned()),
        };
        ("is no attribute of a principal".to_owned(), help)
    })
}

impl Checker<'_> {
    pub(super) fn scoping(
        &mut self,
        subject: Subject<'_>,
        scoping: Option<&IndexMap<Spanned<String>, Spanned<Literal>>>,
    ) -> Vec<ScopeRule> {
        let mut rules = Vec::new();
        for (name, expression) in scoping.into_iter().flatten() {
            let Some(field) = self.field(subject.model, name) else { continue };
            if !self.check_scope_column(subject, name, field) {
                continue;
            }
            let Some(value) = self.auto_value(subject, field, expression, "scoping") else { continue };
            let value = match value {
                AutoValue::Principal(PrincipalPath::Roles) => {
                    let message = format!("`{}` cannot be scoped by roles", subject.field(field));
                    let help = "say what a role may do in `roles` or in a row policy";
                    self.error(expression, "bad-expression", message, help);
                    continue;
                }
                AutoValue::Principal(path) => ScopeValue::Principal(path),
                AutoValue::Literal(value) => ScopeValue::Literal(value),
                AutoValue::Now => {
                    let message = format!("`{}` cannot be scoped by the time", subject.field(field));
                    self.error(expression, "bad-expression", message, "write a row policy");
                    continue;
                }
            };
            rules.push(ScopeRule { field, value });
        }
        rules
    }

    /// A scope must mean equality byte by byte, on every engine.
    fn check_scope_column(&mut self, subject: Subject<'_>, name: &Spanned<String>, id: FieldId) -> bool {
        let field = subject.model.field(id);
        let why = match &field.ty {
            ColumnType::Char => "text padded with blanks, which comparisons ignore".to_owned(),
            ColumnType::Float => "a binary fraction, which has no exact equality".to_owned(),
            // To SQLite numbers of more than 15 digits are one, and to all `007` is `7.0`.
            ColumnType::Decimal => "a decimal, of which several spellings and numbers can be equal".to_owned(),
            ty if !ty.has_equality() => format!("of {}, which cannot be compared", type_name(ty)),
            _ if field.collation == Collation::Loose => "text whose comparison ignores case or accents".to_owned(),
            _ => return true,
        };
        let message = format!("`{}` cannot be a scope: it is {why}", subject.field(id));
        self.error(name, "scope-type", message, "scope by an integer, uuid, enum, or text that compares by its bytes");
        false
    }

    /// Reads an expression for a column.
    pub(super) fn auto_value(
        &mut self,
        subject: Subject<'_>,
        field: FieldId,
        expression: &Spanned<Literal>,
        key: &str,
    ) -> Option<AutoValue> {
        let ty = &subject.model.field(field).ty;
        let json = match &expression.value {
            Literal::Bool(bool) => Json::from(*bool),
            Literal::Int(int) => Json::from(*int),
            Literal::Float(float) if float.is_finite() => Json::from(*float),
            Literal::Float(_) => {
                let message = format!("`{key}.{}` must be a finite number", subject.model.field(field).name);
                self.error(expression, "bad-expression", message, "");
                return None;
            }
            Literal::Text(text) => match parse(text) {
                Ok(Expression::Principal(path)) => return self.attribute(subject, field, expression, path),
                Ok(Expression::Now)
                    if matches!(ty, ColumnType::Timestamp | ColumnType::DateTime | ColumnType::Date) =>
                {
                    return Some(AutoValue::Now);
                }
                Ok(Expression::Now) => {
                    let message = format!("`{}` has {}, which is no time", subject.field(field), type_name(ty));
                    self.error(expression, "bad-expression", message, "");
                    return None;
                }
                Ok(Expression::Text(text)) => Json::from(text),
                Err((wrong, help)) => {
                    let message = format!("`{text}` for `{}` {wrong}", subject.field(field));
                    self.error(expression, "bad-expression", message, &help);
                    return None;
                }
            },
        };
        match Value::from_json(&json, ty) {
            Ok(value) => Some(AutoValue::Literal(value)),
            Err(misfit) => {
                let message = format!("the literal does not fit `{}`: {misfit}", subject.field(field));
                self.error(expression, "bad-expression", message, "");
                None
            }
        }
    }

    fn attribute(
        &mut self,
        subject: Subject<'_>,
        field: FieldId,
        expression: &Spanned<Literal>,
        path: PrincipalPath,
    ) -> Option<AutoValue> {
        let ty = &subject.model.field(field).ty;
        if matches!(ty, ColumnType::Interval) || !ty.is_supported() {
            let message = format!("`{}` has {}, which no attribute fits", subject.field(field), type_name(ty));
            self.error(expression, "bad-expression", message, "");
            return None;
        }
        Some(AutoValue::Principal(path))
    }
}
