//! Figures over the visible rows.

use std::cmp::Ordering;
use std::collections::HashMap;

use super::Outcome;
use super::asked::DEFAULT_LIMIT;
use super::shown::{Row, Shown};
use super::visibility::Eye;
use crate::world::{Aggregate, Cell, Decimal, Figure, Kind, Model};

pub(super) fn aggregate(eye: &Eye<'_>, aggregate: &Aggregate) -> Outcome {
    let Some((model, rules)) = eye.open(&aggregate.model) else { return Outcome::Refused([].into()) };
    let found = eye.filtered(model, &aggregate.filters);
    let mut groups: Vec<(Vec<&Cell>, Vec<&[Cell]>)> = Vec::new();
    // Without fields to group by, all rows are one group, also when there are none.
    if aggregate.group_by.is_empty() {
        groups.push((Vec::new(), found));
    } else {
        let mut by_key: HashMap<Vec<&Cell>, Vec<&[Cell]>> = HashMap::new();
        for row in found {
            by_key
                .entry(aggregate.group_by.iter().map(|field| model.cell(row, field)).collect())
                .or_default()
                .push(row);
        }
        groups.extend(by_key);
    }
    let smallest = rules.aggregations.as_ref().and_then(|open| open.min_group_size).unwrap_or(0);
    groups.retain(|(_, rows)| rows.len() as u64 >= u64::from(smallest));
    let mut answered: Vec<Row> = groups
        .into_iter()
        .map(|(key, rows)| {
            let group = aggregate.group_by.iter().cloned().zip(key.into_iter().cloned().map(Shown::Cell));
            let figures = aggregate.figures.iter().map(|figure| (figure.name(), compute(figure, model, &rows)));
            group.chain(figures).collect()
        })
        .collect();
    sort(&mut answered, aggregate);
    let limit = aggregate.limit.unwrap_or(u64::from(DEFAULT_LIMIT.min(rules.limits.max_rows)));
    Outcome::Groups { rows: answered, limit: usize::try_from(limit).unwrap_or(usize::MAX) }
}

fn compute(figure: &Figure, model: &Model, rows: &[&[Cell]]) -> Shown {
    let Some(field) = &figure.field else { return Shown::Count(rows.len()) };
    let cells: Vec<&Cell> = rows.iter().map(|row| model.cell(row, field)).filter(|cell| !cell.is_null()).collect();
    let is_float = model.column(field).is_some_and(|column| column.kind == Kind::Float);
    let sum = || cells.iter().map(|cell| units(cell)).fold(0, i128::saturating_add);
    match figure.function.as_str() {
        "count" => Shown::Count(cells.len()),
        _ if cells.is_empty() => Shown::Cell(Cell::Null),
        // A sum of binary fractions depends on the order in which they are added.
        "sum" if is_float => Shown::About(floats(&cells)),
        "avg" if is_float => Shown::About(floats(&cells) / count(&cells)),
        "sum" => Shown::Sum(sum()),
        "avg" => Shown::Mean { sum: sum(), count: cells.len() },
        "min" => cells.into_iter().min().map_or(Shown::Cell(Cell::Null), |cell| Shown::Cell(cell.clone())),
        _ => cells.into_iter().max().map_or(Shown::Cell(Cell::Null), |cell| Shown::Cell(cell.clone())),
    }
}

fn units(cell: &Cell) -> i128 {
    match cell {
        Cell::Int(int) => Decimal::units_of(*int),
        Cell::Decimal(decimal) => decimal.units(),
        _ => 0,
    }
}

fn floats(cells: &[&Cell]) -> f64 {
    let float = |cell: &&Cell| if let Cell::Float(float) = cell { float.0 } else { 0.0 };
    cells.iter().map(float).sum()
}

#[expect(clippy::cast_precision_loss, reason = "no table has as many rows as a float has whole numbers")]
fn count(cells: &[&Cell]) -> f64 {
    cells.len() as f64
}

/// By the keys asked for, then by the fields of the group. NULL is the greatest.
fn sort(rows: &mut [Row], aggregate: &Aggregate) {
    let asked = aggregate.order.iter().map(|key| (&key.field, key.descending));
    let keys: Vec<(&String, bool)> = asked.chain(aggregate.group_by.iter().map(|field| (field, false))).collect();
    let of = |row: &Row, name: &str| row.iter().find(|(known, _)| known == name).map(|(_, shown)| shown.clone());
    rows.sort_by(|one, other| {
        keys.iter().fold(Ordering::Equal, |so_far, (name, descending)| {
            let by = match (of(one, name), of(other, name)) {
                (Some(one), Some(other)) => one.order(&other),
                _ => Ordering::Equal,
            };
            so_far.then(if *descending { by.reverse() } else { by })
        })
    });
}
