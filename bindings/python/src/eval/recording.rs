//! Recorded calls.

use std::fs;
use std::io::BufReader;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use ormai::CallResult;
use ormai_eval::record::{Calls, CallsWriter, FileError, Header, Line, Outcome, RecordedCall, Source, Who};
use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use serde_json::{Value as Json, json};

use super::mistaken;
use crate::calls::{answered, refused};
use crate::context::Context;
use crate::convert::{Misfit, json as read, to_python};
use crate::failure::raised;
use crate::native::Native;
use crate::running::Running;

/// Calls with how they ended.
#[pyclass(frozen, module = "ormai._ormai")]
pub(crate) struct Recording {
    pub(super) lines: Arc<Vec<Line>>,
    header: Header,
}

impl Recording {
    pub(super) fn lines(&self) -> impl Iterator<Item = Result<Line, FileError>> + Clone + use<> {
        let lines = Arc::clone(&self.lines);
        (0..lines.len()).filter_map(move |at| lines.get(at).cloned().map(Ok))
    }
}

#[pymethods]
impl Recording {
    /// Reads a file of calls.
    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let file = fs::File::open(&path).map_err(|error| PyOSError::new_err(format!("{}: {error}", path.display())))?;
        let unread = |error: FileError| raised(py, &mistaken(error.to_string()));
        let calls = Calls::read(BufReader::new(file), path.display().to_string()).map_err(unread)?;
        let header = calls.header().clone();
        let lines = calls.collect::<Result<Vec<Line>, _>>().map_err(unread)?;
        Ok(Self { lines: Arc::new(lines), header })
    }

    /// Writes a file of calls, which must not be there yet. On Unix only its owner may read it.
    fn save(&self, path: PathBuf) -> PyResult<()> {
        let failed = |error: std::io::Error| PyOSError::new_err(format!("{}: {error}", path.display()));
        let mut file = CallsWriter::create(&path, &self.header).map_err(failed)?;
        for line in self.lines.iter() {
            file.write(&line.call).map_err(failed)?;
        }
        file.end().map(drop).map_err(failed)
    }

    /// Whether answers stand in it: they are tenants' data.
    #[getter]
    fn has_data(&self) -> bool {
        self.header.data
    }

    /// The calls as dicts.
    fn calls<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let calls: Vec<&RecordedCall> = self.lines.iter().map(|line| &line.call).collect();
        to_python(py, &calls)
    }

    fn __len__(&self) -> usize {
        self.lines.len()
    }

    fn __repr__(&self) -> String {
        format!("<Recording: {} calls>", self.lines.len())
    }
}

/// A toolset that writes down what it is asked, and answers as it always does.
#[pyclass(frozen, module = "ormai._ormai")]
pub(crate) struct Recorder {
    native: Py<Native>,
    keeps_data: bool,
    calls: Arc<Mutex<Vec<RecordedCall>>>,
}

/// What is known of a call before it is made.
struct Asked {
    principal: Who,
    now: Timestamp,
    tool: String,
    arguments: Json,
    is_read: bool,
}

#[pymethods]
impl Recorder {
    /// With `answers`, these are kept too.
    #[new]
    #[pyo3(signature = (native, *, answers=false))]
    fn new(native: Py<Native>, answers: bool) -> Self {
        Self { native, keeps_data: answers, calls: Arc::default() }
    }

    /// As `Native.call`.
    fn call(&self, context: &Context, tool: String, arguments: &Bound<'_, PyAny>) -> PyResult<Running> {
        let native = self.native.get();
        native.check(context)?;
        let given = match read(arguments).map_err(Misfit::into_error) {
            Ok(arguments) => Ok(arguments),
            Err(error) => Err(error?),
        };
        let (tools, run) = (native.ormai.tools().clone(), Arc::clone(&context.run));
        let (calls, keeps_data) = (Arc::clone(&self.calls), self.keeps_data);
        let work = async move {
            // Where the caller leaves the time to the call, it is read a moment earlier here.
            let now = run.time().unwrap_or_else(Timestamp::now);
            let principal = Who::from(run.principal());
            let mut result = match &given {
                Ok(arguments) => tools.call(&run, &tool, arguments).await,
                Err(error) => tools.call_unread(&run, &tool, error.clone()).await,
            };
            let is_read = given.is_ok();
            let asked = Asked { principal, now, tool, arguments: given.unwrap_or_default(), is_read };
            lock(&calls).push(asked.recorded(&mut result, keeps_data));
            answered(result)
        };
        Ok(Running::answering(work, native.runtime.clone(), refused).within(context))
    }

    /// What was recorded up to now.
    fn recording(&self) -> Recording {
        let lines = lock(&self.calls).iter().cloned().zip(2..).map(|(call, number)| Line { number, call }).collect();
        let header = Header { data: self.keeps_data, ..Header::new(Source::Toolset) };
        Recording { lines: Arc::new(lines), header }
    }

    fn __len__(&self) -> usize {
        lock(&self.calls).len()
    }

    fn __repr__(&self) -> String {
        json!({"Recorder": self.__len__()}).to_string()
    }
}

impl Asked {
    fn recorded(self, result: &mut CallResult, keeps_data: bool) -> RecordedCall {
        use ormai_eval::record::Missing;

        let Self { principal, now, tool, arguments, is_read } = self;
        let outcome = if keeps_data { Outcome::with_data(result) } else { Outcome::of(result) };
        let missing = if is_read { Vec::new() } else { vec![Missing::Unread] };
        RecordedCall { principal, tool, arguments, now, outcome, missing }
    }
}

fn lock(calls: &Mutex<Vec<RecordedCall>>) -> MutexGuard<'_, Vec<RecordedCall>> {
    // A call is in the list or it is not.
    calls.lock().unwrap_or_else(PoisonError::into_inner)
}
