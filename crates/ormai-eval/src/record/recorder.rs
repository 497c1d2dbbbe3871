//! Recording what a live toolset is asked.

use std::fmt;
use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use ormai::CallResult;
use ormai::prelude::*;
use ormai::request::read_arguments;
use serde_json::Value as Json;

use super::{CallsWriter, Header, Outcome, RecordedCall, Source, Who};

/// A toolset that writes down what it is asked, and answers as it always does.
///
/// A recording never stands in the way of an answer: where it cannot be written, calls go on, and
/// [`Recorder::end`] tells.
pub struct Recorder<W: Write = Box<dyn Write + Send>> {
    tools: Toolset,
    keeps_data: bool,
    file: Mutex<Recording<W>>,
}

struct Recording<W: Write> {
    calls: CallsWriter<W>,
    failed: Option<io::Error>,
}

impl<W: Write> Recorder<W> {
    /// Records calls to `out`, without their answers.
    ///
    /// # Errors
    ///
    /// Those of what is written to.
    pub fn new(tools: Toolset, out: W) -> io::Result<Self> {
        Self::begin(tools, out, false)
    }

    /// Records the answers too: they are tenants' data, and the file is to be kept as such.
    ///
    /// # Errors
    ///
    /// Those of what is written to.
    pub fn with_data(tools: Toolset, out: W) -> io::Result<Self> {
        Self::begin(tools, out, true)
    }

    fn begin(tools: Toolset, out: W, keeps_data: bool) -> io::Result<Self> {
        let calls = CallsWriter::begin(out, &Header { data: keeps_data, ..Header::new(Source::Toolset) })?;
        Ok(Self { tools, keeps_data, file: Mutex::new(Recording { calls, failed: None }) })
    }

    /// The tools themselves; what is asked of them is not recorded.
    pub fn tools(&self) -> &Toolset {
        &self.tools
    }

    /// As [`Toolset::call`].
    pub async fn call(&self, ctx: &RunContext<'_>, tool: &str, arguments: &Json) -> CallResult {
        let now = time_of(ctx);
        let result = self.tools.call(ctx, tool, arguments).await;
        self.record(ctx, now, tool, arguments.clone(), result)
    }

    /// As [`Toolset::call_json`].
    pub async fn call_json(&self, ctx: &RunContext<'_>, tool: &str, arguments: &[u8]) -> CallResult {
        let now = time_of(ctx);
        let result = self.tools.call_json(ctx, tool, arguments).await;
        // What is no JSON, or has a key twice, is refused; it is made again from its text.
        let arguments =
            read_arguments(arguments).unwrap_or_else(|_| Json::from(String::from_utf8_lossy(arguments).into_owned()));
        self.record(ctx, now, tool, arguments, result)
    }

    fn record(
        &self,
        ctx: &RunContext<'_>,
        now: Timestamp,
        tool: &str,
        arguments: Json,
        mut result: CallResult,
    ) -> CallResult {
        let outcome = if self.keeps_data { Outcome::with_data(&mut result) } else { Outcome::of(&mut result) };
        let principal = Who::from(ctx.principal());
        let call = RecordedCall { principal, tool: tool.to_owned(), arguments, now, outcome, missing: Vec::new() };
        let mut file = self.file();
        if file.failed.is_none() {
            file.failed = file.calls.write(&call).err();
        }
        result
    }

    fn file(&self) -> MutexGuard<'_, Recording<W>> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the recording, and tells how many calls stand in it.
    ///
    /// # Errors
    ///
    /// The first that stood in the way of writing: the calls from there on are missing.
    pub fn end(self) -> io::Result<(u64, W)> {
        let Recording { calls, failed } = self.file.into_inner().unwrap_or_else(PoisonError::into_inner);
        match failed {
            Some(error) => Err(error),
            None => calls.end(),
        }
    }
}

/// Where the caller leaves the time to the call, it is read a moment earlier here.
fn time_of(ctx: &RunContext<'_>) -> Timestamp {
    ctx.time().unwrap_or_else(Timestamp::now)
}

impl<W: Write> fmt::Debug for Recorder<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").field("keeps_data", &self.keeps_data).finish_non_exhaustive()
    }
}
