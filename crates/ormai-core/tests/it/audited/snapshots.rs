//! The rows of a write, before and after.

use ormai_core::answer::Fetched;
use ormai_core::audited::{Snapshots, limits};
use ormai_core::plan::{Shape, Step};
use ormai_core::redact::{HashKey, Redactor};
use ormai_core::request::{BulkUpdate, Create, Delete, Request, Update};
use ormai_core::value::Value;
use ormai_core::write::{Course, WriteStep};
use serde_json::json;

use super::pretty;
use crate::world::{World, acme, call, report};

const POLICY: &str = "
models:
  User:
    fields: {id: allow, name: allow, email: mask, remarks: redact, token: hash}
    scoping: {tenant_id: principal.tenant_id}
    write_policy: {create: allow, update: allow, delete: allow, bulk_update: allow, max_affected_rows: 300}
  Member:
    fields: {number: allow, tenant_id: allow, name: allow}
    scoping: {tenant_id: principal.tenant_id}
    write_policy: {update: allow, bulk_update: allow}
  Order:
    fields: {id: allow, status: allow}
    scoping: {tenant_id: principal.tenant_id}
    soft_delete: paid
    write_policy: {delete: allow}
";

/// What a write leaves for its record when the database has some rows, and how often it was asked.
fn written(request: impl Into<Request>, rows: i64, looks_first: bool, snapshots: bool) -> (Option<Snapshots>, usize) {
    let (world, call) = (World::new(POLICY), call(acme()));
    let plan = world.planned(&request.into(), &call, looks_first, snapshots).unwrap();
    let mut course = Course::new(plan, world.catalog());
    let (mut steps, mut is_changed) = (0, false);
    while let Some(step) = course.step().unwrap() {
        steps += 1;
        match step {
            WriteStep::Read(step) => course.read(stored(&world, &step, rows, is_changed)).unwrap(),
            WriteStep::Change(step) => {
                is_changed = true;
                match step.shape() {
                    Shape::Insert(_) => course.changed(1, &Fetched::new(1, vec!["u0".into()])).unwrap(),
                    _ => course.changed(rows.unsigned_abs(), &Fetched::default()).unwrap(),
                }
            }
        }
    }
    let key = HashKey::new([1; 32]).unwrap();
    let redactor = Redactor::new(Some(&key), &call.principal);
    assert_eq!(course.take_snapshots(), None);
    course.conclude(&redactor).unwrap();
    (course.take_snapshots(), steps)
}

/// Rows as the database has them, before a change and after it.
fn stored(world: &World, step: &Step, rows: i64, is_changed: bool) -> Fetched {
    let Shape::Select(select) = step.shape() else { panic!("no rows are read") };
    let model = world.catalog().model(select.source.model);
    let values = (0..rows).flat_map(|row| {
        select.outputs.iter().map(move |field| match model.field(*field).name.as_str() {
            "id" if model.name == "User" => Value::from(format!("u{row}")),
            "id" | "number" => Value::Int(row),
            "name" if is_changed => "after".into(),
            "name" => "before".into(),
            "email" => "ada@example.com".into(),
            other => format!("secret {other}").into(),
        })
    });
    let values: Vec<Value> = values.collect();
    Fetched::new(select.outputs.len(), values)
}

fn told(snapshots: Option<Snapshots>) -> String {
    match snapshots {
        None => "nothing".to_owned(),
        Some(Snapshots { before, after, .. }) => pretty(&json!({"before": before, "after": after})),
    }
}

fn rename() -> Update {
    Update::new("User", "u0").set("name", "after")
}

fn rename_all() -> BulkUpdate {
    BulkUpdate::new("User").filter(ormai_core::request::field("name").eq("before")).set("name", "after")
}

#[test]
fn a_record_tells_the_rows_before_and_after_as_the_answer_would() {
    let of = |request: Request, rows| told(written(request, rows, false, true).0);
    let member = json!({"tenant_id": "acme", "number": 0});
    insta::assert_snapshot!(report([
        ("create", of(Create::new("User").set("id", "u0").into(), 1)),
        ("update", of(rename().into(), 1)),
        ("update by a key of two parts", of(Update::new("Member", member).set("name", "after").into(), 1)),
        ("delete", of(Delete::new("User", "u0").into(), 1)),
        ("delete that marks the row", of(Delete::new("Order", 0).into(), 1)),
        ("bulk_update", of(rename_all().into(), 2)),
        ("bulk_update of nothing", of(rename_all().into(), 0)),
        ("dry run", of(rename().dry_run().into(), 1)),
        ("dry run of several", of(rename_all().dry_run().into(), 2)),
    ]));
}

#[test]
fn where_the_database_is_asked_first_the_record_is_the_same() {
    for (request, rows) in [
        (Request::from(rename()), 1),
        (rename_all().into(), 2),
        (BulkUpdate::new("User").ids(["u0", "u1"]).set("name", "after").into(), 2),
        (Delete::new("User", "u0").into(), 1),
    ] {
        let (first, steps) = written(request.clone(), rows, true, true);
        let (without, fewer) = written(request, rows, false, true);
        assert!(first.is_some());
        assert_eq!((first, steps), (without, fewer + 1));
    }
}

#[test]
fn without_the_switch_nothing_more_is_read_and_nothing_is_kept() {
    for (request, rows, steps, more) in [
        (Request::from(Create::new("User").set("id", "u0")), 1, 2, 0),
        // The row before.
        (rename().into(), 1, 2, 1),
        (Delete::new("User", "u0").into(), 1, 2, 0),
        (Delete::new("Order", 0).into(), 1, 2, 1),
        (rename_all().into(), 2, 3, 0),
        (rename().dry_run().into(), 1, 3, 0),
    ] {
        assert_eq!(written(request.clone(), rows, false, false), (None, steps), "{request:?}");
        assert_eq!(written(request.clone(), rows, false, true).1, steps + more, "{request:?}");
    }
}

#[test]
fn a_snapshot_of_many_rows_has_the_first_and_the_number_of_all() {
    let (snapshots, _) = written(rename_all(), 250, false, true);
    let snapshots = snapshots.unwrap();
    for snapshot in [snapshots.before.unwrap(), snapshots.after.unwrap()] {
        assert_eq!(snapshot["count"], 250);
        assert_eq!(snapshot["rows"].as_array().map(Vec::len), Some(limits::ROWS));
        assert!(!snapshot.to_string().contains("secret"));
    }
}
