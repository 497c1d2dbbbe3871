//! Audit stores: where calls leave their records, and what is read from there.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use ormai::audit::export::{Format, export};
use ormai::audit::stats::{Options, Statistics};
use ormai::audit::verify::{VerifyOptions, verify};
use ormai::audit::{
    AuditStore, Filter, JsonlOptions, JsonlStore, MacKey, MemoryStore, PublicKey, Retention, SigningKey, SqlStore,
    StoreError, Trail, TrailError, TrailKeys, TrailOptions, would_prune,
};
use ormai::error::{Error, ErrorCode};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde_json::{Value as Json, json};

use crate::convert::json as read;
use crate::failure::raised;
use crate::options::Given;
use crate::running::{Outcome, Running, written};
use crate::runtime::Runtime;

/// The most records of one page.
const MOST: usize = 10_000;

/// Where calls leave their records.
#[pyclass(frozen, module = "ormai._ormai")]
pub(crate) struct Store {
    pub(crate) store: Arc<dyn AuditStore>,
    pub(crate) runtime: Option<Runtime>,
    /// Whether it is made where it is missing before it is first used.
    pub(crate) is_made: bool,
}

impl Store {
    fn running<T>(&self, work: impl Future<Output = Result<T, Error>> + Send + 'static) -> Running
    where
        T: serde::Serialize + Send + 'static,
    {
        Running::of(async move { work.await.map(written) }, self.runtime.clone())
    }
}

#[pymethods]
impl Store {
    /// A store in files: one JSON object a line.
    #[staticmethod]
    #[pyo3(
        signature = (path, *, rotate_bytes=Some(67_108_864), rotate_after_seconds=Some(86_400)),
        text_signature = "(path, *, rotate_bytes=67108864, rotate_after_seconds=86400)"
    )]
    fn jsonl(
        py: Python<'_>,
        path: PathBuf,
        rotate_bytes: Option<u64>,
        rotate_after_seconds: Option<u64>,
    ) -> PyResult<Self> {
        let mut options = JsonlOptions::default();
        options.rotate_bytes = rotate_bytes;
        options.rotate_after = rotate_after_seconds.map(Duration::from_secs);
        let store = JsonlStore::open(path, options).map_err(|error| raised(py, &refused(&error)))?;
        Ok(Self { store: Arc::new(store), runtime: None, is_made: true })
    }

    /// A store in memory: gone with the process.
    #[staticmethod]
    fn memory() -> Self {
        Self { store: Arc::new(MemoryStore::new()), runtime: None, is_made: false }
    }

    /// A store in a table of a database, with connections of its own. With `install` the table is made
    /// where it is missing.
    #[staticmethod]
    #[pyo3(signature = (url, *, install=false))]
    fn sql(url: String, install: bool) -> PyResult<Running> {
        let runtime = Some(Runtime::get()?);
        let made = runtime.clone();
        let work = async move {
            let store = SqlStore::connect(&url).await.map_err(|error| refused(&error))?;
            let store = Self { store: Arc::new(store), runtime: made, is_made: install };
            Ok::<Outcome, Error>(Box::new(move |py| Ok(Bound::new(py, store)?.into_any())))
        };
        Ok(Running::of(work, runtime))
    }

    /// What it is called, without secrets.
    #[getter]
    fn name(&self) -> String {
        self.store.name()
    }

    /// Makes what the store needs, where it is missing; the names of what was made.
    fn install(&self) -> Running {
        let store = Arc::clone(&self.store);
        self.running(async move { store.install().await.map_err(|error| refused(&error)) })
    }

    /// `{"records": [...], "next_cursor": text or None}`, the newest first.
    #[pyo3(signature = (filters=None, limit=100, cursor=None))]
    fn query(
        &self,
        py: Python<'_>,
        filters: Option<&Bound<'_, PyAny>>,
        limit: usize,
        cursor: Option<String>,
    ) -> PyResult<Running> {
        let filter = filter(py, filters)?;
        if limit == 0 || limit > MOST {
            return Err(PyValueError::new_err(format!("`limit` is a number from 1 to {MOST}")));
        }
        let store = Arc::clone(&self.store);
        Ok(self.running(async move {
            let found = store.query(&filter, limit, cursor.as_deref()).await.map_err(|error| refused(&error))?;
            Ok(json!({"records": found.entries, "next_cursor": found.cursor}))
        }))
    }

    /// Whether the store is what its writers wrote: `{"ok", "store", "first", "report"}`.
    #[pyo3(signature = (*, mac_key=None, earlier_mac_keys=None, public_keys=None,
        checkpoints=None, accept_unkeyed=false))]
    fn verify(
        &self,
        mac_key: Option<Vec<u8>>,
        earlier_mac_keys: Option<Vec<Vec<u8>>>,
        public_keys: Option<Vec<String>>,
        checkpoints: Option<Vec<String>>,
        accept_unkeyed: bool,
    ) -> PyResult<Running> {
        let mut options = VerifyOptions::default();
        options.mac = mac_key.map(mac_of).transpose()?;
        options.earlier_macs = earlier_mac_keys.into_iter().flatten().map(mac_of).collect::<PyResult<_>>()?;
        let public = |text: &String| {
            PublicKey::parse(text).ok_or_else(|| PyValueError::new_err("a public key is not in its form"))
        };
        options.public_keys = public_keys.iter().flatten().map(public).collect::<PyResult<_>>()?;
        options.checkpoints = checkpoints.unwrap_or_default();
        options.accept_unkeyed = accept_unkeyed;
        let store = Arc::clone(&self.store);
        Ok(self.running(async move {
            let report = verify(&*store, &options, &|_| ()).await.map_err(|error| refused(&error))?;
            Ok(json!({"ok": report.is_good(), "store": store.name(), "first": report.first(), "report": report}))
        }))
    }

    /// How many calls, how they ended, how long they took.
    #[pyo3(signature = (filters=None, *, top=20))]
    fn stats(&self, py: Python<'_>, filters: Option<&Bound<'_, PyAny>>, top: usize) -> PyResult<Running> {
        let filter = filter(py, filters)?;
        let mut options = Options::default();
        options.top = top;
        let store = Arc::clone(&self.store);
        Ok(self.running(async move {
            let statistics = Statistics::of(&*store, &filter, options, &mut |_| ()).await;
            statistics.map(|statistics| statistics.report()).map_err(|error| refused(&error))
        }))
    }

    /// Lets records go that are not to be kept, and leaves tombstones in their place.
    #[pyo3(signature = (*, by, older_than=None, keep=None, tenant_id=None, dry_run=false, mac_key=None,
        signing_key=None))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of Python")]
    fn prune(
        &self,
        by: String,
        older_than: Option<&Bound<'_, PyAny>>,
        keep: Option<u64>,
        tenant_id: Option<&Bound<'_, PyAny>>,
        dry_run: bool,
        mac_key: Option<Vec<u8>>,
        signing_key: Option<String>,
    ) -> PyResult<Running> {
        let value = |value: &Bound<'_, PyAny>| read(value).map_err(|misfit| misfit.into_py_err(value.py()));
        let tenant = tenant_id.map(value).transpose()?;
        let older_than = older_than.map(value).transpose()?.as_ref().map(time_of).transpose()?;
        let retention = Retention { tenant, older_than, keep };
        if !retention.is_limited() {
            return Err(PyValueError::new_err("say which records go: `older_than`, `keep`, or both"));
        }
        let keys = TrailKeys {
            mac: mac_key.map(mac_of).transpose()?,
            signing: signing_key.as_deref().map(signing_of).transpose()?,
        };
        let store = Arc::clone(&self.store);
        Ok(self.running(async move {
            if dry_run {
                let report = would_prune::<Pruning>(&*store, &retention, &keys, &mut |_| ()).await;
                return report.map_err(|Pruning(error)| error);
            }
            let trail =
                Trail::open(vec![store], keys, TrailOptions::default()).await.map_err(|error| untaken(&error))?;
            let reports = trail.prune(&retention, &by).await;
            let ended = trail.end().await;
            let report = reports.map_err(|error| untaken(&error))?.into_iter().next().unwrap_or_default();
            ended.map_err(|error| untaken(&error))?;
            Ok(report)
        }))
    }

    /// The records as a text, in the order of their appending: `jsonl` or `csv`.
    #[pyo3(signature = (format="jsonl", filters=None))]
    fn export(&self, py: Python<'_>, format: &str, filters: Option<&Bound<'_, PyAny>>) -> PyResult<Running> {
        let filter = filter(py, filters)?;
        let format = match format {
            "jsonl" => Format::Jsonl,
            "csv" => Format::Csv,
            _ => return Err(PyValueError::new_err("an export is `jsonl` or `csv`")),
        };
        let store = Arc::clone(&self.store);
        Ok(self.running(async move {
            let mut text = Vec::new();
            let exported = export(&*store, &filter, format, &mut text, &mut |_| ()).await;
            let exported = exported.map_err(|error| unavailable(error.to_string()))?;
            let text = String::from_utf8(text).map_err(|_| unavailable("the export is not Unicode".to_owned()))?;
            Ok(json!({
                "text": text, "written": exported.written, "lines": exported.lines, "unreadable": exported.unreadable,
            }))
        }))
    }

    fn __repr__(&self) -> String {
        format!("<Store: {}>", self.store.name())
    }
}

