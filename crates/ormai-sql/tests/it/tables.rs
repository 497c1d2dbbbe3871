//! Tables made from a catalog, in each dialect.

use insta::assert_snapshot;
use ormai_core::catalog::{Catalog, CatalogBuilder, ForeignKeyBuilder, ModelBuilder, ReferentialAction};
use ormai_core::value::ColumnType;
use ormai_sql::{CompileError, Dialect, tables};

fn text(dialect: Dialect, catalog: &Catalog) -> String {
    let made = tables::create(dialect, catalog).unwrap();
    let texts = made.iter().flat_map(|table| [table.create.sql(), table.drop.sql()].map(|sql| format!("{sql};\n")));
    texts.collect()
}

#[test]
fn each_type_key_and_reference_in_each_dialect() {
    let mut all = ModelBuilder::table("All", "all_types").field("id", ColumnType::Int).primary_key(["id"]);
    all.fields[0].has_default = true;
    for (name, ty) in [
        ("a_bool", ColumnType::Bool),
        ("a_float", ColumnType::Float),
        ("a_decimal", ColumnType::Decimal),
        ("a_text", ColumnType::Text),
        ("a_uuid", ColumnType::Uuid),
        ("a_timestamp", ColumnType::Timestamp),
        ("a_datetime", ColumnType::DateTime),
        ("a_date", ColumnType::Date),
        ("a_time", ColumnType::Time),
        ("a_json", ColumnType::Json),
        ("some_bytes", ColumnType::Bytes),
    ] {
        all = all.nullable(name, ty);
    }
    let part = ModelBuilder::table("Part", "parts")
        .field("tenant_id", ColumnType::Text)
        .field("number", ColumnType::Int)
        .field("all_id", ColumnType::Int)
        .field("made_at", ColumnType::Timestamp)
        .primary_key(["tenant_id", "number"])
        .unique(["all_id", "number"])
        .foreign_key(ForeignKeyBuilder::new("All", [("all_id", "id")]).on_delete(ReferentialAction::Cascade));
    // What is referred to is made first, wherever it stands.
    let catalog = CatalogBuilder::new().model(part).model(all).build().unwrap();
    assert_snapshot!("sqlite", text(Dialect::Sqlite, &catalog));
    assert_snapshot!("postgres", text(Dialect::Postgres, &catalog));
    assert_snapshot!("mysql", text(Dialect::MySql, &catalog));
}

#[test]
fn a_name_ends_where_it_ends() {
    let hostile = "a\"`'); DROP TABLE t; --";
    let model = ModelBuilder::table("A", hostile).field(hostile, ColumnType::Text).primary_key([hostile]);
    let catalog = CatalogBuilder::new().model(model).build().unwrap();
    let quoted = |quote: char| format!("{quote}{}{quote}", hostile.replace(quote, &format!("{quote}{quote}")));
    for (dialect, quote) in [(Dialect::Sqlite, '"'), (Dialect::Postgres, '"'), (Dialect::MySql, '`')] {
        let made = tables::create(dialect, &catalog).unwrap();
        let text = made[0].create.sql().replace(&quoted(quote), "NAME");
        assert!(!text.contains("DROP"), "{text}");
        assert_eq!(made[0].drop.sql().replace(&quoted(quote), "NAME"), "DROP TABLE NAME");
    }
}

#[test]
fn what_cannot_be_made_is_refused() {
    let check = |models: Vec<ModelBuilder>| {
        let catalog = models.into_iter().fold(CatalogBuilder::new(), CatalogBuilder::model).build().unwrap();
        tables::create(Dialect::Sqlite, &catalog).unwrap_err()
    };
    let with = |ty: ColumnType| ModelBuilder::table("A", "a").field("x", ty);
    assert!(matches!(check(vec![with(ColumnType::Interval)]), CompileError::UnsupportedColumn { .. }));
    assert!(matches!(check(vec![with(ColumnType::array(ColumnType::Int))]), CompileError::UnsupportedColumn { .. }));
    assert!(matches!(check(vec![ModelBuilder::table("A", "a\0b")]), CompileError::Identifier { .. }));
    let refers = |name: &str, to: &str| {
        let model = ModelBuilder::table(name, name).field("id", ColumnType::Int).primary_key(["id"]);
        model.nullable("other", ColumnType::Int).foreign_key(ForeignKeyBuilder::new(to, [("other", "id")]))
    };
    assert!(matches!(check(vec![refers("A", "B"), refers("B", "A")]), CompileError::Malformed(_)));
}
