//! Text of MariaDB's usual collations: found by an index, decided by its bytes.

use std::sync::Arc;

use ormai_core::catalog::{Catalog, CatalogBuilder, Collation, ModelBuilder};
use ormai_core::plan::testing::{exists, figure, list, order, per_parent, related, slot, source};
use ormai_core::plan::{
    AggregateFunction, Comparison, Direction, Function, OrderBy, Predicate, RelatedRows, Shape, Term, testing,
};
use ormai_core::value::ColumnType;
use ormai_sql::Dialect;

use crate::{Of, TRUE, of, one, text};

/// Notes in folders of tenants, all of them with the collation that MariaDB gives by itself.
fn notes() -> Arc<Catalog> {
    let folded = || Collation::Folded("utf8mb4_general_ci".into());
    let catalog = CatalogBuilder::new()
        .model(
            ModelBuilder::table("Folder", "folders")
                .column(text("tenant_id", folded()))
                .column(text("name", folded()))
                .primary_key(["tenant_id", "name"]),
        )
        .model(
            ModelBuilder::table("Note", "notes")
                .field("id", ColumnType::Int)
                .column(text("tenant_id", folded()))
                .column(text("folder", folded()))
                .column(text("legacy", Collation::Folded("latin1_swedish_ci".into())))
                .column(text("exact", Collation::Folded("utf8mb4_nopad_bin".into())))
                .column(text("unsaid", Collation::Binary))
                .field("token", ColumnType::Uuid)
                .field("state", ColumnType::enumeration("notes.state", ["draft", "sent"]))
                .primary_key(["id"]),
        )
        .build();
    Arc::new(catalog.unwrap())
}

/// `SELECT id FROM notes WHERE filter`, of one tenant.
macro_rules! notes_where {
    (|$notes:ident| $filter:expr) => {{
        let catalog = notes();
        let $notes: Of<'_> = of(&catalog, "Note");
        insta::assert_snapshot!(one(&catalog, Dialect::MySql, &$notes.filtered($filter)));
    }};
}

fn bind(at: u16) -> Term {
    Term::Bind(slot(at))
}

fn compare(op: Comparison, left: Term, right: Term) -> Predicate {
    Predicate::Compare { op, left, right }
}

#[test]
fn equality_is_said_twice_and_its_negation_once() {
    notes_where!(|notes| Predicate::And(vec![
        notes.is("folder", 2),
        notes.compare("folder", Comparison::NotDistinct, 2),
        notes.compare("folder", Comparison::Ne, 2),
        notes.compare("folder", Comparison::Distinct, 2),
        notes.compare("folder", Comparison::Lt, 2),
        Predicate::In { term: notes.column("folder"), list: list(3, 1), negated: false },
        Predicate::In { term: notes.column("folder"), list: list(3, 1), negated: true },
        Predicate::Not(Box::new(notes.is("folder", 2))),
        Predicate::NotTrue(Box::new(notes.is("folder", 2))),
        compare(Comparison::Eq, bind(2), notes.column("folder")),
    ]));
}

#[test]
fn a_value_that_the_character_set_lacks_is_no_error() {
    notes_where!(|notes| Predicate::Or(vec![
        notes.is("legacy", 2),
        Predicate::In { term: notes.column("legacy"), list: list(3, 1), negated: false },
        notes.compare("legacy", Comparison::Ge, 2),
    ]));
}

#[test]
fn columns_of_one_collation_find_each_other_and_others_meet_as_bytes() {
    notes_where!(|notes| Predicate::And(vec![
        compare(Comparison::Eq, notes.column("folder"), notes.column("tenant_id")),
        compare(Comparison::Eq, notes.column("folder"), notes.column("legacy")),
        compare(Comparison::Eq, notes.column("folder"), notes.column("exact")),
    ]));
}

#[test]
fn text_of_which_nothing_was_said_is_not_taken_for_exact() {
    notes_where!(|notes| Predicate::And(vec![
        notes.is("unsaid", 2),
        notes.compare("unsaid", Comparison::Ne, 2),
        Predicate::In { term: notes.column("unsaid"), list: list(3, 1), negated: false },
        Predicate::Matches { term: notes.column("unsaid"), pattern: slot(2), negated: false },
    ]));
}

