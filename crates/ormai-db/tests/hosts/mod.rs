//! A connection that plays one of another language: it takes what the drivers there take, and answers
//! as they do.

#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "what plays a driver takes texts")]

mod mysql;
mod postgres;
mod sqlite;

use std::borrow::Cow;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use ormai_db::Session;
use ormai_db::host::{Answered, Asking, BoundValue, Host, HostError, Order, Wire, bound};
use ormai_sql::Dialect;
use ormai_testkit::{Engine, TestDatabase};
use tokio::sync::{mpsc, oneshot};

/// A connection in a transaction of its user's, which [`HostConnection::session`] makes calls in. What
/// is done on it is done elsewhere: whoever asks needs no runtime for it.
pub(crate) struct HostConnection {
    wire: Wire,
    jobs: Jobs,
    log: Arc<Mutex<Vec<String>>>,
}

/// What is done on a connection.
#[derive(Debug)]
enum Job {
    /// A text without parameters, whose rows nobody wants.
    Text(String),
    /// A statement as the driver takes it; the time limit is SQLite's.
    Run { text: String, values: Vec<BoundValue>, limit: Option<std::time::Duration> },
}

/// A connection as a driver uses it.
trait Driver: Send + 'static {
    fn run(&mut self, job: Job) -> impl Future<Output = Result<Answered, HostError>> + Send;
}

impl HostConnection {
    /// The ways in which the drivers of an engine take parameters.
    pub(crate) fn wires(engine: Engine) -> &'static [Wire] {
        match engine {
            Engine::Sqlite => &[Wire::Sqlite],
            Engine::Postgres => &[Wire::PostgresBinary, Wire::PostgresDollar, Wire::PostgresFormat],
            Engine::MySql => &[Wire::MySqlFormat],
        }
    }

    /// Opens a connection, and begins a transaction on it.
    pub(crate) async fn open(test: &TestDatabase, wire: Wire) -> Self {
        let connection = Self::outside(test, wire).await;
        connection.execute("BEGIN").await;
        connection
    }

    /// Opens a connection that is in no transaction.
    pub(crate) async fn outside(test: &TestDatabase, wire: Wire) -> Self {
        match wire {
            Wire::Sqlite => Self::driven(wire, sqlite::connect(test.url()).await),
            Wire::MySqlFormat => Self::driven(wire, mysql::connect(test.url()).await),
            wire => Self::driven(wire, postgres::connect(test.url(), wire).await),
        }
    }

    fn driven(wire: Wire, mut driver: impl Driver) -> Self {
        let (jobs, mut todo) = mpsc::unbounded_channel::<(Job, oneshot::Sender<_>)>();
        tokio::spawn(async move {
            while let Some((job, answer)) = todo.recv().await {
                // Whoever asked may have given up.
                let _ = answer.send(driver.run(job).await);
            }
        });
        Self { wire, jobs, log: Arc::default() }
    }

    /// Its dialect.
    pub(crate) fn dialect(&self) -> Dialect {
        match self.wire {
            Wire::Sqlite => Dialect::Sqlite,
            Wire::MySqlFormat => Dialect::MySql,
            _ => Dialect::Postgres,
        }
    }

    /// A session over it.
    pub(crate) fn session(&self) -> Session<'static> {
        Session::from_host(self.dialect(), self.host())
    }

    /// What carries out the orders of a session.
    pub(crate) fn host(&self) -> Box<dyn Host> {
        Box::new(Asked { wire: self.wire, jobs: self.jobs.clone(), log: Arc::clone(&self.log) })
    }

    /// The orders since it was asked last, in a word and the text.
    pub(crate) fn orders(&self) -> Vec<String> {
        std::mem::take(&mut *self.log.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Runs a text as its user does.
    pub(crate) async fn execute(&self, text: &str) {
        self.try_execute(text).await.unwrap();
    }

    /// Runs a text as its user does.
    pub(crate) async fn try_execute(&self, text: &str) -> Result<(), HostError> {
        done(&self.jobs, Job::Text(text.to_owned())).await.map(|_| ())
    }

    /// The rows of a text, as its user sees them.
    pub(crate) async fn rows(&self, text: &str) -> Result<Answered, HostError> {
        done(&self.jobs, Job::Run { text: text.to_owned(), values: Vec::new(), limit: None }).await
    }
}

type Jobs = mpsc::UnboundedSender<(Job, oneshot::Sender<Result<Answered, HostError>>)>;

async fn done(jobs: &Jobs, job: Job) -> Result<Answered, HostError> {
    let lost = || HostError::Lost("nobody drives the connection".to_owned());
    let (answer, answered) = oneshot::channel();
    jobs.send((job, answer)).map_err(|_| lost())?;
    out_once().await;
    answered.await.map_err(|_| lost())?
}

/// Pending once, however fast the answer is: an order is out before it is answered.
async fn out_once() {
    let mut was_out = false;
    poll_fn(|context| {
        if std::mem::replace(&mut was_out, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Carries out orders by handing them on.
struct Asked {
    wire: Wire,
    jobs: Jobs,
    log: Arc<Mutex<Vec<String>>>,
}

impl Asked {
    async fn control(&self, texts: &[Cow<'static, str>]) -> Result<Answered, HostError> {
        for text in texts {
            done(&self.jobs, Job::Text(text.clone().into_owned())).await?;
        }
        Ok(Answered::default())
    }

    fn note(&self, kind: &str, text: &str) {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{kind} {text}"));
    }
}

impl Host for Asked {
    fn ask<'a>(&'a mut self, order: Order<'a>) -> Asking<'a> {
        Box::pin(async move {
            match order {
                Order::Control(texts) => {
                    self.note("control", &texts.join("; "));
                    self.control(texts).await
                }
                Order::Fixed(text) => {
                    self.note("fixed", text);
                    let is_plain = matches!(self.wire, Wire::Sqlite | Wire::PostgresBinary | Wire::PostgresDollar);
                    let text = if is_plain { text.to_owned() } else { text.replace('%', "%%") };
                    done(&self.jobs, Job::Run { text, values: Vec::new(), limit: None }).await
                }
                Order::Statement { statement, limit, around } => {
                    self.note("statement", statement.sql());
                    let bound = bound(statement, self.wire).map_err(HostError::Unbound)?;
                    let (text, values) = (bound.text.to_string(), bound.values);
                    self.control(around.before).await?;
                    let answered = done(&self.jobs, Job::Run { text, values, limit: Some(limit) }).await?;
                    self.control(around.after).await?;
                    Ok(answered)
                }
            }
        })
    }

    fn is_pipelined(&self) -> bool {
        self.wire == Wire::PostgresBinary
    }
}

/// What the database refused, by the code that it gave.
fn refused(error: &sqlx::Error, code: impl FnOnce(&dyn sqlx::error::DatabaseError) -> Option<String>) -> HostError {
    match error.as_database_error() {
        Some(database) => HostError::Refused { code: code(database), message: database.message().to_owned() },
        None => HostError::Lost(error.to_string()),
    }
}

/// The text of a driver that writes its parameters into it: `%s` is the next, `%%` a percent sign.
fn written(text: &str, mut next: impl FnMut() -> String) -> String {
    let mut out = String::new();
    let mut signs = text.chars();
    while let Some(sign) = signs.next() {
        match sign {
            '%' if signs.next() == Some('s') => out.push_str(&next()),
            other => out.push(other),
        }
    }
    out
}
