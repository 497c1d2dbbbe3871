//! Names to ids and literals to values, against a catalog; all errors at once.

use std::ops::Range;

use super::ast::{Expr, ExprKind, InList, Item, Literal, Name, Scalar, ScalarKind};
use super::operand::{Open, OpenKind, common, fit};
use super::parse::parse;
use super::print::symbol;
use super::typed::{Condition, FieldPath, LikePattern, List, Node, Operand};
use crate::catalog::{Catalog, Model, ModelId, RelationKind};
use crate::diagnostic::Diagnostic;
use crate::plan::{Comparison, Function, Truth};
use crate::principal::PrincipalPath;
use crate::suggest;
use crate::value::{ColumnType, Pattern, Value};

/// How many relations a path follows.
const MAX_PATH: usize = 4;

/// A condition that fits its catalog, and what is doubtful about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Checked {
    /// The condition.
    pub condition: Condition,
    /// Doubts, in the order of the source; spans count from the first byte of the condition.
    pub warnings: Vec<Diagnostic>,
}

/// Reads a condition and checks it against a model.
///
/// # Errors
///
/// All syntax errors, or else all names that do not exist and all values that do not fit,
/// in the order of the source; spans count from the first byte of `source`.
///
/// ```
/// use ormai_core::catalog::{CatalogBuilder, ModelBuilder};
/// use ormai_core::condition::compile;
/// use ormai_core::value::ColumnType;
///
/// let catalog = CatalogBuilder::new()
///     .model(ModelBuilder::table("Order", "orders").field("tenant_id", ColumnType::Text))
///     .build()?;
/// let order = catalog.find("Order").unwrap();
/// assert!(compile("tenant_id = principal.tenant_id", &catalog, order).is_ok());
///
/// let errors = compile("tennant_id = principal.tenant_id", &catalog, order).unwrap_err();
/// assert_eq!(errors[0].help.as_deref(), Some("did you mean `tenant_id`?"));
/// # Ok::<(), ormai_core::catalog::CatalogError>(())
/// ```
pub fn compile(source: &str, catalog: &Catalog, model: ModelId) -> Result<Checked, Vec<Diagnostic>> {
    let expr = parse(source)?;
    let mut check = Check { catalog, model, outer: Vec::new(), findings: Vec::new() };
    let root = check.node(&expr);
    let mut findings = check.findings;
    findings.sort_by_key(|finding| finding.labels.first().map_or(0, |label| label.span.start));
    match root {
        Some(root) if !findings.iter().any(Diagnostic::is_error) => {
            let condition = Condition { source: source.to_owned(), model, root };
            Ok(Checked { condition, warnings: findings })
        }
        _ => {
            findings.retain(Diagnostic::is_error);
            if findings.is_empty() {
                findings.push(error("condition-type", "the condition cannot be checked", expr.span, ""));
            }
            Err(findings)
        }
    }
}

fn error(code: &'static str, message: impl Into<String>, span: Range<usize>, label: impl Into<String>) -> Diagnostic {
    Diagnostic::error(code, message).at(span, label)
}

/// `None` from a method below means: an error was reported.
struct Check<'a> {
    catalog: &'a Catalog,
    /// Whose names are meant.
    model: ModelId,
    /// The models around EXISTS, outermost first.
    outer: Vec<ModelId>,
    findings: Vec<Diagnostic>,
}

impl<'a> Check<'a> {
    fn report<T>(&mut self, finding: Diagnostic) -> Option<T> {
        self.findings.push(finding);
        None
    }

    fn node(&mut self, expr: &'a Expr) -> Option<Node> {
        match &expr.kind {
            ExprKind::And(parts) => self.nodes(parts).map(Node::And),
            ExprKind::Or(parts) => self.nodes(parts).map(Node::Or),
            ExprKind::Not(inner) => self.node(inner).map(|inner| Node::Not(Box::new(inner))),
            ExprKind::Bare(scalar) => self.bare(scalar),
            ExprKind::Compare { op, left, right } => self.compare(*op, left, right, &expr.span),
            ExprKind::Between { operand, low, high, negated } => self.between(operand, low, high, *negated, &expr.span),
            ExprKind::In { needle, list, negated } => self.is_in(needle, list, *negated, &expr.span),
            ExprKind::IsNull { operand, negated } => self.is_null(operand, *negated),
            ExprKind::Like { operand, pattern, negated } => self.like(operand, pattern, *negated, &expr.span),
            ExprKind::Exists { relation, filter } => self.exists(relation, filter.as_deref()),
        }
    }

