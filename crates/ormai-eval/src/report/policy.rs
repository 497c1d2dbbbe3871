//! What a change of a policy changes, as a part of a page.

use maud::{Markup, html};

use super::fields::{class, grids, mark};
use super::page::tile;
use super::{bars, fields};
use crate::diff::{CallsDiff, Change, Direction, PolicyDiff};

/// How many changed calls a page has.
const MOST_CALLS: usize = 500;

pub(super) fn part(diff: &PolicyDiff) -> Markup {
    let by_roles = grouped(diff);
    let count = |direction: Direction| by_roles.iter().filter(|(change, _)| change.direction == direction).count();
    html! {
        p { "From " code { (diff.old) } " to " code { (diff.new) } "." }
        p {
            @if diff.is_wider() {
                span.verdict.wider { "▲ something is wider, or may be" }
            } @else if diff.is_empty() {
                span.verdict.narrower { "nothing differs" }
            } @else {
                span.verdict.narrower { "▼ nothing is wider" }
            }
        }
        ul.tiles {
            (tile(count(Direction::Wider), "rules wider"))
            (tile(count(Direction::Either), "rules that may be wider"))
            (tile(count(Direction::Narrower), "rules narrower"))
            (tile(diff.rows.iter().map(|rows| rows.newly).sum::<u64>(), "rows newly visible"))
            @if let Some(calls) = &diff.calls { (tile(calls.changed, "calls that change")) }
        }
        (bars::rows(diff))
        (grids(&diff.roles))
        h2 { "What the policies say" }
        @if by_roles.is_empty() {
            p { "The same, for each of " (diff.roles.len()) " sets of roles." }
        } @else { (changes(&by_roles, diff.roles.len())) }
        @if !diff.all_combinations {
            p.soft { "Not every combination of the roles that the policies name was looked at." }
        }
        @if let Some(calls) = &diff.calls { (called(calls)) }
    }
}

/// Each change once, with the sets of roles that it is for.
fn grouped(diff: &PolicyDiff) -> Vec<(&Change, Vec<String>)> {
    diff.changes()
        .into_iter()
        .map(|(change, roles)| (change, roles.into_iter().map(fields::role_names).collect()))
        .collect()
}

fn changes(changes: &[(&Change, Vec<String>)], all: usize) -> Markup {
    html! {
        div.wide {
            table {
                thead {
                    tr {
                        @for heading in ["", "part", "what", "old", "new", "roles"] { th scope="col" { (heading) } }
                    }
                }
                tbody {
                    @for (change, roles) in changes {
                        tr {
                            td class=(class(change.direction)) { (mark(change.direction)) " " (change.direction.as_str()) }
                            td { (change.part.as_str()) }
                            td { code { (change.subject()) } }
                            td { (change.old) }
                            td { (change.new) }
                            td { @if roles.len() == all { "all" } @else { (roles.join("; ")) } }
                        }
                    }
                }
            }
        }
    }
}

fn called(calls: &CallsDiff) -> Markup {
    html! {
        h2 { "Which calls change" }
        p {
            (calls.made) " of " (calls.calls) " calls were made under both policies; " (calls.changed) " end otherwise, "
            (calls.wider) " of them wider or perhaps so. " (calls.writes_left_out) " writes were left out, and "
            (calls.not_exact) " calls are not known as they were."
        }
        @if !calls.changes.is_empty() {
            div.wide {
                table {
                    thead {
                        tr {
                            @for heading in ["", "line", "call", "principal", "old", "new", "rows"] {
                                th scope="col" { (heading) }
                            }
                        }
                    }
                    tbody {
                        @for found in calls.changes.iter().take(MOST_CALLS) {
                            tr {
                                td class=(class(found.direction)) {
                                    (mark(found.direction)) " " (found.direction.as_str())
                                }
                                td.number { (found.change.line) }
                                td { (found.change.tool) " " (found.change.model.as_deref().unwrap_or_default()) }
                                td { (found.change.principal) }
                                td { (found.change.old) }
                                td { (found.change.new) }
                                td { "+" (found.newly) " −" (found.no_longer) }
                            }
                        }
                    }
                }
            }
            @if calls.changes.len() > MOST_CALLS {
                p.soft { "and " (calls.changed.saturating_sub(500)) " more" }
            }
        }
    }
}
