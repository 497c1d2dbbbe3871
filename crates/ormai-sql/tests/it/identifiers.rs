//! Attack 23: SQL in the names of tables and columns.

use std::sync::Arc;

use ormai_core::catalog::{CatalogBuilder, Collation, Field, ModelBuilder, TableName};
use ormai_core::plan::testing::{figure, order, select, source};
use ormai_core::plan::{AggregateFunction, Direction, OrderBy, Predicate, Shape, Term, Truth, testing};
use ormai_core::value::ColumnType;

use crate::{DIALECTS, each, of};

/// The statements for a table, a schema and a column of one name.
fn check(name: &str) -> Vec<String> {
    let column = Field {
        name: "it".to_owned(),
        column: name.to_owned(),
        ty: ColumnType::Text,
        collation: Collation::Loose,
        length: None,
        nullable: true,
        has_default: false,
        generated: false,
    };
    let mut model = ModelBuilder::table("It", name).column(column);
    model.table = TableName { schema: Some(name.to_owned()), name: name.to_owned() };
    let catalog = Arc::new(CatalogBuilder::new().model(model).build().unwrap());
    let it = of(&catalog, "It");
    let field = it.field("it");
    let scope = Predicate::And(vec![
        it.is("it", 0),
        testing::exists(
            vec![(field, field)],
            ormai_core::plan::RelatedRows::Stored(it.id),
            Predicate::IsNull {
                term: testing::related(it.id, vec![(field, field)], Term::Column(field)),
                negated: true,
            },
            false,
        ),
    ]);
    let mut rows = select(source(it.id, scope.clone()), vec![field], 1);
    rows.order = vec![order(OrderBy::Field(field), Direction::Asc, true)];
    let figures = vec![figure(AggregateFunction::Max, Some(field))];
    let groups = testing::aggregate(source(it.id, scope.clone()), vec![field], figures, 1);
    let mut included = rows.clone();
    included.per_parent = Some(testing::per_parent(vec![field, field], vec![testing::list(2, 0); 2], true));
    let mut locked = select(source(it.id, it.is("it", 0)), vec![field], 1);
    locked.for_update = true;
    let keys = testing::keys(vec![field, field], vec![testing::list(2, 0); 2]);
    let target = testing::target(source(it.id, scope), Predicate::Const(Truth::True), Some(keys));
    [
        Shape::Select(rows),
        Shape::Aggregate(groups),
        Shape::Select(included),
        Shape::Select(locked),
        Shape::Present(testing::present(vec![(source(it.id, it.is("it", 0)), it.is("it", 1))])),
        Shape::Update(testing::update(target.clone(), vec![(field, testing::slot(3))])),
        Shape::Delete(testing::delete(target)),
        Shape::Insert(testing::insert(it.id, vec![(field, testing::slot(0))], vec![field])),
    ]
    .iter()
    .map(|shape| each(&catalog, shape))
    .collect()
}

#[test]
fn a_name_is_one_quoted_identifier_and_nothing_more() {
    let hostile = [
        r#"a" FROM secrets; --"#,
        r#"a""b"#,
        "a` FROM secrets; --",
        "a``b",
        r"a\",
        "a b",
        "a'; DROP TABLE users; --",
        "$1",
        "?",
        "/*",
        "*/",
        "a` */; DROP TABLE users; --",
        "select",
        "é\u{202e}\n",
        "",
    ];
    for name in hostile {
        let quoted = |quote: &str| format!("{quote}{}{quote}", name.replace(quote, &quote.repeat(2)));
        let harmless: Vec<String> = check("harmless");
        for (statement, pattern) in check(name).iter().zip(harmless) {
            // The count of places in the heading counts signs in names as well.
            let text =
                |text: &str| text.lines().filter(|line| !line.ends_with(" places")).collect::<Vec<_>>().join("\n");
            let expected = pattern.replace("\"harmless\"", &quoted("\"")).replace("`harmless`", &quoted("`"));
            if (name.contains("/*") || name.contains("*/")) && expected.contains("RETURNING") {
                // Where the key stands in a comment, such a name would end it.
                let refused = "MySql: the plan is malformed: a key whose name would begin or end a comment";
                assert!(statement.ends_with(refused), "{statement}");
                let without = |text: &str| text.split("\n\nMySql").next().map(str::to_owned);
                assert_eq!(without(statement).map(|some| text(&some)), without(&expected).map(|some| text(&some)));
                continue;
            }
            assert_eq!(text(statement), text(&expected), "{name:?}");
        }
    }
}

#[test]
fn a_name_with_quotes() {
    insta::assert_snapshot!(check(r#"a" FROM secrets; --"#).remove(0));
}

#[test]
fn a_name_with_backticks() {
    insta::assert_snapshot!(check("a` FROM secrets; --").remove(0));
}

#[test]
fn a_name_that_would_end_the_text_early_is_refused() {
    for statements in check("a\0b") {
        assert_eq!(
            statements.matches("the name \"a\\0b\" holds a NUL character").count(),
            DIALECTS.len(),
            "{statements}"
        );
    }
}
