//! Putting stubs in the place of lines.

use std::time::Duration;

use super::columns::{COLUMNS, columns, seq_number};
use super::fault::Fault;
use super::pool::{Connection, Pool, to_its_end};
use super::statement::Statement;
use crate::prune::Stub;
use crate::store::StoreError;

/// How long one statement may take: it may wait for those who write.
const PATIENCE: Duration = Duration::from_secs(60);

const ARE_RECORDS: &str = " AND kind IN ('record', 'intent')";

pub(super) async fn prune(pool: &Pool, stubs: &[Stub]) -> Result<(), StoreError> {
    let (pool, stubs) = (pool.clone(), stubs.to_vec());
    let pruning = async move {
        let mut connection = pool.acquire().await?;
        let put = put_all(&mut connection, &pool, &stubs).await;
        let put = match put {
            Ok(()) => connection.text_within(PATIENCE, "COMMIT").await,
            Err(fault) => Err(fault.before_the_commit()),
        };
        if put.is_err() {
            // With it goes what was changed, and what was lifted.
            connection.give_up();
        }
        put
    };
    to_its_end(pruning).await.map_err(|fault| match fault {
        Fault::Lost(said) => StoreError::Doubtful(said),
        fault => fault.into(),
    })
}

/// Everything but the commit.
async fn put_all(connection: &mut Connection, pool: &Pool, stubs: &[Stub]) -> Result<(), Fault> {
    let dialect = pool.dialect();
    connection.text_within(PATIENCE, dialect.begin).await?;
    for text in dialect.open {
        connection.text_within(PATIENCE, text).await?;
    }
    for stub in stubs {
        put(connection, stub).await?;
    }
    for text in dialect.close {
        connection.text_within(PATIENCE, text).await?;
    }
    Ok(())
}

/// The row of the first line becomes that of the stub, and keeps its number.
async fn put(connection: &mut Connection, stub: &Stub) -> Result<(), Fault> {
    let mut update = Statement::new("UPDATE ormai_audit SET entry = ").value(stub.line().text().to_owned());
    for (value, assigned) in columns(stub.line()).into_iter().zip(ASSIGNED) {
        update = update.text(assigned).value(value);
    }
    let update = update
        .text(" WHERE chain = ")
        .value(stub.chain().to_string())
        .text(" AND seq = ")
        .value(seq_number(stub.from()))
        .text(ARE_RECORDS);
    let mut gone = connection.change_within(PATIENCE, &update).await?;
    if stub.to() > stub.from() {
        let delete = Statement::new("DELETE FROM ormai_audit WHERE chain = ")
            .value(stub.chain().to_string())
            .text(" AND seq > ")
            .value(seq_number(stub.from()))
            .text(" AND seq <= ")
            .value(seq_number(stub.to()))
            .text(ARE_RECORDS);
        gone += connection.change_within(PATIENCE, &delete).await?;
    }
    if gone == stub.lines() {
        Ok(())
    } else {
        Err(Fault::Failed("a line that was to be pruned is not there any more, or is no record".to_owned()))
    }
}

/// How each of the columns is given a value, in their order.
const ASSIGNED: [&str; COLUMNS.len()] = [
    ", chain = ",
    ", seq = ",
    ", kind = ",
    ", id = ",
    ", at = ",
    ", tenant_id = ",
    ", user_id = ",
    ", tool_name = ",
    ", model = ",
    ", action = ",
    ", outcome = ",
    ", success = ",
    ", error_code = ",
    ", request_id = ",
    ", trace_id = ",
    ", approval_id = ",
    ", transaction_id = ",
    ", parent = ",
    ", bypass = ",
];
