//! What each field shows to whom, as a grid: old on the left of a cell, new on the right.

use maud::{Markup, html};

use crate::diff::{Direction, FieldPicture, Level, RolesDiff};

const LEVELS: [Level; 5] = [Level::Closed, Level::Redacted, Level::Hashed, Level::Masked, Level::Shown];

/// A grid for each model that differs; the others are named.
pub(super) fn grids(roles: &[RolesDiff]) -> Markup {
    let mut models: Vec<&str> = Vec::new();
    for picture in roles.iter().flat_map(|roles| &roles.models) {
        if !models.contains(&picture.model.as_str()) {
            models.push(&picture.model);
        }
    }
    let (differing, same): (Vec<&str>, Vec<&str>) = models
        .into_iter()
        .partition(|model| roles.iter().flat_map(|roles| fields(roles, model)).any(|field| field.direction.is_some()));
    html! {
        h2 { "What fields show" }
        p.legend {
            @for level in LEVELS {
                span { (swatch(level)) " " (level.as_str()) }
            }
            span.wider { "▲ wider" }
            span.either { "◆ may be wider" }
            span.narrower { "▼ narrower" }
        }
        p.soft { "The left half of a cell is the old policy, the right half the new one. A column is a set of roles." }
        @for model in &differing { (grid(roles, model)) }
        @if !same.is_empty() {
            p { "Nothing differs in " (same.join(", ")) "." }
        }
    }
}

fn grid(roles: &[RolesDiff], model: &str) -> Markup {
    let mut names: Vec<&str> = Vec::new();
    for field in roles.iter().flat_map(|roles| fields(roles, model)) {
        if !names.contains(&field.field.as_str()) {
            names.push(&field.field);
        }
    }
    html! {
        h3 { (model) }
        div.wide {
            table.grid {
                caption.unseen { "What the fields of " (model) " show, by roles" }
                thead {
                    tr {
                        th scope="col" { "field" }
                        @for roles in roles { th scope="col" { (role_names(&roles.roles)) } }
                    }
                }
                tbody {
                    @for name in names {
                        tr {
                            th scope="row" { code { (name) } }
                            @for roles in roles {
                                td { (cell(fields(roles, model).find(|field| field.field == name))) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn fields<'r>(roles: &'r RolesDiff, model: &str) -> impl Iterator<Item = &'r FieldPicture> + use<'r> {
    let picture = roles.models.iter().find(|picture| picture.model == model);
    picture.into_iter().flat_map(|picture| &picture.fields)
}

/// A set of roles as a heading.
pub(super) fn role_names(roles: &[String]) -> String {
    if roles.is_empty() { "(no role)".to_owned() } else { roles.join(" + ") }
}

/// A field that is in no picture is closed under both.
fn cell(field: Option<&FieldPicture>) -> Markup {
    let (old, new) = field.map_or((Level::Closed, Level::Closed), |field| (field.old, field.new));
    let direction = field.and_then(|field| field.direction);
    let words = match direction {
        None => format!("{}, the same", new.as_str()),
        Some(direction) => format!("{} → {}, {}", old.as_str(), new.as_str(), direction.as_str()),
    };
    html! {
        svg role="img" aria-label=(words) width="64" height="22" viewBox="0 0 64 22" {
            title { (words) }
            (half(1, old)) (half(25, new))
            @if let Some(direction) = direction {
                rect class=(format!("mark-{}", class(direction))) x="1.5" y="1.5" width="47" height="19" rx="2" {}
            }
        }
        @if let Some(direction) = direction {
            span class=(class(direction)) aria-hidden="true" { (mark(direction)) }
        }
    }
}

fn half(x: u32, level: Level) -> Markup {
    let ink = if level == Level::Shown { "ink4" } else { "ink" };
    html! {
        rect class=(shade(level)) x=(x) y="1" width="24" height="20" {}
        text class=(ink) x=(x + 12) y="11" { (letter(level)) }
    }
}

fn swatch(level: Level) -> Markup {
    html! {
        svg aria-hidden="true" width="26" height="22" viewBox="0 0 26 22" { (half(1, level)) }
    }
}

fn shade(level: Level) -> &'static str {
    match level {
        Level::Closed => "l0",
        Level::Redacted => "l1",
        Level::Hashed => "l2",
        Level::Masked => "l3",
        Level::Shown => "l4",
    }
}

fn letter(level: Level) -> &'static str {
    match level {
        Level::Closed => "–",
        Level::Redacted => "R",
        Level::Hashed => "H",
        Level::Masked => "M",
        Level::Shown => "S",
    }
}

/// The class of a direction.
pub(super) fn class(direction: Direction) -> &'static str {
    match direction {
        Direction::Wider => "wider",
        Direction::Either => "either",
        Direction::Narrower => "narrower",
    }
}

/// The sign of a direction.
pub(super) fn mark(direction: Direction) -> &'static str {
    match direction {
        Direction::Wider => "▲",
        Direction::Either => "◆",
        Direction::Narrower => "▼",
    }
}
