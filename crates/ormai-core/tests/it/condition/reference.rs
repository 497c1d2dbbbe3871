//! The reference page says nothing that is not so.

use ormai_core::condition::{MAX_DEPTH, MAX_ITEMS, MAX_NODES, MAX_SOURCE, compile};

use super::{catalog, order};

const PAGE: &str = include_str!("../../../../../docs/reference/conditions.md");

/// The non-empty lines of all blocks of one language.
fn examples(language: &str) -> Vec<&'static str> {
    let fence = format!("```{language}\n");
    let blocks = PAGE.split(fence.as_str()).skip(1).filter_map(|rest| rest.split("```").next());
    blocks.flat_map(str::lines).filter(|line| !line.trim().is_empty()).collect()
}

#[test]
fn every_example_compiles() {
    let catalog = catalog();
    let examples = examples("sql");
    assert!(examples.len() >= 20, "the page has lost its examples");
    for example in examples {
        let checked = compile(example, &catalog, order(&catalog));
        assert!(checked.is_ok(), "{example}: {:?}", checked.err());
    }
}

#[test]
fn every_example_of_an_error_is_one() {
    let catalog = catalog();
    let examples = examples("sql-error");
    assert!(examples.len() > 5, "the page has lost its examples of errors");
    for example in examples {
        assert!(compile(example, &catalog, order(&catalog)).is_err(), "{example}");
    }
}

#[test]
fn the_limits_are_the_ones_in_force() {
    for limit in [MAX_SOURCE, MAX_NODES, MAX_ITEMS, MAX_DEPTH] {
        let grouped = match limit {
            0..1_000 => limit.to_string(),
            _ => format!("{},{:03}", limit / 1_000, limit % 1_000),
        };
        assert!(PAGE.contains(&format!("| {grouped} |")), "{grouped} is not on the page");
    }
}
