//! Figures.

use ormai_core::plan::AggregateFunction::{Avg, Count, Max, Min, Sum};
use ormai_core::plan::testing::{aggregate, figure, order, slot};
use ormai_core::plan::{Comparison, Direction, OrderBy, Shape};

use crate::{each, of, shop};

#[test]
fn rows_are_counted_within_the_scope() {
    let catalog = shop();
    let orders = of(&catalog, "Order");
    let count = aggregate(orders.scoped(), Vec::new(), vec![figure(Count, None)], 1);
    insta::assert_snapshot!(each(&catalog, &Shape::Aggregate(count)));
}

#[test]
fn all_figures_of_numbers() {
    let catalog = shop();
    let orders = of(&catalog, "Order");
    let mut figures = vec![figure(Count, Some(orders.field("weight")))];
    for field in ["items", "total", "weight"] {
        figures.extend([Sum, Avg, Min, Max].map(|function| figure(function, Some(orders.field(field)))));
    }
    let mut all = aggregate(orders.scoped(), Vec::new(), figures, 1);
    all.filter = orders.compare("items", Comparison::Gt, 2);
    insta::assert_snapshot!(each(&catalog, &Shape::Aggregate(all)));
}

#[test]
fn extremes_of_text_are_by_bytes() {
    let catalog = shop();
    let users = of(&catalog, "User");
    let figures = ["region", "name", "email"].map(|field| figure(Max, Some(users.field(field)))).to_vec();
    insta::assert_snapshot!(each(&catalog, &Shape::Aggregate(aggregate(users.scoped(), Vec::new(), figures, 1))));
}

#[test]
fn small_groups_stay_hidden_and_groups_are_ordered_by_a_figure() {
    let catalog = shop();
    let orders = of(&catalog, "Order");
    let figures = vec![figure(Count, None), figure(Sum, Some(orders.field("total")))];
    let mut groups = aggregate(orders.scoped(), orders.fields(["status", "placed_at"]), figures, 1);
    groups.min_group_size = Some(slot(2));
    groups.order = vec![
        order(OrderBy::Figure(1), Direction::Desc, true),
        order(OrderBy::Field(orders.field("status")), Direction::Asc, false),
        order(OrderBy::Field(orders.field("placed_at")), Direction::Asc, true),
    ];
    insta::assert_snapshot!(each(&catalog, &Shape::Aggregate(groups)));
}

#[test]
fn one_group_can_be_too_small_as_well() {
    let catalog = shop();
    let orders = of(&catalog, "Order");
    let mut one = aggregate(orders.scoped(), Vec::new(), vec![figure(Avg, Some(orders.field("total")))], 1);
    one.min_group_size = Some(slot(2));
    insta::assert_snapshot!(each(&catalog, &Shape::Aggregate(one)));
}

#[test]
fn text_groups_by_bytes() {
    let catalog = shop();
    let users = of(&catalog, "User");
    let mut groups = aggregate(users.scoped(), users.fields(["name", "email"]), vec![figure(Count, None)], 1);
    groups.order =
        ["name", "email"].map(|name| order(OrderBy::Field(users.field(name)), Direction::Asc, false)).to_vec();
    insta::assert_snapshot!(each(&catalog, &Shape::Aggregate(groups)));
}

#[test]
fn an_order_that_no_group_has_is_refused() {
    let catalog = shop();
    let orders = of(&catalog, "Order");
    let check = |by| {
        let mut groups = aggregate(orders.scoped(), orders.fields(["status"]), vec![figure(Count, None)], 1);
        groups.order = vec![order(by, Direction::Asc, false)];
        each(&catalog, &Shape::Aggregate(groups))
    };
    insta::assert_snapshot!(check(OrderBy::Field(orders.field("total"))));
    insta::assert_snapshot!(check(OrderBy::Figure(1)));
}
