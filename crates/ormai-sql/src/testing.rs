//! Statements from text, for the tests of crates that run them.

use std::sync::Arc;

use ormai_core::plan::testing::slot;
use ormai_core::value::{ColumnType, Value};

use crate::statement::{BindPlace, Effect, Statement, Text};

impl Statement {
    /// A statement with one placeholder per value; a list is bound as one array of the type
    /// that stands beside it. Under the feature `testing` only: everything else gets its
    /// statements from a plan.
    pub fn for_tests(
        sql: &str,
        values: impl IntoIterator<Item = (Value, Option<ColumnType>)>,
        columns: impl IntoIterator<Item = ColumnType>,
    ) -> Self {
        let (values, arrays): (Vec<_>, Vec<_>) = values.into_iter().unzip();
        let binds = arrays
            .into_iter()
            .zip(0..)
            .map(|(array, at)| array.map_or(BindPlace::Value(slot(at)), |ty| BindPlace::Array(slot(at), ty)))
            .collect();
        let text = Text::new(Arc::from(sql), binds, columns.into_iter().collect());
        Self { text: Arc::new(text), values }
    }

    /// [`Self::for_tests`] for a statement that changes rows. Its values are bound as those
    /// of conditions are.
    pub fn change_for_tests(
        sql: &str,
        values: impl IntoIterator<Item = (Value, Option<ColumnType>)>,
        columns: impl IntoIterator<Item = ColumnType>,
    ) -> Self {
        let Self { text, values } = Self::for_tests(sql, values, columns);
        let (sql, binds, columns) = (Arc::clone(&text.sql), text.binds.clone(), text.columns.clone());
        Self {
            text: Arc::new(Text::new(sql, binds, columns).with_effect(Effect::Change { reads_itself: false })),
            values,
        }
    }
}
