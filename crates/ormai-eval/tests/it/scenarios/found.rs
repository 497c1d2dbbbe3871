//! What comes otherwise than a page says is found, each kind at its place.

use insta::assert_snapshot;
use ormai_eval::scenario::{Runner, Source, junit};

use super::support::{PAGE, failures, findings, page, run};

#[tokio::test]
async fn a_page_that_comes_as_it_says_passes() {
    let report = run(PAGE).await;
    assert!(report.passed(), "{}{:?}", failures(&report), report.findings);
    let titles: Vec<&str> = report.scenarios.iter().map(|scenario| scenario.title.as_str()).collect();
    assert_eq!(titles, ["Orders › Read", "Orders › Refused", "Orders › Written"]);
}

#[tokio::test]
async fn a_strangers_row() {
    let report = run(&page("|     2 | globex    | open   |", "|     2 | acme      | open   |")).await;
    assert_snapshot!(failures(&report));
}

#[tokio::test]
async fn another_error() {
    let report =
        run(&page(r#"{"code": "FIELD_NOT_ALLOWED", "…": "…"}"#, r#"{"code": "MODEL_NOT_ALLOWED", "…": "…"}"#)).await;
    assert_snapshot!(failures(&report));
}

#[tokio::test]
async fn an_answer_that_should_have_been_a_refusal_and_the_reverse() {
    let opened = page("fields: {id: allow, status: allow}", "fields: {id: allow, status: allow, tenant_id: allow}");
    assert_snapshot!("opened", failures(&run(&opened).await));
    let closed = page("write_policy: {update: allow}", "write_policy: {update: deny}");
    assert_snapshot!("closed", failures(&run(&closed).await));
}

#[tokio::test]
async fn other_sql() {
    let report = run(&page(r#"WHERE "t0"."tenant_id" = ?"#, r#"WHERE "t0"."tenant_id" = 'acme'"#)).await;
    assert_snapshot!(failures(&report));
}

#[tokio::test]
async fn a_request_that_says_nothing_of_its_answer() {
    let report = run(&page("```json error\n{\"code\": \"FIELD_NOT_ALLOWED\", \"…\": \"…\"}\n```\n", "")).await;
    assert_snapshot!(failures(&report));
}

#[tokio::test]
async fn a_way_that_leads_to_nothing_in_the_answer_before() {
    let report = run(&page("$answer.id", "$answer.rows.0.id")).await;
    assert_snapshot!(failures(&report));
}

#[tokio::test]
async fn differences_are_red_and_green_on_a_terminal() {
    let report = run(&page(
        "status\": \"closed\"}\n```\n\n```json request get",
        "status\": \"shut\"}\n```\n\n```json request get",
    ))
    .await;
    let failure = report.failures().next().unwrap();
    assert!(failure.difference(true).contains("\u{1b}[31m- "), "{}", failure.difference(true));
    assert!(!failure.difference(false).contains('\u{1b}'));
}

#[tokio::test]
async fn a_scenario_changes_nothing_for_the_next_one() {
    let twice = format!(
        "{PAGE}\n## Read again\n\n```json request get\n{{\"model\": \"Order\", \"id\": 1}}\n```\n\n```json answer\n{{\"id\": 1, \"status\": \"open\"}}\n```\n"
    );
    let report = run(&twice).await;
    assert!(report.passed(), "{}", failures(&report));
}

#[tokio::test]
async fn a_filter_chooses_by_headings() {
    let runner = Runner::new().filter("REFUSED");
    let report = runner.run(&Source::new("page.md", PAGE)).await;
    let titles: Vec<&str> = report.scenarios.iter().map(|scenario| scenario.title.as_str()).collect();
    assert_eq!(titles, ["Orders › Refused"]);
}

#[tokio::test]
async fn junit_tells_of_pages_scenarios_and_failures() {
    let good = run(PAGE).await;
    let wrong = run(&page("|     2 | globex    | open   |", "|     2 | acme      | <&\"'> |")).await;
    let unread = run(&page("```json principal", "```json principle")).await;
    let mut pages = [good, wrong, unread];
    for page in &mut pages {
        for scenario in &mut page.scenarios {
            scenario.elapsed = std::time::Duration::from_millis(1);
        }
    }
    assert_snapshot!(junit(&pages).unwrap());
}

/// The database deletes by itself what points to a row, whosever it is: no policy stands in between. The
/// answer on the page is what comes, and the invariant that it breaks is told all the same.
#[tokio::test]
async fn a_broken_invariant() {
    let page = r#"# Cascades

```yaml models
Order: {id: integer key, tenant_id: text}
Claim: {id: integer key, tenant_id: text, order_id: integer -> Order cascade}
```

| Order | tenant_id |
|------:|-----------|
|     1 | acme      |

| Claim | tenant_id | order_id |
|------:|-----------|---------:|
|     7 | globex    |        1 |

```yaml policy
models:
  Order:
    fields: {id: allow}
    scoping: {tenant_id: principal.tenant_id}
    write_policy: {delete: allow}
  Claim:
    fields: {id: allow}
    scoping: {tenant_id: principal.tenant_id}
```

```text invariants
no_cross_tenant_data
```

```json principal
{"tenant_id": "acme", "user_id": "ann"}
```

```json request delete
{"model": "Order", "id": 1}
```

```json answer
{"id": 1}
```
"#;
    let report = run(page).await;
    assert_snapshot!(failures(&report));
    assert_eq!(report.blessed(), None, "nothing that is written would mend it");
}

#[tokio::test]
async fn an_invariant_that_is_not_there() {
    let page = page("```json principal", "```text invariants\nall\nno_cross_tenant_date\n```\n\n```json principal");
    assert_snapshot!(findings(&run(&page).await));
}
