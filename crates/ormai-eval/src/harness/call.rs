//! A call as it is made.

use ormai::principal::Principal;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// A call: who, which tool, what for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// The tool.
    pub tool: String,
    /// Its arguments.
    pub arguments: Json,
    /// Who is asking.
    #[serde(with = "who")]
    pub principal: Principal,
}

impl Call {
    /// A call of a tool by a principal.
    pub fn new(tool: impl Into<String>, arguments: Json, principal: Principal) -> Self {
        Self { tool: tool.into(), arguments, principal }
    }

    /// The same with other arguments.
    #[must_use]
    pub fn with(&self, arguments: Json) -> Self {
        Self { arguments, ..self.clone() }
    }
}

/// A principal as text: `{"tenant_id", "user_id", "roles", "metadata"}`.
mod who {
    use std::collections::BTreeMap;

    use ormai::principal::Principal;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use serde_json::Value as Json;

    #[derive(Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Who {
        #[serde(default)]
        tenant_id: Json,
        #[serde(default)]
        user_id: Json,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        roles: Vec<String>,
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        metadata: BTreeMap<String, Json>,
    }

    pub(super) fn serialize<S: Serializer>(principal: &Principal, serializer: S) -> Result<S::Ok, S::Error> {
        let who = Who {
            tenant_id: principal.tenant_id().clone(),
            user_id: principal.user_id().clone(),
            roles: principal.roles().to_vec(),
            metadata: principal.all_metadata().clone(),
        };
        who.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Principal, D::Error> {
        let Who { tenant_id, user_id, roles, metadata } = Who::deserialize(deserializer)?;
        let principal = Principal::new(tenant_id).user(user_id);
        let principal = roles.into_iter().fold(principal, Principal::role);
        Ok(metadata.into_iter().fold(principal, |principal, (key, value)| principal.metadata(key, value)))
    }
}
