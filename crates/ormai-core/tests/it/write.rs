//! Writes: what is refused before a database is touched, which rows a plan reaches and what it
//! checks, and what a course makes of answers that do not fit.

use ormai_core::answer::{Fetched, Written};
use ormai_core::authorize::{Authority, authorize_write};
use ormai_core::catalog::{Catalog, CatalogBuilder, ForeignKeyBuilder, ModelBuilder};
use ormai_core::error::{Error, ErrorCode, Result};
use ormai_core::plan::{Predicate, Shape, Step, Truth, WritePlan};
use ormai_core::principal::Principal;
use ormai_core::redact::Redactor;
use ormai_core::request::{BulkUpdate, Create, Delete, Request, Tool, Update, field};
use ormai_core::resolve::resolve_write;
use ormai_core::value::ColumnType::{Bool, Int, Text, Timestamp as At};
use ormai_core::value::Value;
use ormai_core::write::{Course, Obstacle, WriteStep};
use serde_json::{Value as Json, json};

use crate::world::{World, acme, call};

fn catalog() -> Catalog {
    let team = ModelBuilder::table("Team", "teams").field("id", Int).field("tenant_id", Text).primary_key(["id"]);
    let task = ModelBuilder::table("Task", "tasks")
        .field("id", Int)
        .field("tenant_id", Text)
        .field("team_id", Int)
        .field("title", Text)
        .nullable("note", Text)
        .field("secret", Text)
        .field("made", At)
        .primary_key(["id"])
        .to_one("team", "Team", [("team_id", "id")])
        .foreign_key(ForeignKeyBuilder::new("Team", [("team_id", "id")]));
    let member = ModelBuilder::table("Member", "members")
        .field("tenant_id", Text)
        .field("number", Int)
        .field("name", Text)
        .field("gone", Bool)
        .primary_key(["tenant_id", "number"]);
    let log = ModelBuilder::table("Log", "logs").field("tenant_id", Text).field("line", Text);
    CatalogBuilder::new().model(team).model(task).model(member).model(log).build().unwrap()
}

