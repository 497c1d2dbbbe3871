//! From a configuration to a database with a policy in force, or every reason why not.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, RwLock};

use ormai_core::catalog::{Catalog, CatalogError};
use ormai_core::cursor::CursorKey;
use ormai_core::diagnostic::Diagnostic;
use ormai_core::policy::{CompileOptions, CompiledPolicy, Format, PolicyDocument};
use ormai_core::redact::HashKey;
use ormai_db::{ConnectOptions, Database, DbError, IntrospectOptions, introspect};

use crate::approvals::{ApprovalStore, StoreError};
use crate::audit::{AuditStore, Refused, Trail, TrailError, TrailKeys, TrailOptions};
use crate::domain::misnamed;
use crate::telemetry::Metrics;
use crate::{DomainTool, Engine, Keys, OrmAi, Toolset};

/// Builds an [`OrmAi`].
#[derive(Default)]
pub struct Builder {
    database: Option<Place>,
    connect: ConnectOptions,
    policy: Option<Source>,
    catalog: Option<Catalog>,
    introspect: IntrospectOptions,
    hash_key: Option<Vec<u8>>,
    cursor_key: Option<[u8; 32]>,
    approvals: Option<Arc<dyn ApprovalStore>>,
    domain: Vec<Arc<dyn DomainTool>>,
    audit: Vec<Arc<dyn AuditStore>>,
    unrecorded: bool,
    audit_keys: TrailKeys,
    audit_options: TrailOptions,
    #[cfg(feature = "opentelemetry")]
    meter: Option<opentelemetry::metrics::Meter>,
}

enum Place {
    Url(String),
    Pool(Database),
}

enum Source {
    File(PathBuf),
    Text(String, Format),
    Document(Box<PolicyDocument>),
}

/// Why nothing was built.
#[derive(Debug)]
#[non_exhaustive]
pub enum BuildError {
    /// Something was not given.
    Missing(&'static str),
    /// The policy's file cannot be read, or its name does not say its format.
    PolicyFile(PathBuf, String),
    /// The policy does not load, or does not fit the database: every finding.
    Policy(Vec<Diagnostic>),
    /// The database cannot be reached or read.
    Database(DbError),
    /// What the database holds cannot be named without doubt.
    Catalog(CatalogError),
    /// The hash key is too short.
    HashKey,
    /// The store of approvals failed.
    Approvals(StoreError),
    /// A tool of the project's own has this name, which is taken or is no name.
    Tool(String),
    /// An audit store does not let a writer begin.
    Audit(TrailError),
    /// What was asked cannot be recorded, or failed and was recorded.
    Recording(Refused),
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(what) => write!(f, "no {what} was given"),
            Self::PolicyFile(path, why) => write!(f, "the policy file `{}` cannot be read: {why}", path.display()),
            Self::Policy(findings) => {
                write!(f, "the policy does not load")?;
                findings.iter().filter(|finding| finding.is_error()).try_for_each(|finding| write!(f, "\n- {finding}"))
            }
            Self::Database(error) => write!(f, "{error}"),
            Self::Approvals(error) => write!(f, "{error}"),
            Self::Tool(name) => write!(f, "a tool cannot be named `{name}`: it is taken, or is no name"),
            Self::Audit(error) => write!(f, "{error}"),
            Self::Recording(error) => write!(f, "{error}"),
            Self::Catalog(error) => write!(f, "{error}"),
            Self::HashKey => write!(f, "the hash key must have at least {} bytes", HashKey::MIN_BYTES),
        }
    }
}

