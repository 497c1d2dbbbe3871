//! A second witness: the built statement reads the tables of its shape and no others, and
//! changes its target and nothing else.
//!
//! The printer believes that it names a table only through [`crate::source`]. This check
//! does not: it walks the finished statement, and walks the shape on its own.

use std::collections::HashSet;

use ormai_core::catalog::{Catalog, ModelId};
use ormai_core::plan::{Predicate, Related, RelatedRows, Shape, Source, Target, Term};
use sea_query::audit::{AccessType, AuditTrait, QueryAccessAudit};
use sea_query::{DeleteStatement, Expr, SelectStatement, TableName, UpdateStatement};

use crate::built::Built;
use crate::error::CompileError;
use crate::source::table_name;
use crate::statement::Effect;

/// Compares the tables of a built statement with those of its shape.
///
/// The builder's audit looks into select lists, FROM, joins and WHERE. It does not look
/// into HAVING, GROUP BY, ORDER BY and windows, where this crate prints no subquery.
pub(crate) fn check(catalog: &Catalog, shape: &Shape, built: &Built) -> Result<Effect, CompileError> {
    let used = used(built)?;
    compare(&named(catalog, shape)?, &used)?;
    Ok(match &used.written {
        Some((_, table)) => Effect::Change { reads_itself: used.read.contains(table) },
        None => Effect::None,
    })
}

/// The tables of a statement, by what is done with them.
#[derive(Debug, Default, PartialEq)]
struct Tables {
    read: HashSet<TableName>,
    written: Option<(AccessType, TableName)>,
}

fn compare(named: &Tables, used: &Tables) -> Result<(), CompileError> {
    if let Some(table) = named.read.symmetric_difference(&used.read).next() {
        let which = if used.read.contains(table) { "is read and not named" } else { "is named and not read" };
        return Err(CompileError::Tables(format!("`{}` {which}", table.1)));
    }
    if named.written != used.written {
        return Err(CompileError::Tables("what is changed is not what was to be".to_owned()));
    }
    Ok(())
}

/// The tables that a built statement uses.
fn used(built: &Built) -> Result<Tables, CompileError> {
    let mut tables = Tables::default();
    match built {
        Built::Select(select) => tables.add(select)?,
        Built::Insert(insert, row) => {
            tables.add(insert)?;
            // Its key comes back, which is no reading of other rows.
            let table = tables.target()?;
            tables.read.remove(&table);
            given(&row.values)?;
            the_same(*insert == row.statement(table)?)?;
        }
        Built::Update(update, condition) => {
            tables.add(update)?;
            tables.add(&only(condition))?;
            given(update.get_values().iter().map(|(_, value)| &**value))?;
            let values = update.get_values().iter().map(|(column, value)| (column.clone(), (**value).clone()));
            let mut same = UpdateStatement::new();
            same.table(tables.target()?).values(values).and_where(condition.clone());
            the_same(*update == same)?;
        }
        Built::Delete(delete, condition) => {
            tables.add(delete)?;
            tables.add(&only(condition))?;
            let mut same = DeleteStatement::new();
            same.from_table(tables.target()?).and_where(condition.clone());
            the_same(*delete == same)?;
        }
    }
    Ok(tables)
}

/// New values are placeholders.
fn given<'v>(values: impl IntoIterator<Item = &'v Expr>) -> Result<(), CompileError> {
    if values.into_iter().all(|value| matches!(value, Expr::Value(_))) {
        return Ok(());
    }
    Err(CompileError::Tables("a new value is computed".to_owned()))
}

/// The builder's audit does not look into the values and the WHERE of a change, and does not show
/// them. So a change is made once more, of what was looked into, and has to be the same.
fn the_same(same: bool) -> Result<(), CompileError> {
    if same { Ok(()) } else { Err(CompileError::Tables("a change has parts that nobody looked into".to_owned())) }
}

/// A query with a WHERE and nothing else.
fn only(condition: &Expr) -> SelectStatement {
    SelectStatement::new().and_where(condition.clone()).to_owned()
}

impl Tables {
    fn add(&mut self, statement: &impl AuditTrait) -> Result<(), CompileError> {
        let audit = statement.audit().map_err(|error| CompileError::Tables(error.to_string()))?;
        let QueryAccessAudit { requests, .. } = audit;
        for request in requests {
            match request.access_type {
                AccessType::Select => _ = self.read.insert(request.schema_table),
                access @ (AccessType::Insert | AccessType::Update | AccessType::Delete) if self.written.is_none() => {
                    self.written = Some((access, request.schema_table));
                }
                access => return Err(CompileError::Tables(format!("{} access", access.as_str()))),
            }
        }
        Ok(())
    }