/// Keys and times of a trail, from `{"mac_key", "signing_key", "checkpoint_every", "checkpoint_after_ms",
/// "checkpoint_copies"}`.
pub(crate) fn trail_options(given: Option<&Bound<'_, PyDict>>) -> PyResult<(TrailKeys, TrailOptions)> {
    let mut keys = TrailKeys::default();
    let mut options = TrailOptions::default();
    let given = Given::read(
        "the audit options",
        given,
        &["mac_key", "signing_key", "checkpoint_every", "checkpoint_after_ms", "checkpoint_copies"],
    )?;
    if let Some(secret) = given.get::<Vec<u8>>("mac_key")? {
        keys.mac = Some(mac_of(secret)?);
    }
    if let Some(text) = given.get::<String>("signing_key")? {
        keys.signing = Some(signing_of(&text)?);
    }
    if let Some(every) = given.get("checkpoint_every")? {
        options.checkpoint_every = every;
    }
    if let Some(after) = given.get("checkpoint_after_ms")? {
        options.checkpoint_after = Duration::from_millis(after);
    }
    options.checkpoint_copies = given.get::<PathBuf>("checkpoint_copies")?;
    Ok((keys, options))
}

fn filter(py: Python<'_>, filters: Option<&Bound<'_, PyAny>>) -> PyResult<Filter> {
    let Some(filters) = filters else { return Ok(Filter::new()) };
    let filters = read(filters).map_err(|misfit| misfit.into_py_err(py))?;
    Filter::from_json(&filters).map_err(|error| raised(py, &error))
}

