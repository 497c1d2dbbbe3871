//! What is said about conditions that do not compile, or that probably mean something else.

use std::fmt::Write as _;

use ormai_core::condition::{MAX_DEPTH, MAX_ITEMS, MAX_NODES, MAX_SOURCE, compile, parse};
use ormai_core::diagnostic::Diagnostic;

use super::{catalog, order};

/// Each condition, and under it each finding with its place, marked below the source.
fn report(sources: &[&str], find: impl Fn(&str) -> Vec<Diagnostic>) -> String {
    let mut report = String::new();
    for source in sources {
        let findings = find(source);
        assert!(!findings.is_empty(), "nothing is said about `{source}`");
        writeln!(report, "{source}").unwrap();
        for finding in findings {
            for label in &finding.labels {
                let width = |part: Option<&str>| part.unwrap().chars().count();
                let (before, width) = (width(source.get(..label.span.start)), width(source.get(label.span.clone())));
                let width = width.max(1);
                writeln!(report, "{}{} {}", " ".repeat(before), "^".repeat(width), label.text).unwrap();
            }
            writeln!(report, "    [{}] {}", finding.code, finding.message).unwrap();
            if let Some(help) = finding.help {
                writeln!(report, "    help: {help}").unwrap();
            }
        }
        writeln!(report).unwrap();
    }
    report.replace('\0', "␀").lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

fn errors(source: &str) -> Vec<Diagnostic> {
    let catalog = catalog();
    compile(source, &catalog, order(&catalog)).err().unwrap_or_default()
}

fn warnings(source: &str) -> Vec<Diagnostic> {
    let catalog = catalog();
    compile(source, &catalog, order(&catalog)).unwrap().warnings
}

#[test]
fn syntax_errors_say_what_was_expected_and_how_to_mend_it() {
    let sources = [
        "",
        "status =",
        "status = 'open' AND",
        "AND status = 'open'",
        "status == 'open' && deleted",
        "status = 'open",
        "(status = 'open'",
        "status = 'open')) AND id =",
        "id = 1 id = 2",
        "1 < id < 5",
        "id = = 1 AND status OR 'x' = AND (total >) OR deleted",
        "id BETWEEN 1",
        "id BETWEEN AND 5",
        "id BETWEEN 1 OR 5",
        "id NOT 5",
        "deleted IS TRUE",
        "id IN (1, 2",
        "id IN (1 2, tenant_id, 3,)",
        "tenant_id IN (principal.metadata.all)",
        "status IN (\"open\")",
        "EXISTS items",
        "EXISTS (SELECT 1 FROM items WHERE id = 1 AND x = 2) AND id =",
        "EXISTS (tenant.orders)",
        "EXISTS (items WHERE) AND id =",
        "(id = 1) = (id = 2)",
        "from = 'x'",
        "principal = 'x'",
        "tenant. = 'x'",
        "id = 1 + 2",
        "id = 1 -- comment",
        "id = 1; DROP TABLE orders",
        "id = $1 OR id = :id OR id::text = '1'",
        "status ILIKE 'x' OR status SIMILAR TO 'x'",
        "status = ‘open’",
        "größe = 1",
        "id = 007 OR id = 1. OR id = 7abc OR total = 1e5",
        "\"\" = 'x'",
        "status = 'a\u{0}' \u{0}",
        "lower(status",
        "lower(status status)",
        "id = (1, 2)",
        "CASE WHEN deleted THEN 1 ELSE 2 END = 1",
    ];
    insta::assert_snapshot!(report(&sources, errors));
}

#[test]
fn names_that_do_not_exist_are_all_named_at_once() {
    let sources = [
        "tennant_id = principal.tenant_id AND stat = 'x' OR zebra = 1",
        "Status = 'open'",
        "tenant.regio = 'eu'",
        "tenannt.region = 'eu'",
        "tenant = 'acme'",
        "items.sku = 'x'",
        "status.length = 3",
        "tenant.orders.id = 1",
        "user.tenant.orders = 1",
        "status = \"open\"",
        "\"principal\".tenant_id = 'x'",
        "Principal.tenant_id = tenant_id",
        "principal.tenantid = tenant_id",
        "principal.region = tenant_id",
        "principal.metadata = tenant_id",
        "principal.tenant_id.x = tenant_id",
        "EXISTS (item)",
        "EXISTS (items WHERE status = 'x' AND skuu = 'y')",
        "length(status) = 3 AND lowr(status) = 'x'",
        "lower() = 'x' AND now(1) < created_at AND nullif(id) = 1 AND coalesce(id) = 1",
        "shape IS NULL",
    ];
    insta::assert_snapshot!(report(&sources, errors));
}

#[test]
fn values_that_do_not_fit_are_all_named_at_once() {
    let sources = [
        "id = 'abc' AND status = 7 AND deleted = 'true' AND total = TRUE",
        "id = 1.5 OR id = 9223372036854775808 OR priority = 40000",
        "kind = 'opened' OR kind IN ('open', 'shut')",
        "created_at > '2024-05-01' AND due = '2024-05-01T00:00:00Z' AND token = 'x' AND digest = '!'",
        "code = 'ab '",
        "status = 'a\u{0}'",
        "id = tenant_id",
        "status = code OR status = kind",
        "total = id",
        "tags = 'a' OR details IS DISTINCT FROM 'x'",
        "digest < 'AP8='",
        "id LIKE '1%' OR kind LIKE 'o%' OR status LIKE user_id",
        "status LIKE principal.roles",
        "status = NULL",
        "status <> NULL OR NULL = principal.user_id OR id BETWEEN 1 AND NULL",
        "id IN (1, NULL) OR NULL IN principal.roles OR NULL LIKE 'a'",
        "1 = 1 OR 'a' = 'b' OR 1 IN (1, 2) OR 'a' LIKE 'a%' OR lower('A') = 'a' OR 1 BETWEEN 0 AND 2",
        "NULL IS NULL OR now() IS NULL OR NULL",
        "status",
        "'open' AND 1",
        "principal.roles = 'admin' OR 'admin' = principal.roles OR principal.roles IS NULL OR principal.roles",
        "tenant_id IN principal.tenant_id",
        "tenant_id IN user_id",
        "id IN principal.roles AND tenant_id = principal.roles",
        "now() = status OR now() = at",
        "lower(id) = 'x' OR upper(3) = 'x'",
        "coalesce(status, 3) = 'x' OR coalesce(id, status) = 1",
        "coalesce(tags, tags) IN ()",
        "principal.metadata.level = 3 AND lower(principal.metadata.level) = 3",
        "EXISTS (items WHERE price = 'a' AND sku = 1) AND id = 'x'",
    ];
    insta::assert_snapshot!(report(&sources, errors));
}

#[test]
fn doubtful_conditions_are_warned_about() {
    let sources = [
        "status <> 'draft'",
        "status != 'draft' OR user_id = principal.user_id",
        "status NOT IN ('draft')",
        "status NOT LIKE 'd%'",
        "tenant_id NOT IN principal.metadata.blocked",
        "status NOT IN principal.metadata.blocked",
        "user.email <> 'a@acme.test'",
        "lower(status) <> 'draft'",
        "coalesce(principal.metadata.region, 'eu') = tenant_id",
        "EXISTS (items WHERE price <> 1)",
    ];
    insta::assert_snapshot!(report(&sources, warnings));
}

#[test]
fn nothing_is_doubted_without_a_reason() {
    for source in [
        "tenant_id <> 'acme'",
        "status IS DISTINCT FROM 'draft'",
        "coalesce(status, 'none') <> 'draft'",
        "tenant_id NOT IN ('a')",
        "status IN ('a')",
        "tenant.name <> 'x'",
        "principal.user_id <> 'x'",
    ] {
        assert_eq!(warnings(source), [], "{source}");
    }
}

/// The codes of what is said about a source.
fn codes(source: &str) -> Vec<&'static str> {
    parse(source).err().unwrap_or_default().iter().map(|finding| finding.code).collect()
}

