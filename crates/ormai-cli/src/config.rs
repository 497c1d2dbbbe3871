//! `ormai.yaml`: which database, which policy.
//!
//! Unknown keys are errors. `${NAME}` in a text is replaced from the environment, so that
//! secrets stay out of the file.

mod audit;

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ormai::approvals::{ApprovalStore, MemoryApprovals, SqlApprovals};
use ormai::audit::{AuditStore, StoreError, Trail, TrailKeys};
use ormai::db::{ConnectOptions, Database, IntrospectOptions, introspect};
use ormai::diagnostic::Diagnostic;
use ormai::policy::{Format, syntax};
use ormai::{OrmAi, catalog};
use syntax::{Content, Node};

use audit::Audit;

use crate::failure::Failure;
use crate::output;

/// A configuration that has been read.
pub(crate) struct Config {
    url: String,
    max_connections: Option<u32>,
    introspect: IntrospectOptions,
    pub(crate) policy: PolicySource,
    approvals: Option<Approvals>,
    audit: Option<Audit>,
}

/// Where requests wait for their approval.
enum Approvals {
    Memory,
    At(String),
}

/// The words for stores, with the schemes of the URLs that go with them.
const STORES: &[(&str, &[&str])] = &[
    ("sqlite", &["sqlite"]),
    ("postgres", &["postgres", "postgresql"]),
    ("mysql", &["mysql", "mariadb"]),
    ("memory", &[]),
];

/// The policy as text, with what to call it in findings.
#[derive(Clone)]
pub(crate) struct PolicySource {
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) format: Format,
}

/// The URL may hold a password.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("policy", &self.policy.name).finish_non_exhaustive()
    }
}

