//! A policy to start from: it opens what is plainly one tenant's, and closes what it
//! cannot decide.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use ormai::catalog::{Catalog, Collation, Field, FieldId, Model, ModelId, ModelKind, RelationKind};
use ormai::value::ColumnType;

/// Names under which tenants usually go, the surest first.
const TENANT_NAMES: [&str; 11] = [
    "tenant_id",
    "tenant",
    "tenant_uuid",
    "organization_id",
    "organisation_id",
    "org_id",
    "account_id",
    "workspace_id",
    "company_id",
    "team_id",
    "customer_id",
];

/// Parts of names whose values are nobody's to see.
const SECRETS: [&str; 12] = [
    "password",
    "passwd",
    "secret",
    "token",
    "api_key",
    "apikey",
    "private_key",
    "credential",
    "hash",
    "salt",
    "otp",
    "pin_code",
];

/// Parts of names whose values are shown in part.
const PERSONAL: [&str; 11] =
    ["email", "e_mail", "phone", "mobile", "ssn", "iban", "card", "passport", "birth", "address", "tax_id"];

/// A starter policy with what was decided for each model.
pub(crate) struct Starter {
    pub(crate) text: String,
    pub(crate) tenant_column: Option<String>,
    pub(crate) models: Vec<(String, Verdict)>,
}

/// What was decided for a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Its rows carry the tenant in this field.
    Scoped(String),
    /// It is the table of tenants; this field is its key.
    Tenants(String),
    /// Nothing in it says whose its rows are.
    Undecided,
    /// The tenant column is there, and cannot be a scope.
    Unfit(String, String),
}

impl Verdict {
    pub(crate) fn is_open(&self) -> bool {
        matches!(self, Self::Scoped(_) | Self::Tenants(_))
    }

    pub(crate) fn why(&self) -> String {
        match self {
            Self::Scoped(field) => format!("scoped by `{field}`"),
            Self::Tenants(field) => format!("the tenants themselves: only one's own, by `{field}`"),
            Self::Undecided => "nothing in it says whose its rows are".to_owned(),
            Self::Unfit(field, why) => format!("`{field}` cannot be a scope: {why}"),
        }
    }
}

/// Writes a starter policy. `column` names the tenant column when it is known.
pub(crate) fn policy(catalog: &Catalog, column: Option<&str>) -> Result<Starter, String> {
    let column = match column {
        Some(column) => {
            let known = catalog.models().any(|(_, model)| model.fields.iter().any(|field| field.column == column));
            if !known {
                return Err(format!("no table has a column `{column}`"));
            }
            Some(column.to_owned())
        }
        None => guess(catalog),
    };
    let verdicts: BTreeMap<ModelId, Verdict> =
        catalog.models().map(|(id, model)| (id, verdict(catalog, id, model, column.as_deref()))).collect();
    let mut text = String::from(
        "# A policy to start from. Everything that is not named here is denied.\n\
         # Read it line by line before anybody uses it: it was written by looking at names.\n\
         version: 1\n\
         default_field_action: deny\n\
         models:\n",
    );
    for (id, model) in catalog.models() {
        let verdict = verdicts.get(&id).unwrap_or(&Verdict::Undecided);
        write_model(&mut text, model, verdict, &verdicts);
    }
    let models =
        catalog.models().filter_map(|(id, model)| Some((model.name.clone(), verdicts.get(&id)?.clone()))).collect();
    Ok(Starter { text, tenant_column: column, models })
}

/// The candidate that most tables have; the surer name when there are several.
fn guess(catalog: &Catalog) -> Option<String> {
    let count = |name: &str| {
        catalog
            .models()
            .filter(|(_, model)| model.fields.iter().any(|field| field.column.eq_ignore_ascii_case(name)))
            .count()
    };
    let mut best: Option<(&str, usize)> = None;
    for name in TENANT_NAMES {
        let found = count(name);
        if found > best.map_or(0, |(_, most)| most) {
            best = Some((name, found));
        }
    }
    let (name, _) = best?;
    // As the database spells it.
    catalog
        .models()
        .flat_map(|(_, model)| &model.fields)
        .find(|field| field.column.eq_ignore_ascii_case(name))
        .map(|field| field.column.clone())
}

