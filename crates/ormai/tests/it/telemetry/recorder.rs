//! A subscriber that keeps what it sees: spans as a tree, events as lines.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex};

use ormai_testkit::TestDatabase;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Dispatch, Event, Subscriber};
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, Registry};

/// What was seen; clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Recorder(Arc<Mutex<Seen>>);

#[derive(Debug, Default)]
struct Seen {
    spans: Vec<Span>,
    events: Vec<String>,
}

#[derive(Debug)]
struct Span {
    name: &'static str,
    parent: Option<usize>,
    fields: Fields,
    is_closed: bool,
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

/// The place of a span in the list.
#[derive(Clone, Copy)]
struct Place(usize);

impl Recorder {
    /// A subscriber that writes here all that the project says, at every level, and what others warn of.
    pub(super) fn dispatch(&self) -> Dispatch {
        Dispatch::new(Registry::default().with(self.clone()))
    }

    /// The spans, children under their parents.
    pub(super) fn tree(&self, test: &TestDatabase) -> String {
        let (seen, mut text) = (self.0.lock().unwrap(), String::new());
        print(&seen.spans, None, 0, &mut text);
        let engine = format!("db.system.name={}", super::system(test));
        text.replace(&engine, "db.system.name=…")
    }

    /// The attributes of the spans of a name.
    pub(super) fn spans(&self, name: &str) -> Vec<BTreeMap<&'static str, String>> {
        let seen = self.0.lock().unwrap();
        seen.spans.iter().filter(|span| span.name == name).map(|span| span.fields.0.clone()).collect()
    }

    /// All that was seen: names and values of spans and events.
    pub(super) fn everything(&self) -> String {
        let seen = self.0.lock().unwrap();
        format!("{:#?}\n{}", seen.spans, seen.events.join("\n"))
    }

    /// The events, a line each.
    pub(super) fn log(&self) -> String {
        self.0.lock().unwrap().events.join("\n")
    }

    /// SQLite's driver works in a thread of its own, which lets go of a span a moment after it has answered.
    pub(super) fn is_all_closed(&self) -> bool {
        let is_closed = || self.0.lock().unwrap().spans.iter().all(|span| span.is_closed);
        (0..1_000_000).any(|_| {
            std::thread::yield_now();
            is_closed()
        })
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

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Recorder {
    fn enabled(&self, metadata: &tracing::Metadata<'_>, _: Context<'_, S>) -> bool {
        metadata.target().starts_with("ormai") || *metadata.level() <= tracing::Level::WARN
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut seen = self.0.lock().unwrap();
        let span = context.span(id).unwrap();
        let parent = span.parent().and_then(|parent| parent.extensions().get::<Place>().copied());
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        span.extensions_mut().insert(Place(seen.spans.len()));
        seen.spans.push(Span {
            name: attributes.metadata().name(),
            parent: parent.map(|Place(place)| place),
            fields,
            is_closed: false,
        });
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Place(place) = *context.span(id).unwrap().extensions().get::<Place>().unwrap();
        values.record(&mut self.0.lock().unwrap().spans[place].fields);
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let fields: Vec<String> = fields.0.iter().map(|(field, value)| format!("{field}={value}")).collect();
        let metadata = event.metadata();
        let line = format!("{} {} {}", metadata.level(), metadata.target(), fields.join(" "));
        self.0.lock().unwrap().events.push(line);
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Place(place) = *context.span(&id).unwrap().extensions().get::<Place>().unwrap();
        self.0.lock().unwrap().spans[place].is_closed = true;
    }
}
