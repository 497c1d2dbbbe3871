//! `ormai install`: OrmAI's own tables.

use std::path::Path;

use ormai::db::{DbError, OwnTable};
use serde_json::json;

use crate::config::Config;
use crate::failure::Failure;
use crate::output;

/// The policy need not load for it.
pub(crate) async fn run(config: &Path, as_json: bool) -> Result<(), Failure> {
    let config = Config::read(config, as_json)?;
    let database = config.connect().await?;
    let mut tables = Vec::new();
    let made = database.install(OwnTable::Idempotency).await.map_err(|error| refused(&error))?;
    tables.push((OwnTable::Idempotency.name().to_owned(), "the database", made));
    if let Some(store) = config.approvals().await? {
        let made = store.install().await.map_err(|error| Failure::failed(error.to_string()))?;
        tables.push((OwnTable::Approvals.name().to_owned(), "the store of approvals", !made.is_empty()));
    }
    for store in config.audit_databases().await? {
        let made = store.install().await.map_err(|error| Failure::failed(error.to_string()))?;
        tables.push(("ormai_audit".to_owned(), "the audit store", !made.is_empty()));
    }
    if as_json {
        let tables: Vec<_> =
            tables.iter().map(|(table, place, made)| json!({"table": table, "in": place, "made": made})).collect();
        return output::json(&json!({"tables": tables}));
    }
    let said = |made: bool| if made { "made" } else { "was there" };
    let rows = tables.iter().map(|(table, place, made)| [table, *place, said(*made)].map(str::to_owned).to_vec());
    output::table(&["table", "in", ""], rows)
}

fn refused(error: &DbError) -> Failure {
    match error {
        DbError::ReadOnly(_) => Failure::failed(format!(
            "the database does not let this user make tables: {}; install as one who may",
            error.operator_detail()
        )),
        error => Failure::failed(format!("{error}: {}", error.operator_detail())),
    }
}
