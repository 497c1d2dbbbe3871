//! Strategies for property tests: any syntax tree, and conditions that fit a catalog.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::Union;

use super::ast::{Expr, ExprKind, InList, Item, Literal, Name, Scalar, ScalarKind};
use super::lex::is_reserved;
use crate::catalog::{Catalog, ModelId, RelationKind};
use crate::plan::Comparison;
use crate::value::ColumnType;

/// Any syntax tree that a text can have, whether or not it means anything; spans are empty.
pub fn expr() -> BoxedStrategy<Expr> {
    let name = any_name();
    let relation = name.clone();
    atom(any_scalar(), any_list())
        .prop_recursive(4, 32, 4, move |inner| {
            prop_oneof![
                combined(inner.clone()),
                (relation.clone(), option::of(inner))
                    .prop_map(|(relation, filter)| of(ExprKind::Exists { relation, filter: filter.map(Box::new) })),
            ]
        })
        .boxed()
}

/// The text of a condition that compiles against a model.
pub fn source(catalog: &Catalog, model: ModelId) -> BoxedStrategy<String> {
    well_typed(catalog, model).prop_map(|expr| expr.to_string()).boxed()
}

/// A condition that compiles against a model; spans are empty.
///
/// Principal attributes are `tenant_id`, `user_id`, `roles`, `metadata.a`, `metadata.b.c`
/// and, as lists, `metadata.list`.
pub fn well_typed(catalog: &Catalog, model: ModelId) -> BoxedStrategy<Expr> {
    well_typed_to(catalog, model, 1)
}

fn well_typed_to(catalog: &Catalog, model: ModelId, exists: usize) -> BoxedStrategy<Expr> {
    let fields = reachable(catalog, model, 2);
    let mut atoms = vec![principal_atom()];
    for (path, ty) in &fields {
        let same: Vec<Scalar> = fields
            .iter()
            .filter(|(_, other)| other == ty || (other.is_integer() && ty.is_integer()))
            .map(|(path, _)| path.clone())
            .collect();
        atoms.extend(field_atoms(path, ty, same));
    }
    if exists > 0 {
        for relation in &catalog.model(model).relations {
            let relation_name = named(&relation.name);
            let filter = option::of(well_typed_to(catalog, relation.target, exists - 1));
            let exists = filter.prop_map(move |filter| {
                of(ExprKind::Exists { relation: relation_name.clone(), filter: filter.map(Box::new) })
            });
            atoms.push(exists.boxed());
        }
    }
    Union::new(atoms).prop_recursive(3, 12, 3, combined).boxed()
}

/// All fields of a model and, over relations to one row, of others.
fn reachable(catalog: &Catalog, model: ModelId, depth: usize) -> Vec<(Scalar, ColumnType)> {
    let mut found = Vec::new();
    let mut ahead = vec![(model, Vec::new())];
    while let Some((model, names)) = ahead.pop() {
        let model = catalog.model(model);
        let path = |last: &str| names.iter().cloned().chain([named(last)]).collect::<Vec<_>>();
        for field in model.fields.iter().filter(|field| field.ty.is_supported()) {
            found.push((value(ScalarKind::Path(path(&field.name))), field.ty.clone()));
        }
        if names.len() < depth {
            let to_one = model.relations.iter().filter(|relation| relation.kind == RelationKind::One);
            ahead.extend(to_one.map(|relation| (relation.target, path(&relation.name))));
        }
    }
    found
}

