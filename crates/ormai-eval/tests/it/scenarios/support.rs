//! A page that comes as it says, to be changed where a test wants it wrong.

use ormai_eval::scenario::{PageReport, Runner, Source};

/// It comes as it says.
pub(super) const PAGE: &str = r#"# Orders

Prose before *anything* else, with `code`.

```yaml models
Order:
  id: integer key
  tenant_id: text
  status: text
```

| Order | tenant_id | status |
|------:|-----------|--------|
|     1 | acme      | open   |
|     2 | globex    | open   |

```yaml policy
models:
  Order:
    fields: {id: allow, status: allow}
    scoping: {tenant_id: principal.tenant_id}
    write_policy: {update: allow}
```

```json principal
{"tenant_id": "acme", "user_id": "ann"}
```

## Read

```json request query
{"model": "Order"}
```

```json answer
{"rows": [{"id": 1, "status": "open"}], "has_more": false, "next_cursor": null}
```

```sql sqlite
SELECT "a0"."id", "a0"."status"
FROM (SELECT "t0"."id", "t0"."status" FROM "orders" AS "t0" WHERE "t0"."tenant_id" = ?) AS "a0"
ORDER BY "a0"."id" ASC LIMIT ?
```

## Refused

```json request query
{"model": "Order", "select": ["tenant_id"]}
```

```json error
{"code": "FIELD_NOT_ALLOWED", "…": "…"}
```

## Written

```json request update
{"model": "Order", "id": 1, "data": {"status": "closed"}}
```

```json answer
{"id": "…", "status": "closed"}
```

```json request get
{"model": "Order", "id": "$answer.id"}
```

```json answer
{"id": 1, "status": "closed"}
```
"#;

/// The page with one part in the place of another.
pub(super) fn page(from: &str, to: &str) -> String {
    assert_eq!(PAGE.matches(from).count(), 1, "{from} stands once on the page");
    PAGE.replace(from, to)
}

/// Runs a page in memory.
pub(super) async fn run(text: &str) -> PageReport {
    Runner::new().run(&Source::new("page.md", text)).await
}

/// What is wrong with a page, with places.
pub(super) fn findings(report: &PageReport) -> String {
    let finding = |finding: &ormai::diagnostic::Diagnostic| {
        let place = report.line_of(finding).map_or_else(String::new, |line| format!("{}:{line}: ", report.name));
        format!("{place}{finding}\n")
    };
    report.findings.iter().map(finding).collect()
}

/// What came otherwise, with places.
pub(super) fn failures(report: &PageReport) -> String {
    let failure = |failure: &ormai_eval::scenario::Failure| {
        format!("{}:{}: {}\n{}", report.name, failure.line, failure.what, failure.difference(false))
    };
    report.failures().map(failure).collect()
}
