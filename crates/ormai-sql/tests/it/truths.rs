//! What conditions are for one row.

use insta::assert_snapshot;
use ormai_core::plan::testing::{self, list, slot};
use ormai_core::plan::{Comparison, Predicate, RelatedRows, Shape};

use crate::{TRUE, each, of, shop};

#[test]
fn only_conditions_come_back() {
    let shop = shop();
    let (orders, users) = (of(&shop, "Order"), of(&shop, "User"));
    let region = testing::related(users.id, vec![(orders.field("user_id"), users.field("id"))], users.column("region"));
    let link = vec![(orders.field("user_id"), users.field("id"))];
    let theirs = RelatedRows::Scoped(users.scoped());
    let questions = vec![
        orders.is("id", 1),
        orders.is("tenant_id", 0),
        Predicate::In { term: orders.column("total"), list: list(2, 1), negated: true },
        Predicate::Not(Box::new(Predicate::Or(vec![
            orders.compare("placed_at", Comparison::Lt, 3),
            Predicate::IsNull { term: region, negated: false },
        ]))),
        Predicate::Matches { term: orders.column("currency"), pattern: slot(4), negated: false },
        testing::exists(link, theirs, TRUE, false),
    ];
    let row = testing::source(orders.id, orders.is("id", 1));
    assert_snapshot!(each(&shop, &Shape::Truths(testing::truths(row, questions))));
}

#[test]
fn a_row_is_found_by_every_part_of_its_key() {
    let shop = shop();
    let items = of(&shop, "OrderItem");
    let key = Predicate::And(vec![items.is("tenant_id", 0), items.is("order_id", 1), items.is("line", 2)]);
    let questions = vec![key.clone(), items.is("sku", 3)];
    assert_snapshot!(each(&shop, &Shape::Truths(testing::truths(testing::source(items.id, key), questions))));
}

#[test]
fn a_question_is_needed() {
    let shop = shop();
    let orders = of(&shop, "Order");
    let row = testing::source(orders.id, orders.is("id", 0));
    assert_snapshot!(each(&shop, &Shape::Truths(testing::truths(row, Vec::new()))));
}
