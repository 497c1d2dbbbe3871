//! Pages of rows.

use std::sync::Arc;

use ormai_core::catalog::{CatalogBuilder, ModelBuilder, ModelKind};
use ormai_core::plan::testing::{self, order};
use ormai_core::plan::{Comparison, Direction, OrderBy, Predicate, Shape};
use ormai_core::value::ColumnType;

use crate::{TRUE, each, of, shop};

#[test]
fn the_scope_stands_inside_the_table() {
    let catalog = shop();
    let orders = of(&catalog, "Order");
    let mut select = testing::select(orders.scoped(), orders.fields(["id", "total"]), 1);
    select.order = vec![order(OrderBy::Field(orders.field("id")), Direction::Asc, false)];
    insta::assert_snapshot!(each(&catalog, &Shape::Select(select)));
}

#[test]
fn a_shared_model_has_no_scope_to_print() {
    let catalog = shop();
    let tenants = of(&catalog, "Tenant");
    let select = testing::select(testing::source(tenants.id, TRUE), tenants.fields(["id"]), 0);
    insta::assert_snapshot!(each(&catalog, &Shape::Select(select)));
}

#[test]
fn a_page_filters_continues_and_orders_columns_that_do_not_come_back() {
    let catalog = shop();
    let orders = of(&catalog, "Order");
    let mut select = orders.ids();
    select.filter = Predicate::And(vec![TRUE, orders.compare("items", Comparison::Gt, 2)]);
    select.after = Some(Predicate::Or(vec![
        orders.compare("total", Comparison::Lt, 3),
        Predicate::And(vec![orders.is("total", 3), orders.compare("id", Comparison::Gt, 4)]),
    ]));
    select.order = vec![
        order(OrderBy::Field(orders.field("total")), Direction::Desc, false),
        order(OrderBy::Field(orders.field("id")), Direction::Asc, false),
    ];
    insta::assert_snapshot!(each(&catalog, &Shape::Select(select)));
}

#[test]
fn nothing_of_a_view_is_computed_outside_of_its_scope() {
    let view = ModelBuilder::table("Price", "prices")
        .field("id", ColumnType::Int)
        .field("tenant_id", ColumnType::Text)
        .field("per_item", ColumnType::Decimal)
        .field("items", ColumnType::Int);
    let view = ModelBuilder { kind: ModelKind::View, ..view };
    let catalog = Arc::new(CatalogBuilder::new().model(view).build().unwrap());
    let prices = of(&catalog, "Price");
    let scope = Predicate::And(vec![prices.is("tenant_id", 0), prices.compare("per_item", Comparison::Gt, 2)]);
    let mut select = testing::select(testing::source(prices.id, scope), prices.fields(["id"]), 1);
    select.filter = prices.compare("items", Comparison::Lt, 3);
    insta::assert_snapshot!(each(&catalog, &Shape::Select(select)));
}

#[test]
fn null_counts_as_greater_than_every_value() {
    let catalog = shop();
    let orders = of(&catalog, "Order");
    let mut select = orders.ids();
    select.order = vec![
        order(OrderBy::Field(orders.field("weight")), Direction::Asc, true),
        order(OrderBy::Field(orders.field("placed_at")), Direction::Desc, true),
        order(OrderBy::Field(orders.field("id")), Direction::Desc, false),
    ];
    insta::assert_snapshot!(each(&catalog, &Shape::Select(select)));
}

#[test]
fn text_is_ordered_by_bytes() {
    let catalog = shop();
    let users = of(&catalog, "User");
    let mut select = users.ids();
    select.order = ["tenant_id", "name", "email"]
        .map(|name| order(OrderBy::Field(users.field(name)), Direction::Asc, false))
        .to_vec();
    insta::assert_snapshot!(each(&catalog, &Shape::Select(select)));
}

#[test]
fn a_column_of_an_unknown_type_cannot_be_read() {
    let catalog = shop();
    let orders = of(&catalog, "Order");
    let select = testing::select(orders.scoped(), orders.fields(["shape"]), 1);
    insta::assert_snapshot!(each(&catalog, &Shape::Select(select)));
}

#[test]
fn a_plan_that_contradicts_itself_has_no_statement() {
    let catalog = shop();
    let orders = of(&catalog, "Order");
    let mut by_figure = orders.ids();
    by_figure.order = vec![order(OrderBy::Figure(0), Direction::Asc, false)];
    insta::assert_snapshot!(each(&catalog, &Shape::Select(by_figure)));
    let nothing = testing::select(orders.scoped(), Vec::new(), 1);
    insta::assert_snapshot!(each(&catalog, &Shape::Select(nothing)));
}
