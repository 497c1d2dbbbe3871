//! Who is asking, and the circumstances of the call.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde_json::Value as Json;

/// Who is asking: made by the host application from something it has verified, never
/// from the request.
///
/// ```
/// use ormai_core::principal::Principal;
/// let principal = Principal::new("acme-corp").user("user-123").role("support");
/// assert_eq!(principal.roles(), ["support"]);
/// ```
#[derive(Clone, PartialEq)]
pub struct Principal {
    tenant_id: Json,
    user_id: Json,
    roles: Vec<String>,
    metadata: BTreeMap<String, Json>,
}

impl Principal {
    /// A principal of a tenant. Null and `""` count as missing, and a scoped model then refuses.
    pub fn new(tenant_id: impl Into<Json>) -> Self {
        Self { tenant_id: tenant_id.into(), user_id: Json::Null, roles: Vec::new(), metadata: BTreeMap::new() }
    }

    /// A principal without a tenant: every model scoped by tenant refuses it.
    pub fn without_tenant() -> Self {
        Self::new(Json::Null)
    }

    /// Sets the user.
    #[must_use]
    pub fn user(mut self, user_id: impl Into<Json>) -> Self {
        self.user_id = user_id.into();
        self
    }

    /// Adds a role. Roles are compared byte by byte.
    #[must_use]
    pub fn role(mut self, role: impl Into<String>) -> Self {
        self.roles.push(role.into());
        self
    }

    /// Sets one metadata attribute, `principal.metadata.<key>` in a policy.
    #[must_use]
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<Json>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }

    /// The tenant as given.
    pub fn tenant_id(&self) -> &Json {
        &self.tenant_id
    }

    /// The user as given.
    pub fn user_id(&self) -> &Json {
        &self.user_id
    }

    /// The roles as given.
    pub fn roles(&self) -> &[String] {
        &self.roles
    }

    /// All metadata.
    pub fn all_metadata(&self) -> &BTreeMap<String, Json> {
        &self.metadata
    }

    /// The attribute at a path; `None` when it is missing or null.
    ///
    /// Only the principal's own attributes are reachable: metadata cannot stand in for
    /// `tenant_id`, `user_id` or `roles`.
    pub fn attribute(&self, path: &PrincipalPath) -> Option<Attribute<'_>> {
        let json = match path {
            PrincipalPath::TenantId => &self.tenant_id,
            PrincipalPath::UserId => &self.user_id,
            PrincipalPath::Roles => return Some(Attribute::Roles(&self.roles)),
            PrincipalPath::Metadata(keys) => {
                let (first, rest) = keys.split_first()?;
                rest.iter().try_fold(self.metadata.get(first)?, |json, key| json.as_object()?.get(key))?
            }
        };
        (!json.is_null()).then_some(Attribute::Json(json))
    }
}

/// Safe by default: the values of metadata are not shown.
impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Principal")
            .field("tenant_id", &self.tenant_id)
            .field("user_id", &self.user_id)
            .field("roles", &self.roles)
            .field("metadata", &self.metadata.keys().collect::<Vec<_>>())
            .finish()
    }
}

/// An attribute of a principal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Attribute<'a> {
    /// The list of roles; present even when empty.
    Roles(&'a [String]),
    /// Anything else; never JSON null.
    Json(&'a Json),
}

/// The name of an attribute, as a policy writes it after `principal.`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PrincipalPath {
    /// `principal.tenant_id`
    TenantId,
    /// `principal.user_id`
    UserId,
    /// `principal.roles`
    Roles,
    /// `principal.metadata.<key>…`, at least one key.
    Metadata(Vec<String>),
}

impl PrincipalPath {
    /// Reads the segments after `principal`: `["tenant_id"]`, `["metadata", "org_id"]`.
    /// `None` for anything a principal does not have.
    pub fn from_segments<S: AsRef<str>>(segments: &[S]) -> Option<Self> {
        let mut words = segments.iter().map(AsRef::as_ref);
        let path = match words.next()? {
            "tenant_id" => Self::TenantId,
            "user_id" => Self::UserId,
            "roles" => Self::Roles,
            "metadata" => {
                let keys: Vec<String> = words.by_ref().map(str::to_owned).collect();
                if keys.is_empty() || keys.iter().any(String::is_empty) {
                    return None;
                }
                Self::Metadata(keys)
            }
            _ => return None,
        };
        words.next().is_none().then_some(path)
    }
}

impl fmt::Display for PrincipalPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TenantId => f.write_str("principal.tenant_id"),
            Self::UserId => f.write_str("principal.user_id"),
            Self::Roles => f.write_str("principal.roles"),
            Self::Metadata(keys) => write!(f, "principal.metadata.{}", keys.join(".")),
        }
    }
}

/// The circumstances of a call as deciding sees them. The database stands in
/// `ormai::RunContext`, which holds one of these.
#[derive(Clone, Debug)]
pub struct CallContext {
    /// Who is asking.
    pub principal: Principal,
    /// Names this call in answers, logs and audit records.
    pub request_id: String,
    /// The caller's trace, carried through.
    pub trace_id: Option<String>,
    /// What `now()` means in this call.
    pub now: Timestamp,
}