#[test]
fn size_and_depth_are_bounded() {
    let limit = ["condition-limit"];
    let padded = |length: usize| format!("id = 1{}", " ".repeat(length - 6));
    assert_eq!(codes(&padded(MAX_SOURCE)), [""; 0]);
    assert_eq!(codes(&padded(MAX_SOURCE + 1)), limit);

    let nested = |depth: usize| format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
    assert_eq!(codes(&nested(MAX_DEPTH)), [""; 0]);
    assert_eq!(codes(&nested(MAX_DEPTH + 1)), limit);
    assert_eq!(codes(&format!("{}a", "NOT ".repeat(MAX_DEPTH))), [""; 0]);
    assert_eq!(codes(&format!("{}a", "NOT ".repeat(MAX_DEPTH + 1))), limit);
    assert_eq!(codes(&"(".repeat(MAX_SOURCE)), limit);
    assert_eq!(codes(&format!("a = {}", "lower(".repeat(1_000))), limit);
    assert_eq!(codes(&"EXISTS(a WHERE ".repeat(600)), limit);

    let list = |length: usize| format!("a IN ({})", vec!["1"; length].join(","));
    assert_eq!(codes(&list(MAX_ITEMS)), [""; 0]);
    assert_eq!(codes(&list(MAX_ITEMS + 1)), limit);

    // A bare name is two parts: a value and a condition; the OR is one more.
    let wide = |length: usize| vec!["a"; length].join(" OR ");
    assert_eq!(codes(&wide(MAX_NODES / 2 - 1)), [""; 0]);
    assert_eq!(codes(&wide(MAX_NODES / 2)), limit);

    let catalog = catalog();
    let path = |relations: &str| compile(relations, &catalog, catalog.find("Item").unwrap()).map(drop);
    assert!(path("order.user.tenant.region = 'eu'").is_ok());
    assert_eq!(path("order.user.tenant.a.b.c = 'eu'").unwrap_err()[0].code, "condition-limit");
}

#[test]
fn findings_are_bounded_too() {
    assert_eq!(codes(&"a = ".repeat(2_000)).len(), 1);
    assert_eq!(codes(&") ".repeat(5_000)).len(), 32);
    assert_eq!(codes(&"= AND ".repeat(1_500)).len(), 32);
    assert_eq!(codes(&"é a ".repeat(2_000)).len(), 32);
}
