//! The rows of given parents.

use ormai_core::plan::testing::{list, order, per_parent};
use ormai_core::plan::{Comparison, Direction, OrderBy, Shape};

use crate::{each, of, shop};

#[test]
fn the_first_rows_of_each_parent() {
    let catalog = shop();
    let orders = of(&catalog, "Order");
    let mut select = orders.ids();
    select.outputs = orders.fields(["id", "user_id"]);
    select.filter = orders.compare("items", Comparison::Gt, 3);
    select.order = vec![
        order(OrderBy::Field(orders.field("placed_at")), Direction::Desc, true),
        order(OrderBy::Field(orders.field("id")), Direction::Asc, false),
    ];
    select.per_parent = Some(per_parent(orders.fields(["user_id"]), vec![list(2, 2)], true));
    insta::assert_snapshot!(each(&catalog, &Shape::Select(select)));
}

#[test]
fn the_first_rows_of_each_parent_with_a_key_of_two_fields() {
    let catalog = shop();
    let items = of(&catalog, "OrderItem");
    let mut select = items.read(["tenant_id", "order_id", "line"]);
    select.order = vec![order(OrderBy::Field(items.field("line")), Direction::Asc, false)];
    select.per_parent = Some(per_parent(items.fields(["tenant_id", "order_id"]), vec![list(2, 1), list(3, 1)], true));
    insta::assert_snapshot!(each(&catalog, &Shape::Select(select)));
}

#[test]
fn the_first_rows_of_parents_whose_keys_cannot_be_an_array() {
    let catalog = shop();
    let orders = of(&catalog, "Order");
    let mut select = orders.ids();
    select.order = vec![order(OrderBy::Field(orders.field("id")), Direction::Asc, false)];
    select.per_parent = Some(per_parent(orders.fields(["currency"]), vec![list(2, 1)], true));
    insta::assert_snapshot!(each(&catalog, &Shape::Select(select)));
}

#[test]
fn keys_that_are_loose_text_are_told_apart_by_bytes() {
    let catalog = shop();
    let users = of(&catalog, "User");
    let mut select = users.ids();
    select.order = vec![order(OrderBy::Field(users.field("name")), Direction::Asc, false)];
    select.per_parent = Some(per_parent(users.fields(["email"]), vec![list(2, 1)], true));
    insta::assert_snapshot!(each(&catalog, &Shape::Select(select)));
}

#[test]
fn the_one_row_of_each_parent_needs_neither_order_nor_limit() {
    let catalog = shop();
    let users = of(&catalog, "User");
    let mut select = users.ids();
    select.outputs = users.fields(["id", "name"]);
    select.per_parent = Some(per_parent(users.fields(["id"]), vec![list(2, 2)], false));
    insta::assert_snapshot!(each(&catalog, &Shape::Select(select)));
}

#[test]
fn the_one_row_of_each_parent_with_a_key_of_two_fields() {
    let catalog = shop();
    let items = of(&catalog, "OrderItem");
    let mut select = items.read(["sku"]);
    select.per_parent = Some(per_parent(items.fields(["order_id", "line"]), vec![list(2, 1), list(3, 1)], false));
    insta::assert_snapshot!(each(&catalog, &Shape::Select(select)));
}

#[test]
fn keys_that_do_not_belong_together_have_no_statement() {
    let catalog = shop();
    let items = of(&catalog, "OrderItem");
    let check = |keys| {
        let mut select = items.read(["sku"]);
        select.per_parent = Some(per_parent(items.fields(["order_id", "line"]), keys, false));
        each(&catalog, &Shape::Select(select))
    };
    insta::assert_snapshot!(check(vec![list(2, 1)]));
    insta::assert_snapshot!(check(vec![list(2, 1), list(3, 2)]));
}
