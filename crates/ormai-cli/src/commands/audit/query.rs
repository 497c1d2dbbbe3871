//! `ormai audit query`: records, the newest first.

use serde_json::json;

use super::Stores;
use super::records::{HEADINGS, cells};
use crate::args::audit::Query;
use crate::failure::Failure;
use crate::output;

pub(super) async fn run(stores: &Stores<'_>, query: Query, as_json: bool) -> Result<(), Failure> {
    let mut filter = query.filter.read()?;
    if let Some(id) = &query.id {
        if filter.id.is_some() {
            return Err(Failure::misuse("`id` stands in `--filter`, and the record is named again"));
        }
        filter.id = Some(id.clone());
    }
    let store = stores.one().await?;
    let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
    let found = store.query(&filter, limit, query.cursor.as_deref()).await?;
    if let Some(id) = &query.id {
        return match found.entries.first() {
            Some(entry) => output::json(entry),
            None => Err(Failure::failed(format!("there is no record `{id}` that is meant"))),
        };
    }
    if as_json {
        return output::json(&json!({"records": found.entries, "next_cursor": found.cursor}));
    }
    if found.entries.is_empty() {
        return output::line("(no records)");
    }
    output::table(&HEADINGS, found.entries.iter().map(|entry| cells(entry).to_vec()))?;
    match found.cursor {
        Some(cursor) => output::line(format!("more records follow; next_cursor: {cursor}")),
        None => Ok(()),
    }
}
