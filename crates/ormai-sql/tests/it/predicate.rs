//! Conditions, in three-valued logic.

use ormai_core::plan::testing::{self, exists, list, related, slot};
use ormai_core::plan::{Comparison, Function, Predicate, RelatedRows, Shape, Term, Truth};

use crate::{Of, TRUE, each, of, shop};

fn bind(at: u16) -> Term {
    Term::Bind(slot(at))
}

fn compare(op: Comparison, left: Term, right: Term) -> Predicate {
    Predicate::Compare { op, left, right }
}

fn within(term: Term, bucket: u8, negated: bool) -> Predicate {
    Predicate::In { term, list: list(2, bucket), negated }
}

/// `SELECT id FROM users WHERE filter`, of one tenant.
macro_rules! users_where {
    (|$users:ident| $filter:expr) => {{
        let catalog = shop();
        let $users: Of<'_> = of(&catalog, "User");
        insta::assert_snapshot!(each(&catalog, &$users.filtered($filter)));
    }};
}

#[test]
fn constants_in_a_filter() {
    users_where!(|users| Predicate::And(vec![
        TRUE,
        Predicate::Or(vec![Predicate::Const(Truth::False), Predicate::Const(Truth::Unknown), TRUE, users.is("id", 2),]),
        Predicate::Not(Box::new(Predicate::Const(Truth::Unknown))),
    ]));
}

#[test]
fn a_scope_that_admits_nothing_reads_nothing() {
    let catalog = shop();
    let users = of(&catalog, "User");
    let nothing = testing::source(users.id, Predicate::Const(Truth::False));
    let select = testing::select(nothing, users.fields(["id"]), 0);
    insta::assert_snapshot!(each(&catalog, &Shape::Select(select)));
}

#[test]
fn parentheses_keep_the_meaning() {
    users_where!(|users| Predicate::And(vec![
        Predicate::Or(vec![users.is("id", 2), Predicate::And(vec![users.is("id", 3), users.is("region", 4)])]),
        Predicate::Not(Box::new(Predicate::Or(vec![users.is("id", 5), users.is("id", 6)]))),
        Predicate::Not(Box::new(Predicate::Not(Box::new(users.is("id", 7))))),
        Predicate::And(vec![users.is("id", 8), TRUE]),
        Predicate::And(vec![TRUE]),
    ]));
}

#[test]
fn not_true_admits_false_and_unknown() {
    users_where!(|users| Predicate::And(vec![
        Predicate::NotTrue(Box::new(users.is("region", 2))),
        Predicate::NotTrue(Box::new(Predicate::And(vec![users.is("id", 3), users.is("id", 4)]))),
        Predicate::NotTrue(Box::new(Predicate::Not(Box::new(users.is("id", 5))))),
        Predicate::NotTrue(Box::new(Predicate::Const(Truth::Unknown))),
    ]));
}

#[test]
fn all_comparisons_of_a_number() {
    users_where!(|users| Predicate::And(
        [
            Comparison::Eq,
            Comparison::Ne,
            Comparison::Lt,
            Comparison::Le,
            Comparison::Gt,
            Comparison::Ge,
            Comparison::Distinct,
            Comparison::NotDistinct,
        ]
        .map(|op| users.compare("id", op, 2))
        .to_vec()
    ));
}

#[test]
fn null_is_tested_and_never_compared() {
    users_where!(|users| Predicate::Or(vec![
        Predicate::IsNull { term: users.column("region"), negated: false },
        Predicate::IsNull { term: users.column("region"), negated: true },
    ]));
}

#[test]
fn text_of_the_byte_collation_is_compared_as_it_is() {
    users_where!(|users| Predicate::And(vec![
        users.is("region", 2),
        users.compare("region", Comparison::Lt, 3),
        within(users.column("region"), 1, false),
    ]));
}

#[test]
fn text_of_a_language_needs_help_for_its_order_only() {
    users_where!(|users| Predicate::And(vec![
        users.is("name", 3),
        users.compare("name", Comparison::Distinct, 3),
        users.compare("name", Comparison::Lt, 3),
        users.compare("name", Comparison::Ge, 3),
        within(users.column("name"), 1, false),
        Predicate::Matches { term: users.column("name"), pattern: slot(4), negated: false },
    ]));
}

#[test]
fn acme_is_not_acme_in_capitals() {
    users_where!(|users| Predicate::And(vec![
        users.is("email", 3),
        users.compare("email", Comparison::NotDistinct, 3),
        users.compare("email", Comparison::Gt, 3),
        within(users.column("email"), 1, true),
        Predicate::Matches { term: users.column("email"), pattern: slot(4), negated: true },
    ]));
}

#[test]
fn two_columns_without_a_common_order_are_compared_by_bytes() {
    users_where!(|users| compare(Comparison::Eq, users.column("name"), users.column("region")));
}

#[test]
fn columns_of_two_kinds_are_not_compared() {
    users_where!(|users| compare(Comparison::Eq, users.column("region"), users.column("id")));
}

#[test]
fn a_list_of_numbers() {
    users_where!(|users| Predicate::And(vec![
        within(users.column("id"), 0, false),
        Predicate::In { term: users.column("id"), list: list(3, 2), negated: true },
    ]));
}

