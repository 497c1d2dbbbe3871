//! Every kind of finding about a policy: one registry.
//!
//! The page `docs/reference/check.md` is written from it.

use super::Severity;

/// A kind of finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// The stable name.
    pub code: &'static str,
    /// How much it matters; two where that depends.
    pub severities: &'static [Severity],
    /// What it means.
    pub meaning: &'static str,
    /// How to mend it.
    pub mend: &'static str,
}

/// The kind with a code.
///
/// ```
/// use ormai_core::diagnostic::{Severity, kind};
/// assert_eq!(kind("shared-model").unwrap().severities, [Severity::Note]);
/// assert!(kind("shared-models").is_none());
/// ```
pub fn kind(code: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.code == code)
}

macro_rules! registry {
    ($( $code:literal $($severity:ident)|+ : $meaning:literal, $mend:literal; )+) => {
        /// All kinds, in the order of the page.
        pub const KINDS: &[Kind] = &[
            $( Kind { code: $code, severities: &[$(Severity::$severity),+], meaning: $meaning, mend: $mend }, )+
        ];
    };
}

registry! {
    // Whose rows.
    "missing-scoping" Error: "a model does not say whose its rows are", "name the column under `scoping`, or write `scoping: {}`";
    "shared-model" Note: "a model has `scoping: {}`, so its rows are shared by all tenants", "scope it, unless that is meant";
    "inferred-permit" Note | Error: "a row policy is taken to permit rows outside of a scope; an error under `strict: true`", "write `effect: permit` or `effect: restrict`";
    "bypass-covers-writes" Note: "a bypass says nothing of operations, and writes are open: it lifts the scope for them too", "write `operations: [read]`, or name the operations that are meant";
    "loose-collation" Warning: "a column that decides whose a row is has a collation that ignores case, accents or blanks: the database's own keys take two tenants for one", "give the column a binary collation and no padding";
    // Row policies.
    "condition-nullable" Warning: "`<>`, `NOT IN` or `NOT LIKE` on a column that may be NULL leaves out the rows where it is", "write `IS DISTINCT FROM`, or add `OR … IS NULL`";
    "condition-empty-list" Warning: "`NOT IN` a list of the principal's admits every row when the list is empty", "list what is allowed instead";
    "condition-missing" Warning: "`coalesce` does not replace a missing attribute of the principal", "test for it with `IS NULL` and OR";
    "condition-always-true" Warning: "a row policy is true of every row and every principal: a restriction hides nothing, a permit opens every tenant, a bypass frees everybody", "look for an OR that was meant as AND, or a test of a column that is never NULL";
    "condition-never-true" Warning: "a row policy is true of no row: a restriction hides everything, a permit or bypass opens nothing", "look for two parts that exclude each other";
    "condition-contradicts" Warning: "a restriction is never true together with the scope, or with another restriction, so every row is hidden", "join the two with OR, or write `effect: permit`";
    "condition-redundant" Note: "a row policy changes nothing beside the scope or another row policy", "take it out";
    // Writes.
    "approval-without-approver" Warning: "a write needs an approval, and no role may give it", "name roles under `approver_roles`, or close the write";
    // Roles.
    "unknown-role" Warning: "the policy names a role that is not among its `roles`, so nobody has it", "mend the name, or add the role to `roles`";
    "similar-roles" Warning: "two roles differ in nothing but case or blanks, or a role has a blank at its end", "write them the same";
    // Fields.
    "open-secret" Warning: "a field is named like a secret and shown as it is", "deny, redact or mask it";
    "open-by-default" Note: "`default_field_action: allow` opens every column, also those that are added later", "write `deny` and list the fields";
    "mask-hides-all" Warning: "a mask shows as many characters as the column can hold, so every value is hidden whole", "show fewer, or write `action: redact`";
    "mask-shows-most" Warning: "a mask shows more than half of what the column can hold", "show fewer, so that the rest cannot be guessed";
    "filter-gives-away" Warning: "`filter: equality` on a hidden field with few values: each can be tried", "take `filter` out";
    "relation-to-closed-model" Warning: "a relation stays closed because its target is not open", "open the target, or take the relation out";
    // Tables.
    "unique-spans-tenants" Warning: "a unique key leaves out the scope: a failing write tells that another tenant has the value, and no filter can close that", "let the key begin with the scoped column";
    "primary-key-spans-tenants" Note: "a create may choose a primary key that leaves out the scope, and so can tell that it is taken", "let the database make the key";
    "cascade-crosses-tenants" Warning | Note: "the database deletes, changes or detaches rows by a foreign key that leaves out the scope, whosever they are; a note while no such write is open", "let the key take in the scoped column, or refuse";
    "scope-without-index" Warning: "no index begins with a scoped field, so every query reads the whole table", "create one";
    "permit-without-index" Note: "no index begins with a field of a permit, and a scope joined to it by OR then has none either", "create one";
    "no-primary-key" Warning: "writes are open on a table without a primary key", "give the table one";
    // Limits.
    "wider-budget" Warning: "a model's limit is wider than the policy's", "narrow it, unless that is meant";
    "budget-above-default" Note: "a limit for all models is wider than the default", "widen it only for the models that need it";
    // The connection.
    "role-superuser" Warning: "the database refuses nothing to the connection's role", "connect as a role that has only what the policy needs";
    "role-bypasses-rls" Warning: "row-level security does not apply to the connection's role", "ALTER ROLE … NOBYPASSRLS";
    "role-owns-tables" Warning: "the connection's role owns tables of the policy, so it can change and drop them, and row-level security does not hold it", "let another role own them";
    "role-can-write" Note: "the connection's role may write to tables that the policy only reads", "REVOKE INSERT, UPDATE, DELETE";
    // The text.
    "syntax" Error: "the text is no YAML, TOML or JSON", "mend it at the place that is named";
    "too-large" Error: "the text has more than 1 MiB", "split what is many policies";
    "too-deep" Error: "the text nests more than 64 levels", "no policy needs as many";
    "unsupported-yaml" Error: "an anchor, an alias, a tag or a second document", "write out what is meant";
    "duplicate-key" Error: "a key stands twice", "take one out";
    "key-not-text" Error: "a key is a number, `true`, `null` or a list", "put it in quotes";
    "number-out-of-range" Error: "an integer beyond 64 bits", "write it as text";
    "unknown-key" Error: "a key that does not exist here", "take the name that the help line tells";
    "unknown-word" Error: "a value that is none of the words that may stand here", "take one of them";
    "wrong-type" Error: "a value of another type, out of range, or empty", "write what the message asks for";
    "missing-key" Error: "a required key is missing", "add it";
    // Names.
    "unknown-model" Error: "the database has no such model", "take the name that the help line tells";
    "unknown-field" Error: "the model has no such field", "take the name that the help line tells";
    "unknown-relation" Error: "the model has no such relation", "take the name that the help line tells";
    "empty-name" Error: "a role or row policy without a name", "name it";
    "duplicate-name" Error: "two row policies of a model share a name", "give each its own";
    "reserved-name" Error: "a row policy is named `soft_delete`", "give it another name";
    // What does not fit.
    "scope-type" Error: "a scoped column cannot be compared byte by byte", "scope by an integer, uuid, enum, or text that compares by its bytes";
    "bad-expression" Error: "neither an attribute of the principal, nor `now()`, nor a literal that fits the column", "write `principal.tenant_id`, or `'text'` with its own quotes";
    "field-type" Error: "the column's type does not allow the action, filter or aggregation", "take another action, or deny the field";
    "field-generated" Error: "the database computes the field, so it cannot be set or required", "take it out";
    "field-unused" Error: "a row policy names a `field` and permits nothing", "write `effect: permit`, or take `field` out";
    "filter-unused" Error: "`filter: equality` on a field that is allowed or denied", "take it out";
    "mask-pattern" Error: "the mask pattern cannot be read", "write text, `{firstN}` and `{lastN}`";
    "mask-pattern-unused" Error: "a `mask_pattern` on a field that is not masked", "write `action: mask`";
    "hash-key-missing" Error: "a field is hashed and `ORMAI_HASH_KEY` is not set", "set it";
    "aggregate-hidden" Error: "an aggregation of a field that is not shown as it is", "show the field, or take the aggregation out";
    "soft-delete-type" Error: "the field cannot mark a row as deleted", "name a boolean, or a timestamp, datetime or date that may be NULL";
    "soft-delete-in-overlay" Error: "`soft_delete` stands in an overlay", "write it in the model";
    "recursive-overlay" Error: "an overlay has overlays itself", "write them beside it";
    "widening-overlay" Error: "an overlay without `grants` opens more than its model", "write `grants: true` if it may";
    "no-operations" Error: "a row policy with an empty list of operations", "name some, or leave `operations` out";
    "bypass-looks-at-rows" Error: "a bypass mentions more than the principal", "let it test the principal only";
    "bypass-with-effect" Error: "a bypass with an effect, field or check", "take that out";
    "permit-without-scope" Error: "a permit on a field that is not scoped", "name a field of `scoping`";
    "permit-without-field" Error: "a permit that does not say which scope it widens", "add `field`";
    "view-not-writable" Error: "writes are open on a view of the database", "close them";
    "table-not-writable" Error: "writes are open on a table whose storage engine has no transactions: what is refused would stay in it", "close them, or move the table to InnoDB";
    // Conditions.
    "condition-syntax" Error: "the condition cannot be read", "mend it at the place that is named";
    "condition-limit" Error: "the condition is too long, too deep or has too many parts", "say it shorter";
    "condition-type" Error: "two values that cannot be compared, a literal that does not fit, or a value where a condition is needed", "compare values of one type";
    "condition-null" Error: "a comparison with NULL, which is never true", "write `IS NULL`";
    "condition-constant" Error: "a comparison of two constants", "compare with a field or an attribute of the principal";
    "condition-list" Error: "a list where one value is needed, or one value where a list is", "write `IN` for lists, and `=` for values";
    "condition-relation" Error: "a relation where a field is needed, or one that leads to many rows", "write `EXISTS (relation WHERE …)`";
    "condition-arguments" Error: "a function with too few or too many arguments", "give it as many as it takes";
    "unknown-attribute" Error: "the principal has no such attribute", "write `tenant_id`, `user_id`, `roles` or `metadata.<key>`";
    "unknown-function" Error: "there is no such function", "take one of those that the help line tells";
}
