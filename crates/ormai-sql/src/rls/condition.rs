//! Conditions as PostgreSQL's expressions, in its own three-valued logic.
//!
//! The plan's printer cannot do this: it prints what remains once a principal is known, and
//! here the principal is read while the statement runs.

use std::collections::{BTreeMap, BTreeSet};

use ormai_core::catalog::{Catalog, Collation, FieldId, Model, ModelId, RelationId};
use ormai_core::condition::{Condition, FieldPath, LikePattern, List, Node, Operand};
use ormai_core::plan::{Comparison, Function, Truth};
use ormai_core::value::ColumnType;

use super::principal;
use super::text::Sql;
use super::value::{literal, spelled};
use crate::error::CompileError;

/// How the columns of a row are addressed.
#[derive(Clone, Copy)]
pub(super) enum Row {
    /// The row that a policy is about.
    Own,
    /// The arguments of a function, which are fields of the row.
    Arguments,
    /// A table of a subquery, by number.
    Related(usize),
}

/// Prints conditions.
pub(super) struct Conditions<'a> {
    catalog: &'a Catalog,
    /// How many tables subqueries have named so far.
    tables: usize,
    /// The fields that stand as arguments, in their order.
    arguments: Vec<FieldId>,
    /// What is read of other tables.
    pub(super) reads: BTreeMap<ModelId, BTreeSet<FieldId>>,
}

/// A condition of a policy.
pub(super) enum Printed {
    /// It looks at its own row only.
    Inline(Sql),
    /// It looks at other tables, so it is a function of these fields of the row.
    Function(Sql, Vec<FieldId>),
}

/// A printed operand with what is known of it.
struct Term {
    sql: Sql,
    ty: Option<ColumnType>,
    /// Of a column's text; `None` where there is none.
    collation: Option<Collation>,
    form: Form,
}

/// What PostgreSQL takes an operand for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// A value of the column's own type.
    Column,
    /// A literal, which takes the type beside it.
    Literal,
    /// A value of a type that this crate spells.
    Spelled,
}

impl<'a> Conditions<'a> {
    pub(super) fn new(catalog: &'a Catalog) -> Self {
        Self { catalog, tables: 0, arguments: Vec::new(), reads: BTreeMap::new() }
    }

    /// A condition where a policy needs it.
    pub(super) fn print(&mut self, condition: &Condition) -> Result<Printed, CompileError> {
        let tables = self.tables;
        let inline = self.node(condition.root(), condition.model(), Row::Own)?;
        if self.tables == tables {
            return Ok(Printed::Inline(inline));
        }
        self.arguments.clear();
        let body = self.node(condition.root(), condition.model(), Row::Arguments)?;
        Ok(Printed::Function(body, std::mem::take(&mut self.arguments)))
    }

    fn node(&mut self, node: &Node, model: ModelId, row: Row) -> Result<Sql, CompileError> {
        Ok(match node {
            Node::Const(Truth::True) => Sql::of("true"),
            Node::Const(Truth::False) => Sql::of("false"),
            Node::Const(Truth::Unknown) => Sql::of("NULL::boolean"),
            Node::And(parts) => Sql::all(self.nodes(parts, model, row)?).unwrap_or(Sql::of("true")),
            Node::Or(parts) => Sql::any(self.nodes(parts, model, row)?).unwrap_or(Sql::of("false")),
            Node::Not(inner) => Sql::of("NOT ").and(&self.node(inner, model, row)?.grouped()),
            Node::Compare { op, left, right } => {
                let compared = self.compare(*op, left, right, model, row)?;
                let knows_null = matches!(op, Comparison::Distinct | Comparison::NotDistinct);
                where_present(&[left, right], knows_null, compared)?
            }
            Node::In { needle, list, negated } => {
                let found = self.member(needle, list, *negated, model, row)?;
                // An empty list decides, whatever is sought in it.
                let knows_null = !matches!(list, List::Literals(values) if !values.is_empty());
                where_present(&[needle], knows_null, found)?
            }
            Node::IsNull { operand: Operand::Principal { path, .. }, negated } => {
                let missing = principal::is_missing(path)?.once();
                if *negated { Sql::of("NOT ").and(&missing) } else { missing }
            }
            Node::IsNull { operand, negated } => {
                let tested = self.operand(operand, model, row)?.sql.grouped();
                where_present(&[operand], true, tested.then(if *negated { " IS NOT NULL" } else { " IS NULL" }))?
            }
            Node::Like { operand, pattern, negated } => {
                let text = self.operand(operand, model, row)?;
                let text = by_bytes(text, Use::Pattern, None);
                let pattern = match pattern {
                    LikePattern::Literal(pattern) => Sql::value(&pattern.to_like())?,
                    LikePattern::Principal(path) => {
                        let read = principal::scalar(path, &ColumnType::Text)?;
                        Sql::of("(SELECT ormai_rls.pattern(").and(&read).then("))")
                    }
                };
                let matched = text.then(if *negated { " NOT LIKE " } else { " LIKE " }).and(&pattern);
                where_present(&[operand], false, matched.then(" ESCAPE E'\\\\'"))?
            }
            Node::Exists { relation, filter } => self.exists(*relation, filter, model, row)?,
        })
    }

