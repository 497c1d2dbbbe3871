//! Requests that must be refused: one thing in them is wrong.

use serde_json::{Value as Json, json};

use super::Dice;
use super::requests::Place;
use crate::world::{Aggregate, Figure, Filter, Include, Kind, Matching, Op, Order, Request};

/// Spoils one thing of a request.
pub(super) fn spoil(dice: &mut Dice, place: Place<'_, '_>, request: &mut Request) {
    // A field that is open, but not this way.
    let onward = place.onward().into_iter().map(|(relation, target)| (relation, target.behind()));
    let behind: Vec<(String, Vec<String>)> = onward.filter(|(_, fields)| !fields.is_empty()).collect();
    if let (Request::Query(query), Some((relation, fields))) = (&mut *request, dice.pick(&behind))
        && dice.chance(50)
    {
        let field = dice.pick(&fields).unwrap_or_default();
        match dice.chance(60) {
            true => query.include = vec![Include { relation, select: Some(vec![field]), ..Include::default() }],
            false => {
                let filters = vec![Filter::Field { field, op: Op::IsNull, value: json!(true) }];
                query.filters.push(Filter::Relation { relation, matching: Matching::Any, filters });
            }
        }
        return;
    }
    // Any column of the table, open or not, and names that nothing has.
    let mut names: Vec<String> = place.model.columns.iter().map(|column| column.name.clone()).collect();
    names.extend(["nothing".to_owned(), "tenant_id\" OR 1=1 --".to_owned()]);
    let name = dice.pick(&names).unwrap_or_default();
    let relations: Vec<String> = place.model.relations.iter().map(|relation| relation.name.clone()).collect();
    let relation = dice.pick(&relations).filter(|_| dice.chance(70)).unwrap_or_else(|| "nowhere".to_owned());
    match request {
        Request::Get(get) => match dice.roll(6) {
            0 => get.id = json!({"nothing": 1}),
            1 => get.id = Json::Null,
            2 => get.id = json!([1]),
            3 => get.select = Some(vec![name]),
            4 => get.include = vec![Include { relation, ..Include::default() }],
            _ => get.model = "Nothing".to_owned(),
        },
        Request::Query(query) => match dice.roll(14) {
            0 => query.model = dice.word(&["Nothing", "order", "Note", "Item"]).to_owned(),
            1 => query.limit = Some(0),
            2 => query.limit = Some(5_000),
            3 => query.select = Some(vec![name]),
            4 => query.select = Some(Vec::new()),
            5 => query.order = vec![Order { field: name, descending: false }],
            6 => query.order.extend(query.order.first().cloned()),
            7 => query.include = vec![Include { relation, ..Include::default() }],
            8 => query.include.extend(query.include.first().cloned()),
            9 => {
                query.filters.push(Filter::Relation { relation, matching: Matching::Any, filters: Vec::new() });
            }
            10 => query.filters.push(nested(dice)),
            11 => query.filters.push(Filter::Or(Vec::new())),
            12 => query.filters.push(Filter::Field { field: name, op: Op::Eq, value: Json::Null }),
            _ => query.filters.push(misfit(dice, place, &name)),
        },
        Request::Aggregate(aggregate) => spoil_aggregate(dice, place, aggregate, name),
        Request::Write(_) => {}
    }
}

fn spoil_aggregate(dice: &mut Dice, place: Place<'_, '_>, aggregate: &mut Aggregate, name: String) {
    match dice.roll(8) {
        0 => aggregate.figures.clear(),
        1 => aggregate.figures.extend(aggregate.figures.first().cloned()),
        2 => aggregate.figures.push(Figure { function: "median".to_owned(), field: Some(name), alias: None }),
        3 => aggregate.group_by = vec![name],
        4 => aggregate.order = vec![Order { field: "nothing".to_owned(), descending: true }],
        5 => aggregate.filters.push(misfit(dice, place, &name)),
        6 => aggregate.figures.push(Figure { function: "sum".to_owned(), field: None, alias: Some("s".to_owned()) }),
        _ => {
            let function = dice.word(&["min", "max", "count"]).to_owned();
            aggregate.figures.push(Figure { function, field: Some(name), alias: Some("hidden".to_owned()) });
        }
    }
}

/// Deeper than most policies allow.
fn nested(dice: &mut Dice) -> Filter {
    let depth = 3 + dice.roll(8);
    let leaf = Filter::And(Vec::new());
    (0..depth).fold(leaf, |inner, _| Filter::Not(Box::new(inner)))
}

/// A comparison with a value of the wrong type, or by an operator that does not apply.
fn misfit(dice: &mut Dice, place: Place<'_, '_>, name: &str) -> Filter {
    let kind = place.model.column(name).map(|column| column.kind.clone());
    let values = [
        json!({"a": 1}),
        json!([1]),
        json!(null),
        json!("a\0b"),
        json!(9_223_372_036_854_775_808_u64),
        json!([null]),
        json!([[1]]),
        json!(1.5),
        json!("7"),
        json!(7),
        json!("yes"),
        json!("2024-13-01"),
        json!(""),
    ];
    let ops: &[Op] = match kind {
        Some(Kind::Text) => &[Op::Eq, Op::Contains, Op::In, Op::Between, Op::IsNull],
        _ => &[Op::Eq, Op::Lt, Op::In, Op::NotIn, Op::Between, Op::IsNull, Op::StartsWith],
    };
    Filter::Field {
        field: name.to_owned(),
        op: dice.pick(ops).unwrap_or(Op::Eq),
        value: dice.pick(&values).unwrap_or_default(),
    }
}