#[test]
fn a_list_for_a_column_whose_arrays_cannot_be_bound() {
    let catalog = shop();
    let orders = of(&catalog, "Order");
    let filter = Predicate::And(vec![
        within(orders.column("status"), 1, false),
        Predicate::In { term: orders.column("currency"), list: list(3, 2), negated: true },
    ]);
    insta::assert_snapshot!(each(&catalog, &orders.filtered(filter)));
}

#[test]
fn patterns_are_bound_and_their_escape_is_explicit() {
    users_where!(|users| Predicate::Or(vec![
        Predicate::Matches { term: users.column("region"), pattern: slot(2), negated: false },
        Predicate::Matches { term: users.column("region"), pattern: slot(3), negated: true },
    ]));
}

#[test]
fn functions_are_total_and_change_ascii_only() {
    users_where!(|users| {
        let lower = Term::Call(Function::Lower, vec![users.column("name")]);
        let upper = Term::Call(Function::Upper, vec![users.column("email")]);
        let coalesce = Term::Call(Function::Coalesce, vec![users.column("region"), bind(3)]);
        let nullif = Term::Call(Function::NullIf, vec![users.column("email"), bind(4)]);
        Predicate::And(vec![
            compare(Comparison::Eq, lower.clone(), bind(2)),
            compare(Comparison::Eq, upper, Term::Call(Function::Upper, vec![bind(2)])),
            compare(Comparison::Lt, coalesce, bind(2)),
            compare(Comparison::Eq, nullif, bind(2)),
            Predicate::In { term: lower, list: list(5, 1), negated: false },
        ])
    });
}

#[test]
fn a_request_reaches_related_rows_only_through_their_scope() {
    let catalog = shop();
    let (users, orders) = (of(&catalog, "User"), of(&catalog, "Order"));
    let link = vec![(users.field("id"), orders.field("user_id"))];
    let filter = Predicate::And(vec![
        exists(link.clone(), RelatedRows::Scoped(orders.scoped()), orders.compare("total", Comparison::Gt, 2), false),
        exists(link, RelatedRows::Scoped(orders.scoped()), TRUE, true),
    ]);
    insta::assert_snapshot!(each(&catalog, &users.filtered(filter)));
}

#[test]
fn relations_nest() {
    let catalog = shop();
    let (users, orders, items) = (of(&catalog, "User"), of(&catalog, "Order"), of(&catalog, "OrderItem"));
    let with_item = exists(
        vec![(orders.field("tenant_id"), items.field("tenant_id")), (orders.field("id"), items.field("order_id"))],
        RelatedRows::Scoped(items.scoped()),
        items.is("sku", 2),
        false,
    );
    let filter = exists(
        vec![(users.field("id"), orders.field("user_id"))],
        RelatedRows::Scoped(orders.scoped()),
        with_item,
        false,
    );
    insta::assert_snapshot!(each(&catalog, &users.filtered(filter)));
}

#[test]
fn a_condition_of_the_policy_reads_what_is_stored() {
    let catalog = shop();
    let (users, orders, items) = (of(&catalog, "User"), of(&catalog, "Order"), of(&catalog, "OrderItem"));
    let region = related(users.id, vec![(orders.field("user_id"), users.field("id"))], users.column("region"));
    let of_order = related(orders.id, vec![(items.field("order_id"), orders.field("id"))], region);
    let scope = Predicate::And(vec![
        items.is("tenant_id", 0),
        compare(Comparison::Eq, of_order, bind(2)),
        exists(
            vec![(items.field("order_id"), orders.field("id"))],
            RelatedRows::Stored(orders.id),
            orders.is("status", 3),
            false,
        ),
    ]);
    let select = testing::select(testing::source(items.id, scope), items.fields(["sku"]), 1);
    insta::assert_snapshot!(each(&catalog, &Shape::Select(select)));
}

#[test]
fn public_documents_and_the_tenants_own() {
    let catalog = shop();
    let documents = of(&catalog, "Document");
    let scope = Predicate::Or(vec![documents.is("is_public", 2), documents.is("tenant_id", 0)]);
    let select = testing::select(testing::source(documents.id, scope), documents.fields(["title"]), 1);
    insta::assert_snapshot!(each(&catalog, &Shape::Select(select)));
}

#[test]
fn a_negation_hides_no_table_from_the_witness() {
    let catalog = shop();
    let (users, orders) = (of(&catalog, "User"), of(&catalog, "Order"));
    let link = vec![(users.field("id"), orders.field("user_id"))];
    let there = exists(link, RelatedRows::Scoped(orders.scoped()), TRUE, false);
    insta::assert_snapshot!(each(&catalog, &users.filtered(Predicate::Not(Box::new(there)))));
}

#[test]
fn a_relation_without_link_would_relate_everything() {
    let catalog = shop();
    let (users, orders) = (of(&catalog, "User"), of(&catalog, "Order"));
    let filter = exists(Vec::new(), RelatedRows::Scoped(orders.scoped()), TRUE, false);
    insta::assert_snapshot!(each(&catalog, &users.filtered(filter)));
}