    fn nodes(&mut self, nodes: &[Node], model: ModelId, row: Row) -> Result<Vec<Sql>, CompileError> {
        nodes.iter().map(|node| self.node(node, model, row)).collect()
    }

    fn compare(
        &mut self,
        op: Comparison,
        left: &Operand,
        right: &Operand,
        model: ModelId,
        row: Row,
    ) -> Result<Sql, CompileError> {
        let ty = left.ty().or(right.ty()).cloned();
        let (mut left, mut right) = (self.operand(left, model, row)?, self.operand(right, model, row)?);
        let is_order = matches!(op, Comparison::Lt | Comparison::Le | Comparison::Gt | Comparison::Ge);
        // Beside a literal or its like an enum is compared as it is, and an index serves it.
        let as_it_is = left.form != Form::Spelled && right.form != Form::Spelled;
        if let Some(ColumnType::Enum(of)) = ty.as_ref().filter(|_| !as_it_is) {
            let words = of.variants.iter().map(|word| Sql::value(word)).collect::<Result<Vec<_>, _>>()?;
            let words = Sql::of("ARRAY[").and(&Sql::join(words, ", ")).then("]::text[]");
            let ranked = |sql: Sql| {
                let text = sql.grouped().cast("text");
                match is_order {
                    true => Sql::of("array_position(").and(&words).then(", ").and(&text).then(")"),
                    false => text,
                }
            };
            (left.sql, right.sql) = (ranked(left.sql), ranked(right.sql));
        }
        let usage = if is_order { Use::Order } else { Use::Equality };
        let collation = together(left.collation.clone(), right.collation.clone());
        // Without a column the database's own order would decide.
        let bare = is_order && collation.is_none() && ty.as_ref().is_none_or(ColumnType::is_text);
        let (left, right) = (by_bytes(left, usage, collation.as_ref()), by_bytes(right, usage, collation.as_ref()));
        let left = if bare { left.grouped().cast("text COLLATE \"C\"") } else { left };
        Ok(left.then(operator(op)).and(&right))
    }

    fn member(
        &mut self,
        needle: &Operand,
        list: &List,
        negated: bool,
        model: ModelId,
        row: Row,
    ) -> Result<Sql, CompileError> {
        let ty = needle.ty().cloned();
        let mut needle = self.operand(needle, model, row)?;
        let array = match list {
            List::Literals(values) if values.is_empty() => return Ok(Sql::of(if negated { "true" } else { "false" })),
            List::Literals(values) => {
                let items = values.iter().map(literal).collect::<Result<Vec<_>, _>>()?;
                let items = Sql::join(items, ", ").grouped();
                let needle = by_bytes(needle, Use::Equality, None);
                return Ok(needle.then(if negated { " NOT IN " } else { " IN " }).and(&items));
            }
            List::Principal { path, ty } => principal::list(path, ty)?,
        };
        if matches!(ty, Some(ColumnType::Enum(_))) || needle.form == Form::Literal {
            needle.sql = needle.sql.grouped().cast(list_type(list));
        }
        let needle = by_bytes(needle, Use::Equality, None);
        Ok(needle.then(if negated { " <> ALL (" } else { " = ANY (" }).and(&array).then(")"))
    }

    fn exists(&mut self, relation: RelationId, filter: &Node, model: ModelId, row: Row) -> Result<Sql, CompileError> {
        let (target, link, there) = self.related(relation, model, row)?;
        let filter = self.node(filter, target, there)?;
        let table = self.from(target, there)?;
        Ok(Sql::of("EXISTS (SELECT FROM ")
            .and(&table)
            .then(" WHERE ")
            .and(&link)
            .then(" AND ")
            .and(&filter.grouped())
            .then(")"))
    }