impl Config {
    /// Reads a configuration file; findings are printed.
    pub(crate) fn read(path: &Path, as_json: bool) -> Result<Self, Failure> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| {
            Failure::misuse(format!("the configuration `{name}` cannot be read: {error}; `ormai init URL` writes one"))
        })?;
        let format = Format::from_path(path).unwrap_or(Format::Yaml);
        let root = path.parent().unwrap_or(Path::new("."));
        let mut reader = Reader { findings: Vec::new(), hidden: Vec::new(), environment: &environment };
        let config = match syntax::read(&text, format) {
            Ok(node) => reader.config(&node, root, (&name, &text, format)),
            Err(findings) => {
                reader.findings = findings;
                None
            }
        };
        match config {
            Some(config) if reader.findings.is_empty() => Ok(config),
            _ => {
                let text = without(text, &reader.hidden);
                if !as_json {
                    output::findings(&name, &text, &reader.findings)?;
                }
                Err(Failure::misuse(format!("the configuration `{name}` does not load"))
                    .because(&text, &reader.findings))
            }
        }
    }

    /// The same with another database, if one is named.
    pub(crate) fn at(mut self, url: Option<&str>) -> Self {
        if let Some(url) = url {
            self.url = url.to_owned();
        }
        self
    }

    /// Connects to the database.
    pub(crate) async fn connect(&self) -> Result<Database, Failure> {
        let mut options = ConnectOptions::default();
        if let Some(max) = self.max_connections {
            options.max_connections = max;
        }
        Ok(Database::connect(&self.url, &options).await?)
    }

    /// The store of approvals, if there is one.
    pub(crate) async fn approvals(&self) -> Result<Option<Arc<dyn ApprovalStore>>, Failure> {
        Ok(match &self.approvals {
            None => None,
            Some(Approvals::Memory) => Some(Arc::new(MemoryApprovals::new())),
            Some(Approvals::At(url)) => Some(Arc::new(SqlApprovals::connect(url).await?)),
        })
    }

    /// The stores of the audit trail, in their order; none when it is off.
    pub(crate) async fn audit_stores(&self) -> Result<Vec<Arc<dyn AuditStore>>, Failure> {
        match &self.audit {
            Some(audit) => audit.stores().await,
            None => Ok(Vec::new()),
        }
    }

    /// Those of them that `ormai install` has to make.
    pub(crate) async fn audit_databases(&self) -> Result<Vec<Arc<dyn AuditStore>>, Failure> {
        match &self.audit {
            Some(audit) => audit.databases().await,
            None => Ok(Vec::new()),
        }
    }

    /// The secrets of the audit trail.
    pub(crate) fn audit_keys(&self) -> TrailKeys {
        self.audit.as_ref().map(|audit| audit.keys().clone()).unwrap_or_default()
    }

    /// A trail that writes to some of the stores.
    pub(crate) async fn audit_trail(&self, stores: Vec<Arc<dyn AuditStore>>) -> Result<Trail, Failure> {
        let options = self.audit.as_ref().map(|audit| audit.options().clone()).unwrap_or_default();
        let opened = Trail::open(stores, self.audit_keys(), options).await;
        opened.map_err(|error| match error.error {
            StoreError::NotInstalled => StoreError::NotInstalled.into(),
            _ => Failure::failed(error.to_string()),
        })
    }

    /// Where copies of checkpoints are kept.
    pub(crate) fn audit_checkpoints(&self) -> Option<&Path> {
        self.audit.as_ref()?.checkpoints()
    }

    /// Reads the database's schema.
    pub(crate) async fn catalog(&self, database: &Database) -> Result<catalog::Catalog, Failure> {
        introspect(database, &self.introspect).await?.build().map_err(|error| Failure::failed(error.to_string()))
    }

    /// Puts the policy in force, lets a command work with it, and ends the audit trail in order,
    /// however that ended.
    pub(crate) async fn with(
        &self,
        as_json: bool,
        work: impl AsyncFnOnce(&OrmAi) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let ormai = self.build(as_json).await?;
        let outcome = work(&ormai).await;
        let closed = ormai.close().await;
        let closed = closed.map_err(|error| Failure::failed(format!("the audit trail cannot be sealed: {error}")));
        outcome.and(closed)
    }

    /// Findings that stop the policy are printed.
    async fn build(&self, as_json: bool) -> Result<OrmAi, Failure> {
        let database = self.connect().await?;
        let catalog = self.catalog(&database).await?;
        let mut builder = OrmAi::builder()
            .database(database)
            .catalog(catalog)
            .policy_text(self.policy.text.clone(), self.policy.format);
        if let Some(key) = hash_key() {
            builder = builder.hash_key(key);
        }
        if let Some(secret) = environment("ORMAI_CURSOR_KEY").filter(|secret| !secret.is_empty()) {
            builder = builder.cursor_secret(secret);
        }
        if let Some(store) = self.approvals().await? {
            builder = builder.approvals(store);
        }
        if let Some(audit) = &self.audit {
            builder = audit.given(builder).await?;
        }
        match builder.build().await {
            Ok(ormai) => Ok(ormai),
            Err(ormai::BuildError::Policy(findings)) => {
                if !as_json {
                    output::findings(&self.policy.name, &self.policy.text, &findings)?;
                }
                Err(Failure::failed("the policy does not load").because(&self.policy.text, &findings))
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// The secret behind `action: hash`.
pub(crate) fn hash_key() -> Option<Vec<u8>> {
    environment("ORMAI_HASH_KEY").map(String::into_bytes)
}

/// Who runs this, as the trail tells it.
pub(crate) fn operator() -> String {
    environment("USER").filter(|name| !name.is_empty()).unwrap_or_else(|| "the command line".to_owned())
}

#[expect(clippy::disallowed_methods, reason = "the command line is the edge where the environment is read")]
pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The text with these parts of it struck out: what is shown of a file holds no secret.
fn without(text: String, hidden: &[Range<usize>]) -> String {
    let mut bytes = text.into_bytes();
    for range in hidden {
        for byte in bytes.get_mut(range.clone()).into_iter().flatten().filter(|byte| !b"\r\n".contains(byte)) {
            *byte = b'*';
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

struct Reader<'e> {
    findings: Vec<Diagnostic>,
    /// What of the text must not be shown under findings.
    hidden: Vec<Range<usize>>,
    environment: &'e dyn Fn(&str) -> Option<String>,
}

impl Reader<'_> {
    fn config(&mut self, node: &Node, root: &Path, own: (&str, &str, Format)) -> Option<Config> {
        let known = ["approvals", "audit", "database", "models", "policy"];
        let planned = ["server"];
        let entries = self.mapping(node, "the configuration")?;
        for entry in entries {
            if planned.contains(&entry.key.as_str()) {
                // Ignoring it would leave somebody without what they asked for.
                self.error(
                    "not-available",
                    format!("`{}` is not available in this version", entry.key),
                    &entry.key_span,
                );
            } else if !known.contains(&entry.key.as_str()) {
                self.unknown(&entry.key, &entry.key_span, &known);
            }
        }
        let find = |key: &str| entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value);
        let missing = |reader: &mut Self, key: &str| {
            reader.error("missing", format!("`{key}` is missing"), &(node.span.start..node.span.start));
        };
        let Some(database) = find("database") else {
            missing(self, "database");
            return None;
        };
        let Some(policy) = find("policy") else {
            missing(self, "policy");
            return None;
        };
        let policy = self.policy(policy, root, own);
        let mut introspect = IntrospectOptions::default();
        if let Some(models) = find("models") {
            self.models(models, &mut introspect);
        }
        let approvals = find("approvals").map(|node| self.approvals(node));
        let audit = self.audit(find("audit"), root);
        let (url, max_connections, schemas) = self.database(database)?;
        introspect.schemas = schemas;
        // Where a store cannot be read, findings keep the configuration from loading.
        Some(Config { url, max_connections, introspect, policy: policy?, approvals: approvals.flatten(), audit })
    }

    /// `{store: postgres, url: …}`
    fn approvals(&mut self, node: &Node) -> Option<Approvals> {
        let (mut store, mut url) = (None, None);
        for entry in self.mapping(node, "`approvals`")? {
            match entry.key.as_str() {
                "store" => store = self.text(&entry.value, "store").map(|word| (word, &entry.value.span)),
                "url" => url = self.text(&entry.value, "url").map(|url| (url, &entry.value.span)),
                unknown => self.unknown(unknown, &entry.key_span, &["store", "url"]),
            }
        }
        let Some((word, span)) = store else {
            self.error("missing", "`approvals.store` is missing", &(node.span.start..node.span.start));
            return None;
        };
        let Some((_, schemes)) = STORES.iter().find(|(known, _)| *known == word) else {
            let help = ormai::suggest::help(&word, STORES.iter().map(|(word, _)| *word));
            let finding = Diagnostic::error("unknown-word", format!("unknown store `{word}`"));
            self.findings.push(finding.at(span.clone(), "").help(help));
            return None;
        };
        match url {
            None if schemes.is_empty() => Some(Approvals::Memory),
            None => {
                self.error("missing", "`approvals.url` is missing", &(node.span.start..node.span.start));
                None
            }
            Some((url, _)) if schemes.iter().any(|scheme| url.split(':').next() == Some(scheme)) => {
                Some(Approvals::At(url))
            }
            Some((_, span)) => {
                self.error("wrong-url", format!("`approvals.url` is none of the store `{word}`"), span);
                None
            }
        }
    }

    fn database(&mut self, node: &Node) -> Option<(String, Option<u32>, Vec<String>)> {
        let entries = self.mapping(node, "`database`")?;
        let (mut url, mut max_connections, mut schemas) = (None, None, Vec::new());
        for entry in entries {
            match entry.key.as_str() {
                "url" => url = self.text(&entry.value, "url"),
                "max_connections" => match entry.value.content {
                    Content::Int(count @ 1..=10_000) => max_connections = u32::try_from(count).ok(),
                    _ => self.error(
                        "wrong-type",
                        "`max_connections` must be a whole number from 1 to 10000",
                        &entry.value.span,
                    ),
                },
                "schemas" => match &entry.value.content {
                    Content::Sequence(items) => {
                        schemas = items.iter().filter_map(|item| self.text(item, "schemas")).collect();
                    }
                    _ => self.error("wrong-type", "`schemas` must be a list of names", &entry.value.span),
                },
                unknown => self.unknown(unknown, &entry.key_span, &["url", "max_connections", "schemas"]),
            }
        }
        if url.is_none() {
            self.error("missing", "`database.url` is missing", &(node.span.start..node.span.start));
        }
        Some((url?, max_connections, schemas))
    }

    /// Names other than those that reading the database gives:
    /// `{Order: {table: orders, relations: {order_items: items}}}`.
    fn models(&mut self, node: &Node, introspect: &mut IntrospectOptions) {
        for model in self.mapping(node, "`models`").unwrap_or_default() {
            let path = format!("`models.{}`", model.key);
            for entry in self.mapping(&model.value, &path).unwrap_or_default() {
                match entry.key.as_str() {
                    "table" => {
                        if let Some(table) = self.text(&entry.value, "table") {
                            introspect.model_names.insert(table, model.key.clone());
                        }
                    }
                    "relations" => {
                        for relation in self.mapping(&entry.value, "`relations`").unwrap_or_default() {
                            if let Some(name) = self.text(&relation.value, &relation.key) {
                                introspect.relation_names.insert(format!("{}.{}", model.key, relation.key), name);
                            }
                        }
                    }
                    unknown => self.unknown(unknown, &entry.key_span, &["table", "relations"]),
                }
            }
        }
    }

    /// A path, or the policy itself.
    fn policy(&mut self, node: &Node, root: &Path, own: (&str, &str, Format)) -> Option<PolicySource> {
        if let Content::Mapping(_) = node.content {
            let (name, _, _) = own;
            self.error(
                "inline-policy",
                format!("the policy stands in a file of its own; write its path under `policy` in `{name}`"),
                &node.span,
            );
            return None;
        }
        let path: PathBuf = root.join(self.text(node, "policy")?);
        let Some(format) = Format::from_path(&path) else {
            self.error("policy-file", "the policy's name ends in none of .yaml, .toml, .json", &node.span);
            return None;
        };
        match std::fs::read_to_string(&path) {
            Ok(text) => Some(PolicySource { name: path.display().to_string(), text, format }),
            Err(error) => {
                self.error(
                    "policy-file",
                    format!("the policy `{}` cannot be read: {error}", path.display()),
                    &node.span,
                );
                None
            }
        }
    }

    fn mapping<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n [syntax::Entry]> {
        match &node.content {
            Content::Mapping(entries) => Some(entries),
            other => {
                self.error(
                    "wrong-type",
                    format!("{what} must be a mapping, and this is {}", other.describe()),
                    &node.span,
                );
                None
            }
        }
    }

    /// Text with its `${NAME}`s replaced.
    fn text(&mut self, node: &Node, key: &str) -> Option<String> {
        let Content::Text(text) = &node.content else {
            self.error("wrong-type", format!("`{key}` must be text"), &node.span);
            return None;
        };
        let mut replaced = String::new();
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once("${") {
            replaced.push_str(before);
            let Some((name, after)) = after.split_once('}') else {
                self.error("variable", "`${` is not closed by `}`", &node.span);
                return None;
            };
            let Some(value) = (self.environment)(name) else {
                self.error("variable", format!("the environment variable `{name}` is not set"), &node.span);
                return None;
            };
            replaced.push_str(&value);
            rest = after;
        }
        replaced.push_str(rest);
        Some(replaced)
    }

    fn unknown(&mut self, key: &str, span: &Range<usize>, known: &[&str]) {
        let help = ormai::suggest::help(key, known.iter().copied());
        self.findings
            .push(Diagnostic::error("unknown-key", format!("unknown key `{key}`")).at(span.clone(), "").help(help));
    }

    fn error(&mut self, code: &'static str, message: impl Into<String>, span: &Range<usize>) {
        self.findings.push(Diagnostic::error(code, message).at(span.clone(), ""));
    }
}
