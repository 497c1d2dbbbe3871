//! Statements about a table of a real database, as plans make them.

use std::sync::Arc;
use std::time::Duration;

use ormai_core::catalog::{Catalog, FieldId, ModelId};
use ormai_core::plan::testing::{self, slot};
use ormai_core::plan::{Comparison, Predicate, Shape, Step, Term, Truth};
use ormai_core::value::Value;
use ormai_db::{Changed, Database, DbError, IntrospectOptions, Session, introspect};
use ormai_sql::Compiler;

use crate::support::LONG;

pub(crate) const ALL: Predicate = Predicate::Const(Truth::True);

/// A table of a real database, and statements about it.
pub(crate) struct Table<'d> {
    pub(crate) session: Session<'d>,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) compiler: Compiler,
    pub(crate) model: ModelId,
}

impl Table<'_> {
    pub(crate) async fn of(database: &Database, model: &str) -> Self {
        Self::read_with(database, model, &IntrospectOptions::default()).await
    }

    pub(crate) async fn read_with(database: &Database, model: &str, options: &IntrospectOptions) -> Self {
        let catalog = introspect(database, options).await.unwrap().build().unwrap();
        let catalog = Arc::new(catalog);
        let mut session = Session::from_pool(database).await.unwrap();
        session.begin(LONG).await.unwrap();
        let dialect = session.dialect();
        let model = catalog.find(model).unwrap();
        Self { session, compiler: Compiler::new(Arc::clone(&catalog), dialect), catalog, model }
    }

    /// The same in another session.
    pub(crate) async fn over<'s>(self, mut session: Session<'s>) -> Table<'s> {
        self.session.finish().await.unwrap();
        session.begin(LONG).await.unwrap();
        Table { session, catalog: self.catalog, compiler: self.compiler, model: self.model }
    }

    pub(crate) async fn begin(&mut self) {
        self.session.begin(LONG).await.unwrap();
    }

    pub(crate) fn field(&self, name: &str) -> FieldId {
        self.catalog.model(self.model).find_field(name).unwrap()
    }

    /// The field has the value in the slot.
    pub(crate) fn is(&self, name: &str, at: u16) -> Predicate {
        let (left, right) = (Term::Column(self.field(name)), Term::Bind(slot(at)));
        Predicate::Compare { op: Comparison::Eq, left, right }
    }

    pub(crate) async fn change(&mut self, shape: Shape, values: Vec<Value>) -> Result<Changed, DbError> {
        self.change_within(shape, values, LONG).await
    }

    pub(crate) async fn change_within(
        &mut self,
        shape: Shape,
        values: Vec<Value>,
        limit: Duration,
    ) -> Result<Changed, DbError> {
        let statement = self.compiler.compile(Step::for_tests(shape, values)).unwrap();
        assert!(statement.is_change());
        self.session.change(&statement, limit).await
    }

    pub(crate) async fn read(&mut self, shape: Shape, values: Vec<Value>) -> Vec<Value> {
        let statement = self.compiler.compile(Step::for_tests(shape, values)).unwrap();
        let rows = self.session.run(&statement, LONG).await.unwrap();
        rows.rows().flatten().cloned().collect()
    }

    /// Makes a row and answers its key.
    pub(crate) async fn insert(&mut self, set: &[(&str, Value)]) -> Result<Value, DbError> {
        let fields = set.iter().zip(0..).map(|((name, _), at)| (self.field(name), slot(at))).collect();
        let shape = Shape::Insert(testing::insert(self.model, fields, vec![self.field("id")]));
        let made = self.change(shape, set.iter().map(|(_, value)| value.clone()).collect()).await?;
        assert_eq!(made.affected, 1);
        Ok(made.rows.rows().next().unwrap()[0].clone())
    }

    /// A field of the rows under a condition.
    pub(crate) async fn select(&mut self, name: &str, filter: Predicate, value: Value) -> Vec<Value> {
        let mut select = testing::select(testing::source(self.model, ALL), vec![self.field(name)], 1);
        select.filter = filter;
        self.read(Shape::Select(select), vec![value, Value::Int(9)]).await
    }
}