fn mac_of(secret: Vec<u8>) -> PyResult<MacKey> {
    MacKey::new(secret).ok_or_else(|| PyValueError::new_err("the MAC key is too short"))
}

fn signing_of(text: &str) -> PyResult<SigningKey> {
    SigningKey::parse(text).ok_or_else(|| PyValueError::new_err("the signing key is not in its form"))
}

fn time_of(json: &Json) -> PyResult<Timestamp> {
    json.as_str()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| PyTypeError::new_err("`older_than` is a time with its offset, such as `2026-01-31T09:00:00Z`"))
}

fn unavailable(message: String) -> Error {
    Error::new(ErrorCode::AuditUnavailable, message)
}

pub(crate) fn refused(error: &StoreError) -> Error {
    let told = unavailable(error.to_string());
    match error {
        StoreError::NotInstalled => told.hint("make it with `install`".to_owned()),
        _ => told,
    }
}

fn untaken(error: &TrailError) -> Error {
    refused(&error.error)
}

/// Why pruning was not tried.
struct Pruning(Error);

impl From<StoreError> for Pruning {
    fn from(error: StoreError) -> Self {
        Self(refused(&error))
    }
}

impl From<ormai::audit::PruneError> for Pruning {
    fn from(error: ormai::audit::PruneError) -> Self {
        Self(unavailable(error.to_string()))
    }
}
