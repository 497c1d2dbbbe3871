//! Which rows a filter means.

use jiff::Timestamp;

use super::columns::{action, canonical, microseconds, short};
use super::statement::{Statement, Value};
use crate::filter::Filter;

/// A list that is longer is left to the check of the records themselves.
const MOST_VALUES: usize = 500;

/// The lines of at most `most` records that a filter may mean, the newest first, with their `id`
/// as it stands in its column, before one. Some that it does not mean may be among them.
pub(super) fn records(filter: &Filter, before: Option<&str>, most: i64) -> Statement {
    let mut find = Statement::new("SELECT entry, id FROM ormai_audit WHERE kind = 'record'");
    is(&mut find, " AND tenant_id = ", filter.tenant_id.as_ref().map(canonical));
    is(&mut find, " AND user_id = ", filter.user_id.as_ref().map(canonical));
    is(&mut find, " AND id = ", text(&filter.id));
    is(&mut find, " AND request_id = ", text(&filter.request_id));
    is(&mut find, " AND trace_id = ", text(&filter.trace_id));
    is(&mut find, " AND approval_id = ", text(&filter.approval_id));
    is(&mut find, " AND transaction_id = ", text(&filter.transaction));
    is(&mut find, " AND parent = ", text(&filter.parent));
    among(&mut find, " AND tool_name IN (", filter.tool_name.iter().map(|name| short(name)));
    among(&mut find, " AND model IN (", filter.model.iter().map(|name| short(name)));
    among(&mut find, " AND action IN (", filter.action.iter().map(|&of| action(of)));
    among(&mut find, " AND outcome IN (", filter.outcome.iter().map(|&of| super::columns::outcome(of)));
    among(&mut find, " AND error_code IN (", filter.error_code.iter().map(|code| short(code)));
    truth(&mut find, [" AND success", " AND NOT success"], filter.success);
    truth(&mut find, [" AND bypass", " AND NOT bypass"], filter.bypass);
    // Columns hold whole microseconds, so that each end belongs to what is looked through.
    is(&mut find, " AND at >= ", time(filter.timestamp_gte));
    is(&mut find, " AND at >= ", time(filter.timestamp_gt));
    is(&mut find, " AND at <= ", time(filter.timestamp_lte));
    is(&mut find, " AND at <= ", time(filter.timestamp_lt));
    is(&mut find, " AND id < ", before.map(short));
    find.text(" ORDER BY id DESC LIMIT ").value(most)
}

fn text(wanted: &Option<String>) -> Option<String> {
    wanted.as_deref().map(short)
}

fn time(wanted: Option<Timestamp>) -> Option<i64> {
    wanted.map(microseconds)
}

fn is(find: &mut Statement, condition: &'static str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        find.push(condition);
        find.bind(value);
    }
}

fn truth(find: &mut Statement, [is, is_not]: [&'static str; 2], wanted: Option<bool>) {
    if let Some(wanted) = wanted {
        find.push(if wanted { is } else { is_not });
    }
}

fn among(find: &mut Statement, condition: &'static str, values: impl ExactSizeIterator<Item = String>) {
    if values.len() == 0 || values.len() > MOST_VALUES {
        return;
    }
    find.push(condition);
    for (at, value) in values.enumerate() {
        if at > 0 {
            find.push(", ");
        }
        find.bind(value);
    }
    find.push(")");
}
