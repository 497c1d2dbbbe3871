//! Functions for the conditions that look at other tables.
//!
//! A policy's subquery would see those tables through their own policies, and a condition
//! reads tables as they are stored. So it becomes a function that runs as a role of its own,
//! which may read what conditions look at and nothing else, and whom nobody can log in as.

use std::collections::HashMap;

use ormai_core::catalog::{Catalog, Model};
use ormai_core::policy::RowRule;

use super::condition::{Conditions, Printed, table};
use super::text::Sql;
use crate::error::CompileError;

/// Prints conditions, and makes functions of those that look at other tables.
pub(super) struct Made<'a> {
    pub(super) conditions: Conditions<'a>,
    catalog: &'a Catalog,
    /// By model and rule: one function serves all operations.
    known: HashMap<(String, String), Sql>,
    /// What makes each function, and its name with the types of its arguments.
    pub(super) functions: Vec<(Sql, Sql)>,
}

impl<'a> Made<'a> {
    pub(super) fn new(catalog: &'a Catalog) -> Self {
        Self { conditions: Conditions::new(catalog), catalog, known: HashMap::new(), functions: Vec::new() }
    }

    /// A rule's condition as an expression about a row of its table.
    pub(super) fn condition(&mut self, model: &Model, rule: &RowRule) -> Result<Sql, CompileError> {
        let key = (model.name.clone(), rule.name.clone());
        if let Some(known) = self.known.get(&key) {
            return Ok(known.clone());
        }
        let sql = match self.conditions.print(&rule.condition)? {
            Printed::Inline(sql) => sql,
            Printed::Function(body, fields) => {
                let name = Sql::of("ormai_rls.condition_").and(&Sql::number(self.functions.len() + 1));
                let model = self.catalog.model(rule.condition.model());
                let (mut types, mut values) = (Vec::new(), Vec::new());
                for field in fields {
                    let column = Sql::name(&model.field(field).column)?;
                    types.push(table(model)?.then(".").and(&column).then("%TYPE"));
                    values.push(column);
                }
                let signature = name.clone().and(&Sql::join(types, ", ").grouped());
                let says = format!("`{}` of {}: {}", rule.name, model.name, rule.condition.source());
                let create = Sql::comment(&says)
                    .then("CREATE FUNCTION ")
                    .and(&signature)
                    .then(" RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER\nRETURN ")
                    .and(&body);
                self.functions.push((create, signature));
                name.and(&Sql::join(values, ", ").grouped())
            }
        };
        self.known.insert(key, sql.clone());
        Ok(sql)
    }
}
