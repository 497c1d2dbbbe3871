//! A subscriber that keeps what it sees: spans as a tree, events as lines.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::fmt::{self, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use ormai_testkit::TestDatabase;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Dispatch, Event, Subscriber};

/// What was seen; clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Recorder(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    seen: Mutex<Seen>,
    /// Told of each span that closes.
    closed: Condvar,
}

#[derive(Debug, Default)]
struct Seen {
    spans: Vec<Span>,
    /// The place in the list of each span, by its id.
    places: HashMap<u64, usize>,
    events: Vec<String>,
}

#[derive(Debug)]
struct Span {
    name: &'static str,
    parent: Option<usize>,
    fields: Fields,
    /// How many hold it; nobody, and it is closed.
    holders: usize,
}

#[derive(Debug, Default)]
struct Fields(BTreeMap<&'static str, String>);

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}

/// Ids are of one process, so that what is entered in a thread is known to belong to one recorder.
static NEXT: AtomicU64 = AtomicU64::new(1);

thread_local! {
    /// What is entered in this thread, the innermost last.
    static ENTERED: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

impl Recorder {
    /// A subscriber that writes here all that the project says, at every level, and what others warn of.
    pub(super) fn dispatch(&self) -> Dispatch {
        Dispatch::new(self.clone())
    }

    /// The spans, children under their parents.
    pub(super) fn tree(&self, test: &TestDatabase) -> String {
        let (seen, mut text) = (self.0.seen.lock().unwrap(), String::new());
        print(&seen.spans, None, 0, &mut text);
        let engine = format!("db.system.name={}", super::system(test));
        text.replace(&engine, "db.system.name=…")
    }

    /// The attributes of the spans of a name.
    pub(super) fn spans(&self, name: &str) -> Vec<BTreeMap<&'static str, String>> {
        let seen = self.0.seen.lock().unwrap();
        seen.spans.iter().filter(|span| span.name == name).map(|span| span.fields.0.clone()).collect()
    }

    /// All that was seen: names and values of spans and events.
    pub(super) fn everything(&self) -> String {
        let seen = self.0.seen.lock().unwrap();
        format!("{:#?}\n{}", seen.spans, seen.events.join("\n"))
    }

    /// The events, a line each.
    pub(super) fn log(&self) -> String {
        self.0.seen.lock().unwrap().events.join("\n")
    }

    /// Whether every span ends. SQLite's driver works in a thread of its own, which lets go of a span a moment after
    /// it has answered.
    pub(super) fn is_all_closed(&self) -> bool {
        let is_open = |seen: &mut Seen| seen.spans.iter().any(|span| span.holders > 0);
        let seen = self.0.seen.lock().unwrap();
        let waited = self.0.closed.wait_timeout_while(seen, Duration::from_secs(30), is_open);
        !waited.unwrap().1.timed_out()
    }
}

impl Seen {
    fn span(&mut self, id: &Id) -> &mut Span {
        &mut self.spans[self.places[&id.into_u64()]]
    }
}

fn print(spans: &[Span], parent: Option<usize>, depth: usize, text: &mut String) {
    for (place, span) in spans.iter().enumerate().filter(|(_, span)| span.parent == parent) {
        write!(text, "{:1$}{2}", "", depth * 2, span.name).unwrap();
        for (field, value) in &span.fields.0 {
            write!(text, " {field}={value}").unwrap();
        }
        text.push('\n');
        print(spans, Some(place), depth + 1, text);
    }
}

/// Not a layer of the registry of `tracing-subscriber`: that one lets go of a parent by the subscriber of the thread
/// in which the child closes, and the threads of SQLite's driver have none.
impl Subscriber for Recorder {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target().starts_with("ormai") || *metadata.level() <= tracing::Level::WARN
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let mut seen = self.0.seen.lock().unwrap();
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let parent = match attributes.parent() {
            Some(parent) => Some(seen.places[&parent.into_u64()]),
            None if attributes.is_contextual() => ENTERED.with_borrow(|entered| {
                let mut inwards = entered.iter().rev();
                inwards.find_map(|id| seen.places.get(id).copied())
            }),
            None => None,
        };
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let place = seen.spans.len();
        seen.places.insert(id, place);
        seen.spans.push(Span { name: attributes.metadata().name(), parent, fields, holders: 1 });
        Id::from_u64(id)
    }

    fn record(&self, id: &Id, values: &Record<'_>) {
        values.record(&mut self.0.seen.lock().unwrap().span(id).fields);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let fields: Vec<String> = fields.0.iter().map(|(field, value)| format!("{field}={value}")).collect();
        let metadata = event.metadata();
        let line = format!("{} {} {}", metadata.level(), metadata.target(), fields.join(" "));
        self.0.seen.lock().unwrap().events.push(line);
    }

    fn enter(&self, id: &Id) {
        ENTERED.with_borrow_mut(|entered| entered.push(id.into_u64()));
    }

    fn exit(&self, id: &Id) {
        ENTERED.with_borrow_mut(|entered| {
            let place = entered.iter().rposition(|entered| *entered == id.into_u64());
            entered.remove(place.unwrap());
        });
    }

    fn clone_span(&self, id: &Id) -> Id {
        self.0.seen.lock().unwrap().span(id).holders += 1;
        id.clone()
    }

    fn try_close(&self, id: Id) -> bool {
        let mut seen = self.0.seen.lock().unwrap();
        let span = seen.span(&id);
        span.holders -= 1;
        let is_closed = span.holders == 0;
        self.0.closed.notify_all();
        is_closed
    }
}
