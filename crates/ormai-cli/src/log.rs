//! The log, on the standard error: text for people or JSON for programs.

use std::io::{self, IsTerminal as _};

use ormai::telemetry;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, fmt};

use crate::args::{Log, LogFormat};
use crate::failure::Failure;
#[cfg(feature = "otlp")]
use crate::otlp;

/// A log that has begun, and what is sent elsewhere beside it.
#[must_use]
pub(crate) struct Begun {
    #[cfg(feature = "otlp")]
    sent: Option<otlp::Sent>,
}

impl Begun {
    /// Ends it; what was not sent yet is sent.
    pub(crate) fn end(self) {
        #[cfg(feature = "otlp")]
        if let Some(sent) = self.sent {
            sent.end();
        }
    }
}

/// Begins the log, on a level that holds where none is named.
pub(crate) fn begin(log: &Log, otherwise: &str) -> Result<Begun, Failure> {
    let levels = levels(log.log.as_deref().unwrap_or(otherwise))?;
    let levels = if log.log_driver_text {
        telemetry::log_driver_text(true);
        levels.with_target(telemetry::DETAIL, LevelFilter::DEBUG)
    } else {
        levels
    };
    let lines = fmt::layer().with_writer(io::stderr);
    let lines = match log.log_format {
        LogFormat::Text => lines.with_ansi(io::stderr().is_terminal()).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_span_list(false).boxed(),
    };
    let subscriber = tracing_subscriber::registry().with(lines.with_filter(levels));
    #[cfg(feature = "otlp")]
    let (subscriber, sent) = match log.otlp_endpoint.as_deref().map(otlp::Sent::to).transpose()? {
        Some((sent, spans)) => (subscriber.with(Some(spans)), Some(sent)),
        None => (subscriber.with(None), None),
    };
    subscriber.try_init().map_err(|error| Failure::failed(format!("the log could not begin: {error}")))?;
    Ok(Begun {
        #[cfg(feature = "otlp")]
        sent,
    })
}

/// A level alone is that of OrmAI itself: what drivers log is not OrmAI's to answer for, and may hold
/// what a database says.
fn levels(asked: &str) -> Result<Targets, Failure> {
    if let Ok(level) = asked.parse::<LevelFilter>() {
        return Ok(Targets::new().with_target("ormai", level));
    }
    asked.parse().map_err(|_| {
        Failure::misuse(format!(
            "`--log {asked}` is neither a level (`off`, `error`, `warn`, `info`, `debug`, `trace`) nor a list of TARGET=LEVEL"
        ))
    })
}