    /// A table to read beside a row: its model, the condition that links them, and how its
    /// columns are addressed.
    fn related(&mut self, relation: RelationId, model: ModelId, row: Row) -> Result<(ModelId, Sql, Row), CompileError> {
        let relation = self.catalog.model(model).relation(relation);
        self.tables += 1;
        let there = Row::Related(self.tables);
        let mut pairs = Vec::with_capacity(relation.link.len());
        for (from, to) in &relation.link {
            let (to, from) = (self.column(relation.target, *to, there)?, self.column(model, *from, row)?);
            let collation = together(to.collation.clone(), from.collation.clone());
            let to = by_bytes(to, Use::Equality, collation.as_ref());
            pairs.push(to.then(" = ").and(&by_bytes(from, Use::Equality, collation.as_ref())));
        }
        let link = Sql::all(pairs).ok_or(CompileError::Malformed("a relation without linked fields"))?;
        Ok((relation.target, link, there))
    }

    /// `"schema"."table" AS "related_1"`
    fn from(&self, model: ModelId, row: Row) -> Result<Sql, CompileError> {
        Ok(table(self.catalog.model(model))?.then(" AS ").and(&address(row)))
    }

    fn operand(&mut self, operand: &Operand, model: ModelId, row: Row) -> Result<Term, CompileError> {
        Ok(match operand {
            Operand::Field(path) => self.field(path, model, row)?,
            Operand::Literal(value) => Term { sql: literal(value)?, ty: None, collation: None, form: Form::Literal },
            Operand::Principal { path, ty } => {
                Term { sql: principal::scalar(path, ty)?, ty: Some(ty.clone()), collation: None, form: Form::Spelled }
            }
            Operand::Now(ty) => {
                let now = match ty {
                    ColumnType::Timestamp => Sql::of("now()"),
                    ColumnType::DateTime => Sql::of("(now() AT TIME ZONE 'UTC')"),
                    ColumnType::Date => Sql::of("(now() AT TIME ZONE 'UTC')::date"),
                    _ => Sql::of("NULL"),
                };
                Term { sql: now, ty: Some(ty.clone()), collation: None, form: Form::Spelled }
            }
            Operand::Call(function, arguments) => self.call(*function, arguments, model, row)?,
        })
    }

    fn call(
        &mut self,
        function: Function,
        arguments: &[Operand],
        model: ModelId,
        row: Row,
    ) -> Result<Term, CompileError> {
        let ty = arguments.iter().find_map(Operand::ty).cloned();
        let mut terms =
            arguments.iter().map(|argument| self.operand(argument, model, row)).collect::<Result<Vec<_>, _>>()?;
        if let Function::Lower | Function::Upper = function {
            let term = terms.pop().ok_or(CompileError::Malformed("a function without argument"))?;
            let name = if function == Function::Lower { "lower(" } else { "upper(" };
            // In "C" only the letters A to Z have a case.
            let text = term.sql.grouped().cast("text COLLATE \"C\"");
            let sql = Sql::of(name).and(&text).then(")");
            return Ok(Term { sql, ty: Some(ColumnType::Text), collation: None, form: Form::Spelled });
        }
        let collation = terms.iter().map(|term| term.collation.clone()).fold(None, together);
        if let Some(ColumnType::Enum(_)) = &ty {
            // The words of an enum meet text from the principal only as text.
            terms.iter_mut().for_each(|term| term.sql = std::mem::take(&mut term.sql).grouped().cast("text"));
        } else if let Some(spelled) =
            ty.as_ref().and_then(spelled).filter(|_| terms.iter().all(|term| term.form == Form::Literal))
        {
            terms.iter_mut().for_each(|term| term.sql = std::mem::take(&mut term.sql).grouped().cast(spelled.cast));
        }
        let sides = terms.into_iter().map(|term| by_bytes(term, Use::Equality, collation.as_ref()));
        let name = if function == Function::Coalesce { "coalesce(" } else { "nullif(" };
        let sql = Sql::of(name).and(&Sql::join(sides, ", ")).then(")");
        let collation = collation.map(|collation| match collation {
            Collation::Loose | Collation::Folded(_) => Collation::Binary,
            known => known,
        });
        Ok(Term { sql, ty, collation, form: Form::Spelled })
    }

    /// A field of the row, or behind relations to one row.
    fn field(&mut self, path: &FieldPath, model: ModelId, row: Row) -> Result<Term, CompileError> {
        self.behind(&path.through, path.field, model, row)
    }

    fn behind(
        &mut self,
        through: &[RelationId],
        field: FieldId,
        model: ModelId,
        row: Row,
    ) -> Result<Term, CompileError> {
        let Some((first, rest)) = through.split_first() else { return self.column(model, field, row) };
        let (target, link, there) = self.related(*first, model, row)?;
        let found = self.behind(rest, field, target, there)?;
        let table = self.from(target, there)?;
        let sql = Sql::of("(SELECT ").and(&found.sql).then(" FROM ").and(&table).then(" WHERE ").and(&link).then(")");
        Ok(Term { sql, ..found })
    }

