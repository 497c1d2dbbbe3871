//! The page shows what the data says, whatever stands in it, and needs nothing from anywhere.

use ormai_eval::diff::{
    CallChange, CallsDiff, Change, Direction, FieldPicture, Level, ModelPicture, Part, PolicyDiff, RolesDiff, RowsDiff,
};
use ormai_eval::record::{Outcome, Who};
use ormai_eval::replay::{Change as Replayed, Difference};
use ormai_eval::report::Report;
use serde_json::json;

const HOSTILE: &str = "<script>alert(1)</script>\"'&</title></style><img src=x onerror=alert(1)>";

fn diff(name: &str) -> PolicyDiff {
    let who = Who { tenant_id: json!(name), roles: vec![name.to_owned()], ..Who::default() };
    let change = |direction, part| Change {
        direction,
        model: Some(name.to_owned()),
        part,
        name: name.to_owned(),
        old: name.to_owned(),
        new: "shown".to_owned(),
    };
    let field = |name: &str, old, new, direction| FieldPicture { field: name.to_owned(), old, new, direction };
    let replayed = Replayed {
        line: 2,
        tool: name.to_owned(),
        model: Some(name.to_owned()),
        principal: who.clone(),
        old: Outcome::Refused { code: name.to_owned() },
        new: Outcome::Pending,
        differences: vec![Difference::Status],
    };
    PolicyDiff {
        old: name.to_owned(),
        new: "1-b".to_owned(),
        roles: vec![RolesDiff {
            roles: vec![name.to_owned()],
            changes: vec![change(Direction::Wider, Part::Field), change(Direction::Narrower, Part::Scope)],
            models: vec![ModelPicture {
                model: name.to_owned(),
                fields: vec![
                    field(name, Level::Closed, Level::Shown, Some(Direction::Wider)),
                    field("same", Level::Masked, Level::Masked, None),
                ],
            }],
        }],
        all_combinations: false,
        rows: vec![RowsDiff {
            principal: who,
            model: name.to_owned(),
            old: 3,
            new: 5,
            newly: 2,
            newly_keys: vec![json!(name)],
            no_longer_keys: vec![json!({"a": name})],
            no_longer: 1,
            old_refusal: Some(name.to_owned()),
            complete: true,
            fields: vec![name.to_owned()],
            ..RowsDiff::default()
        }],
        principals: 1,
        principals_asked: 1,
        models: Vec::new(),
        calls: Some(CallsDiff {
            calls: 1,
            made: 1,
            changed: 1,
            wider: 1,
            changes: vec![CallChange { direction: Direction::Wider, newly: 1, no_longer: 0, change: replayed }],
            ..CallsDiff::default()
        }),
    }
}

#[test]
fn what_stands_in_a_policy_is_text_in_a_page() {
    let page = Report::new(HOSTILE).diff(&diff(HOSTILE)).html();
    for mark in ["<script", "<img", "onerror=alert(1)>", "</title></style>"] {
        assert!(!page.contains(mark), "{mark}");
    }
    // It is there all the same, as the text that it is.
    assert!(page.matches("&lt;script&gt;alert(1)&lt;/script&gt;").count() > 10);
    // No attribute is left: a quote in one is none of the page's.
    assert!(!page.contains("\"'&<"));
    assert_eq!(page.matches("<style>").count(), 1);
    assert_eq!(page.matches("</style>").count(), 1);
}

#[test]
fn a_page_loads_nothing_and_runs_nothing() {
    let page = Report::new("What changes").diff(&diff("Order")).html();
    for word in ["http:", "https:", "url(", "@import", "<link", "<script", "<iframe", " src=", " href="] {
        assert!(!page.contains(word), "{word}");
    }
    assert!(page.contains("Content-Security-Policy"));
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn every_picture_says_in_words_what_it_shows() {
    let page = Report::new("What changes").diff(&diff("Order")).html();
    let pictures = page.matches("<svg").count();
    let told = page.matches("<svg role=\"img\" aria-label=\"").count();
    // The swatches of the legend stand beside their words.
    assert_eq!(pictures, told + page.matches("<svg aria-hidden=\"true\"").count());
    assert!(page.contains("aria-label=\"closed → shown, wider\""));
    assert!(page.contains("aria-label=\"3 seen under both, 2 newly visible, 1 seen no more\""));
    assert!(page.contains("prefers-color-scheme:dark"));
    assert!(page.starts_with("<!DOCTYPE html><html lang=\"en\">"));
}

#[test]
fn the_verdict_is_that_of_the_diff() {
    let verdict = |diff: &PolicyDiff| Report::new("x").diff(diff).html();
    assert!(verdict(&diff("Order")).contains("something is wider, or may be"));
    assert!(verdict(&PolicyDiff::default()).contains("nothing differs"));
    let mut narrower = PolicyDiff { roles: diff("Order").roles, ..PolicyDiff::default() };
    narrower.roles[0].changes.retain(|change| change.direction == Direction::Narrower);
    assert!(verdict(&narrower).contains("nothing is wider"));
}
