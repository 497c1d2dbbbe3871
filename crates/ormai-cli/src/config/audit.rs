//! `audit` in `ormai.yaml`: where records go, and under which keys.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ormai::Builder;
use ormai::audit::{
    AuditStore, JsonlOptions, JsonlStore, MacKey, MemoryStore, SigningKey, SqlStore, TrailKeys, TrailOptions,
};
use ormai::diagnostic::Diagnostic;
use ormai::policy::syntax::{Content, Entry, Node};

use super::{Reader, STORES};
use crate::failure::Failure;

/// Where records go, and under which keys.
pub(crate) struct Audit {
    stores: Vec<Place>,
    keys: TrailKeys,
    options: TrailOptions,
}

/// What stands there may be a secret.
impl fmt::Debug for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Audit").field("keys", &self.keys).finish_non_exhaustive()
    }
}

#[derive(Clone, PartialEq)]
enum Place {
    Memory,
    File(PathBuf, Rotation),
    At(String),
}

#[derive(Clone, Default, PartialEq)]
struct Rotation {
    bytes: Option<u64>,
    after: Option<Duration>,
}

impl Place {
    async fn open(&self) -> Result<Arc<dyn AuditStore>, Failure> {
        Ok(match self {
            Self::Memory => Arc::new(MemoryStore::new()),
            Self::File(path, rotation) => {
                let mut options = JsonlOptions::default();
                options.rotate_bytes = rotation.bytes;
                options.rotate_after = rotation.after;
                Arc::new(JsonlStore::open(path, options)?)
            }
            Self::At(url) => Arc::new(SqlStore::connect(url).await?),
        })
    }
}

/// The file beside the configuration that records go to when nothing else is said.
const FILE: &str = "audit.jsonl";

const JSONL: &str = "jsonl";
const OF_A_STORE: [&str; 5] = ["store", "path", "url", "rotate_mb", "rotate_hours"];
const OF_THE_TRAIL: [&str; 6] =
    ["stores", "mac_key", "signing_key", "checkpoint_every", "checkpoint_after_s", "checkpoints"];

const MAC_KEY: &str = "ORMAI_AUDIT_KEY";
const SIGNING_KEY: &str = "ORMAI_AUDIT_SIGNING_KEY";

impl Audit {
    /// The stores, in their order.
    pub(crate) async fn stores(&self) -> Result<Vec<Arc<dyn AuditStore>>, Failure> {
        let mut stores = Vec::with_capacity(self.stores.len());
        for place in &self.stores {
            stores.push(place.open().await?);
        }
        Ok(stores)
    }

    /// Those of them that have to be installed; a file is made when it is needed.
    pub(crate) async fn databases(&self) -> Result<Vec<Arc<dyn AuditStore>>, Failure> {
        let mut stores = Vec::new();
        for place in self.stores.iter().filter(|place| matches!(place, Place::At(_))) {
            stores.push(place.open().await?);
        }
        Ok(stores)
    }

    /// How the trail is kept.
    pub(crate) fn options(&self) -> &TrailOptions {
        &self.options
    }

    /// The secrets.
    pub(crate) fn keys(&self) -> &TrailKeys {
        &self.keys
    }

    /// Where copies of checkpoints are kept.
    pub(crate) fn checkpoints(&self) -> Option<&Path> {
        self.options.checkpoint_copies.as_deref()
    }

    /// Gives the stores to what is built. A file that is not there yet is made.
    pub(crate) async fn given(&self, mut builder: Builder) -> Result<Builder, Failure> {
        for (place, store) in self.stores.iter().zip(self.stores().await?) {
            if !matches!(place, Place::At(_)) {
                store.install().await?;
            }
            builder = builder.audit(store);
        }
        Ok(builder.audit_keys(self.keys.clone()).audit_options(self.options.clone()))
    }
}

