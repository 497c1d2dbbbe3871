//! From a step to its statement, by way of the plan cache.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use ormai_core::catalog::Catalog;
use ormai_core::fault::Fault;
use ormai_core::plan::{Predicate, Shape, Step, Truth};

use crate::dialect::Dialect;
use crate::error::CompileError;
use crate::printer::Printer;
use crate::statement::{Statement, Text};
use crate::witness;

/// How many texts are kept.
const CAPACITY: usize = 1024;

/// Prints steps as statements of one dialect, and remembers their texts.
///
/// A text is found by its exact [`Shape`], which holds no value, so the cache cannot keep
/// one either and all tenants share its entries.
///
/// ```
/// # use std::sync::Arc;
/// # use ormai_core::catalog::{CatalogBuilder, ModelBuilder};
/// # use ormai_core::plan::{Comparison, Predicate, Shape, Step, Term, testing};
/// # use ormai_core::value::{ColumnType, Value};
/// use ormai_sql::{Bind, Compiler, Dialect};
///
/// # let model = ModelBuilder::table("User", "users").field("id", ColumnType::Int).field("tenant_id", ColumnType::Text);
/// # let catalog = Arc::new(CatalogBuilder::new().model(model).build()?);
/// # let (id, users) = catalog.models().next().unwrap();
/// # let field = |name| users.find_field(name).unwrap();
/// # let (left, right) = (Term::Column(field("tenant_id")), Term::Bind(testing::slot(0)));
/// # let source = testing::source(id, Predicate::Compare { op: Comparison::Eq, left, right });
/// # let shape = Shape::Select(testing::select(source, vec![field("id")], 1));
/// # let step = Step::for_tests(shape, vec!["acme".into(), Value::Int(51)]);
/// // A step comes from `authorize`: here the users of tenant `acme`, at most 51.
/// let statement = Compiler::new(catalog, Dialect::Postgres).compile(step)?;
/// assert_eq!(
///     statement.sql().as_ref(),
///     r#"SELECT "a0"."id" FROM (SELECT "t0"."id" FROM "users" AS "t0" WHERE CAST("t0"."tenant_id" AS text) = $1) AS "a0" LIMIT $2"#
/// );
/// assert_eq!(statement.binds().next(), Some(Bind::Value(&Value::from("acme"))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Compiler {
    catalog: Arc<Catalog>,
    dialect: Dialect,
    texts: RwLock<HashMap<Shape, Arc<Text>, foldhash::fast::RandomState>>,
}

impl Compiler {
    /// A compiler for the plans of a catalog.
    pub fn new(catalog: Arc<Catalog>, dialect: Dialect) -> Self {
        Self { catalog, dialect, texts: RwLock::default() }
    }

    /// The dialect of the statements.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The statement of a step. The values move out of the step; none is copied.
    ///
    /// # Errors
    ///
    /// [`CompileError`] when the step does not fit the catalog, its own values or the
    /// engine's limits, or when a check of the built statement fails.
    pub fn compile(&self, step: Step) -> Result<Statement, CompileError> {
        let text = self.text(step.shape())?;
        let values = step.into_binds();
        text.admits(&values)?;
        Ok(Statement { text, values })
    }

    /// Prints a shape without the cache: for benchmarks and `explain`.
    ///
    /// # Errors
    ///
    /// As for [`Self::compile`], except for what depends on values.
    pub fn compile_uncached(&self, shape: &Shape) -> Result<Arc<Text>, CompileError> {
        let engine = self.dialect.engine();
        let mut printer = Printer::new(&self.catalog, engine);
        let printed = printer.shape(shape)?;
        let effect = witness::check(&self.catalog, shape, &printed.built)?;
        let (sql, values) = engine.build(&printed.built)?;
        let kinds = printer.places.kinds();
        let binds = printer.places.in_text_order(&values, engine.max_places())?;
        let text = Text::new(sql.into(), binds, printed.columns).of_kinds(kinds).with_effect(effect);
        Ok(Arc::new(text))
    }

    /// How many texts are kept at the moment.
    pub fn cache_len(&self) -> usize {
        self.texts.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn text(&self, shape: &Shape) -> Result<Arc<Text>, CompileError> {
        // A poisoned lock still guards a whole map: nothing here stops between two changes.
        let unscoped;
        let key = if Fault::TextOfAnotherScope.is_on() {
            unscoped = without_scope(shape.clone());
            &unscoped
        } else {
            shape
        };
        if let Some(text) = self.texts.read().unwrap_or_else(PoisonError::into_inner).get(key) {
            return Ok(Arc::clone(text));
        }
        let text = self.compile_uncached(shape)?;
        let mut texts = self.texts.write().unwrap_or_else(PoisonError::into_inner);
        if texts.len() >= CAPACITY {
            // Any half will do: what is in use comes back at the price of one printing.
            let mut keep = false;
            texts.retain(|_, _| {
                keep = !keep;
                keep
            });
        }
        Ok(Arc::clone(texts.entry(key.clone()).or_insert(text)))
    }
}

/// The shape as a cache would see it that forgets whose plan it is.
fn without_scope(mut shape: Shape) -> Shape {
    match &mut shape {
        Shape::Select(select) => select.source.scope = Predicate::Const(Truth::True),
        Shape::Aggregate(aggregate) => aggregate.source.scope = Predicate::Const(Truth::True),
        Shape::Present(present) => {
            present.rows.iter_mut().for_each(|sought| sought.source.scope = Predicate::Const(Truth::True));
        }
        Shape::Update(update) => update.target.source.scope = Predicate::Const(Truth::True),
        Shape::Delete(delete) => delete.target.source.scope = Predicate::Const(Truth::True),
        _ => {}
    }
    shape
}

impl std::fmt::Debug for Compiler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Compiler").field("dialect", &self.dialect).field("texts", &self.cache_len()).finish()
    }
}