fn field_atoms(path: &Scalar, ty: &ColumnType, same: Vec<Scalar>) -> Vec<BoxedStrategy<Expr>> {
    let is_null = |operand: BoxedStrategy<Scalar>| {
        (operand, any::<bool>()).prop_map(|(operand, negated)| of(ExprKind::IsNull { operand, negated })).boxed()
    };
    let mut atoms = vec![is_null(Just(path.clone()).boxed())];
    let Some(literal) = fitting(ty) else { return atoms };
    let of_literal = literal.clone().prop_map(|literal| value(ScalarKind::Literal(literal)));
    let mut left = vec![Just(path.clone()).boxed()];
    let own = path.clone();
    left.push(
        (select(vec!["coalesce", "nullif"]), prop_oneof![3 => of_literal.clone(), 1 => attribute()])
            .prop_map(move |(function, other)| call(function, vec![own.clone(), other]))
            .boxed(),
    );
    if *ty == ColumnType::Text {
        let own = path.clone();
        let cased = select(vec!["lower", "upper"]).prop_map(move |function| call(function, vec![own.clone()]));
        left.push(cased.boxed());
        atoms.push(
            (any::<bool>(), "[ab%_\\\\']{0,4}")
                .prop_map({
                    let operand = path.clone();
                    move |(negated, pattern)| {
                        let pattern = value(ScalarKind::Literal(Literal::Text(pattern)));
                        of(ExprKind::Like { operand: operand.clone(), pattern, negated })
                    }
                })
                .boxed(),
        );
    }
    let left = Union::new(left).boxed();
    atoms.push(is_null(left.clone()));
    let mut right = vec![of_literal.boxed(), attribute(), select(same).boxed()];
    if matches!(ty, ColumnType::Timestamp | ColumnType::DateTime | ColumnType::Date) {
        right.push(Just(call("now", Vec::new())).boxed());
    }
    let right = Union::new(right).boxed();
    let mut operators = vec![Comparison::Eq, Comparison::Ne, Comparison::Distinct, Comparison::NotDistinct];
    if ty.has_order() {
        operators.extend([Comparison::Lt, Comparison::Le, Comparison::Gt, Comparison::Ge]);
        let between = (left.clone(), right.clone(), right.clone(), any::<bool>());
        atoms.push(
            between
                .prop_map(|(operand, low, high, negated)| of(ExprKind::Between { operand, low, high, negated }))
                .boxed(),
        );
    }
    atoms.push(
        (select(operators), left.clone(), right, any::<bool>())
            .prop_map(|(op, left, right, turned)| {
                let (left, right) = if turned { (right, left) } else { (left, right) };
                of(ExprKind::Compare { op, left, right })
            })
            .boxed(),
    );
    let literals = vec(literal.prop_map(item), 0..4).prop_map(InList::Literals);
    let list = prop_oneof![2 => literals, 1 => Just(InList::Scalar(principal(&["metadata", "list"])))];
    atoms.push(
        (left, list, any::<bool>())
            .prop_map(|(needle, list, negated)| of(ExprKind::In { needle, list, negated }))
            .boxed(),
    );
    if *ty == ColumnType::Bool {
        atoms.push(Just(of(ExprKind::Bare(path.clone()))).boxed());
    }
    atoms
}

fn principal_atom() -> BoxedStrategy<Expr> {
    let role = value(ScalarKind::Literal(Literal::Text("admin".to_owned())));
    let roles = InList::Scalar(principal(&["roles"]));
    prop_oneof![
        any::<bool>().prop_map(|holds| of(ExprKind::Bare(value(ScalarKind::Literal(Literal::Bool(holds)))))),
        (attribute(), any::<bool>()).prop_map(|(operand, negated)| of(ExprKind::IsNull { operand, negated })),
        any::<bool>()
            .prop_map(move |negated| { of(ExprKind::In { needle: role.clone(), list: roles.clone(), negated }) }),
    ]
    .boxed()
}

fn attribute() -> BoxedStrategy<Scalar> {
    select(vec![
        principal(&["tenant_id"]),
        principal(&["user_id"]),
        principal(&["metadata", "a"]),
        principal(&["metadata", "b", "c"]),
    ])
    .boxed()
}

/// Literals that fit a type; none where the type has no equality.
fn fitting(ty: &ColumnType) -> Option<BoxedStrategy<Literal>> {
    let text = |text: String| Literal::Text(text);
    Some(match ty {
        ColumnType::Bool => any::<bool>().prop_map(Literal::Bool).boxed(),
        ColumnType::Int16 => any::<i16>().prop_map(|int| Literal::Integer(int.to_string())).boxed(),
        ColumnType::Int32 => any::<i32>().prop_map(|int| Literal::Integer(int.to_string())).boxed(),
        ColumnType::Int => {
            prop_oneof![-2..3_i64, any::<i64>()].prop_map(|int| Literal::Integer(int.to_string())).boxed()
        }
        ColumnType::Float | ColumnType::Decimal => number(),
        ColumnType::Text => prop_oneof!["[abAB]{0,3}", "[^\0]{0,6}"].prop_map(text).boxed(),
        ColumnType::Char => "[ab]{0,3}".prop_map(text).boxed(),
        ColumnType::Enum(of) if of.variants.is_empty() => return None,
        ColumnType::Enum(of) => select(of.variants.clone()).prop_map(text).boxed(),
        ColumnType::Bytes => "([A-Za-z0-9+/]{4}){0,2}".prop_map(text).boxed(),
        ColumnType::Uuid => "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}".prop_map(text).boxed(),
        ColumnType::Timestamp => "20[0-9]{2}-0[1-9]-1[0-9]T1[0-9]:[0-5][0-9]:30(Z|\\+02:00)".prop_map(text).boxed(),
        ColumnType::DateTime => "20[0-9]{2}-0[1-9]-1[0-9]T1[0-9]:[0-5][0-9]:30".prop_map(text).boxed(),
        ColumnType::Date => "20[0-9]{2}-0[1-9]-1[0-9]".prop_map(text).boxed(),
        ColumnType::Time => "1[0-9]:[0-5][0-9]:30".prop_map(text).boxed(),
        _ => return None,
    })
}