impl Reader<'_> {
    /// `{store: jsonl, path: audit.jsonl}`, a list of such, or `off`; what is said when nothing is.
    /// `None` when there is no trail, or findings keep the configuration from loading.
    pub(super) fn audit(&mut self, node: Option<&Node>, root: &Path) -> Option<Audit> {
        let mut audit = Audit { stores: Vec::new(), keys: TrailKeys::default(), options: TrailOptions::default() };
        match node.map(|node| (&node.content, node)) {
            None => audit.stores.push(Place::File(root.join(FILE), Rotation::default())),
            Some((Content::Bool(false), _)) => return None,
            Some((Content::Text(word), _)) if word == "off" => return None,
            Some((Content::Sequence(_), node)) => self.audit_stores(node, root, &mut audit.stores),
            Some((Content::Mapping(entries), node)) => self.audit_trail(node, entries, root, &mut audit),
            Some((other, node)) => {
                let what = other.describe();
                self.error(
                    "wrong-type",
                    format!("`audit` must be a mapping, a list or `off`, and this is {what}"),
                    &node.span,
                );
                return None;
            }
        }
        self.audit_keys_of_the_environment(&mut audit.keys);
        Some(audit)
    }

    fn audit_trail(&mut self, node: &Node, entries: &[Entry], root: &Path, audit: &mut Audit) {
        let options = &mut audit.options;
        let mut several = None;
        for entry in entries {
            let value = &entry.value;
            match entry.key.as_str() {
                "stores" => several = Some(value),
                "mac_key" => {
                    audit.keys.mac = self.secret(value, "mac_key", MAC_KEY).and_then(|(secret, span)| {
                        let key = MacKey::new(secret);
                        if key.is_none() {
                            self.findings.push(too_short("mac_key").at(span, ""));
                        }
                        key
                    });
                }
                "signing_key" => {
                    audit.keys.signing = self.secret(value, "signing_key", SIGNING_KEY).and_then(|(secret, span)| {
                        let key = SigningKey::parse(&secret);
                        if key.is_none() {
                            self.findings.push(no_seed("signing_key").at(span, ""));
                        }
                        key
                    });
                }
                "checkpoint_every" => {
                    if let Some(lines) = self.count(value, "checkpoint_every", 1_000_000) {
                        options.checkpoint_every = lines;
                    }
                }
                "checkpoint_after_s" => {
                    if let Some(seconds) = self.count(value, "checkpoint_after_s", 86_400) {
                        options.checkpoint_after = Duration::from_secs(seconds);
                    }
                }
                "checkpoints" => {
                    options.checkpoint_copies = self.text(value, "checkpoints").map(|path| root.join(path));
                }
                key if OF_A_STORE.contains(&key) => {}
                unknown => {
                    let known = [OF_A_STORE.as_slice(), &OF_THE_TRAIL].concat();
                    self.unknown(unknown, &entry.key_span, &known);
                }
            }
        }
        let of_a_store: Vec<&Entry> = entries.iter().filter(|entry| OF_A_STORE.contains(&entry.key.as_str())).collect();
        match several {
            None => audit.stores.extend(self.audit_store(node, &of_a_store, root)),
            Some(several) => {
                for entry in of_a_store {
                    let message = format!("`{}` belongs to one of the `stores`, and not beside them", entry.key);
                    self.error("unknown-key", message, &entry.key_span);
                }
                self.audit_stores(several, root, &mut audit.stores);
            }
        }
    }

    fn audit_stores(&mut self, node: &Node, root: &Path, stores: &mut Vec<Place>) {
        let Content::Sequence(items) = &node.content else {
            self.error("wrong-type", "`stores` must be a list", &node.span);
            return;
        };
        if items.is_empty() {
            self.error("wrong-type", "a list of stores has at least one; `audit: off` is to have none", &node.span);
        }
        for item in items {
            let Some(entries) = self.mapping(item, "a store of `audit`") else { continue };
            for entry in entries {
                if OF_THE_TRAIL.contains(&entry.key.as_str()) {
                    let help = format!("write `audit: {{stores: […], {}: …}}`", entry.key);
                    let finding = Diagnostic::error("unknown-key", format!("`{}` is for all stores", entry.key));
                    self.findings.push(finding.at(entry.key_span.clone(), "").help(help));
                    self.hidden.push(entry.value.span.clone());
                } else if !OF_A_STORE.contains(&entry.key.as_str()) {
                    self.unknown(&entry.key, &entry.key_span, &OF_A_STORE);
                }
            }
            let entries: Vec<&Entry> = entries.iter().collect();
            if let Some(place) = self.audit_store(item, &entries, root) {
                let is_there = stores.iter().any(|other| match (other, &place) {
                    (Place::File(one, _), Place::File(other, _)) => one == other,
                    (one, other) => one == other,
                });
                if is_there {
                    self.error("twice", "this store is named twice", &item.span);
                }
                stores.push(place);
            }
        }
    }

    /// One store. Keys that are none of a store are looked at elsewhere.
    fn audit_store(&mut self, node: &Node, entries: &[&Entry], root: &Path) -> Option<Place> {
        let find = |key: &str| entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value);
        let word = match find("store") {
            Some(value) => self.text(value, "store")?,
            None if find("url").is_none() => JSONL.to_owned(),
            None => {
                self.error("missing", "`audit.store` is missing", &(node.span.start..node.span.start));
                return None;
            }
        };
        let span = find("store").map_or_else(|| node.span.clone(), |node| node.span.clone());
        let schemes = match STORES.iter().find(|(known, _)| *known == word) {
            Some((_, schemes)) => *schemes,
            None if word == JSONL => &[],
            None => {
                let known = STORES.iter().map(|(word, _)| *word).chain([JSONL]);
                let finding = Diagnostic::error("unknown-word", format!("unknown store `{word}`"));
                self.findings.push(finding.at(span, "").help(ormai::suggest::help(&word, known)));
                return None;
            }
        };
        let own: &[&str] = match (word == JSONL, schemes.is_empty()) {
            (true, _) => &["path", "rotate_mb", "rotate_hours"],
            (false, true) => &[],
            (false, false) => &["url"],
        };
        for entry in entries {
            let key = entry.key.as_str();
            if key != "store" && OF_A_STORE.contains(&key) && !own.contains(&key) {
                self.error("unknown-key", format!("`{key}` is none of the store `{word}`"), &entry.key_span);
            }
        }
        if word == JSONL {
            let path = match find("path") {
                Some(value) => self.text(value, "path")?,
                None => FILE.to_owned(),
            };
            let mut rotation = Rotation::default();
            if let Some(value) = find("rotate_mb") {
                rotation.bytes = self.count(value, "rotate_mb", 1_000_000).map(|megabytes| megabytes * 1_000_000);
            }
            if let Some(value) = find("rotate_hours") {
                rotation.after =
                    self.count(value, "rotate_hours", 100_000).map(|hours| Duration::from_secs(hours * 3_600));
            }
            return Some(Place::File(root.join(path), rotation));
        }
        if schemes.is_empty() {
            return Some(Place::Memory);
        }
        let Some(value) = find("url") else {
            self.error("missing", "`audit.url` is missing", &(node.span.start..node.span.start));
            return None;
        };
        let url = self.text(value, "url")?;
        if !schemes.iter().any(|scheme| url.split(':').next() == Some(scheme)) {
            self.error("wrong-url", format!("`audit.url` is none of the store `{word}`"), &value.span);
            return None;
        }
        Some(Place::At(url))
    }

    /// A secret, which stands in the environment: the text is `${NAME}` and nothing else.
    fn secret(&mut self, node: &Node, key: &str, variable: &str) -> Option<(String, Range<usize>)> {
        let name = match &node.content {
            Content::Text(text) => text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')),
            _ => None,
        };
        if name.is_none_or(|name| name.contains(['$', '{', '}'])) {
            self.hidden.push(node.span.clone());
            let message = format!("`{key}` is a secret, which does not belong into a file");
            let help = format!("put it into an environment variable and write `{key}: ${{{variable}}}`");
            self.findings.push(Diagnostic::error("secret", message).at(node.span.clone(), "").help(help));
            return None;
        }
        Some((self.text(node, key)?, node.span.clone()))
    }

    /// Used when the configuration names no keys.
    fn audit_keys_of_the_environment(&mut self, keys: &mut TrailKeys) {
        if keys.mac.is_none()
            && let Some(secret) = (self.environment)(MAC_KEY)
        {
            keys.mac = MacKey::new(secret);
            if keys.mac.is_none() {
                self.findings.push(too_short(MAC_KEY));
            }
        }
        if keys.signing.is_none()
            && let Some(seed) = (self.environment)(SIGNING_KEY)
        {
            keys.signing = SigningKey::parse(&seed);
            if keys.signing.is_none() {
                self.findings.push(no_seed(SIGNING_KEY));
            }
        }
    }

    fn count(&mut self, node: &Node, key: &str, most: u64) -> Option<u64> {
        let count = match node.content {
            Content::Int(count) => u64::try_from(count).ok().filter(|count| (1..=most).contains(count)),
            _ => None,
        };
        if count.is_none() {
            self.error("wrong-type", format!("`{key}` must be a whole number from 1 to {most}"), &node.span);
        }
        count
    }
}

fn too_short(what: &str) -> Diagnostic {
    Diagnostic::error("secret", format!("`{what}` has fewer than {} bytes", MacKey::MIN_BYTES))
        .help("`ormai audit keygen` prints new keys".to_owned())
}

fn no_seed(what: &str) -> Diagnostic {
    Diagnostic::error("secret", format!("`{what}` does not have 64 hexadecimal digits"))
        .help("`ormai audit keygen` prints new keys".to_owned())
}
