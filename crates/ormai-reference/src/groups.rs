//! Figures over the visible rows.

use std::cmp::Ordering;

use super::Outcome;
use super::asked::DEFAULT_LIMIT;
use super::shown::{Row, Shown};
use super::visibility::Eye;
use crate::world::{Aggregate, Cell, Figure, Model};

pub(super) fn aggregate(eye: &Eye<'_>, aggregate: &Aggregate) -> Outcome {
    let Some((model, rules)) = eye.open(&aggregate.model) else { return Outcome::Refused([].into()) };
    let found = eye.filtered(model, &aggregate.filters);
    let mut groups: Vec<(Vec<&Cell>, Vec<&[Cell]>)> = Vec::new();
    // Without fields to group by, all rows are one group, also when there are none.
    if aggregate.group_by.is_empty() {
        groups.push((Vec::new(), found));
    } else {
        for row in found {
            let key: Vec<&Cell> = aggregate.group_by.iter().map(|field| model.cell(row, field)).collect();
            match groups.iter_mut().find(|(known, _)| *known == key) {
                Some((_, rows)) => rows.push(row),
                None => groups.push((key, vec![row])),
            }
        }
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
    let sum = || cells.iter().map(|cell| hundredths(cell)).sum::<i128>();
    match figure.function.as_str() {
        "count" => Shown::Count(cells.len()),
        _ if cells.is_empty() => Shown::Cell(Cell::Null),
        "sum" => Shown::Sum(sum()),
        "avg" => Shown::Mean { sum: sum(), count: cells.len() },
        "min" => cells.into_iter().min().map_or(Shown::Cell(Cell::Null), |cell| Shown::Cell(cell.clone())),
        _ => cells.into_iter().max().map_or(Shown::Cell(Cell::Null), |cell| Shown::Cell(cell.clone())),
    }
}

fn hundredths(cell: &Cell) -> i128 {
    match cell {
        Cell::Int(int) => i128::from(*int) * 100,
        Cell::Decimal(hundredths) => i128::from(*hundredths),
        _ => 0,
    }
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
