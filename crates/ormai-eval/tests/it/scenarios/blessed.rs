//! `--bless` writes what came, and touches nothing else.

use super::support::{PAGE, failures, page, run};

/// Blesses a page, and expects it to pass then and to need nothing more.
async fn blessed(text: &str) -> String {
    let report = run(text).await;
    let written = report.blessed().unwrap_or_else(|| panic!("something to write: {:?}", report.findings));
    let again = run(&written).await;
    assert!(again.passed(), "{}{:?}", failures(&again), again.findings);
    assert_eq!(again.blessed(), None, "what was blessed is left alone");
    written
}

#[tokio::test]
async fn a_page_that_comes_as_it_says_is_left_alone() {
    assert_eq!(run(PAGE).await.blessed(), None);
}

#[tokio::test]
async fn only_the_block_that_differs_changes() {
    let wrong = page("{\"id\": 1, \"status\": \"closed\"}", "{  \"status\":\"shut\",\n\n   \"id\": 1 }");
    let expected = page("{\"id\": 1, \"status\": \"closed\"}", "{\"status\": \"closed\", \"id\": 1}");
    assert_eq!(blessed(&wrong).await, expected);
}

#[tokio::test]
async fn everything_else_stays_byte_by_byte() {
    let odd = "\u{feff}<!-- odd -->\r\n\n*  Trailing blanks   \n\tA tab — “quotes”, e\u{301}\n\n~~~\nno ```json answer\n~~~\n\n";
    let end = "\n\n\nThe end, without a line's end";
    let around = |text: &str| format!("{odd}{text}{end}");
    let wrong = around(&page("{\"id\": 1, \"status\": \"closed\"}", "{\"id\": 2}"));
    let expected = around(&page("{\"id\": 1, \"status\": \"closed\"}", "{\"id\": 1, \"status\": \"closed\"}"));
    assert_eq!(blessed(&wrong).await, expected);
}

#[tokio::test]
async fn lines_end_as_they_do_on_the_page() {
    let windows = |text: &str| text.replace('\n', "\r\n");
    let report = run(&windows(PAGE)).await;
    assert!(report.passed(), "{}{:?}", failures(&report), report.findings);
    let answer = "\n\n```json answer\n{\"id\": 1, \"status\": \"closed\"}\n```";
    assert_eq!(blessed(&windows(&page(answer, ""))).await, windows(PAGE));
    let other = page("{\"id\": 1, \"status\": \"closed\"}", "{\"id\": 2, \"status\": \"closed\"}");
    assert_eq!(blessed(&windows(&other)).await, windows(PAGE));
}

#[tokio::test]
async fn placeholders_stay() {
    let wrong = page("{\"id\": \"…\", \"status\": \"closed\"}", "{\"id\": \"…\", \"status\": \"shut\"}");
    assert_eq!(blessed(&wrong).await, PAGE);
    let open = page("{\"id\": \"…\", \"status\": \"closed\"}", "{\"…\": \"…\", \"status\": \"shut\"}");
    let expected = page("{\"id\": \"…\", \"status\": \"closed\"}", "{\"…\": \"…\", \"status\": \"closed\"}");
    assert_eq!(blessed(&open).await, expected);
}

#[tokio::test]
async fn an_answer_that_is_missing_is_added_behind_its_request() {
    let answer = "\n\n```json answer\n{\"id\": 1, \"status\": \"closed\"}\n```";
    assert_eq!(blessed(&page(answer, "")).await, PAGE);
}

#[tokio::test]
async fn an_error_takes_the_place_of_an_answer() {
    let closed =
        blessed(&page("write_policy: {update: allow}", "write_policy: {update: deny}").replace("$answer.id", "1"))
            .await;
    assert!(closed.contains("```json error\n{\n  \"code\": \"WRITE_NOT_ALLOWED\","), "{closed}");
    assert!(closed.contains("{\"id\": 1, \"status\": \"open\"}"), "the row is as it was: {closed}");
}

#[tokio::test]
async fn sql_is_written_as_people_break_it() {
    let empty = "```sql sqlite\n```";
    let text = page(
        "```sql sqlite\nSELECT \"a0\".\"id\", \"a0\".\"status\"\nFROM (SELECT \"t0\".\"id\", \"t0\".\"status\" FROM \"orders\" AS \"t0\" WHERE \"t0\".\"tenant_id\" = ?) AS \"a0\"\nORDER BY \"a0\".\"id\" ASC LIMIT ?\n```",
        empty,
    );
    let written = blessed(&text).await;
    assert!(
        written.contains("\nFROM (\n  SELECT \"t0\".\"id\", \"t0\".\"status\"\n  FROM \"orders\" AS \"t0\"\n"),
        "{written}"
    );
}

#[tokio::test]
async fn a_page_that_cannot_be_read_is_left_alone() {
    assert_eq!(run(&page("```json principal", "```json principle")).await.blessed(), None);
}