fn verdict(catalog: &Catalog, id: ModelId, model: &Model, column: Option<&str>) -> Verdict {
    let Some(column) = column else { return Verdict::Undecided };
    if let Some((_, field)) = model.field_ids().find(|(_, field)| field.column == column) {
        return fit(field, Verdict::Scoped);
    }
    // The table that the tenant columns of others refer to by its whole key.
    let is_tenants = catalog.models().any(|(_, other)| {
        other.relations.iter().any(|relation| {
            relation.target == id
                && relation.kind == RelationKind::One
                && matches!(relation.link.as_slice(), [(here, there)]
                    if other.field(*here).column == column && model.primary_key == [*there])
        })
    });
    match model.primary_key.as_slice() {
        [key] if is_tenants => fit(model.field(*key), Verdict::Tenants),
        _ => Verdict::Undecided,
    }
}

fn fit(field: &Field, verdict: fn(String) -> Verdict) -> Verdict {
    let why = match (&field.ty, &field.collation) {
        (_, Collation::Loose) => "its column ignores case or accents",
        (ColumnType::Text | ColumnType::Uuid, _) => return verdict(field.name.clone()),
        (ty, _) if ty.is_integer() => return verdict(field.name.clone()),
        _ => "its type is none that names a tenant exactly",
    };
    Verdict::Unfit(field.name.clone(), why.to_owned())
}

fn write_model(text: &mut String, model: &Model, verdict: &Verdict, verdicts: &BTreeMap<ModelId, Verdict>) {
    let mut line = |indent: usize, words: &str| {
        let _ = writeln!(text, "{:indent$}{words}", "");
    };
    let table = model.table.to_string().replace(['\n', '\r'], " ");
    let kind = if model.kind == ModelKind::View { "view" } else { "table" };
    line(0, "");
    line(2, &format!("{}:  # {kind} {table}", quoted(&model.name)));
    let (Verdict::Scoped(scope) | Verdict::Tenants(scope)) = verdict else {
        line(4, &format!("# Closed: {}.", verdict.why()));
        line(4, "allowed: false");
        line(4, "scoping: {}");
        return;
    };
    line(4, "allowed: true");
    line(4, &format!("scoping: {{{}: principal.tenant_id}}", quoted(scope)));
    line(4, "fields:");
    for (id, field) in model.field_ids() {
        let (action, why) = field_action(model, id, field);
        let why = why.map(|why| format!("  # {why}")).unwrap_or_default();
        line(6, &format!("{}: {action}{why}", quoted(&field.name)));
    }
    let relations: Vec<&str> = model
        .relations
        .iter()
        .filter(|relation| verdicts.get(&relation.target).is_some_and(Verdict::is_open))
        .map(|relation| relation.name.as_str())
        .collect();
    if !relations.is_empty() {
        line(4, "relations:");
        for relation in relations {
            line(6, &format!("{}: {{allowed: true}}", quoted(relation)));
        }
    }
    line(4, "write_policy: {create: deny, update: deny, delete: deny}");
    line(4, "aggregations: {count: true}");
}

/// What a starter says of a field: open, shown in part, or closed with a reason.
fn field_action(model: &Model, id: FieldId, field: &Field) -> (&'static str, Option<&'static str>) {
    let name = field.column.to_ascii_lowercase();
    if !field.ty.is_supported() {
        return ("deny", Some("of a type that is not read"));
    }
    if SECRETS.iter().any(|part| name.contains(part)) {
        return ("deny", Some("looks like a secret"));
    }
    let is_key =
        model.primary_key.contains(&id) || model.relations.iter().any(|r| r.link.iter().any(|(here, _)| *here == id));
    if !is_key && field.ty.is_text() && PERSONAL.iter().any(|part| name.contains(part)) {
        return ("mask", Some("looks personal"));
    }
    if matches!(field.ty, ColumnType::Json | ColumnType::Bytes) {
        return ("deny", Some("may hold anything"));
    }
    ("allow", None)
}

/// A text as a YAML scalar: bare when nothing in it could be read otherwise.
pub(crate) fn quoted(text: &str) -> String {
    let bare = text.chars().next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && text.chars().all(|char| char.is_ascii_alphanumeric() || char == '_')
        && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(&text.to_ascii_lowercase().as_str());
    // A JSON string is a YAML double-quoted scalar.
    if bare { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}