const POLICY: &str = "
models:
  Team: {fields: {id: allow}, scoping: {tenant_id: principal.tenant_id}}
  Task:
    fields: {id: allow, tenant_id: allow, team_id: allow, title: allow, note: allow, made: allow}
    scoping: {tenant_id: principal.tenant_id}
    row_policies:
      - {name: also, condition: tenant_id IN principal.metadata.also, operations: [read, update]}
      - {name: open, condition: title != 'closed'}
      - {name: noted, condition: note IS NOT NULL, operations: [delete]}
      - {name: own, condition: note = principal.user_id, operations: [create], check: true}
      - {name: admin, condition: \"'admin' IN principal.roles\", bypass: true}
      - {name: editor, condition: \"'editor' IN principal.roles\", bypass: true, operations: [update]}
    write_policy:
      create: allow
      update: allow
      delete: allow
      bulk_update: allow
      auto_set: {tenant_id: principal.tenant_id, made: now()}
      immutable_fields: [made]
      required_fields: [title]
      max_affected_rows: 2
      require_reason: true
  Member:
    fields: {tenant_id: allow, number: allow, name: allow}
    scoping: {tenant_id: principal.tenant_id}
    soft_delete: gone
    write_policy: {create: deny, update: allow, delete: allow, bulk_update: allow}
  Log:
    fields: {line: allow}
    scoping: {tenant_id: principal.tenant_id}
";

fn world() -> World {
    World::over(catalog(), POLICY)
}

fn plan(request: impl Into<Request>, principal: Principal) -> Result<WritePlan> {
    planned(request, principal, false)
}

fn planned(request: impl Into<Request>, principal: Principal, looks_first: bool) -> Result<WritePlan> {
    let (world, call, request) = (world(), call(principal), request.into());
    let (catalog, view) = (world.catalog(), world.policy.view(call.principal.roles()));
    let resolved = resolve_write(&request, catalog, &view)?;
    authorize_write(
        resolved,
        Authority { catalog, view: &view, call: &call, cursors: &world.cursors, looks_first, snapshots: false },
    )
}

fn refusal(tool: Tool, json: Json) -> Error {
    let request = match Request::from_value(tool, &json) {
        Ok(request) => request,
        Err(error) => return error,
    };
    plan(request, acme()).err().unwrap_or_else(|| panic!("{json} is not refused"))
}

fn course(request: impl Into<Request>) -> Course {
    Course::new(plan(request, acme()).unwrap(), &catalog())
}

/// A step of a kind, or a panic.
fn reads(course: &mut Course) -> Step {
    match course.step().unwrap() {
        Some(WriteStep::Read(step)) => step,
        other => panic!("no rows are read: {other:?}"),
    }
}

fn changes(course: &mut Course) -> Step {
    match course.step().unwrap() {
        Some(WriteStep::Change(step)) => step,
        other => panic!("nothing is changed: {other:?}"),
    }
}

fn conclude(course: &mut Course) -> Result<Written> {
    course.conclude(&Redactor::new(None, &acme()))
}

fn create() -> Create {
    Create::new("Task").set("id", 1).set("title", "a").set("team_id", 7).set("note", "u1").reason("r")
}

fn update() -> Update {
    Update::new("Task", 1).set("title", "b").reason("r")
}

fn delete() -> Delete {
    Delete::new("Task", 1).reason("r")
}

fn bulk() -> BulkUpdate {
    BulkUpdate::new("Task").ids([1, 2, 3]).set("title", "b").reason("r")
}

/// Rows of a task as it is read: `id, tenant_id, team_id, title, note, made`.
fn tasks(ids: impl IntoIterator<Item = i64>) -> Fetched {
    let row = |id| vec![Value::Int(id), "acme".into(), Value::Int(7), "a".into(), "u1".into(), Value::Null];
    Fetched::new(6, ids.into_iter().flat_map(row).collect())
}

/// Keys of tasks alone, as a bulk update reads them.
fn keys(ids: impl IntoIterator<Item = i64>) -> Fetched {
    Fetched::new(1, ids.into_iter().map(Value::Int).collect())
}

fn truths(truths: impl IntoIterator<Item = bool>) -> Fetched {
    let truths: Vec<Value> = truths.into_iter().map(Value::Bool).collect();
    Fetched::new(truths.len(), truths)
}

fn none() -> Fetched {
    Fetched::default()
}

fn code<T: std::fmt::Debug>(result: Result<T>) -> ErrorCode {
    result.unwrap_err().code
}

#[test]
fn a_plan_reaches_what_can_be_read_and_changed_and_checks_what_is_written() {
    let shown = |request: Request, principal: Principal| {
        let plan = plan(request, principal).unwrap();
        (plan.show_using(&catalog()), plan.show_check(&catalog()))
    };
    let told = |request: Request, principal: Principal, using: &str, check: &str| {
        assert_eq!(shown(request, principal), (using.to_owned(), check.to_owned()));
    };
    let also = || acme().metadata("also", json!(["globex"]));
    told(create().into(), acme(), "", "tenant_id = 'acme' AND note = 'u1'");
    // A permit without `create` admits no new row elsewhere.
    told(create().into(), also(), "", "tenant_id = 'acme' AND note = 'u1'");
    told(update().into(), acme(), "tenant_id = 'acme' AND title <> 'closed'", "tenant_id = 'acme'");
    told(
        update().into(),
        also(),
        "(tenant_id = 'acme' OR tenant_id IN ('globex')) AND title <> 'closed'",
        "tenant_id = 'acme' OR tenant_id IN ('globex')",
    );
    // A permit of reads and updates reaches nothing that a delete may take.
    told(delete().into(), also(), "tenant_id = 'acme' AND title <> 'closed' AND note IS NOT NULL", "");
    told(bulk().into(), acme(), "tenant_id = 'acme' AND title <> 'closed'", "tenant_id = 'acme'");
    told(update().into(), acme().role("admin"), "TRUE", "TRUE");
    // Of the two operations that an update is made of, one is lifted: it is still read for.
    told(update().into(), acme().role("editor"), "tenant_id = 'acme' AND title <> 'closed'", "TRUE");
    told(
        Delete::new("Member", json!({"tenant_id": "globex", "number": 1})).into(),
        acme(),
        "tenant_id = 'acme' AND gone = false",
        "tenant_id = 'acme'",
    );
}

#[test]
fn a_plan_says_which_rows_the_request_means() {
    let shown = |request: Request| plan(request, acme()).unwrap().show_filter(&catalog());
    assert_eq!(shown(create().into()), "");
    assert_eq!(shown(update().into()), "id = 1");
    assert_eq!(shown(delete().into()), "id = 1");
    assert_eq!(
        shown(BulkUpdate::new("Task").filter(field("title").eq("x")).set("title", "b").reason("r").into()),
        "title = 'x'"
    );
    let id = json!({"number": 1, "tenant_id": "globex"});
    assert_eq!(shown(Update::new("Member", id).set("name", "x").into()), "tenant_id = 'globex' AND number = 1");
}

#[test]
fn what_is_wrong_is_told_in_one_order() {
    // The model, the action, the reason, the names, what may be written, the values, what is
    // missing, the rows: each line mends what the one before was refused for.
    let cases = [
        (json!({"model": "Nix", "id": {}, "data": {"zzz": 1, "made": 1}}), ErrorCode::ModelNotAllowed),
        (json!({"model": "Log", "id": {}, "data": {"zzz": 1, "made": 1}}), ErrorCode::WriteNotAllowed),
        (json!({"model": "Task", "id": {}, "data": {"zzz": 1, "made": 1}}), ErrorCode::ValidationError),
        (json!({"model": "Task", "id": {}, "reason": "r", "data": {"zzz": 1, "made": 1}}), ErrorCode::WriteNotAllowed),
        (json!({"model": "Task", "id": {}, "reason": "r", "data": {"zzz": 1, "title": 1}}), ErrorCode::FieldNotAllowed),
        (
            json!({"model": "Task", "id": {}, "reason": "r", "data": {"secret": 1, "title": 1}}),
            ErrorCode::FieldNotAllowed,
        ),
        (json!({"model": "Task", "id": {}, "reason": "r", "data": {"title": 1}}), ErrorCode::ValidationError),
        (json!({"model": "Task", "id": {}, "reason": "r", "data": {"title": "x"}}), ErrorCode::ValidationError),
    ];
    for (json, expected) in cases {
        assert_eq!(refusal(Tool::Update, json.clone()).code, expected, "{json}");
    }
    let at = |json: Json| refusal(Tool::Update, json).details["path"].clone();
    assert_eq!(at(json!({"model": "Task", "id": 1, "data": {"title": 1}})), "reason");
    assert_eq!(at(json!({"model": "Task", "id": {}, "reason": "r", "data": {"title": 1}})), "data.title");
    assert_eq!(at(json!({"model": "Task", "id": {}, "reason": "r", "data": {"title": "x"}})), "id");
}

#[test]
fn keys_and_what_is_fixed_stand_in_no_change() {
    let update = |model: &str, id: Json, data: Json| {
        refusal(Tool::Update, json!({"model": model, "id": id, "data": data, "reason": "r"})).code
    };
    for data in [
        json!({"id": 1}),
        json!({"id": null}),
        json!({"id": "x"}),
        json!({"made": null}),
        json!({"made": "2024-05-01T12:00:00Z"}),
        json!({"title": "x", "id": 1}),
    ] {
        assert_eq!(update("Task", json!(1), data.clone()), ErrorCode::WriteNotAllowed, "{data}");
    }
    let member = json!({"tenant_id": "acme", "number": 1});
    for data in [json!({"tenant_id": "acme"}), json!({"number": 2}), json!({"tenant_id": "globex", "name": "x"})] {
        assert_eq!(update("Member", member.clone(), data.clone()), ErrorCode::WriteNotAllowed, "{data}");
    }
    // The mark of a soft delete is denied here, so it is no field.
    assert_eq!(update("Member", member, json!({"gone": false})), ErrorCode::FieldNotAllowed);
    assert_eq!(refusal(Tool::Create, json!({"model": "Member", "data": {}})).code, ErrorCode::WriteNotAllowed);
}

#[test]
fn what_the_policy_sets_is_the_same_or_refused() {
    let created = |more: Json, principal: Principal| {
        let mut request = create();
        request.data.extend(more.as_object().unwrap().clone());
        let mut course = Course::new(plan(request, principal)?, &catalog());
        reads(&mut course);
        course.read(truths([true]))?;
        let step = changes(&mut course);
        let Shape::Insert(insert) = step.shape() else { panic!("no new row") };
        let model = catalog().find("Task").unwrap();
        let catalog = catalog();
        let names = insert
            .set
            .iter()
            .map(|(field, slot)| (catalog.model(model).field(*field).name.clone(), step.binds()[slot.index()].clone()));
        Ok(names.collect::<std::collections::BTreeMap<String, Value>>())
    };
    let set = created(json!({}), acme()).unwrap();
    assert_eq!((set.len(), &set["tenant_id"]), (6, &Value::from("acme")));
    assert!(matches!(set["made"], Value::Timestamp(_)));
    assert_eq!(created(json!({"tenant_id": "acme"}), acme()).unwrap()["tenant_id"], Value::from("acme"));
    for tenant in ["globex", "ACME", "acme ", ""] {
        assert_eq!(code(created(json!({"tenant_id": tenant}), acme())), ErrorCode::WriteNotAllowed);
    }
    assert_eq!(
        created(json!({"tenant_id": "globex"}), acme().role("admin")).unwrap()["tenant_id"],
        Value::from("globex")
    );
    assert_eq!(code(created(json!({"tenant_id": "globex"}), acme().role("editor"))), ErrorCode::WriteNotAllowed);
    assert_eq!(code(created(json!({}), Principal::without_tenant())), ErrorCode::TenantScopeRequired);
}

#[test]
fn values_that_fail_the_check_are_not_written_at_all() {
    // A key of that tenant's would be told by the database.
    let mut elsewhere = Course::new(plan(update().set("tenant_id", "globex"), acme()).unwrap(), &catalog());
    // The row must be there for the principal before anything is said of its values.
    let step = reads(&mut elsewhere);
    assert!(matches!(step.shape(), Shape::Select(select) if select.for_update));
    elsewhere.read(tasks([1])).unwrap();
    assert_eq!(code(elsewhere.step()), ErrorCode::WriteNotAllowed);
    let mut nowhere = Course::new(plan(update().set("tenant_id", "globex"), acme()).unwrap(), &catalog());
    reads(&mut nowhere);
    assert_eq!(code(nowhere.read(none())), ErrorCode::RecordNotFound);
    // Who may write there may write there, and what the values leave open is read back.
    for who in
        [acme().metadata("also", json!(["globex"])), acme().role("admin"), Principal::new(json!(["acme", "globex"]))]
    {
        let mut course = Course::new(plan(update().set("tenant_id", "globex"), who).unwrap(), &catalog());
        assert!(matches!(changes(&mut course).shape(), Shape::Update(_)));
    }
    let mut created = course(create().set("note", "u2"));
    reads(&mut created);
    created.read(truths([true])).unwrap();
    assert_eq!(code(created.step()), ErrorCode::WriteNotAllowed);
    let mut without = create();
    without.data.remove("note");
    let mut unsaid = course(without);
    reads(&mut unsaid);
    unsaid.read(truths([true])).unwrap();
    changes(&mut unsaid);
}

#[test]
fn a_course_goes_from_references_to_the_row_as_it_is_stored() {
    let mut course = course(create());
    assert!(matches!(reads(&mut course).shape(), Shape::Present(_)));
    course.read(truths([true])).unwrap();
    assert!(matches!(changes(&mut course).shape(), Shape::Insert(_)));
    assert!(conclude(&mut course).is_err());
    course.changed(1, &keys([1])).unwrap();
    let step = reads(&mut course);
    assert!(matches!(step.shape(), Shape::Select(select) if !select.for_update));
    course.read(tasks([1])).unwrap();
    assert!(course.step().unwrap().is_none());
    assert!(matches!(conclude(&mut course), Ok(Written::Stored(_))));
}

#[test]
fn references_that_are_not_answered_one_by_one_lead_nowhere() {
    for answer in [
        none(),
        truths([false]),
        truths([true, true]),
        truths([true, false]),
        Fetched::new(1, vec![Value::Null]),
        Fetched::new(1, vec![Value::Int(1)]),
        Fetched::new(1, vec!["true".into()]),
    ] {
        let mut course = course(create());
        reads(&mut course);
        assert_eq!(code(course.read(answer.clone())), ErrorCode::ValidationError, "{answer:?}");
    }
}

#[test]
fn a_new_row_whose_key_does_not_come_back_is_not_kept() {
    let inserted = || {
        let mut course = course(create());
        reads(&mut course);
        course.read(truths([true])).unwrap();
        changes(&mut course);
        course
    };
    for (affected, rows, expected) in [
        (0, none(), ErrorCode::ValidationError),
        (0, keys([1]), ErrorCode::ValidationError),
        (2, keys([1]), ErrorCode::Internal),
        (2, keys([1, 2]), ErrorCode::Internal),
        (1, keys([1, 2]), ErrorCode::Internal),
        (1, Fetched::new(2, vec![Value::Int(1), Value::Int(2)]), ErrorCode::Internal),
        (u64::MAX, none(), ErrorCode::Internal),
    ] {
        let mut course = inserted();
        assert_eq!(code(course.changed(affected, &rows)), expected, "{affected} {rows:?}");
        assert!(conclude(&mut course).is_err());
    }
    // An engine that returns nothing: the key is the one that was said.
    let mut course = inserted();
    course.changed(1, &none()).unwrap();
    let step = reads(&mut course);
    assert_eq!(step.binds().last(), Some(&Value::Array(vec![Value::Int(1)])));
    // And what was not said cannot be known.
    let mut nameless = create();
    nameless.data.remove("id");
    let mut course = Course::new(plan(nameless, acme()).unwrap(), &catalog());
    reads(&mut course);
    course.read(truths([true])).unwrap();
    changes(&mut course);
    assert_eq!(code(course.changed(1, &none())), ErrorCode::Internal);
}

#[test]
fn a_row_that_is_not_read_back_through_its_check_is_not_kept() {
    for rows in [none(), tasks([1, 1]), tasks([1, 2])] {
        let mut course = course(update());
        changes(&mut course);
        course.changed(1, &none()).unwrap();
        reads(&mut course);
        assert_eq!(code(course.read(rows)), ErrorCode::WriteNotAllowed);
        assert_eq!(code(conclude(&mut course)), ErrorCode::Internal);
    }
}

#[test]
fn an_update_that_reaches_no_row_or_several_is_not_kept() {
    for (affected, expected) in
        [(0, ErrorCode::RecordNotFound), (2, ErrorCode::Internal), (u64::MAX, ErrorCode::Internal)]
    {
        let mut course = course(update());
        changes(&mut course);
        assert_eq!(code(course.changed(affected, &none())), expected, "{affected}");
    }
    let mut course = course(delete());
    reads(&mut course);
    assert_eq!(code(course.read(none())), ErrorCode::RecordNotFound);
    let mut course = self::course(delete());
    reads(&mut course);
    assert_eq!(code(course.read(tasks([1, 2]))), ErrorCode::Internal);
    let mut course = self::course(delete());
    reads(&mut course);
    course.read(tasks([1])).unwrap();
    changes(&mut course);
    // It went meanwhile.
    assert_eq!(code(course.changed(0, &none())), ErrorCode::RecordNotFound);
}

#[test]
fn a_bulk_update_is_done_to_exactly_the_rows_that_were_found() {
    let found = |ids: &[i64]| {
        let mut course = course(bulk());
        reads(&mut course);
        course.read(keys(ids.iter().copied())).map(|()| course)
    };
    assert_eq!(code(found(&[1, 2, 3])), ErrorCode::MaxAffectedRowsExceeded);
    assert_eq!(code(found(&[1, 1])), ErrorCode::Internal);
    let mut nothing = found(&[]).unwrap();
    assert!(nothing.step().unwrap().is_none());
    assert!(matches!(conclude(&mut nothing), Ok(Written::Updated { count: 0 })));
    for affected in [0, 1, 3, u64::MAX] {
        let mut course = found(&[1, 2]).unwrap();
        changes(&mut course);
        let refused = course.changed(affected, &none()).unwrap_err();
        assert_eq!((refused.code, refused.retryable), (ErrorCode::Conflict, true), "{affected}");
    }
    let mut course = found(&[1, 2]).unwrap();
    let step = changes(&mut course);
    assert_eq!(step.binds().last(), Some(&Value::Array(vec![Value::Int(1), Value::Int(2)])));
    course.changed(2, &none()).unwrap();
    reads(&mut course);
    assert_eq!(code(course.read(keys([1]))), ErrorCode::WriteNotAllowed);
}

#[test]
fn only_rows_that_were_seen_are_waited_for() {
    let looking = |request: Request, seen: Fetched| {
        let mut course = Course::new(planned(request, acme(), true).unwrap(), &catalog());
        let look = reads(&mut course);
        let Shape::Select(select) = look.shape() else { panic!("no rows are looked for") };
        assert!(!select.for_update && select.source.scope != Predicate::Const(Truth::True));
        course.read(seen).map(|()| course)
    };
    let elsewhere = || update().set("tenant_id", "globex");
    let filtered = || BulkUpdate::new("Task").filter(field("title").eq("x")).set("title", "b").reason("r");
    for request in [update().into(), delete().into(), update().dry_run().into(), elsewhere().into()] {
        assert_eq!(code(looking(request, none())), ErrorCode::RecordNotFound);
    }
    for request in [bulk().into(), filtered().into()] {
        assert_eq!(code(looking(request, keys([1, 2, 3]))), ErrorCode::MaxAffectedRowsExceeded);
    }
    for request in [bulk().into(), filtered().into()] {
        let mut course = looking(request, none()).unwrap();
        assert!(course.step().unwrap().is_none());
        assert!(matches!(conclude(&mut course), Ok(Written::Updated { count: 0 })));
    }
    for request in [bulk().into(), filtered().into()] {
        let mut course = looking(request, keys([2])).unwrap();
        let step = reads(&mut course);
        assert!(matches!(step.shape(), Shape::Select(select) if select.for_update));
        assert_eq!(step.binds().last(), Some(&Value::Array(vec![Value::Int(2)])));
        // It went meanwhile.
        course.read(none()).unwrap();
        assert!(matches!(conclude(&mut course), Ok(Written::Updated { count: 0 })));
    }
    let mut course = looking(update().into(), keys([1])).unwrap();
    assert!(matches!(changes(&mut course).shape(), Shape::Update(_)));
    assert_eq!(code(course.changed(0, &none())), ErrorCode::RecordNotFound);
    let mut created = Course::new(planned(create(), acme(), true).unwrap(), &catalog());
    reads(&mut created);
    created.read(truths([true])).unwrap();
    changes(&mut created);
}

#[test]
fn a_row_without_its_key_is_none() {
    let mut several = Course::new(
        plan(BulkUpdate::new("Member").ids([json!({"tenant_id": "acme", "number": 1})]).set("name", "x"), acme())
            .unwrap(),
        &catalog(),
    );
    reads(&mut several);
    // One part of two.
    assert_eq!(code(several.read(Fetched::new(1, vec!["acme".into()]))), ErrorCode::Internal);
}

#[test]
fn what_comes_out_of_turn_is_refused() {
    let mut course = course(create());
    assert_eq!(code(course.changed(1, &keys([1]))), ErrorCode::Internal);
    reads(&mut course);
    // The same step is not given twice.
    assert_eq!(code(course.step()), ErrorCode::Internal);
    course.read(truths([true])).unwrap();
    // Nothing is read before a new row, so no answer can be to it.
    assert_eq!(code(course.read(tasks([1]))), ErrorCode::Internal);
    changes(&mut course);
    assert_eq!(code(course.step()), ErrorCode::Internal);
    assert_eq!(code(course.read(tasks([1]))), ErrorCode::Internal);
    assert_eq!(code(conclude(&mut course)), ErrorCode::Internal);
    // The rows of a bulk update are not passed over by asking twice.
    let mut course = self::course(bulk());
    reads(&mut course);
    assert_eq!(code(course.step()), ErrorCode::Internal);
    assert_eq!(code(course.changed(0, &none())), ErrorCode::Internal);
}

#[test]
fn an_obstacle_names_no_key_no_value_and_no_constraint() {
    let course = course(create());
    for (obstacle, expected, retryable) in [
        (Obstacle::Taken, ErrorCode::Conflict, false),
        (Obstacle::Dangling, ErrorCode::ValidationError, false),
        (Obstacle::ReferredTo, ErrorCode::ValidationError, false),
        (Obstacle::Missing, ErrorCode::ValidationError, false),
        (Obstacle::Unfit, ErrorCode::ValidationError, false),
        (Obstacle::Concurrent, ErrorCode::Conflict, true),
    ] {
        let error = course.obstacle(obstacle);
        assert_eq!((error.code, error.retryable), (expected, retryable), "{obstacle:?}");
        let text = json!(error).to_string();
        assert!(
            ["secret", "acme", "u1", "tasks", "team_id_fkey", "tenant"].iter().all(|word| !text.contains(word)),
            "{text}"
        );
    }
    let deleting = self::course(delete());
    assert_eq!(deleting.obstacle(Obstacle::ReferredTo).code, ErrorCode::Conflict);
}
