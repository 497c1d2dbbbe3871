//! What is wrong with a page is told with its line and a way to mend it, all at once.

use insta::assert_snapshot;

use super::support::{findings, page, run};

async fn check(from: &str, to: &str) -> String {
    let report = run(&page(from, to)).await;
    assert!(!report.passed());
    assert!(report.scenarios.is_empty(), "a page that cannot be read is not run");
    findings(&report)
}

#[tokio::test]
async fn a_slip_behind_a_fence() {
    assert_snapshot!(check("```json principal", "```json principle").await);
    assert_snapshot!(check("```json request update", "```json request updat").await);
    assert_snapshot!(check("```yaml policy", "```xml policy").await);
    assert_snapshot!(check("```json error", "```json error please").await);
    assert_snapshot!(check("```json request get", "```json request").await);
}

#[tokio::test]
async fn a_block_in_a_wrong_place() {
    assert_snapshot!("before", check("# Orders\n", "# Orders\n\n```json answer\n{}\n```\n").await);
    assert_snapshot!("twice_answered", check("```json error", "```json answer\n{}\n```\n\n```json error").await);
    assert_snapshot!("behind", check("## Refused", "```yaml policy\nmodels: {}\n```\n\n## Refused").await);
    assert_snapshot!("nested", check("## Refused", "- ```json answer\n  {}\n  ```\n\n## Refused").await);
    assert_snapshot!(
        "endless",
        format!(
            "{:?}",
            run("# A\n\n```yaml models\nA: {id: text key}\n")
                .await
                .findings
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        )
    );
}

#[tokio::test]
async fn unreadable_words_in_a_block() {
    assert_snapshot!(
        "json",
        check(r#"{"model": "Order", "select": ["tenant_id"]}"#, "{\"model\": \"Order\",\n \"select\": [tenant_id]}")
            .await
    );
    assert_snapshot!(
        "twice_a_key",
        check(r#"{"model": "Order", "select": ["tenant_id"]}"#, r#"{"model": "Order", "model": "Order"}"#).await
    );
    assert_snapshot!("principal", check(r#""user_id": "ann"}"#, r#""user": "ann", "roles": "admin"}"#).await);
    assert_snapshot!(
        "policy",
        check("scoping: {tenant_id: principal.tenant_id}", "scoping: {tennant_id: principal.tenant_id}").await
    );
    assert_snapshot!("yaml", check("  status: text\n", "  status: [text\n").await);
}

#[tokio::test]
async fn models_that_cannot_be() {
    assert_snapshot!(check("  status: text\n", "  status: txet\n").await);
    assert_snapshot!(check("  status: text\n", "  status: text unqiue\n").await);
    assert_snapshot!(check("  status: text\n", "  status: text -> Usr\n").await);
    assert_snapshot!(check("  status: text\n", "  status: integer(7)\n").await);
    assert_snapshot!(check("  status: text\n", "  status: integer -> Order\n").await);
}

#[tokio::test]
async fn rows_that_cannot_be() {
    assert_snapshot!("model", check("| Order | tenant_id | status |", "| Oder | tenant_id | status |").await);
    assert_snapshot!("field", check("| Order | tenant_id | status |", "| Order | tennant_id | status |").await);
    assert_snapshot!("value", check("|     2 | globex    | open   |", "|   two | globex    | open   |").await);
}

#[tokio::test]
async fn rows_that_the_database_does_not_take() {
    assert_snapshot!(check("|     2 | globex    | open   |", "|     1 | globex    | open   |").await);
    assert_snapshot!(check("|     2 | globex    | open   |", "|     2 | globex    |        |").await);
}