fn number() -> BoxedStrategy<Literal> {
    prop_oneof![
        "-?(0|[1-9][0-9]{0,5})".prop_map(Literal::Integer),
        "-?(0|[1-9][0-9]{0,5})\\.[0-9]{1,6}".prop_map(Literal::Decimal),
    ]
    .boxed()
}

fn any_name() -> BoxedStrategy<Name> {
    prop_oneof![
        4 => "[A-Za-z_][A-Za-z0-9_]{0,6}",
        1 => ".{1,5}",
        1 => select(vec!["principal", "select", "where", "From", "a\"b", "\n"]).prop_map(str::to_owned),
    ]
    .prop_map(|text| named(&text))
    .boxed()
}

fn any_literal() -> BoxedStrategy<Literal> {
    prop_oneof![
        Just(Literal::Null),
        any::<bool>().prop_map(Literal::Bool),
        number(),
        "-?[1-9][0-9]{18,22}".prop_map(Literal::Integer),
        any::<String>().prop_map(Literal::Text),
    ]
    .boxed()
}

fn any_scalar() -> BoxedStrategy<Scalar> {
    let leaf = prop_oneof![
        vec(any_name(), 1..4).prop_map(ScalarKind::Path),
        vec(any_name(), 1..4).prop_map(ScalarKind::Principal),
        any_literal().prop_map(ScalarKind::Literal),
    ];
    let function = "[a-z_][a-z0-9_]{0,6}".prop_filter("a reserved word is no function", |word| !is_reserved(word));
    leaf.prop_map(value)
        .prop_recursive(2, 6, 3, move |inner| {
            (function.clone(), vec(inner, 0..3)).prop_map(|(function, arguments)| call(&function, arguments))
        })
        .boxed()
}

fn any_list() -> BoxedStrategy<InList> {
    prop_oneof![
        vec(any_literal().prop_map(item), 0..4).prop_map(InList::Literals),
        any_scalar().prop_map(InList::Scalar),
    ]
    .boxed()
}

fn atom(scalar: BoxedStrategy<Scalar>, list: BoxedStrategy<InList>) -> BoxedStrategy<Expr> {
    let operators = select(vec![
        Comparison::Eq,
        Comparison::Ne,
        Comparison::Lt,
        Comparison::Le,
        Comparison::Gt,
        Comparison::Ge,
        Comparison::Distinct,
        Comparison::NotDistinct,
    ]);
    let scalar = move || scalar.clone();
    prop_oneof![
        scalar().prop_map(ExprKind::Bare),
        (operators, scalar(), scalar()).prop_map(|(op, left, right)| ExprKind::Compare { op, left, right }),
        (scalar(), scalar(), scalar(), any::<bool>()).prop_map(|(operand, low, high, negated)| ExprKind::Between {
            operand,
            low,
            high,
            negated
        }),
        (scalar(), list, any::<bool>()).prop_map(|(needle, list, negated)| ExprKind::In { needle, list, negated }),
        (scalar(), any::<bool>()).prop_map(|(operand, negated)| ExprKind::IsNull { operand, negated }),
        (scalar(), scalar(), any::<bool>()).prop_map(|(operand, pattern, negated)| ExprKind::Like {
            operand,
            pattern,
            negated
        }),
    ]
    .prop_map(of)
    .boxed()
}

fn combined(inner: impl Strategy<Value = Expr> + Clone + 'static) -> BoxedStrategy<Expr> {
    prop_oneof![
        vec(inner.clone(), 2..4).prop_map(|parts| {
            of(ExprKind::And(flat(parts, |part| match part.kind {
                ExprKind::And(inner) => inner,
                _ => vec![part],
            })))
        }),
        vec(inner.clone(), 2..4).prop_map(|parts| {
            of(ExprKind::Or(flat(parts, |part| match part.kind {
                ExprKind::Or(inner) => inner,
                _ => vec![part],
            })))
        }),
        inner.prop_map(|inner| of(ExprKind::Not(Box::new(inner)))),
    ]
    .boxed()
}

fn flat(parts: Vec<Expr>, open: fn(Expr) -> Vec<Expr>) -> Vec<Expr> {
    parts.into_iter().flat_map(open).collect()
}

fn of(kind: ExprKind) -> Expr {
    Expr { kind, span: 0..0 }
}

fn value(kind: ScalarKind) -> Scalar {
    Scalar { kind, span: 0..0 }
}

fn item(literal: Literal) -> Item {
    Item { literal, span: 0..0 }
}

fn named(text: &str) -> Name {
    Name { text: text.to_owned(), span: 0..0 }
}

fn principal(names: &[&str]) -> Scalar {
    value(ScalarKind::Principal(names.iter().map(|name| named(name)).collect()))
}

fn call(function: &str, arguments: Vec<Scalar>) -> Scalar {
    value(ScalarKind::Call { function: named(function), arguments })
}
