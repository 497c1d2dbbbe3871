//! Who owns canary rows, and who asks for them.

use std::collections::BTreeMap;

use ormai::catalog::{FieldId, ModelId};
use ormai::principal::{Principal, PrincipalPath};
use ormai::value::ColumnType;
use serde_json::{Map, Value as Json, json};

use super::subject::{PathUse, Subject};
use crate::Row;

/// An owner of canary rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    tenant: usize,
    user: usize,
    /// Whether the letters are capitals: the same as another where a collation takes no notice.
    is_capital: bool,
}

/// Two users of one tenant, one of another, and one whose tenant differs in the case of letters.
pub(super) const OWNERS: [Owner; 4] = [
    Owner { tenant: 0, user: 0, is_capital: false },
    Owner { tenant: 0, user: 1, is_capital: false },
    Owner { tenant: 1, user: 0, is_capital: false },
    Owner { tenant: 0, user: 0, is_capital: true },
];

/// Canary numbers are above any that a test has reason to use.
const NUMBERS: usize = 990_001_000;

impl Owner {
    /// The first, who owns most.
    pub(super) fn first() -> Self {
        Self { tenant: 0, user: 0, is_capital: false }
    }

    /// Of another tenant than the first.
    pub(super) fn stranger() -> Self {
        Self { tenant: 1, user: 0, is_capital: false }
    }

    /// The value of an attribute.
    pub(super) fn value(self, subject: &Subject, path: &PrincipalPath) -> Json {
        let types = subject.paths.get(path).map_or(&[][..], |used| &used.types);
        let (word, number) = match path {
            PrincipalPath::TenantId => ("tenant".to_owned(), self.tenant * 10),
            PrincipalPath::UserId => ("user".to_owned(), self.tenant * 10 + self.user),
            PrincipalPath::Roles => return Json::Null,
            PrincipalPath::Metadata(keys) => (keys.last().cloned().unwrap_or_default(), self.tenant * 10 + self.user),
        };
        if types.iter().any(ColumnType::is_integer) {
            let is_small = types.contains(&ColumnType::Int16);
            let capital = if self.is_capital { 5 } else { 0 };
            let first = if is_small { 30_000 } else { NUMBERS };
            return (subject.numbers.get().copied().unwrap_or(first) + number + capital).into();
        }
        if types.contains(&ColumnType::Uuid) {
            let salt = word.bytes().fold(0_usize, |salt, byte| (salt * 31 + usize::from(byte)) % 0xffff);
            let capital = usize::from(self.is_capital);
            return format!("0ca0a70{capital}-{salt:04x}-4000-8000-{number:012}").into();
        }
        if let Some(ColumnType::Enum(of)) = types.iter().find(|ty| matches!(ty, ColumnType::Enum(_))) {
            return of.variants.get(number % of.variants.len().max(1)).cloned().map_or(Json::Null, Json::from);
        }
        if types.contains(&ColumnType::Bool) {
            return (number % 2 == 0).into();
        }
        let text = format!("canary-{word}-{number}");
        if self.is_capital { text.to_uppercase().into() } else { text.into() }
    }
}

/// A principal who asks.
#[derive(Clone, Debug)]
pub(super) struct Asker {
    pub(super) principal: Principal,
    /// Whose rows it has to do with, when those are canaries.
    pub(super) owner: Option<Owner>,
}

/// What its metadata holds.
#[derive(Clone, Copy, Debug)]
enum Metadata {
    Nothing,
    /// A value for each attribute that conditions name.
    All,
    /// Empty lists, and otherwise what conditions compare it with, by number.
    Odd(usize),
}

/// The principals that the policy tells apart, of the canary tenants.
pub(super) fn askers(subject: &Subject) -> Vec<Asker> {
    let [first, second, stranger, capital] = OWNERS;
    let mut askers = vec![
        asker(subject, first, &[], Metadata::Nothing),
        asker(subject, stranger, &[], Metadata::Nothing),
        asker(subject, first, &[], Metadata::All),
        asker(subject, second, &[], Metadata::All),
        asker(subject, capital, &[], Metadata::All),
        asker(subject, first, &[], Metadata::Odd(0)),
    ];
    let odd = subject.paths.values().map(|used| used.literals.len()).max().unwrap_or(0);
    askers.extend((1..odd.min(4)).map(|number| asker(subject, first, &[], Metadata::Odd(number))));
    for role in subject.roles.iter().take(8) {
        askers.push(asker(subject, first, std::slice::from_ref(role), Metadata::All));
    }
    // A role that differs in its letters only is another one.
    let swapped = |role: &String| if *role == role.to_uppercase() { role.to_lowercase() } else { role.to_uppercase() };
    let lookalikes: Vec<String> =
        subject.roles.iter().map(swapped).filter(|role| !subject.roles.contains(role)).collect();
    if !lookalikes.is_empty() {
        askers.push(asker(subject, second, &lookalikes, Metadata::All));
    }
    if subject.roles.len() > 1 {
        let roles: Vec<String> = subject.roles.iter().cloned().collect();
        askers.push(asker(subject, second, &roles, Metadata::All));
    }
    // Without what scopes need.
    if subject.paths.contains_key(&PrincipalPath::UserId) {
        askers.push(Asker {
            principal: Principal::new(first.value(subject, &PrincipalPath::TenantId)),
            owner: Some(first),
        });
    }
    let nobody = Principal::without_tenant().user(first.value(subject, &PrincipalPath::UserId));
    askers.push(Asker { principal: nobody, owner: Some(first) });
    askers
}

