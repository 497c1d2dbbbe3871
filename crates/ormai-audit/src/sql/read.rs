//! Reading what was appended.
//!
//! `n` is given by the database in the order of writing. A line may become visible after one with
//! a greater `n`, also half way through a scan, so a scan goes along the chains: what is visible
//! of one is always its beginning, as its writer waits for each line.

use super::columns::{COLUMNS, SELECT, columns};
use super::fault::Fault;
use super::find;
use super::pool::Pool;
use super::statement::{Row, Sort, Statement, Value};
use crate::filter::Filter;
use crate::line::{Line, Place};
use crate::record::Entry;
use crate::store::{Head, Position, Records, Scanned, StoreError, Wrong};

const SOURCE: &str = "ormai_audit";

/// The most rows that are read at once.
const MOST_ROWS: usize = 1_000;

/// How many lines before a place are looked at again: one of them may have become visible since.
const LATE: i64 = 1_000;

const LAST: &str = "SELECT COALESCE(MAX(n), 0) FROM ormai_audit";
const LAST_CHECKPOINT: &str = "SELECT n FROM ormai_audit WHERE kind = 'checkpoint' ORDER BY n DESC LIMIT 1";
const HEADS: &str = "SELECT entry FROM ormai_audit JOIN \
                     (SELECT chain AS moved, MAX(seq) AS last FROM ormai_audit WHERE n > ";
const HEADS_END: &str = " GROUP BY chain) heads ON chain = moved AND seq = last ORDER BY n";

pub(super) async fn heads(pool: &Pool, since: Option<&Position>) -> Result<(Vec<Head>, Position), StoreError> {
    let now = number(pool, LAST).await?;
    let since = match since {
        Some(position) => position.0.parse().map_err(|_| foreign())?,
        // Nobody else tells of the checkpoint itself, which may be the end of its chain.
        None => number(pool, LAST_CHECKPOINT).await?.saturating_sub(1),
    };
    let from = since.saturating_sub(LATE);
    let rows = match now > since {
        true => pool.read(Statement::new(HEADS).value(from).text(HEADS_END)).await?,
        false => Vec::new(),
    };
    let mut heads = Vec::with_capacity(rows.len());
    for row in rows {
        match Place::read(&row.bytes(0)?) {
            Some((place, _)) => heads.push(Head { chain: place.chain, seq: place.seq, hash: place.hash }),
            // Verifying names it.
            None => tracing::error!("a line in the audit store cannot be read"),
        }
    }
    Ok((heads, Position(now.to_string())))
}

async fn number(pool: &Pool, text: &'static str) -> Result<i64, Fault> {
    pool.read(Statement::new(text)).await?.first().map_or(Ok(0), |row| row.integer(0))
}

fn foreign() -> StoreError {
    StoreError::Failed("the position is not one of this store".to_owned())
}

const FIRST_CHAIN: &str = "SELECT MIN(chain) FROM ormai_audit";
const NEXT_CHAIN: &str = "SELECT MIN(chain) FROM ormai_audit WHERE chain > ";

/// Where a scan goes on.
struct Scan {
    /// In this chain, after this place.
    chain: String,
    seq: i64,
    /// Up to this `n`, which was the last when the scan began: what a line up to here says of
    /// other chains was visible then.
    up_to: i64,
    /// How many lines came before.
    lines: u64,
}

impl Scan {
    async fn begin(pool: &Pool) -> Result<Option<Self>, Fault> {
        let up_to = number(pool, LAST).await?;
        let first = chain(pool, Statement::new(FIRST_CHAIN)).await?;
        Ok(first.map(|chain| Self { chain, seq: i64::MIN, up_to, lines: 0 }))
    }

    fn read(position: &Position) -> Option<Self> {
        let mut parts = position.0.splitn(4, '/');
        let mut part = || parts.next();
        Some(Self {
            seq: part()?.parse().ok()?,
            up_to: part()?.parse().ok()?,
            lines: part()?.parse().ok()?,
            chain: part()?.to_owned(),
        })
    }

    fn position(&self) -> Position {
        Position(format!("{}/{}/{}/{}", self.seq, self.up_to, self.lines, self.chain))
    }

