//! A statement as a driver of another language takes it.

use std::sync::Arc;

use ormai_sql::{Bind, Dialect, PlaceStyle, Statement};

use super::Forms;
use crate::error::DbError;
#[cfg(feature = "mysql")]
use crate::mysql;
#[cfg(feature = "postgres")]
use crate::postgres;
#[cfg(feature = "sqlite")]
use crate::sqlite;

/// How a driver takes the text of a statement and its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Wire {
    /// `?`, and SQLite's storage classes.
    Sqlite,
    /// `$1`, and PostgreSQL's binary form with the number of a type (psycopg, beneath its cursors).
    PostgresBinary,
    /// `$1`, and texts that the statement casts (asyncpg).
    PostgresDollar,
    /// `%s`, and texts that the statement casts (psycopg2).
    PostgresFormat,
    /// `%s`, and texts, numbers and bytes that the driver writes into the text; the statement casts
    /// what is none of these (MariaDB and MySQL).
    MySqlFormat,
}

/// A statement as a driver takes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Bound {
    /// The text. For a wire with `%s`, every other `%` is doubled.
    pub text: Arc<str>,
    /// The parameters, in the order of the placeholders.
    pub values: Vec<BoundValue>,
}

/// A parameter.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum BoundValue {
    /// NULL, on every wire but [`Wire::PostgresBinary`].
    Null,
    /// An integer.
    Int(i64),
    /// A float.
    Float(f64),
    /// An exact number (MariaDB and MySQL), in digits: `-12.50`. To be written without an exponent, which
    /// would make a float of it.
    Decimal(String),
    /// A text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// PostgreSQL's binary form; without bytes it is NULL.
    Wire {
        /// The number of its type; 0 leaves it to the server to infer it from the place.
        oid: u32,
        /// Its bytes.
        bytes: Option<Vec<u8>>,
    },
}

/// The text and the parameters of a statement, as a driver takes them.
///
/// # Errors
///
/// [`DbError::Refused`] for a value that the database would store as another, [`DbError::Failed`] for one
/// that cannot be bound, or a wire that is not one of the statement's dialect.
pub fn bound(statement: &Statement, wire: Wire) -> Result<Bound, DbError> {
    bound_in(statement, wire, Forms::Own)
}

/// [`bound`], in the forms of [`Host::forms`](super::Host::forms).
///
/// # Errors
///
/// As [`bound`].
pub fn bound_in(statement: &Statement, wire: Wire, forms: Forms) -> Result<Bound, DbError> {
    let (dialect, style) = match wire {
        Wire::Sqlite => (Dialect::Sqlite, PlaceStyle::Question),
        Wire::PostgresFormat => (Dialect::Postgres, PlaceStyle::Format),
        Wire::PostgresBinary | Wire::PostgresDollar => (Dialect::Postgres, PlaceStyle::Dollar),
        Wire::MySqlFormat => (Dialect::MySql, PlaceStyle::Format),
    };
    let (around, mut values): (Vec<_>, Vec<_>) =
        statement.binds().map(|bind| of(bind, wire, forms)).collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
    let respelled = statement
        .respelled(dialect, style, |value| around.get(value).copied().unwrap_or_default())
        .map_err(|error| DbError::failed(error.to_string()))?;
    if !respelled.order.iter().copied().eq(0..values.len()) {
        values = respelled.order.iter().filter_map(|value| values.get(*value).cloned()).collect();
    }
    Ok(Bound { text: respelled.text.into(), values })
}

/// What stands around the placeholder of a value, and what is bound.
fn of(bind: Bind<'_>, wire: Wire, forms: Forms) -> Result<((&'static str, &'static str), BoundValue), DbError> {
    match wire {
        #[cfg(feature = "sqlite")]
        Wire::Sqlite => Ok((("", ""), sqlite::bind::of(bind, forms)?)),
        #[cfg(feature = "postgres")]
        Wire::PostgresBinary => Ok((("", ""), postgres::text::binary(bind)?)),
        #[cfg(feature = "postgres")]
        Wire::PostgresDollar | Wire::PostgresFormat => postgres::text::of(bind),
        #[cfg(feature = "mysql")]
        Wire::MySqlFormat => mysql::bind::written(bind, forms),
        #[cfg(not(all(feature = "mysql", feature = "postgres", feature = "sqlite")))]
        _ => Err(DbError::failed("the driver's database is not built in")),
    }
}

#[cfg(test)]
mod tests {
    use ormai_core::value::{ColumnType, Value};

    use super::*;

    fn check(wire: Wire, sql: &str, values: Vec<(Value, Option<ColumnType>)>, text: &str, bound_to: &[BoundValue]) {
        let bound = bound(&Statement::for_tests(sql, values, []), wire).unwrap();
        assert_eq!((&*bound.text, bound.values.as_slice()), (text, bound_to), "{wire:?}");
    }

    fn text(text: &str) -> BoundValue {
        BoundValue::Text(text.to_owned())
    }

