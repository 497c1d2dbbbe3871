//! What is exported, and that it can be read back.

use ormai_audit::export::{Exported, Format, NAMES, export};
use ormai_audit::{AuditStore, Filter, Record};
use serde_json::json;

use crate::support::{record, refused, store_of};

async fn exported(store: &dyn AuditStore, filter: &Filter, format: Format) -> (Vec<u8>, Exported) {
    let mut out = Vec::new();
    let exported = export(store, filter, format, &mut out, &mut |_| {}).await.unwrap();
    (out, exported)
}

fn records() -> Vec<Record> {
    let mut hostile = refused(record("acme-corp", "2026-01-02T03:04:06.000007Z", 0.5), "FIELD_NOT_ALLOWED");
    hostile.reason = Some("=HYPERLINK(\"http://evil\", \"a, b\")\nand a line".to_owned());
    hostile.tenant_id = json!(-7);
    hostile.user_id = json!("@SUM(A1)");
    hostile.request_id = "'quoted".to_owned();
    let mut bypass = record("globex", "2026-01-02T03:04:07Z", 1.25);
    bypass.bypass = vec!["admin_bypass".to_owned()];
    bypass.roles = vec!["super_admin".to_owned()];
    bypass.before_snapshot = Some(json!([{"id": 1}]));
    vec![record("acme-corp", "2026-01-02T03:04:05Z", 2.0), hostile, bypass]
}

#[tokio::test]
async fn lines_are_exported_as_they_are_so_that_they_can_be_verified_elsewhere() {
    let store = store_of(records()).await;
    let (out, told) = exported(&*store, &Filter::new(), Format::Jsonl).await;
    let lines: String = store.lines().iter().map(|line| format!("{}\n", line.text())).collect();
    assert_eq!(String::from_utf8(out).unwrap(), lines);
    assert_eq!((told.lines, told.written, told.unreadable), (5, 5, 0));

    let (out, told) = exported(&*store, &Filter::tenant("globex"), Format::Jsonl).await;
    assert_eq!(String::from_utf8(out).unwrap(), format!("{}\n", store.lines()[3].text()));
    assert_eq!((told.lines, told.written), (5, 1));
}

#[tokio::test]
async fn a_spreadsheet_has_the_records_in_order_under_headings_that_stay() {
    let store = store_of(records()).await;
    let (out, told) = exported(&*store, &Filter::new(), Format::Csv).await;
    assert_eq!((told.lines, told.written), (5, 3));
    let mut reader = csv::Reader::from_reader(&*out);
    assert_eq!(reader.headers().unwrap(), NAMES.as_slice());
    let shown: Vec<String> = reader
        .records()
        .map(|row| {
            let row = row.unwrap();
            let cells = NAMES.iter().zip(&row).filter(|(name, cell)| !made_anew(name) && !cell.is_empty());
            cells.map(|(name, cell)| format!("{name}: {cell:?}")).collect::<Vec<_>>().join("\n")
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n\n"));
}

/// What is another value in each run.
fn made_anew(name: &str) -> bool {
    matches!(name, "id" | "chain" | "prev_hash" | "hash")
}

/// Whoever takes one `'` away from the cells that begin with it has what was recorded.
#[tokio::test]
async fn no_cell_of_a_spreadsheet_is_a_formula() {
    let texts =
        ["=1+1", "+1", "-1", "@A1", " =1", "\t=1", "\r=1", "＝1", "|calc", "%0A", "'", "'=1", "plain", "a=b", "\u{1}x"];
    let store = store_of(texts.map(|text| {
        let mut record = record("acme-corp", "2026-01-02T03:04:05Z", 1.0);
        record.reason = Some(text.to_owned());
        record
    }))
    .await;
    let (out, _) = exported(&*store, &Filter::new(), Format::Csv).await;
    let at = NAMES.iter().position(|name| *name == "reason").unwrap();
    let mut found = Vec::new();
    for row in csv::Reader::from_reader(&*out).records() {
        let cell = row.unwrap()[at].to_owned();
        assert!(!cell.trim_start().starts_with(['=', '+', '-', '@', '＝', '|', '%']), "{cell:?}");
        found.push(cell.strip_prefix('\'').unwrap_or(&cell).to_owned());
    }
    assert_eq!(found, texts);
}

#[cfg(feature = "parquet")]
mod parquet_files {
    use bytes::Bytes;
    use ormai_audit::MemoryStore;
    use ormai_audit::export::ROW_GROUP_ROWS;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::schema::printer::print_schema;

    use super::*;

    #[tokio::test]
    async fn columns_are_typed_and_read_back() {
        let store = store_of(records()).await;
        let (out, told) = exported(&*store, &Filter::new(), Format::Parquet).await;
        assert_eq!(told.written, 3);
        let reader = SerializedFileReader::new(Bytes::from(out)).unwrap();
        let mut schema = Vec::new();
        print_schema(&mut schema, reader.metadata().file_metadata().schema());
        insta::assert_snapshot!("schema", String::from_utf8(schema).unwrap());
        let rows: Vec<String> = reader
            .get_row_iter(None)
            .unwrap()
            .map(|row| {
                let row = row.unwrap().into_columns();
                let cells = row.iter().filter(|(name, _)| !made_anew(name));
                cells.map(|(name, cell)| format!("{name}: {cell}")).collect::<Vec<_>>().join("\n")
            })
            .collect();
        insta::assert_snapshot!("rows", rows.join("\n\n"));
    }

    /// Rows leave the memory with their row group, so that no store is too large.
    #[tokio::test]
    async fn a_hundred_thousand_records_go_out_in_bounded_row_groups() {
        const RECORDS: usize = 100_000;
        // The same ten lines again and again: an export does not verify.
        let some = store_of((0..10).map(|_| record("acme-corp", "2026-01-02T03:04:05Z", 1.0))).await;
        let lines = some.lines();
        let store = MemoryStore::new();
        for _ in 0..RECORDS / 10 {
            store.append_now(&lines[1..11]).unwrap();
        }
        let mut pages = Vec::new();
        let mut out = Vec::new();
        let told = export(&store, &Filter::new(), Format::Parquet, &mut out, &mut |lines| pages.push(lines)).await;
        assert_eq!(told.unwrap().written, RECORDS as u64);
        assert!(pages.windows(2).all(|pages| pages[1] - pages[0] <= 1_000), "read a page at a time");

        let reader = SerializedFileReader::new(Bytes::from(out)).unwrap();
        let groups: Vec<usize> =
            reader.metadata().row_groups().iter().map(|group| usize::try_from(group.num_rows()).unwrap()).collect();
        assert_eq!(groups.iter().sum::<usize>(), RECORDS);
        let (last, full) = groups.split_last().unwrap();
        assert!(full.iter().all(|rows| *rows == ROW_GROUP_ROWS), "{groups:?}");
        assert!((1..=ROW_GROUP_ROWS).contains(last), "{groups:?}");
    }

    /// Long records make smaller row groups: it is bytes that fill the memory.
    #[tokio::test]
    async fn long_records_make_smaller_row_groups() {
        let store = store_of((0..40).map(|_| {
            let mut record = record("acme-corp", "2026-01-02T03:04:05Z", 1.0);
            record.reason = Some("x".repeat(1 << 20));
            record
        }))
        .await;
        let (out, _) = exported(&*store, &Filter::new(), Format::Parquet).await;
        let reader = SerializedFileReader::new(Bytes::from(out)).unwrap();
        let groups: Vec<i64> = reader.metadata().row_groups().iter().map(|group| group.num_rows()).collect();
        assert_eq!(groups, [16, 16, 8]);
    }
}