    fn nodes(&mut self, parts: &'a [Expr]) -> Option<Vec<Node>> {
        // All of them first: each may have something to report.
        let nodes: Vec<_> = parts.iter().map(|part| self.node(part)).collect();
        nodes.into_iter().collect()
    }

    fn bare(&mut self, scalar: &'a Scalar) -> Option<Node> {
        match &scalar.kind {
            ScalarKind::Literal(Literal::Bool(true)) => return Some(Node::Const(Truth::True)),
            ScalarKind::Literal(Literal::Bool(false)) => return Some(Node::Const(Truth::False)),
            ScalarKind::Literal(_) => {
                let finding = error("condition-type", "a value is not a condition", scalar.span.clone(), "");
                return self.report(finding.help("compare it with a field, or write TRUE or FALSE".to_owned()));
            }
            _ => {}
        }
        let open = self.scalar(scalar)?;
        let ty = open.own_type().or_else(|| open.literal_type()).unwrap_or(ColumnType::Bool);
        if ty != ColumnType::Bool {
            let finding =
                error("condition-type", format!("`{scalar}` is {ty}, not a condition"), scalar.span.clone(), "");
            return self.report(finding.help(format!("compare it, such as `{scalar} = …`")));
        }
        let left = open.close(&ty, &mut self.findings)?;
        Some(Node::Compare { op: Comparison::Eq, left, right: Operand::Literal(Value::Bool(true)) })
    }

    fn compare(&mut self, op: Comparison, left: &'a Scalar, right: &'a Scalar, span: &Range<usize>) -> Option<Node> {
        let sides = (self.scalar(left), self.scalar(right));
        let (left, right) = (sides.0?, sides.1?);
        let distinct = matches!(op, Comparison::Distinct | Comparison::NotDistinct);
        if !distinct && (left.is_null() || right.is_null()) {
            let other = if left.is_null() { &right } else { &left };
            let not = if op == Comparison::Ne { "NOT " } else { "" };
            let help = match &other.kind {
                OpenKind::Literal(_) => None,
                _ => Some(format!("write `… IS {not}NULL`")),
            };
            let message = format!("`{} NULL` is never true", symbol(op));
            return self.report(error("condition-null", message, span.clone(), "").help(help));
        }
        let operands = [left, right];
        if op == Comparison::Ne
            && let Some(nullable) = operands.iter().find(|operand| operand.is_nullable())
        {
            let help = "write `IS DISTINCT FROM` to keep them, or add `IS NOT NULL` to say that they are left out";
            let finding = warn_nulls("<>", nullable.span.clone());
            self.findings.push(finding.help(help.to_owned()));
        }
        let ordered = !distinct && !matches!(op, Comparison::Eq | Comparison::Ne);
        let mut operands = self.unify(operands.into(), ordered, symbol(op), span)?.into_iter();
        Some(Node::Compare { op, left: operands.next()?, right: operands.next()? })
    }

    fn between(
        &mut self,
        operand: &'a Scalar,
        low: &'a Scalar,
        high: &'a Scalar,
        negated: bool,
        span: &Range<usize>,
    ) -> Option<Node> {
        let parts = [operand, low, high].map(|part| self.scalar(part));
        let parts: Vec<_> = parts.into_iter().collect::<Option<_>>()?;
        if parts.iter().any(Open::is_null) {
            return self.report(error("condition-null", "`BETWEEN` with NULL is never true", span.clone(), ""));
        }
        let mut parts = self.unify(parts, true, "BETWEEN", span)?.into_iter();
        let (operand, low, high) = (parts.next()?, parts.next()?, parts.next()?);
        let both = Node::And(vec![
            Node::Compare { op: Comparison::Ge, left: operand.clone(), right: low },
            Node::Compare { op: Comparison::Le, left: operand, right: high },
        ]);
        Some(if negated { Node::Not(Box::new(both)) } else { both })
    }