fn asker(subject: &Subject, owner: Owner, roles: &[String], metadata: Metadata) -> Asker {
    let mut principal = Principal::new(owner.value(subject, &PrincipalPath::TenantId))
        .user(owner.value(subject, &PrincipalPath::UserId));
    for role in roles {
        principal = principal.role(role);
    }
    let mut object = Map::new();
    for (path, used) in &subject.paths {
        let PrincipalPath::Metadata(keys) = path else { continue };
        let value = match metadata {
            Metadata::Nothing => None,
            Metadata::All => Some(attribute(subject, owner, path, used, true)),
            Metadata::Odd(_) if used.is_list => Some(json!([])),
            Metadata::Odd(number) => used
                .literals
                .get(number)
                .cloned()
                .or_else(|| (number > 0).then(|| attribute(subject, Owner::stranger(), path, used, false))),
        };
        if let Some(value) = value {
            put(&mut object, keys, value);
        }
    }
    for (key, value) in object {
        principal = principal.metadata(key, value);
    }
    Asker { principal, owner: Some(owner) }
}

/// A value that some rows have.
fn attribute(subject: &Subject, owner: Owner, path: &PrincipalPath, used: &PathUse, is_own: bool) -> Json {
    let of = |(model, field): &(ModelId, FieldId)| subject.about(*model)?.identity.get(field);
    let others = used.fields.iter().filter_map(of).find(|other| *other != path);
    let value = |owner: Owner| match others {
        Some(other) => owner.value(subject, other),
        None => owner.value(subject, path),
    };
    match (used.is_list, others) {
        (true, _) => json!([value(owner), value(Owner::stranger())]),
        // Somebody else's, which a permit by it opens.
        (false, Some(_)) => value(Owner::stranger()),
        (false, None) => used.literals.first().filter(|_| is_own).cloned().unwrap_or_else(|| value(owner)),
    }
}

fn put(object: &mut Map<String, Json>, keys: &[String], value: Json) {
    match keys {
        [] => {}
        [last] => drop(object.insert(last.clone(), value)),
        [first, rest @ ..] => {
            let inner = object.entry(first.clone()).or_insert_with(|| json!({}));
            if let Some(inner) = inner.as_object_mut() {
                put(inner, rest, value);
            }
        }
    }
}

/// Principals whose attributes stand in rows that were there before: of so many tenants.
pub(super) fn sampled(subject: &Subject, rows: &BTreeMap<String, Vec<Row>>, most: usize) -> Vec<Asker> {
    let mut found: Vec<BTreeMap<PrincipalPath, Json>> = Vec::new();
    // The models that know most of a principal first.
    let mut models: Vec<_> = subject.models.iter().filter(|about| !about.identity.is_empty()).collect();
    models.sort_by_key(|about| {
        std::cmp::Reverse(about.identity.values().collect::<std::collections::BTreeSet<_>>().len())
    });
    for about in models {
        let model = subject.catalog.model(about.id);
        for row in rows.get(&model.name).into_iter().flatten() {
            let mut known: BTreeMap<PrincipalPath, Json> = BTreeMap::new();
            for (field, path) in &about.identity {
                if let Some(value) = row.get(&model.field(*field).name).filter(|value| !value.is_null()) {
                    known.entry(path.clone()).or_insert_with(|| value.clone());
                }
            }
            let Some(tenant) = known.get(&PrincipalPath::TenantId).cloned() else { continue };
            let is_full = found.len() >= most;
            match found.iter_mut().find(|other| other.get(&PrincipalPath::TenantId) == Some(&tenant)) {
                Some(other) => {
                    for (path, value) in known {
                        other.entry(path).or_insert(value);
                    }
                }
                None if !is_full => found.push(known),
                None => {}
            }
        }
    }
    let principal = |known: BTreeMap<PrincipalPath, Json>| {
        let tenant = known.get(&PrincipalPath::TenantId).cloned().unwrap_or_default();
        let mut principal = Principal::new(tenant.clone());
        if let Some(user) = known.get(&PrincipalPath::UserId) {
            principal = principal.user(user.clone());
        }
        let mut object = Map::new();
        for (path, used) in &subject.paths {
            let PrincipalPath::Metadata(keys) = path else { continue };
            let value = known.get(path).cloned().unwrap_or_else(|| tenant.clone());
            put(&mut object, keys, if used.is_list { json!([value]) } else { value });
        }
        for (key, value) in object {
            principal = principal.metadata(key, value);
        }
        Asker { principal, owner: None }
    };
    found.into_iter().map(principal).collect()
}
