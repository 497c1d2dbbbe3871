//! Principals, also such as nobody should be.

use std::collections::BTreeMap;

use serde_json::Value as Json;

/// A principal as the host application would make it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Who {
    /// The tenant, of any type.
    pub tenant: Json,
    /// The user, of any type.
    pub user: Json,
    /// The roles.
    pub roles: Vec<String>,
    /// Further attributes.
    pub metadata: BTreeMap<String, Json>,
}

impl Who {
    /// What stands under keys with dots between them, as `principal.metadata.<key>.<key>` names it.
    pub fn attribute(&self, path: &str) -> Option<&Json> {
        let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
        let found = self.metadata.get(first)?;
        rest.map_or(Some(found), |rest| rest.split('.').try_fold(found, |json, key| json.as_object()?.get(key)))
    }
}