#[test]
fn a_pattern_counts_characters() {
    notes_where!(|notes| {
        let lower = Term::Call(Function::Lower, vec![notes.column("folder")]);
        let matches = |term| Predicate::Matches { term, pattern: slot(2), negated: false };
        Predicate::And(vec![matches(notes.column("folder")), matches(notes.column("exact")), matches(lower)])
    });
}

#[test]
fn what_functions_give_is_bytes() {
    notes_where!(|notes| {
        let call = |function, field: &str, other| Term::Call(function, vec![notes.column(field), other]);
        Predicate::And(vec![
            compare(Comparison::Eq, call(Function::Coalesce, "folder", notes.column("legacy")), bind(2)),
            compare(Comparison::Eq, call(Function::Coalesce, "exact", bind(3)), bind(2)),
            compare(Comparison::Lt, call(Function::NullIf, "legacy", bind(3)), notes.column("folder")),
            compare(Comparison::Eq, call(Function::NullIf, "exact", bind(3)), notes.column("folder")),
        ])
    });
}

#[test]
fn words_of_an_enum_compare_by_their_position_and_ids_by_their_text() {
    notes_where!(|notes| Predicate::And(vec![
        notes.is("state", 2),
        notes.compare("state", Comparison::Lt, 2),
        notes.is("token", 3),
        notes.compare("token", Comparison::Gt, 3),
    ]));
}

#[test]
fn relations_keep_the_index_of_both_sides() {
    let catalog = notes();
    let (notes, folders) = (of(&catalog, "Note"), of(&catalog, "Folder"));
    let link = ["tenant_id", "folder"].into_iter().zip(["tenant_id", "name"]);
    let link: Vec<_> = link.map(|(here, there)| (notes.field(here), folders.field(there))).collect();
    let stored = related(folders.id, link.clone(), folders.column("name"));
    let filter = Predicate::And(vec![
        exists(link, RelatedRows::Scoped(folders.scoped()), TRUE, false),
        compare(Comparison::Eq, stored, bind(2)),
    ]);
    insta::assert_snapshot!(one(&catalog, Dialect::MySql, &notes.filtered(filter)));
}

#[test]
fn parents_with_a_key_of_two_texts() {
    let catalog = notes();
    let notes = of(&catalog, "Note");
    let mut select = notes.ids();
    select.order = vec![order(OrderBy::Field(notes.field("legacy")), Direction::Asc, false)];
    select.per_parent = Some(per_parent(notes.fields(["legacy", "folder"]), vec![list(2, 1), list(3, 1)], true));
    insta::assert_snapshot!(one(&catalog, Dialect::MySql, &Shape::Select(select)));
}

#[test]
fn groups_and_extremes_are_bytes() {
    let catalog = notes();
    let notes = of(&catalog, "Note");
    let figures = vec![figure(AggregateFunction::Min, Some(notes.field("legacy")))];
    let mut groups = testing::aggregate(source(notes.id, TRUE), notes.fields(["folder"]), figures, 1);
    groups.order = vec![order(OrderBy::Field(notes.field("folder")), Direction::Desc, false)];
    insta::assert_snapshot!(one(&catalog, Dialect::MySql, &Shape::Aggregate(groups)));
}

#[test]
fn a_collation_is_one_quoted_name_as_well() {
    let check = |collation: &str| {
        let collation = Collation::Folded(collation.into());
        let model = ModelBuilder::table("It", "it").column(text("it", collation));
        let catalog = Arc::new(CatalogBuilder::new().model(model).build().unwrap());
        let it = of(&catalog, "It");
        let select = testing::select(source(it.id, it.is("it", 0)), it.fields(["it"]), 1);
        one(&catalog, Dialect::MySql, &Shape::Select(select))
    };
    insta::assert_snapshot!(check("a`b_ci) OR TRUE -- "));
    assert_eq!(check("latin1_\0"), "MySql: the name \"latin1_\\0\" holds a NUL character");
}
