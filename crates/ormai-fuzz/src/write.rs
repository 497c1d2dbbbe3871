//! Writes: from any bytes to their statements, or to a refusal.

use ormai_core::error::ErrorCode;
use ormai_core::principal::CallContext;
use ormai_core::redact::{HashKey, Redactor};
use ormai_core::request::{Chosen, Request, Tool};
use ormai_core::write::{Course, WriteStep};
use ormai_sql::CompileError;
use serde_json::{Map, Value as Json};

use crate::request::{hold, mark, mark_filter, principals, read_again};
use crate::world::{WORLDS, World, call};

/// How many statements a law's bytes come to as writes. Each write says which rows it is about
/// and what it changes, and its statements hold to what [`crate::request::law`] says.
///
/// # Panics
///
/// When one does not.
pub fn tried(bytes: &[u8]) -> usize {
    let mut statements = 0;
    for tool in Tool::ALL.into_iter().filter(|tool| tool.writes()) {
        let Ok(request) = Request::from_json(tool, bytes) else { continue };
        read_again(&request);
        names_its_rows(&request);
        let marked = marked(request.clone());
        for principal in principals() {
            let call = call(principal);
            statements += calls(&request, &call) + calls(&marked, &call);
        }
    }
    statements
}

fn names_its_rows(request: &Request) {
    match request {
        Request::Create(_) => {}
        Request::Update(update) => assert!(is_key(&update.id) && !update.data.is_empty(), "{update:?}"),
        Request::Delete(delete) => assert!(is_key(&delete.id), "{delete:?}"),
        Request::BulkUpdate(bulk) => {
            assert!(!bulk.data.is_empty(), "{bulk:?}");
            match bulk.chosen().unwrap() {
                Chosen::Filters(filters) => assert!(!filters.is_empty() && bulk.ids.is_none(), "{bulk:?}"),
                Chosen::Ids(ids) => assert!(!ids.is_empty() && ids.iter().all(is_key), "{bulk:?}"),
            }
        }
        other => panic!("{other:?}"),
    }
}

fn is_key(id: &Json) -> bool {
    !id.is_null() && !id.is_array()
}

/// Runs a write in each dialect, against a database that has what is asked for.
fn calls(request: &Request, call: &CallContext) -> usize {
    WORLDS.iter().map(|world| in_world(world, request, call)).sum()
}

fn in_world(world: &World, request: &Request, call: &CallContext) -> usize {
    let plan = match world.write(request, call) {
        Ok(plan) => plan,
        Err(error) => {
            assert_ne!(error.code, ErrorCode::Internal, "{error:?}");
            return 0;
        }
    };
    let mut course = Course::new(plan, world.policy.catalog());
    let mut statements = 0;
    loop {
        let step = match course.step() {
            Ok(Some(WriteStep::Read(step) | WriteStep::Change(step))) => step,
            Ok(None) => break,
            Err(error) => {
                assert_eq!(error.code, ErrorCode::QueryTooBroad, "{error:?}");
                return statements;
            }
        };
        match world.compiler.compile(step) {
            Ok(statement) => hold(&statement, world),
            // The only refusal that comes from the size of a request.
            Err(CompileError::TooManyPlaces { .. }) => return statements,
            Err(error) => panic!("{error}"),
        }
        statements += 1;
        course.suppose().unwrap_or_else(|error| panic!("{error:?} after {statements} statements of {request:?}"));
    }
    let key = HashKey::new([7; 16]).unwrap();
    let answer = course.conclude(&Redactor::new(Some(&key), &call.principal)).unwrap();
    serde_json::to_string(&answer).unwrap();
    statements
}

/// The write with a mark in each text value. Names stay as they are.
fn marked(mut request: Request) -> Request {
    let each = |data: &mut Map<String, Json>| data.values_mut().for_each(mark);
    match &mut request {
        Request::Create(create) => each(&mut create.data),
        Request::Update(update) => {
            mark(&mut update.id);
            each(&mut update.data);
        }
        Request::Delete(delete) => mark(&mut delete.id),
        Request::BulkUpdate(bulk) => {
            bulk.filters.iter_mut().for_each(mark_filter);
            bulk.ids.iter_mut().flatten().for_each(mark);
            each(&mut bulk.data);
        }
        _ => {}
    }
    request
}
