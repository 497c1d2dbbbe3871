//! `ormai idempotency`: the ledger of idempotency keys.

use std::path::Path;
use std::time::Duration;

use ormai::db::DbError;
use serde_json::json;

use crate::age;
use crate::args::IdempotencyCommand;
use crate::config::Config;
use crate::failure::Failure;
use crate::output;

/// Time enough for a large ledger.
const LIMIT: Duration = Duration::from_secs(600);

pub(crate) async fn run(config: &Path, command: IdempotencyCommand, as_json: bool) -> Result<(), Failure> {
    let IdempotencyCommand::Prune { older_than } = command;
    let age = age::read("--older-than", &older_than)?;
    let before = age::ago(age).map_err(|_| Failure::misuse("`--older-than` is too long ago"))?;
    let database = Config::read(config, as_json)?.connect().await?;
    let forgotten = match database.forget_idempotency(before, LIMIT).await {
        Err(DbError::NotThere(_)) => {
            return Err(Failure::failed("idempotency keys are not set up: run `ormai install`"));
        }
        forgotten => forgotten?,
    };
    if as_json {
        return output::json(&json!({"forgotten": forgotten, "before": before.to_string()}));
    }
    output::line(format!("forgot {forgotten} keys from before {before}"))
}
