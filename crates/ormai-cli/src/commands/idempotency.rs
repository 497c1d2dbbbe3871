//! `ormai idempotency`: the ledger of idempotency keys.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use ormai::db::DbError;
use serde_json::json;

use crate::args::IdempotencyCommand;
use crate::config::Config;
use crate::failure::Failure;
use crate::output;

/// Time enough for a large ledger.
const LIMIT: Duration = Duration::from_secs(600);

pub(crate) async fn run(config: &Path, command: IdempotencyCommand, as_json: bool) -> Result<(), Failure> {
    let IdempotencyCommand::Prune { older_than } = command;
    let age = age(&older_than).ok_or_else(|| {
        Failure::misuse(format!("`--older-than {older_than}` is no age; write a number and d, h, m or s: `30d`"))
    })?;
    let before = Timestamp::now().checked_sub(age).map_err(|_| Failure::misuse("`--older-than` is too long ago"))?;
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

/// `30d`, `12h`, `90m` or `60s`.
fn age(text: &str) -> Option<Duration> {
    let unit = text.chars().next_back()?;
    let seconds = match unit {
        'd' => 86_400,
        'h' => 3_600,
        'm' => 60,
        's' => 1,
        _ => return None,
    };
    let digits = text.strip_suffix(unit).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    digits.parse::<u64>().ok()?.checked_mul(seconds).map(Duration::from_secs)
}
