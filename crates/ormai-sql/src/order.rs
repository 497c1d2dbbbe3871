//! ORDER BY.

use ormai_core::fault::Fault;
use ormai_core::plan::{Direction, OrderKey};
use sea_query::{Expr, NullOrdering, Order};

use crate::dialect::Engine;

/// One printed key of an order.
#[derive(Clone)]
pub(crate) struct Ordering {
    pub(crate) expr: Expr,
    direction: Order,
    nulls: Option<NullOrdering>,
}

impl Ordering {
    pub(crate) fn new(expr: Expr, key: &OrderKey, engine: &dyn Engine) -> Self {
        let direction = match key.direction {
            Direction::Asc => Order::Asc,
            Direction::Desc => Order::Desc,
        };
        let nulls = match key.direction {
            Direction::Asc if Fault::NullOrderedFirst.is_on() => Some(NullOrdering::First),
            Direction::Desc if Fault::NullOrderedFirst.is_on() => Some(NullOrdering::Last),
            _ => engine.nulls(key),
        };
        Self { expr, direction, nulls }
    }

    /// The same order of another expression.
    pub(crate) fn of(&self, expr: Expr) -> Self {
        Self { expr, ..self.clone() }
    }

    /// Adds this key to a query or a window.
    pub(crate) fn add(self, to: &mut impl sea_query::OrderedStatement) {
        match self.nulls {
            Some(nulls) => to.order_by_expr_with_nulls(self.expr, self.direction, nulls),
            None => to.order_by_expr(self.expr, self.direction),
        };
    }
}
