//! What compiles, and what is known about it.

use ormai_core::condition::compile;

use super::{catalog, compiled, order};

#[test]
fn the_guides_conditions_compile_as_they_stand() {
    for source in [
        "tenant_id IN principal.metadata.tenant_hierarchy",
        "'super_admin' IN principal.roles",
        "tenant_id IS NOT NULL",
        "is_public = true OR tenant_id = principal.tenant_id",
        "status != 'draft' OR user_id = principal.user_id",
        "organization_id = principal.metadata.org_id",
        "owner_id = principal.user_id",
    ] {
        compiled(source);
    }
}

#[test]
fn every_part_of_the_language_compiles() {
    for source in [
        "TRUE",
        "false or not (null is distinct from status)",
        "is_public",
        "principal.metadata.trusted",
        "coalesce(is_public, FALSE)",
        "((status)) = ('open')",
        "'open' = status AND 3 < priority",
        "priority = id AND owner_id <> id",
        "total > 12.50 AND total >= 3 AND total < '99999999999999999999.01'",
        "weight < 1 AND weight > -0.25",
        "id = -9223372036854775808",
        "code = 'ab' AND kind >= 'open' AND kind IN ['draft', 'open']",
        "token = '6f1b3c2e-8a53-4f7e-9d58-0c6f3e1a2b4d' AND digest = 'AP8='",
        "created_at <= now() AND due BETWEEN '2024-01-01' AND now() AND shipped_at NOT BETWEEN now() AND now()",
        "at > '12:00:00'",
        "status LIKE 'o%' AND code NOT LIKE '__' AND lower(status) LIKE principal.metadata.pattern",
        "tenant.region = 'eu' AND user.tenant.region IS NOT NULL",
        "EXISTS (items) AND NOT EXISTS (items WHERE price IS NULL AND order.tenant.region = principal.metadata.region)",
        "EXISTS (tenant WHERE EXISTS (orders WHERE is_public))",
        "id IN () OR id IN (1, 2, 3)",
        "principal.tenant_id = principal.metadata.home OR principal.metadata.level >= 3",
        "'a' LIKE principal.metadata.pattern",
        "details IS NULL AND tags IS NOT NULL",
        "nullif(upper(status), 'OPEN') IS NULL",
        "coalesce(due, '2024-01-01') < now()",
        "principal.metadata.\"odd key\".from IS NULL",
        "\"status\" = 'it''s'",
    ] {
        compiled(source);
    }
}

#[test]
fn a_condition_knows_what_it_is_about() {
    let check = |source: &str, principal_only: bool, principal: bool, fields: &[&str], permit: Option<&str>| {
        let catalog = catalog();
        let model = order(&catalog);
        let name = |field| catalog.model(model).field(field).name.as_str();
        let condition = compile(source, &catalog, model).unwrap().condition;
        assert_eq!(condition.source(), source);
        assert_eq!(condition.model(), model, "{source}");
        assert_eq!(condition.is_principal_only(), principal_only, "{source}");
        assert_eq!(condition.mentions_principal(), principal, "{source}");
        assert_eq!(condition.fields().into_iter().map(name).collect::<Vec<_>>(), fields, "{source}");
        assert_eq!(condition.as_permit().map(name), permit, "{source}");
        for (field, described) in catalog.model(model).field_ids() {
            assert_eq!(condition.mentions_field(field), fields.contains(&described.name.as_str()), "{source}");
        }
    };
    check("tenant_id = principal.tenant_id", false, true, &["tenant_id"], Some("tenant_id"));
    check("principal.tenant_id = (tenant_id)", false, true, &["tenant_id"], Some("tenant_id"));
    check("tenant_id IN principal.metadata.all", false, true, &["tenant_id"], Some("tenant_id"));
    check("tenant_id NOT IN principal.metadata.all", false, true, &["tenant_id"], None);
    check("tenant_id <> principal.tenant_id", false, true, &["tenant_id"], None);
    check("NOT tenant_id = principal.tenant_id", false, true, &["tenant_id"], None);
    check("tenant.id = principal.tenant_id", false, true, &[], None);
    check("lower(tenant_id) = principal.tenant_id", false, true, &["tenant_id"], None);
    check("tenant_id = 'acme'", false, false, &["tenant_id"], None);
    check("status = 'a' AND (id = 1 OR status = 'b')", false, false, &["status", "id"], None);
    check("'admin' IN principal.roles", true, true, &[], None);
    check("principal.user_id IS NULL", true, true, &[], None);
    check("TRUE", true, false, &[], None);
    check("EXISTS (items)", false, false, &[], None);
    check("EXISTS (items WHERE sku = principal.user_id)", false, true, &[], None);
    check("EXISTS (items WHERE sku = 'a') AND deleted", false, false, &["deleted"], None);
    check("tenant_id LIKE principal.metadata.pattern", false, true, &["tenant_id"], None);
}

#[test]
fn printing_is_canonical() {
    let check = |source: &str, expected: &str| {
        assert_eq!(ormai_core::condition::parse(source).unwrap().to_string(), expected);
    };
    check("((a=1)and(b!=2))", "a = 1 AND b <> 2");
    check("(a or b) and not (c or d) or (e and f)", "(a OR b) AND NOT (c OR d) OR e AND f");
    check("a and (b and c)", "a AND b AND c");
    check("not not (a)", "NOT NOT a");
    check("a in [1,2] or b not in ( )", "a IN (1, 2) OR b NOT IN ()");
    check("\"a\" = 'x''y' and \"b c\" is not null", "a = 'x''y' AND \"b c\" IS NOT NULL");
    check("\"principal\" = principal.metadata.where", "\"principal\" = principal.metadata.\"where\"");
    check("LOWER ( a ) not like 'x'", "lower(a) NOT LIKE 'x'");
    check("a is not distinct from NULL", "a IS NOT DISTINCT FROM NULL");
    check("exists(items where a between -1 and 2.50)", "EXISTS (items WHERE a BETWEEN -1 AND 2.50)");
}
