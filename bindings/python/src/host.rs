//! A connection that Python drives: its orders go into the mailbox of the call that is polled.

use std::time::Duration;

use ormai::Dialect;
use ormai::db::host::{Answered, Asking, Forms, Host, HostError, Order as Wanted, Wire, bound_in};

use crate::mailbox::{Answer, Asked, Mailbox, Order};

/// The connection of a session of Python's, by how its driver takes parameters and its user stores texts.
#[derive(Debug)]
pub(crate) struct Driver(pub(crate) Wire, pub(crate) Forms);

impl Host for Driver {
    fn ask<'a>(&'a mut self, order: Wanted<'a>) -> Asking<'a> {
        let order = match order {
            Wanted::Control(texts) => Ok(Order::Control(texts.to_vec())),
            Wanted::Fixed(text) => Ok(Order::Fixed(text)),
            Wanted::Statement { statement, limit, around } => bound_in(statement, self.0, self.1).map(|bound| {
                Order::Statement(Box::new(Asked {
                    bound,
                    limit,
                    is_change: statement.is_change(),
                    columns: statement.columns().to_vec(),
                    before: around.before.to_vec(),
                    after: around.after.to_vec(),
                }))
            }),
        };
        Box::pin(async move {
            let order = order.map_err(HostError::Unbound)?;
            let Some(mailbox) = Mailbox::current() else {
                return Err(HostError::Lost("a connection was asked outside of a step".to_owned()));
            };
            match mailbox.ask(order).await {
                Answer::Rows(answered) => Ok(answered),
                Answer::Failed(error) => Err(error),
                Answer::Told(_) | Answer::Kept(_) => Err(HostError::Lost("the answer is none of a driver".to_owned())),
            }
        })
    }

    fn forms(&self) -> Forms {
        self.1
    }

    fn is_pipelined(&self) -> bool {
        self.0 == Wire::PostgresBinary
    }
}

/// The wire with a name.
pub(crate) fn wire(name: &str) -> Option<(Wire, Forms)> {
    WIRES.iter().find(|(known, ..)| *known == name).map(|(_, wire, forms)| (*wire, *forms))
}

/// The names of the wires.
pub(crate) const WIRES: [(&str, Wire, Forms); 7] = [
    ("sqlite", Wire::Sqlite, Forms::Own),
    ("sqlalchemy-sqlite", Wire::Sqlite, Forms::SqlAlchemy),
    ("postgres-binary", Wire::PostgresBinary, Forms::Own),
    ("postgres-dollar", Wire::PostgresDollar, Forms::Own),
    ("postgres-format", Wire::PostgresFormat, Forms::Own),
    ("mysql-format", Wire::MySqlFormat, Forms::Own),
    ("sqlalchemy-mysql", Wire::MySqlFormat, Forms::SqlAlchemy),
];

/// The dialect that is spoken over a wire.
pub(crate) fn dialect_of(wire: Wire) -> Dialect {
    match wire {
        Wire::PostgresBinary | Wire::PostgresDollar | Wire::PostgresFormat => Dialect::Postgres,
        Wire::MySqlFormat => Dialect::MySql,
        _ => Dialect::Sqlite,
    }
}

/// A limit as Python is told it, in whole milliseconds, at least one.
pub(crate) fn milliseconds(limit: Duration) -> u64 {
    u64::try_from(limit.as_millis()).unwrap_or(u64::MAX).max(1)
}

/// What a driver says of a statement without rows.
pub(crate) fn nothing() -> Answered {
    Answered::default()
}