impl std::error::Error for BuildError {}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Builder(…)")
    }
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// The database, as a pool that exists.
    #[must_use]
    pub fn database(mut self, database: impl Into<Database>) -> Self {
        self.database = Some(Place::Pool(database.into()));
        self
    }

    /// The database, as a URL: `sqlite:…`, `postgres:…` or `mysql:…`.
    #[must_use]
    pub fn database_url(mut self, url: impl Into<String>) -> Self {
        self.database = Some(Place::Url(url.into()));
        self
    }

    /// How to connect to the URL.
    #[must_use]
    pub fn connect_options(mut self, options: ConnectOptions) -> Self {
        self.connect = options;
        self
    }

    /// The policy, as a file; its extension says the format.
    #[must_use]
    pub fn policy_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.policy = Some(Source::File(path.into()));
        self
    }

    /// The policy, as text.
    #[must_use]
    pub fn policy_text(mut self, text: impl Into<String>, format: Format) -> Self {
        self.policy = Some(Source::Text(text.into(), format));
        self
    }

    /// The policy, made in code.
    #[must_use]
    pub fn policy(mut self, document: PolicyDocument) -> Self {
        self.policy = Some(Source::Document(Box::new(document)));
        self
    }

    /// The catalog, when it is known; otherwise the database is read.
    #[must_use]
    pub fn catalog(mut self, catalog: Catalog) -> Self {
        self.catalog = Some(catalog);
        self
    }

    /// How to read the database.
    #[must_use]
    pub fn introspect_options(mut self, options: IntrospectOptions) -> Self {
        self.introspect = options;
        self
    }

    /// The secret behind `action: hash`, of at least sixteen bytes.
    #[must_use]
    pub fn hash_key(mut self, key: impl Into<Vec<u8>>) -> Self {
        self.hash_key = Some(key.into());
        self
    }

    /// The secret that seals cursors. Without one a process makes its own, and its cursors
    /// end with it.
    #[must_use]
    pub fn cursor_key(mut self, key: [u8; 32]) -> Self {
        self.cursor_key = Some(key);
        self
    }

    /// The secret that seals cursors, of any length; as [`Builder::cursor_key`].
    #[must_use]
    pub fn cursor_secret(self, secret: impl AsRef<[u8]>) -> Self {
        let key = ormai_core::cursor::derive_key(secret.as_ref().iter().copied());
        self.cursor_key(key)
    }

    /// Where writes wait that the policy opens with `require_approval`. Without it they are refused.
    #[must_use]
    pub fn approvals(mut self, store: Arc<dyn ApprovalStore>) -> Self {
        self.approvals = Some(store);
        self
    }

    /// Adds a tool of the project's own; may be called several times.
    #[must_use]
    pub fn tool(mut self, tool: Arc<dyn DomainTool>) -> Self {
        self.domain.push(tool);
        self
    }

    /// Where every call leaves its record: may be called several times, and then every store has all
    /// records. One that has to be installed is installed before: see [`AuditStore::install`].
    ///
    /// A call whose record is not taken is not answered. Without any store nothing is recorded.
    #[must_use]
    pub fn audit(mut self, store: Arc<dyn AuditStore>) -> Self {
        self.audit.push(store);
        self
    }

    /// Says that no record is meant to be left, where no audit store is given: it is not warned about then.
    #[must_use]
    pub fn unrecorded(mut self) -> Self {
        self.unrecorded = true;
        self
    }

    /// The secrets that key the records and sign checkpoints.
    #[must_use]
    pub fn audit_keys(mut self, keys: TrailKeys) -> Self {
        self.audit_keys = keys;
        self
    }

    /// How the records are kept.
    #[must_use]
    pub fn audit_options(mut self, options: TrailOptions) -> Self {
        self.audit_options = options;
        self
    }

    /// What calls are counted and timed on. Without it that is the global meter `ormai`, of the provider
    /// that is set when this is built; several in one process are told apart by a meter for each.
    #[cfg(feature = "opentelemetry")]
    #[must_use]
    pub fn meter(mut self, meter: opentelemetry::metrics::Meter) -> Self {
        self.meter = Some(meter);
        self
    }

    /// Connects, reads the database, and puts the policy in force.
    ///
    /// # Errors
    ///
    /// [`BuildError`]: nothing is half built, and a policy's findings come all at once.
    pub async fn build(self) -> Result<OrmAi, BuildError> {
        if let Some(name) = misnamed(&self.domain) {
            return Err(BuildError::Tool(name));
        }
        let document = match self.policy.ok_or(BuildError::Missing("policy"))? {
            Source::Document(document) => *document,
            Source::Text(text, format) => PolicyDocument::parse(&text, format).map_err(BuildError::Policy)?,
            Source::File(path) => {
                let format = Format::from_path(&path).ok_or_else(|| {
                    BuildError::PolicyFile(path.clone(), "its name ends in none of .yaml, .toml, .json".to_owned())
                })?;
                let text = std::fs::read_to_string(&path)
                    .map_err(|error| BuildError::PolicyFile(path.clone(), error.to_string()))?;
                PolicyDocument::parse(&text, format).map_err(BuildError::Policy)?
            }
        };
        let hash = match self.hash_key {
            None => None,
            Some(key) => Some(HashKey::new(key).ok_or(BuildError::HashKey)?),
        };
        let cursor = CursorKey::new(&self.cursor_key.unwrap_or_else(own_cursor_key));
        let database = match self.database.ok_or(BuildError::Missing("database"))? {
            Place::Pool(database) => database,
            Place::Url(url) => Database::connect(&url, &self.connect).await.map_err(BuildError::Database)?,
        };
        let catalog = match self.catalog {
            Some(catalog) => catalog,
            None => introspect(&database, &self.introspect)
                .await
                .map_err(BuildError::Database)?
                .build()
                .map_err(BuildError::Catalog)?,
        };
        let options = CompileOptions { has_hash_key: hash.is_some() };
        let policy = CompiledPolicy::compile(&document, Arc::new(catalog), options).map_err(BuildError::Policy)?;
        for finding in policy.diagnostics() {
            tracing::debug!(code = finding.code, "the policy has a finding");
        }
        #[cfg(feature = "opentelemetry")]
        let metrics = {
            let meter = self.meter.unwrap_or_else(|| opentelemetry::global::meter("ormai"));
            Metrics::of(&meter, database.clone())
        };
        #[cfg(not(feature = "opentelemetry"))]
        let metrics = Metrics::default();
        let engine = Engine::new(policy, database.dialect(), Keys { cursor, hash });
        // Last, so that nothing is begun for an engine that does not come to be.
        let trail = match self.audit.is_empty() {
            true => {
                if !self.unrecorded {
                    tracing::warn!("no audit store was given; calls leave no record");
                }
                None
            }
            false => {
                let opened = Trail::open(self.audit, self.audit_keys, self.audit_options).await;
                Some(opened.map_err(BuildError::Audit)?)
            }
        };
        Ok(OrmAi::new(Toolset {
            engine: Arc::new(RwLock::new(Arc::new(engine))),
            database,
            approvals: self.approvals,
            trail,
            domain: self.domain.into(),
            metrics,
        }))
    }
}

/// A key that lives as long as the process.
fn own_cursor_key() -> [u8; 32] {
    // Three UUIDs hold 366 random bits; deriving spreads them over the key.
    let seeds = [uuid::Uuid::new_v4(), uuid::Uuid::new_v4(), uuid::Uuid::new_v4()];
    ormai_core::cursor::derive_key(seeds.iter().flat_map(|seed| seed.into_bytes()))
}