    fn target(&self) -> Result<TableName, CompileError> {
        let target = self.written.as_ref().map(|(_, table)| table.clone());
        target.ok_or_else(|| CompileError::Tables("nothing is changed".to_owned()))
    }
}

/// The tables that a shape names.
fn named(catalog: &Catalog, shape: &Shape) -> Result<Tables, CompileError> {
    let mut models = HashSet::new();
    let mut written = None;
    match shape {
        Shape::Select(select) => {
            in_source(&select.source, &mut models);
            in_predicate(&select.filter, &mut models);
            select.after.iter().for_each(|after| in_predicate(after, &mut models));
        }
        Shape::Aggregate(aggregate) => {
            in_source(&aggregate.source, &mut models);
            in_predicate(&aggregate.filter, &mut models);
        }
        Shape::Truths(truths) => {
            in_source(&truths.row, &mut models);
            truths.questions.iter().for_each(|question| in_predicate(question, &mut models));
        }
        Shape::Present(present) => {
            for sought in &present.rows {
                in_source(&sought.source, &mut models);
                in_predicate(&sought.filter, &mut models);
            }
        }
        Shape::Insert(insert) => written = Some((AccessType::Insert, insert.model)),
        Shape::Update(update) => written = Some((AccessType::Update, in_target(&update.target, &mut models))),
        Shape::Delete(delete) => written = Some((AccessType::Delete, in_target(&delete.target, &mut models))),
        _ => return Err(CompileError::Malformed("a kind of plan that this crate does not print")),
    }
    let table = |id: ModelId| {
        let (_, model) = catalog.models().nth(id.index()).ok_or(CompileError::ForeignCatalog)?;
        table_name(&model.table)
    };
    let written = written.map(|(access, model)| Ok::<_, CompileError>((access, table(model)?))).transpose()?;
    Ok(Tables { read: models.into_iter().map(table).collect::<Result<_, _>>()?, written })
}

/// The model whose rows are changed; what its conditions read is read.
fn in_target(target: &Target, models: &mut HashSet<ModelId>) -> ModelId {
    in_predicate(&target.source.scope, models);
    in_predicate(&target.filter, models);
    target.source.model
}

fn in_source(source: &Source, models: &mut HashSet<ModelId>) {
    models.insert(source.model);
    in_predicate(&source.scope, models);
}

fn in_predicate(predicate: &Predicate, models: &mut HashSet<ModelId>) {
    match predicate {
        Predicate::Const(_) => {}
        Predicate::And(parts) | Predicate::Or(parts) => parts.iter().for_each(|part| in_predicate(part, models)),
        Predicate::Not(inner) | Predicate::NotTrue(inner) => in_predicate(inner, models),
        Predicate::Compare { left, right, .. } => {
            in_term(left, models);
            in_term(right, models);
        }
        Predicate::In { term, .. } | Predicate::IsNull { term, .. } | Predicate::Matches { term, .. } => {
            in_term(term, models);
        }
        Predicate::Exists(exists) => {
            match &exists.rows {
                RelatedRows::Scoped(source) => in_source(source, models),
                RelatedRows::Stored(model) => {
                    models.insert(*model);
                }
            }
            in_predicate(&exists.filter, models);
        }
    }
}