    #[test]
    fn each_driver_gets_the_text_and_the_values_that_it_takes() {
        let day = || Value::Date("2024-05-01".parse().unwrap());
        let values = || vec![(day(), None), (Value::from("50%"), None), (Value::Int(5), None)];
        let sql = r#"SELECT "%" FROM t WHERE a = $1 AND b = $2 LIMIT $3"#;
        check(
            Wire::PostgresBinary,
            sql,
            values(),
            r#"SELECT "%" FROM t WHERE a = $1 AND b = $2 LIMIT $3"#,
            &[(1082, &8887_i32.to_be_bytes()[..]), (0, b"50%"), (20, &5_i64.to_be_bytes())]
                .map(|(oid, bytes)| BoundValue::Wire { oid, bytes: Some(bytes.to_vec()) }),
        );
        let cast = |text: &str, ty: &str| format!("CAST(CAST({text} AS text) AS {ty})");
        let written = [text("2024-05-01"), text("50%"), text("5")];
        let expected = |percent: &str, places: [&str; 3]| {
            let [day, word, limit] = places;
            let (day, limit) = (cast(day, "date"), cast(limit, "int8"));
            format!(r#"SELECT "{percent}" FROM t WHERE a = {day} AND b = {word} LIMIT {limit}"#)
        };
        check(Wire::PostgresDollar, sql, values(), &expected("%", ["$1", "$2", "$3"]), &written);
        check(Wire::PostgresFormat, sql, values(), &expected("%%", ["%s"; 3]), &written);
        check(
            Wire::Sqlite,
            sql,
            values(),
            r#"SELECT "%" FROM t WHERE a = ? AND b = ? LIMIT ?"#,
            &[text("2024-05-01"), text("50%"), BoundValue::Int(5)],
        );
        check(
            Wire::MySqlFormat,
            "SELECT `%` FROM t WHERE a = ? AND b = ? LIMIT ?",
            values(),
            "SELECT `%%` FROM t WHERE a = CAST(%s AS DATE) AND b = %s LIMIT %s",
            &[text("2024-05-01"), text("50%"), BoundValue::Int(5)],
        );
    }

    #[test]
    fn values_go_in_the_order_of_their_placeholders() {
        let values = || vec![(Value::Int(1), None), (Value::from("b"), None)];
        check(Wire::Sqlite, "$2 = $1", values(), "? = ?", &[text("b"), BoundValue::Int(1)]);
        let cast = "$1 = CAST(CAST($2 AS text) AS int8)";
        check(Wire::PostgresDollar, "$2 = $1", values(), cast, &[text("b"), text("1")]);
    }

    #[test]
    fn lists_are_one_array_on_postgresql() {
        let list = || vec![(Value::Array(vec![Value::from("a\"b"), Value::Null]), Some(ColumnType::Text))];
        let literal = r#"{"a\"b",NULL}"#;
        let any = "a = ANY(CAST(CAST($1 AS text) AS text[]))";
        check(Wire::PostgresDollar, "a = ANY($1)", list(), any, &[text(literal)]);
        assert!(bound(&Statement::for_tests("a = ?", list(), []), Wire::MySqlFormat).is_err());
    }

    #[test]
    fn null_has_no_type_of_its_own() {
        let null = || vec![(Value::Null, None)];
        check(Wire::PostgresBinary, "a = $1", null(), "a = $1", &[BoundValue::Wire { oid: 0, bytes: None }]);
        check(Wire::PostgresDollar, "a = $1", null(), "a = $1", &[BoundValue::Null]);
        check(Wire::MySqlFormat, "a = ?", null(), "a = %s", &[BoundValue::Null]);
    }

    #[test]
    fn values_go_in_the_forms_in_which_sqlalchemy_stores_them() {
        let check = |wire, value: Value, own: &str, sqlalchemy: &str| {
            for (forms, expected) in [(Forms::Own, own), (Forms::SqlAlchemy, sqlalchemy)] {
                let placeholder = if wire == Wire::PostgresDollar { "$1" } else { "?" };
                let statement = Statement::for_tests(placeholder, [(value.clone(), None)], []);
                assert_eq!(bound_in(&statement, wire, forms).unwrap().values, [text(expected)], "{wire:?} {forms:?}");
            }
        };
        let hyphenated = "6f1b3c2e-8a53-4f7e-9d58-0c6f3e1a2b4d";
        let uuid = || Value::Uuid(hyphenated.parse().unwrap());
        let hex = "6f1b3c2e8a534f7e9d580c6f3e1a2b4d";
        check(Wire::Sqlite, uuid(), hyphenated, hex);
        check(Wire::MySqlFormat, uuid(), hyphenated, hex);
        check(Wire::PostgresDollar, uuid(), hyphenated, hyphenated);
        let at = || Value::DateTime("2024-05-01T12:00:00".parse().unwrap());
        check(Wire::Sqlite, at(), "2024-05-01 12:00:00", "2024-05-01 12:00:00.000000");
        let at = Value::Time("12:00:00".parse().unwrap());
        check(Wire::Sqlite, at, "12:00:00", "12:00:00.000000");
    }

    #[test]
    fn a_statement_of_another_dialect_is_refused() {
        let statement = Statement::for_tests("a = ?", [(Value::Int(1), None)], []);
        assert!(bound(&statement, Wire::PostgresDollar).is_err());
    }
}
