//! The reference pages say nothing that is not so.

use std::path::Path;

use ormai_core::authorize::{Authority, authorize_write};
use ormai_core::error::{ErrorCode, Result};
use ormai_core::plan::WritePlan;
use ormai_core::policy::Budget;
use ormai_core::request::{Operator, Request, Tool, limits};
use ormai_core::resolve::resolve_write;
use ormai_core::value::JSON_LEVELS;

use crate::world::{POLICY, World, acme, call};

const REQUESTS: &str = include_str!("../../../../docs/reference/requests.md");
const BUDGETS: &str = include_str!("../../../../docs/reference/budgets.md");

/// The blocks of JSON on a page, each with what stands behind `json` on its fence.
fn blocks(page: &'static str) -> Vec<(&'static str, &'static str)> {
    let mut found = Vec::new();
    for rest in page.split("```json").skip(1) {
        let (label, rest) = rest.split_once('\n').unwrap();
        found.push((label.trim(), rest.split("```").next().unwrap()));
    }
    found
}

#[test]
fn the_page_of_errors_is_the_registry() {
    let mut page = String::from(
        "# Errors\n\nA refusal or a failure is `{code, message, hint?, details?, retryable}`. `retryable` says whether the \
         same\ncall may succeed later, unchanged. This page is written from the registry in `ormai-core`.\n\n\
         | code | HTTP status | retryable | meaning |\n|---|---|---|---|\n",
    );
    for code in ErrorCode::ALL {
        let retryable = if code.retryable() { "yes" } else { "no" };
        let meaning = code.meaning().trim();
        page.push_str(&format!("| `{code}` | {} | {retryable} | {meaning} |\n", code.http_status()));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/errors.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(written, page, "UPDATE_DOCS=1 writes docs/reference/errors.md anew");
}

#[test]
fn every_request_of_the_reference_is_decided() {
    let world = World::new(POLICY);
    let writable = World::new(&all_writes_open());
    let mut seen = 0;
    for section in REQUESTS.split("\n## ").skip(1) {
        let heading = section.lines().next().unwrap_or_default();
        for (_, json) in blocks(section) {
            let tool = Tool::from_name(heading).unwrap();
            let request = Request::from_json(tool, json.as_bytes()).unwrap_or_else(|error| panic!("{json}: {error}"));
            if tool.writes() {
                written(&writable, &request).unwrap_or_else(|error| panic!("{json}: {error}"));
            } else if tool != Tool::DescribeSchema {
                world.plan(request, acme()).unwrap_or_else(|error| panic!("{json}: {error}"));
            }
            seen += 1;
        }
    }
    assert!(seen >= 17, "the page has lost its examples");
}

/// The policy of the other examples, with every write on its orders and members open.
fn all_writes_open() -> String {
    let open = "    write_policy: {create: allow, update: allow, delete: allow, bulk_update: allow, auto_set: {tenant_id: principal.tenant_id}}\n";
    ["  Order:\n", "  Member:\n"]
        .iter()
        .fold(POLICY.to_owned(), |policy, model| policy.replace(model, &format!("{model}{open}")))
}

fn written(world: &World, request: &Request) -> Result<WritePlan> {
    let call = call(acme());
    let view = world.policy.view(call.principal.roles());
    let authority = Authority {
        catalog: world.catalog(),
        view: &view,
        call: &call,
        cursors: &world.cursors,
        looks_first: false,
        snapshots: false,
    };
    authorize_write(resolve_write(request, world.catalog(), &view)?, authority)
}

#[test]
fn every_tool_has_its_section_and_every_write_has_examples() {
    for tool in Tool::ALL {
        let section = REQUESTS.split("\n## ").find(|section| section.lines().next() == Some(tool.name()));
        assert!(section.is_some_and(|section| !blocks(section).is_empty()), "`{}` has no example", tool.name());
    }
}

#[test]
fn the_reference_names_every_operator_and_every_bound() {
    for op in Operator::ALL {
        assert!(REQUESTS.contains(&format!("`{op}`")), "`{op}` is not on the page");
    }
    let bounds = [
        limits::REQUEST_BYTES,
        limits::JSON_DEPTH,
        limits::LIST_ITEMS,
        limits::NAME_BYTES,
        limits::PATTERN_BYTES,
        limits::CURSOR_BYTES,
        limits::DATA_FIELDS,
        limits::REASON_BYTES,
        limits::IDEMPOTENCY_KEY_BYTES,
        JSON_LEVELS,
    ];
    for bound in bounds {
        assert!(REQUESTS.contains(&format!("| {bound} |")), "{bound} is not on the page");
    }
}

#[test]
fn the_defaults_of_the_budget_are_the_ones_in_force() {
    let budget = Budget::default();
    let limits = [
        ("max_rows", budget.max_rows),
        ("max_include_depth", budget.max_include_depth),
        ("max_selected_fields", budget.max_selected_fields),
        ("max_filter_depth", budget.max_filter_depth),
        ("max_list_length", budget.max_list_length),
        ("max_complexity_score", budget.max_complexity_score),
        ("statement_timeout_ms", budget.statement_timeout_ms),
    ];
    for (limit, default) in limits {
        assert!(BUDGETS.contains(&format!("| `{limit}` | {default} |")), "`{limit}` is not {default} on the page");
    }
}

#[test]
fn every_example_has_the_score_that_the_page_gives_it() {
    let examples = blocks(BUDGETS);
    assert!(examples.len() >= 8, "the page has lost its examples");
    for (label, json) in examples {
        let (tool, score) = label.split_once(' ').unwrap();
        let (tool, score): (_, u32) = (Tool::from_name(tool).unwrap(), score.parse().unwrap());
        let with_most = |most: u32| World::new(&format!("budget: {{max_complexity_score: {most}}}{POLICY}"));
        let at = with_most(score).plan_json(tool, json, acme());
        assert!(at.is_ok(), "{json} costs more than {score}: {:?}", at.err());
        // No policy allows a score of less than one.
        if score > 1 {
            let error = with_most(score - 1).refusal(tool, json);
            assert_eq!((error.code, &error.details["score"]), (ErrorCode::QueryTooBroad, &score.into()), "{json}");
        }
    }
}