fn in_term(term: &Term, models: &mut HashSet<ModelId>) {
    match term {
        Term::Column(_) | Term::Bind(_) => {}
        Term::Call(_, arguments) => arguments.iter().for_each(|argument| in_term(argument, models)),
        Term::Related(related) => {
            let Related { model, then, .. } = &**related;
            models.insert(*model);
            in_term(then, models);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use sea_query::audit::AccessType;
    use sea_query::{
        Asterisk, DeleteStatement, Expr, ExprTrait, InsertStatement, IntoIden, SelectStatement, TableName,
        UpdateStatement,
    };

    use super::{Tables, compare, used};
    use crate::built::{Built, NewRow};

    fn check(named: &[&'static str], built: &Built, expected: Result<(), &str>) {
        check_change(named, None, built, expected);
    }

    fn check_change(named: &[&'static str], written: Option<AccessType>, built: &Built, expected: Result<(), &str>) {
        let named = Tables {
            read: named.iter().map(|name| TableName::from(*name)).collect(),
            written: written.map(|access| (access, TableName::from("orders"))),
        };
        let found = used(built).and_then(|used| compare(&named, &used)).map_err(|error| error.to_string());
        let expected = expected.map_err(|why| format!("the built statement uses other tables than its plan: {why}"));
        assert_eq!(found, expected);
    }

    fn from(table: &'static str) -> SelectStatement {
        SelectStatement::new().column(Asterisk).from(table).to_owned()
    }

    fn read(select: &SelectStatement) -> Built {
        Built::Select(select.clone())
    }

    fn users() -> Expr {
        Expr::exists(from("users"))
    }

    fn update(condition: &Expr) -> UpdateStatement {
        UpdateStatement::new().table("orders").value("status", Expr::val(0_u64)).and_where(condition.clone()).to_owned()
    }

    #[test]
    fn the_tables_of_the_plan_pass() {
        check(&["orders"], &read(&from("orders")), Ok(()));
    }

    #[test]
    fn a_table_beside_the_plan_is_refused_wherever_it_hides() {
        let expected = Err("`users` is read and not named");
        check(&["orders"], &read(from("orders").from("users")), expected);
        check(&["orders"], &read(from("orders").from_subquery(from("users"), "a")), expected);
        check(&["orders"], &read(from("orders").and_where(users())), expected);
        check(&["orders"], &read(from("orders").expr(Expr::SubQuery(None, Box::new(from("users").into())))), expected);
    }

    #[test]
    fn a_table_that_got_lost_is_noticed() {
        check(&["orders", "users"], &read(&from("orders")), Err("`users` is named and not read"));
    }

    #[test]
    fn a_table_of_the_same_name_in_another_schema_is_another_table() {
        let other = SelectStatement::new().column(Asterisk).from(("other", "orders")).to_owned();
        let named = Tables { read: HashSet::from([TableName::from("orders")]), written: None };
        assert!(compare(&named, &used(&Built::Select(other)).unwrap()).is_err());
    }

    #[test]
    fn what_a_change_reads_and_writes_is_what_was_named() {
        let key = Expr::col("id").eq(Expr::val(1_u64));
        let built = Built::Update(update(&users()), users());
        check_change(&["users"], Some(AccessType::Update), &built, Ok(()));
        check_change(&[], Some(AccessType::Update), &built, Err("`users` is read and not named"));
        check_change(&["users"], Some(AccessType::Delete), &built, Err("what is changed is not what was to be"));
        check(&["users"], &built, Err("what is changed is not what was to be"));
        let delete = DeleteStatement::new().from_table("orders").and_where(key.clone()).to_owned();
        check_change(&[], Some(AccessType::Delete), &Built::Delete(delete, key), Ok(()));
        let insert = new_row(Expr::val(0_u64)).statement(TableName::from("orders")).unwrap();
        let built = Built::Insert(insert, new_row(Expr::val(0_u64)));
        check_change(&[], Some(AccessType::Insert), &built, Ok(()));
    }

    #[test]
    fn a_change_hides_nothing_from_the_witness() {
        let hidden = Err("a change has parts that nobody looked into");
        let key = Expr::col("id").eq(Expr::val(1_u64));
        let check = |update: &UpdateStatement, expected| {
            let built = Built::Update(update.clone(), key.clone());
            check_change(&[], Some(AccessType::Update), &built, expected);
        };
        check(&update(&key), Ok(()));
        check(&update(&users()), hidden);
        check(update(&key).and_where(users()), hidden);
        check(update(&key).from("orders"), hidden);
        check(update(&key).limit(1), hidden);
        let computed = || Expr::SubQuery(None, Box::new(from("users").into()));
        check(update(&key).value("total", computed()), Err("a new value is computed"));
        let mut delete = DeleteStatement::new().from_table("orders").and_where(key.clone()).to_owned();
        delete.and_where(users());
        check_change(&[], Some(AccessType::Delete), &Built::Delete(delete, key), hidden);

        let check = |insert: &InsertStatement, row, expected| {
            check_change(&[], Some(AccessType::Insert), &Built::Insert(insert.clone(), row), expected);
        };
        let number = || Expr::val(0_u64);
        let insert = |value| new_row(value).statement(TableName::from("orders")).unwrap();
        check(&insert(computed()), new_row(number()), hidden);
        check(&insert(computed()), new_row(computed()), Err("a new value is computed"));
        check(insert(number()).replace(), new_row(number()), hidden);
        check(insert(number()).select_from(from("users")).unwrap(), new_row(number()), hidden);
    }

    fn new_row(value: Expr) -> NewRow {
        NewRow { columns: vec!["status".into_iden()], values: vec![value], key: vec!["id".into_iden()] }
    }
}