    fn column(&mut self, id: ModelId, field: FieldId, row: Row) -> Result<Term, CompileError> {
        let model = self.catalog.model(id);
        let column = model.field(field);
        if !column.ty.is_supported() {
            let (table, column) = (model.table.to_string(), column.column.clone());
            return Err(CompileError::UnsupportedColumn { table, column });
        }
        let sql = match row {
            Row::Own => Sql::name(&column.column)?,
            Row::Related(_) => {
                self.reads.entry(id).or_default().insert(field);
                address(row).then(".").and(&Sql::name(&column.column)?)
            }
            Row::Arguments => {
                let known = self.arguments.iter().position(|known| *known == field);
                let at = known.unwrap_or_else(|| {
                    self.arguments.push(field);
                    self.arguments.len() - 1
                });
                Sql::of("$").and(&Sql::number(at + 1))
            }
        };
        let collation = column.ty.is_text().then(|| column.collation.clone());
        Ok(Term { sql, ty: Some(column.ty.clone()), collation, form: Form::Column })
    }
}

/// The table of a model.
pub(super) fn table(model: &Model) -> Result<Sql, CompileError> {
    let name = Sql::name(&model.table.name)?;
    Ok(match &model.table.schema {
        Some(schema) => Sql::name(schema)?.then(".").and(&name),
        None => name,
    })
}

fn address(row: Row) -> Sql {
    match row {
        Row::Related(number) => Sql::of("related_").and(&Sql::number(number)),
        Row::Own | Row::Arguments => Sql::default(),
    }
}

/// `CASE WHEN … THEN atom END`: unknown where an attribute in these operands is missing. An
/// attribute by itself is NULL then, which most operators carry on by themselves; functions,
/// and operators that know NULL, do not.
fn where_present(operands: &[&Operand], knows_null: bool, atom: Sql) -> Result<Sql, CompileError> {
    let mut paths = Vec::new();
    for operand in operands {
        if knows_null || matches!(operand, Operand::Call(..)) {
            principal::attributes(operand, &mut paths);
        }
    }
    paths.dedup();
    let missing = paths.into_iter().map(principal::is_missing).collect::<Result<Vec<_>, _>>()?;
    Ok(match Sql::any(missing) {
        None => atom,
        Some(missing) => {
            Sql::of("CASE WHEN NOT ").and(&missing.grouped().once()).then(" THEN ").and(&atom).then(" END")
        }
    })
}

fn list_type(list: &List) -> &'static str {
    match list {
        List::Principal { ty, .. } => spelled(ty).map_or("text", |spelled| spelled.cast),
        List::Literals(_) => "text",
    }
}

fn operator(op: Comparison) -> &'static str {
    match op {
        Comparison::Eq => " = ",
        Comparison::Ne => " <> ",
        Comparison::Lt => " < ",
        Comparison::Le => " <= ",
        Comparison::Gt => " > ",
        Comparison::Ge => " >= ",
        Comparison::Distinct => " IS DISTINCT FROM ",
        Comparison::NotDistinct => " IS NOT DISTINCT FROM ",
    }
}

/// For what a text is compared.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Equality,
    Order,
    Pattern,
}

/// Text that compares by bytes; `collation` is that of the whole comparison.
fn by_bytes(term: Term, usage: Use, collation: Option<&Collation>) -> Sql {
    let Some(own) = &term.collation else { return term.sql };
    match (collation.unwrap_or(own), usage) {
        // A pattern sees text of fixed length without its padding.
        (_, Use::Pattern) if term.ty == Some(ColumnType::Char) => term.sql.cast("text COLLATE \"C\""),
        (Collation::Binary, _) | (Collation::Ordered, Use::Equality | Use::Pattern) => term.sql,
        (Collation::Ordered, Use::Order) => term.sql.then(" COLLATE \"C\""),
        // `citext` ignores collations: only as text does it compare by bytes.
        (Collation::Loose | Collation::Folded(_), _) if term.ty == Some(ColumnType::Text) => {
            term.sql.cast("text COLLATE \"C\"")
        }
        (Collation::Loose | Collation::Folded(_), _) => term.sql.then(" COLLATE \"C\""),
    }
}

/// Two different collations have no common order, so the bytes are spelled out.
fn together(left: Option<Collation>, right: Option<Collation>) -> Option<Collation> {
    match (left, right) {
        (Some(left), Some(right)) if left != right => Some(Collation::Loose),
        (left, right) => left.or(right),
    }
}
