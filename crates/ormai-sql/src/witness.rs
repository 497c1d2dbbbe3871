//! A second witness: the built statement reads the tables of its shape and no others.
//!
//! The printer believes that it names a table only through [`crate::source`]. This check
//! does not: it walks the finished statement, and walks the shape on its own.

use std::collections::HashSet;

use ormai_core::catalog::{Catalog, ModelId};
use ormai_core::plan::{Predicate, Related, RelatedRows, Shape, Source, Term};
use sea_query::TableName;
use sea_query::audit::{AccessType, AuditTrait, QueryAccessAudit};

use crate::error::CompileError;
use crate::source::table_name;

/// Compares the tables of a built statement with those of its shape.
///
/// The builder's audit looks into select lists, FROM, joins and WHERE. It does not look
/// into HAVING, GROUP BY, ORDER BY and windows, where this crate prints no subquery.
pub(crate) fn check(
    catalog: &Catalog,
    shape: &Shape,
    statement: &sea_query::SelectStatement,
) -> Result<(), CompileError> {
    let audit = statement.audit().map_err(|error| CompileError::Tables(error.to_string()))?;
    compare(&named(catalog, shape)?, audit)
}

fn compare(named: &HashSet<TableName>, audit: QueryAccessAudit) -> Result<(), CompileError> {
    let mut read = HashSet::new();
    for request in audit.requests {
        if request.access_type != AccessType::Select {
            return Err(CompileError::Tables(format!("{} access", request.access_type.as_str())));
        }
        read.insert(request.schema_table);
    }
    match named.symmetric_difference(&read).next() {
        None => Ok(()),
        Some(table) => {
            let which = if read.contains(table) { "is read and not named" } else { "is named and not read" };
            Err(CompileError::Tables(format!("`{}` {which}", table.1)))
        }
    }
}

/// The tables that a shape names.
fn named(catalog: &Catalog, shape: &Shape) -> Result<HashSet<TableName>, CompileError> {
    let mut models = HashSet::new();
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
        _ => return Err(CompileError::Malformed("a kind of plan that this crate does not print")),
    }
    let table = |id: ModelId| {
        let (_, model) = catalog.models().nth(id.index()).ok_or(CompileError::ForeignCatalog)?;
        table_name(&model.table)
    };
    models.into_iter().map(table).collect()
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

    use sea_query::audit::AuditTrait;
    use sea_query::{Asterisk, Expr, SelectStatement, TableName};

    use super::compare;

    fn check(named: &[&'static str], read: &SelectStatement, expected: Result<(), &str>) {
        let named: HashSet<TableName> = named.iter().map(|name| TableName::from(*name)).collect();
        let found = compare(&named, read.audit().unwrap()).map_err(|error| error.to_string());
        let expected = expected.map_err(|why| format!("the built statement reads other tables than its plan: {why}"));
        assert_eq!(found, expected);
    }

    fn from(table: &'static str) -> SelectStatement {
        SelectStatement::new().column(Asterisk).from(table).to_owned()
    }

    #[test]
    fn the_tables_of_the_plan_pass() {
        check(&["orders"], &from("orders"), Ok(()));
    }

    #[test]
    fn a_table_beside_the_plan_is_refused_wherever_it_hides() {
        let expected = Err("`users` is read and not named");
        check(&["orders"], from("orders").from("users"), expected);
        check(&["orders"], from("orders").from_subquery(from("users"), "a"), expected);
        check(&["orders"], from("orders").and_where(Expr::exists(from("users"))), expected);
        check(&["orders"], from("orders").expr(Expr::SubQuery(None, Box::new(from("users").into()))), expected);
    }

    #[test]
    fn a_table_that_got_lost_is_noticed() {
        check(&["orders", "users"], &from("orders"), Err("`users` is named and not read"));
    }

    #[test]
    fn a_table_of_the_same_name_in_another_schema_is_another_table() {
        let other = SelectStatement::new().column(Asterisk).from(("other", "orders")).to_owned();
        let named = HashSet::from([TableName::from("orders")]);
        assert!(compare(&named, other.audit().unwrap()).is_err());
    }
}