    /// Gives all operands of a comparison one type.
    fn unify(
        &mut self,
        operands: Vec<Open<'a>>,
        ordered: bool,
        operator: &str,
        span: &Range<usize>,
    ) -> Option<Vec<Operand>> {
        if operands.iter().all(Open::is_constant) {
            let finding = error("condition-constant", "this compares two constants", span.clone(), "");
            return self.report(finding.help("compare with a field or with an attribute of the principal".to_owned()));
        }
        let ty = self.agree(&operands)?;
        let fits = if ordered { ty.has_order() } else { ty.has_equality() };
        if !fits {
            let message = format!("`{operator}` does not apply to {ty}");
            return self.report(error("condition-type", message, span.clone(), ""));
        }
        let closed: Vec<_> = operands.into_iter().map(|operand| operand.close(&ty, &mut self.findings)).collect();
        closed.into_iter().collect()
    }

    /// The one type of all operands: the fields', else the literals', else text.
    fn agree(&mut self, operands: &[Open<'_>]) -> Option<ColumnType> {
        let mut agreed: Option<(ColumnType, Range<usize>)> = None;
        for operand in operands {
            let Some(ty) = operand.own_type() else { continue };
            agreed = match agreed {
                None => Some((ty, operand.span.clone())),
                Some((before, span)) => match common(&before, &ty) {
                    Some(ty) => Some((ty, span)),
                    None => {
                        let message = format!("{} and {} cannot be compared", kind(&before), kind(&ty));
                        let finding =
                            error("condition-type", message, operand.span.clone(), format!("this is {}", kind(&ty)));
                        return self.report(finding.at(span, format!("this is {}", kind(&before))));
                    }
                },
            };
        }
        let literal = || operands.iter().find_map(Open::literal_type);
        Some(agreed.map(|(ty, _)| ty).or_else(literal).unwrap_or(ColumnType::Text))
    }

    fn is_in(&mut self, needle: &'a Scalar, list: &'a InList, negated: bool, span: &Range<usize>) -> Option<Node> {
        let open = self.scalar(needle);
        match list {
            InList::Literals(items) => self.is_in_literals(open?, items, negated, span),
            InList::Scalar(list) => {
                let ScalarKind::Principal(names) = &list.kind else {
                    let finding = error("condition-list", "IN needs a list", list.span.clone(), "not a list");
                    return self.report(
                        finding.help("write `IN ('a', 'b')` or `IN principal.…`; compare fields with `=`".to_owned()),
                    );
                };
                let path = self.principal(names, &list.span);
                let (open, path) = (open?, path?);
                if matches!(path, PrincipalPath::TenantId | PrincipalPath::UserId) {
                    let finding = error("condition-list", format!("`{path}` is not a list"), list.span.clone(), "");
                    return self.report(finding.help(format!("write `= {path}`")));
                }
                if open.is_null() {
                    let finding = error("condition-null", "NULL is in no list", open.span, "");
                    let help = (path != PrincipalPath::Roles)
                        .then(|| format!("write `{path} IS NULL` to test for a missing list"));
                    return self.report(finding.help(help));
                }
                if negated {
                    let message = format!("NOT IN admits every row when `{path}` is empty");
                    self.findings.push(
                        Diagnostic::warning("condition-empty-list", message)
                            .at(span.clone(), "")
                            .help("prefer a list of what is allowed".to_owned()),
                    );
                    self.warn_nullable(&open, "NOT IN");
                }
                let ty = open.own_type().or_else(|| open.literal_type()).unwrap_or(ColumnType::Text);
                let needle = self.equal(open, &ty, span)?;
                Some(Node::In { needle, list: List::Principal { path, ty }, negated })
            }
        }
    }

    fn is_in_literals(
        &mut self,
        open: Open<'a>,
        items: &'a [Item],
        negated: bool,
        span: &Range<usize>,
    ) -> Option<Node> {
        if open.is_constant() {
            let finding = error("condition-constant", "this compares two constants", span.clone(), "");
            return self.report(finding.help("look for a field or for an attribute of the principal".to_owned()));
        }
        if negated {
            self.warn_nullable(&open, "NOT IN");
        }
        let from_items = || {
            items.iter().find_map(|item| {
                Open { kind: OpenKind::Literal(&item.literal), span: item.span.clone() }.literal_type()
            })
        };
        let ty = open.own_type().or_else(|| open.literal_type()).or_else(from_items).unwrap_or(ColumnType::Text);
        let needle = self.equal(open, &ty, span);
        let mut values = Vec::with_capacity(items.len());
        let mut complete = true;
        for item in items {
            if item.literal == Literal::Null {
                let finding = error("condition-null", "NULL in a list is never found", item.span.clone(), "");
                self.findings.push(finding.help("leave it out and add `OR … IS NULL`".to_owned()));
                complete = false;
            } else if needle.is_some() {
                match fit(&item.literal, &item.span, &ty, &mut self.findings) {
                    Some(value) => values.push(value),
                    None => complete = false,
                }
            }
        }
        let needle = needle?;
        complete.then_some(Node::In { needle, list: List::Literals(values), negated })
    }

    /// Closes an operand of IN.
    fn equal(&mut self, open: Open<'a>, ty: &ColumnType, span: &Range<usize>) -> Option<Operand> {
        if !ty.has_equality() {
            return self.report(error("condition-type", format!("`IN` does not apply to {ty}"), span.clone(), ""));
        }
        open.close(ty, &mut self.findings)
    }

    fn is_null(&mut self, operand: &'a Scalar, negated: bool) -> Option<Node> {
        let open = self.scalar(operand)?;
        if open.is_constant() || matches!(open.kind, OpenKind::Now) {
            let finding = error("condition-constant", "this tests a constant", operand.span.clone(), "");
            return self.report(finding.help("test a field or an attribute of the principal".to_owned()));
        }
        let ty = open.own_type().or_else(|| open.literal_type()).unwrap_or(ColumnType::Text);
        let operand = open.close(&ty, &mut self.findings)?;
        Some(Node::IsNull { operand, negated })
    }

    fn like(&mut self, operand: &'a Scalar, pattern: &'a Scalar, negated: bool, span: &Range<usize>) -> Option<Node> {
        let open = self.scalar(operand);
        let pattern = match &pattern.kind {
            ScalarKind::Literal(literal @ Literal::Text(text)) => {
                fit(literal, &pattern.span, &ColumnType::Text, &mut self.findings)
                    .map(|_| LikePattern::Literal(Pattern::like(text)))
            }
            ScalarKind::Principal(names) => match self.principal(names, &pattern.span) {
                Some(PrincipalPath::Roles) => {
                    self.report(error("condition-list", "`principal.roles` is a list", pattern.span.clone(), ""))
                }
                path => path.map(LikePattern::Principal),
            },
            _ => {
                let finding = error("condition-type", "a pattern is a literal text", pattern.span.clone(), "");
                self.report(finding.help("write `LIKE 'a%'` or `LIKE principal.metadata.…`".to_owned()))
            }
        };
        let (open, pattern) = (open?, pattern?);
        if open.is_constant() && matches!(pattern, LikePattern::Literal(_)) || open.is_null() {
            let finding = error("condition-constant", "this compares two constants", span.clone(), "");
            return self.report(finding.help("match a field or an attribute of the principal".to_owned()));
        }
        if negated {
            self.warn_nullable(&open, "NOT LIKE");
        }
        let ty = open.own_type().or_else(|| open.literal_type()).unwrap_or(ColumnType::Text);
        if !ty.is_text() {
            let message = format!("`LIKE` does not apply to {}", kind(&ty));
            return self.report(error("condition-type", message, open.span, "not text"));
        }
        let operand = open.close(&ty, &mut self.findings)?;
        Some(Node::Like { operand, pattern, negated })
    }

    fn exists(&mut self, name: &'a Name, filter: Option<&'a Expr>) -> Option<Node> {
        let catalog = self.catalog;
        let model = catalog.model(self.model);
        let Some(relation) = model.find_relation(&name.text) else {
            let help = suggest::help(&name.text, model.relations.iter().map(|relation| relation.name.as_str()));
            let message = format!("`{}` has no relation `{}`", model.name, name.text);
            return self.report(error("unknown-relation", message, name.span.clone(), "").help(help));
        };
        let filter = match filter {
            None => Node::Const(Truth::True),
            Some(filter) => {
                let around = std::mem::replace(&mut self.model, model.relation(relation).target);
                self.outer.push(around);
                let filter = self.node(filter);
                self.outer.pop();
                self.model = around;
                filter?
            }
        };
        Some(Node::Exists { relation, filter: Box::new(filter) })
    }

    fn scalar(&mut self, scalar: &'a Scalar) -> Option<Open<'a>> {
        let span = scalar.span.clone();
        let kind = match &scalar.kind {
            ScalarKind::Literal(literal) => OpenKind::Literal(literal),
            ScalarKind::Principal(names) => OpenKind::Principal(self.principal(names, &span)?),
            ScalarKind::Path(names) => self.path(names, &span)?,
            ScalarKind::Call { function, arguments } => self.call(function, arguments, &span)?,
        };
        Some(Open { kind, span })
    }

    fn principal(&mut self, names: &[Name], span: &Range<usize>) -> Option<PrincipalPath> {
        let words: Vec<&str> = names.iter().map(|name| name.text.as_str()).collect();
        if let Some(path) = PrincipalPath::from_segments(&words) {
            return Some(path);
        }
        let first = names.first()?;
        let (message, help) = match (first.text.as_str(), names.len()) {
            ("metadata", _) => (
                "`principal.metadata` is not a value".to_owned(),
                Some("name a key: `principal.metadata.key`".to_owned()),
            ),
            (known @ ("tenant_id" | "user_id" | "roles"), _) => (
                format!("`principal.{known}` has no parts"),
                Some("further attributes stand in `principal.metadata`".to_owned()),
            ),
            (unknown, _) => {
                let known = ["tenant_id", "user_id", "roles", "metadata"];
                let help = match suggest::nearest(unknown, known) {
                    Some(near) => format!("did you mean `principal.{near}`?"),
                    None => format!("write `principal.metadata.{unknown}` for an attribute of your own"),
                };
                (format!("a principal has no `{unknown}`"), Some(help))
            }
        };
        self.report(error("unknown-attribute", message, span.clone(), "").help(help))
    }

    fn path(&mut self, names: &'a [Name], span: &Range<usize>) -> Option<OpenKind<'a>> {
        let catalog = self.catalog;
        let (last, relations) = names.split_last()?;
        if relations.len() > MAX_PATH {
            let message = format!("a path follows at most {MAX_PATH} relations");
            return self.report(error("condition-limit", message, span.clone(), ""));
        }
        let mut model = catalog.model(self.model);
        let mut through = Vec::with_capacity(relations.len());
        let mut nullable = false;
        for name in relations {
            let Some(id) = model.find_relation(&name.text) else {
                let finding = self.unknown_relation(model, name);
                return self.report(finding);
            };
            let relation = model.relation(id);
            if relation.kind == RelationKind::Many {
                let message = format!("relation `{}` leads to many rows", name.text);
                let around: Vec<&Name> = relations.iter().take_while(|around| around.span != name.span).collect();
                let exists = around.iter().rfold(format!("EXISTS ({name} WHERE …)"), |inner, around| {
                    format!("EXISTS ({around} WHERE {inner})")
                });
                let help = format!("write `{exists}`");
                return self.report(error("condition-relation", message, name.span.clone(), "").help(help));
            }
            nullable |= relation.link.iter().any(|(here, _)| model.field(*here).nullable);
            through.push(id);
            model = catalog.model(relation.target);
        }
        let Some(field) = model.find_field(&last.text) else {
            let finding = self.unknown_field(model, last);
            return self.report(finding);
        };
        let column = model.field(field);
        if !column.ty.is_supported() {
            let message = format!("`{}` has a type that cannot be used: {}", last.text, column.ty);
            return self.report(error("condition-type", message, last.span.clone(), ""));
        }
        let path = FieldPath { through, field, ty: column.ty.clone() };
        Some(OpenKind::Field { path, nullable: nullable || column.nullable })
    }

    fn unknown_relation(&self, model: &Model, name: &Name) -> Diagnostic {
        let finding = |code, message| error(code, message, name.span.clone(), "");
        if model.find_field(&name.text).is_some() {
            return finding("unknown-relation", format!("`{}` is a field, so nothing follows it", name.text));
        }
        let known = model.relations.iter().map(|relation| relation.name.as_str());
        let help = match name.text.eq_ignore_ascii_case("principal") {
            true => Some("the principal is written `principal`, in lower case and without quotes".to_owned()),
            false => suggest::help(&name.text, known),
        };
        finding("unknown-relation", format!("`{}` has no relation `{}`", model.name, name.text)).help(help)
    }

    fn unknown_field(&self, model: &Model, name: &Name) -> Diagnostic {
        let finding = |code, message| error(code, message, name.span.clone(), "");
        if model.find_relation(&name.text).is_some() {
            return finding("condition-relation", format!("`{}` is a relation, not a field", name.text))
                .help("name a field of it, or test it with EXISTS".to_owned());
        }
        let around = self.outer.iter().any(|outer| self.catalog.model(*outer).find_field(&name.text).is_some());
        let quoted = name.span.len() > name.text.len();
        let near = suggest::help(&name.text, model.fields.iter().map(|field| field.name.as_str()));
        let help = if around {
            Some(format!("inside EXISTS names are those of `{}`", model.name))
        } else if quoted && suggest::nearest(&name.text, model.fields.iter().map(|field| field.name.as_str())).is_none()
        {
            Some("double quotes make a name; text stands in single quotes".to_owned())
        } else {
            near
        };
        finding("unknown-field", format!("`{}` has no field `{}`", model.name, name.text)).help(help)
    }

    fn call(&mut self, name: &'a Name, arguments: &'a [Scalar], span: &Range<usize>) -> Option<OpenKind<'a>> {
        let (function, least, most) = match name.text.as_str() {
            "now" => (None, 0, 0),
            "coalesce" => (Some(Function::Coalesce), 2, usize::MAX),
            "nullif" => (Some(Function::NullIf), 2, 2),
            "lower" => (Some(Function::Lower), 1, 1),
            "upper" => (Some(Function::Upper), 1, 1),
            unknown => {
                let help = suggest::help(unknown, ["coalesce", "nullif", "lower", "upper", "now"]);
                let message = format!("there is no function `{unknown}`");
                return self.report(error("unknown-function", message, name.span.clone(), "").help(help));
            }
        };
        if !(least..=most).contains(&arguments.len()) {
            let takes = match (least, most) {
                (0, _) => "no arguments",
                (1, _) => "one argument",
                (2, 2) => "two arguments",
                _ => "two arguments or more",
            };
            return self.report(error("condition-arguments", format!("`{name}` takes {takes}"), span.clone(), ""));
        }
        let Some(function) = function else { return Some(OpenKind::Now) };
        let open: Vec<_> = arguments.iter().map(|argument| self.scalar(argument)).collect();
        let open: Vec<_> = open.into_iter().collect::<Option<_>>()?;
        match function {
            Function::Lower | Function::Upper => self.only_text(name, &open)?,
            Function::NullIf => {
                let ty = self.agree(&open)?;
                if !ty.has_equality() {
                    let message = format!("`nullif` does not apply to {ty}");
                    return self.report(error("condition-type", message, span.clone(), ""));
                }
            }
            Function::Coalesce => {
                self.agree(&open)?;
            }
        }
        if function == Function::Coalesce
            && let Some(principal) = open.iter().find(|argument| matches!(argument.kind, OpenKind::Principal(_)))
        {
            self.findings.push(
                Diagnostic::warning(
                    "condition-missing",
                    "`coalesce` does not replace a missing attribute of the principal",
                )
                .at(principal.span.clone(), "when this is missing, the whole comparison is unknown")
                .help("test for it with `IS NULL` and OR".to_owned()),
            );
        }
        Some(OpenKind::Call(function, open))
    }

    fn only_text(&mut self, name: &Name, arguments: &[Open<'_>]) -> Option<()> {
        let not_text = |argument: &&Open<'_>| {
            argument.own_type().or_else(|| argument.literal_type()).is_some_and(|ty| !ty.is_text())
        };
        match arguments.iter().find(not_text) {
            None => Some(()),
            Some(argument) => {
                let message = format!("`{name}` applies to text only");
                self.report(error("condition-type", message, argument.span.clone(), "not text"))
            }
        }
    }

    fn warn_nullable(&mut self, operand: &Open<'_>, operator: &str) {
        if operand.is_nullable() {
            let finding = warn_nulls(operator, operand.span.clone());
            self.findings.push(finding.help("add `OR … IS NULL` to keep them".to_owned()));
        }
    }
}

fn warn_nulls(operator: &str, span: Range<usize>) -> Diagnostic {
    Diagnostic::warning("condition-nullable", format!("`{operator}` leaves out rows where this is NULL"))
        .at(span, "may be NULL")
}

/// A type's name where those that share one must be told apart.
fn kind(ty: &ColumnType) -> String {
    match ty {
        ColumnType::Char => "text of fixed length".to_owned(),
        ColumnType::Enum(of) => format!("enum {}", of.name),
        other => other.to_string(),
    }
}