    /// The next lines of the chain.
    async fn rows(&self, pool: &Pool, most: usize) -> Result<Vec<Row>, Fault> {
        let page = Statement::new(SELECT)
            .text(" WHERE chain = ")
            .value(self.chain.clone())
            .text(" AND seq > ")
            .value(self.seq)
            .text(" AND n <= ")
            .value(self.up_to)
            .text(" ORDER BY seq LIMIT ")
            .value(i64::try_from(most).unwrap_or(i64::MAX));
        pool.read(page).await
    }
}

async fn chain(pool: &Pool, find: Statement) -> Result<Option<String>, Fault> {
    match pool.read(find).await?.first().map(|row| row.value(0, Sort::Text)).transpose()? {
        Some(Value::Text(chain)) => Ok(chain),
        _ => Ok(None),
    }
}

pub(super) async fn scan(pool: &Pool, after: Option<&Position>, most: usize) -> Result<Scanned, StoreError> {
    let mut scanned = Scanned { source: SOURCE.to_owned(), first: 1, ..Scanned::default() };
    let begun = match after {
        Some(position) => Some(Scan::read(position).ok_or_else(foreign)?),
        None => Scan::begin(pool).await?,
    };
    let Some(mut scan) = begun else { return Ok(scanned) };
    scanned.first = scan.lines + 1;
    let mut most = most.clamp(1, MOST_ROWS);
    loop {
        let rows = scan.rows(pool, most).await?;
        for row in &rows {
            let entry = row.bytes(1)?;
            scan.lines += 1;
            // One that is no number stands behind all numbers.
            scan.seq = row.integer(SEQ).unwrap_or(i64::MAX);
            if let Some(what) = wrong(row, &entry)? {
                scanned.wrong.push(Wrong { line: scan.lines, what });
            }
            // A line break inside of it, which no line has, makes two of it.
            scan.lines += memchr::memchr_iter(b'\n', &entry).count() as u64;
            scanned.text.extend_from_slice(&entry);
            scanned.text.push(b'\n');
        }
        most -= rows.len();
        // After a place that is no number there is no other: the rest of its chain is left out.
        if most == 0 && scan.seq < i64::MAX {
            scanned.next = Some(scan.position());
            return Ok(scanned);
        }
        match chain(pool, Statement::new(NEXT_CHAIN).value(scan.chain.clone())).await? {
            Some(next) => (scan.chain, scan.seq) = (next, i64::MIN),
            None => return Ok(scanned),
        }
    }
}

/// Where the place of a line stands among what is read of it.
const SEQ: usize = 3;

/// What the columns of a row say that its line does not.
fn wrong(row: &Row, entry: &[u8]) -> Result<Option<String>, Fault> {
    // A line that cannot be read is wrong in itself.
    let Some(line) = String::from_utf8(entry.to_vec()).ok().and_then(Line::read) else { return Ok(None) };
    for (at, (said, (name, sort))) in columns(&line).into_iter().zip(COLUMNS).enumerate() {
        // One that holds something of another kind does not say it either.
        if row.value(at + 2, sort).ok() != Some(said) {
            let n = row.integer(0)?;
            return Ok(Some(format!("the column `{name}` of the row with `n` = {n} does not say what its line says")));
        }
    }
    Ok(None)
}

pub(super) async fn query(
    pool: &Pool,
    filter: &Filter,
    limit: usize,
    cursor: Option<&str>,
) -> Result<Records, StoreError> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut before = cursor.map(str::to_owned);
    loop {
        let most = limit.saturating_add(1).saturating_sub(entries.len()).clamp(1, MOST_ROWS);
        let page = find::records(filter, before.as_deref(), i64::try_from(most).unwrap_or(i64::MAX));
        let rows = pool.read(page).await?;
        for row in &rows {
            before = Some(row.text(1)?);
            let line = String::from_utf8(row.bytes(0)?).ok().and_then(Line::read);
            // Columns say a little less than records.
            entries.extend(line.as_ref().and_then(Entry::read).filter(|entry| filter.matches(entry)));
        }
        if rows.len() < most || entries.len() > limit {
            break;
        }
    }
    let is_more = entries.len() > limit;
    entries.truncate(limit);
    let cursor = entries.last().filter(|_| is_more).map(|entry| entry.id.clone());
    Ok(Records { entries, cursor })
}
