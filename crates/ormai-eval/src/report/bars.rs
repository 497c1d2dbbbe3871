//! Rows as bars.

use maud::{Markup, html};
use serde_json::Value as Json;

use crate::diff::{PolicyDiff, RowsDiff};

/// The length of the longest bar.
const WIDTH: u64 = 320;

/// What becomes of rows, for each principal and model where something does.
pub(super) fn rows(diff: &PolicyDiff) -> Markup {
    let most = diff.rows.iter().map(|rows| rows.old.max(rows.new)).max().unwrap_or(0).max(1);
    html! {
        h2 { "Which rows are seen" }
        @if diff.principals_asked == 0 {
            p.soft { "No database was asked." }
        } @else if diff.principals == 0 && diff.rows.is_empty() {
            p { "Nothing was compared: each of " (diff.principals_asked) " principals was refused by both policies." }
        } @else if diff.rows.is_empty() {
            p { "The same rows, for each of " (diff.principals) " principals." }
        } @else {
            p.soft {
                "The grey bar is what is seen under both policies; what becomes visible stands behind it, "
                "and what is seen no more below it."
            }
            div.wide {
                table {
                    thead {
                        tr {
                            th scope="col" { "principal" }
                            th scope="col" { "model" }
                            th.number scope="col" { "old" }
                            th.number scope="col" { "new" }
                            th scope="col" { "rows" }
                            th scope="col" { "which" }
                        }
                    }
                    tbody { @for rows in &diff.rows { (line(rows, most)) } }
                }
            }
        }
    }
}

fn line(rows: &RowsDiff, most: u64) -> Markup {
    html! {
        tr {
            td { (rows.principal) }
            td { (rows.model) }
            td.number { (rows.old) }
            td.number { (rows.new) }
            td { (bar(rows, most)) }
            td {
                @if rows.newly > 0 {
                    p { span.wider { "▲ " (rows.newly) " newly visible" } (keys(&rows.newly_keys, rows.newly)) }
                }
                @if !rows.fields.is_empty() {
                    p { span.wider { "▲ fields newly shown: " } code { (rows.fields.join(", ")) } }
                }
                @if rows.no_longer > 0 {
                    p { span.narrower { "▼ " (rows.no_longer) " seen no more" } (keys(&rows.no_longer_keys, rows.no_longer)) }
                }
                @if rows.old_refusal != rows.new_refusal {
                    p { (refusal(rows.old_refusal.as_deref())) " → " (refusal(rows.new_refusal.as_deref())) }
                }
                @if !rows.complete {
                    p.either { "◆ there are more rows than were compared" }
                }
            }
        }
    }
}

fn refusal(code: Option<&str>) -> String {
    code.map_or("answered".to_owned(), |code| format!("refused, {code}"))
}

fn keys(keys: &[Json], all: u64) -> Markup {
    let more = all.saturating_sub(u64::try_from(keys.len()).unwrap_or(u64::MAX));
    html! {
        @if !keys.is_empty() {
            ": "
            @for (at, key) in keys.iter().enumerate() {
                @if at > 0 { ", " }
                code { (key.to_string()) }
            }
            @if more > 0 { ", and " (more) " more" }
        }
    }
}

fn bar(rows: &RowsDiff, most: u64) -> Markup {
    let both = rows.new.saturating_sub(rows.newly);
    let long = |count: u64| {
        let long = u128::from(count) * u128::from(WIDTH) / u128::from(most);
        // What is there is to be seen.
        u64::try_from(long).unwrap_or(WIDTH).max(u64::from(count > 0) * 2)
    };
    let words = format!("{both} seen under both, {} newly visible, {} seen no more", rows.newly, rows.no_longer);
    html! {
        svg role="img" aria-label=(words) width=(WIDTH + 4) height="26" viewBox=(format!("0 0 {} 26", WIDTH + 4)) {
            title { (words) }
            rect.rail x="0" y="0" width=(WIDTH + 4) height="26" {}
            rect.bar x="0" y="2" width=(long(both)) height="12" {}
            rect.more x=(long(both)) y="2" width=(long(rows.newly)) height="12" {}
            rect.less x=(long(both)) y="17" width=(long(rows.no_longer)) height="7" {}
        }
    }
}
