//! Cursors: they open where they were made, and nothing else does.

use std::sync::LazyLock;

use ormai_core::answer::Answer;
use ormai_core::error::ErrorCode;
use ormai_core::principal::{CallContext, Principal};
use ormai_core::redact::{Harvest, Redactor, answer};
use ormai_core::request::{Query, Request, field};

use crate::request::rows;
use crate::world::{WORLDS, World, call};

/// A call that had a next page, and the cursor that it was given.
struct Page {
    query: Query,
    call: CallContext,
    cursor: String,
}

/// Cursors have nothing to do with dialects.
fn world() -> &'static World {
    &WORLDS[0]
}

/// Pages that differ in one thing each: the tenant, the filter, the order.
static PAGES: LazyLock<Vec<Page>> = LazyLock::new(|| {
    let orders = || Query::model("Order").select(["id"]).limit(1);
    let (acme, globex) = (Principal::new("acme"), Principal::new("globex"));
    let calls = [
        (orders(), acme.clone()),
        (orders(), globex),
        (orders().filter(field("status").eq("open")), acme.clone()),
        (orders().order_desc("total"), acme),
    ];
    calls.map(|(query, principal)| page(query, call(principal))).into()
});

/// Any text as the cursor of a page: it opens where it was made for exactly this page, and
/// everywhere else it is an error, the same one whatever is wrong with it. Nothing panics.
///
/// In the text, `{0}` to `{3}` stand for the cursors that were really given out, so that the
/// law can be tried with parts of them.
///
/// # Panics
///
/// When that does not hold.
pub fn law(bytes: &[u8]) {
    tried(bytes);
}

/// For how many pages the bytes open; for tests, whose corpus must open some.
///
/// # Panics
///
/// As [`law`] does.
pub fn tried(bytes: &[u8]) -> usize {
    let mut text = String::from_utf8_lossy(bytes).into_owned();
    for (number, page) in PAGES.iter().enumerate() {
        text = text.replace(&format!("{{{number}}}"), &page.cursor);
    }
    let mut opened = 0;
    for page in PAGES.iter() {
        let mut query = page.query.clone();
        query.cursor = Some(text.clone());
        match world().plan(Request::Query(query), &page.call) {
            Ok(_) => {
                assert_eq!(text, page.cursor, "another text opens as the cursor of {:?}", page.query);
                opened += 1;
            }
            Err(error) => {
                assert_ne!(text, page.cursor, "a cursor does not open: {error:?}");
                assert_eq!(error.code, ErrorCode::InvalidCursor, "{error:?}");
            }
        }
    }
    opened
}

fn page(query: Query, call: CallContext) -> Page {
    let mut plan = world().plan(Request::Query(query.clone()), &call).unwrap();
    let statement = world().compiler.compile(plan.take_root()).unwrap();
    let mut harvest = Harvest::default();
    harvest.root(rows(&statement));
    let redactor = Redactor::new(None, &call.principal);
    let answer = answer(plan, harvest, &redactor, &world().cursors, world().policy.version(), &call).unwrap();
    let Answer::Page(page) = answer else { panic!("a query gives a page") };
    Page { query, call, cursor: page.next_cursor.expect("there is a second page") }
}
