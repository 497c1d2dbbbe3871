//! YAML (and so JSON) into the tree.

use std::collections::HashMap;
use std::ops::Range;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use super::{Content, Entry, MAX_DEPTH, Node, duplicate_key, syntax, too_deep};
use crate::diagnostic::Diagnostic;

/// JSON is a part of YAML, but YAML is more than JSON: the strict reader speaks first.
pub(super) fn read_json(text: &str) -> Result<Node, Vec<Diagnostic>> {
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(text) {
        let at = offset(text, error.line(), error.column());
        let message = error.to_string();
        let message = message.split(" at line ").next().unwrap_or_default().to_lowercase();
        return Err(vec![syntax(message, at..at)]);
    }
    // Outside of its strings JSON's tabs are blanks, and inside there are none.
    read(&text.replace('\t', " "))
}

/// The byte offset of a line and column, both counted from 1, the column in bytes.
fn offset(text: &str, line: usize, column: usize) -> usize {
    let lines = text.split_inclusive('\n').take(line.saturating_sub(1));
    (lines.map(str::len).sum::<usize>() + column.saturating_sub(1)).min(text.len())
}

pub(super) fn read(text: &str) -> Result<Node, Vec<Diagnostic>> {
    let mut reader = Reader { places: Places::new(text), text, open: Vec::new(), root: None, findings: Vec::new() };
    for event in Parser::new_from_str(text) {
        match event {
            Ok((event, span)) => {
                let span = reader.places.range(span);
                if !reader.take(event, span) {
                    break;
                }
            }
            Err(error) => {
                let at = reader.places.byte(error.marker().index());
                reader.findings.push(syntax(error.info(), at..at));
                break;
            }
        }
    }
    if !reader.findings.is_empty() {
        return Err(reader.findings);
    }
    Ok(reader.root.unwrap_or(Node { span: 0..0, content: Content::Null }))
}

/// The parser counts characters, a diagnostic bytes.
struct Places {
    /// The byte offset of each character; empty when the text is ASCII.
    offsets: Vec<usize>,
    end: usize,
}

impl Places {
    fn new(text: &str) -> Self {
        let offsets = if text.is_ascii() { Vec::new() } else { text.char_indices().map(|(at, _)| at).collect() };
        Self { offsets, end: text.len() }
    }

    fn byte(&self, index: usize) -> usize {
        if self.offsets.is_empty() { index.min(self.end) } else { self.offsets.get(index).copied().unwrap_or(self.end) }
    }

    fn range(&self, span: Span) -> Range<usize> {
        let start = self.byte(span.start.index());
        start..self.byte(span.end.index()).max(start)
    }
}

/// A list or mapping that has not ended yet.
enum Open {
    Sequence { start: usize, items: Vec<Node> },
    Mapping { start: usize, entries: Vec<Entry>, seen: HashMap<String, Range<usize>>, key: Option<Key> },
}

/// A key that waits for its value. The name is missing when the key was refused.
struct Key {
    name: Option<String>,
    span: Range<usize>,
}

struct Reader<'a> {
    text: &'a str,
    places: Places,
    open: Vec<Open>,
    root: Option<Node>,
    findings: Vec<Diagnostic>,
}

impl Reader<'_> {
    /// Takes one event; false when reading on makes no sense.
    fn take(&mut self, event: Event<'_>, span: Range<usize>) -> bool {
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
            Event::DocumentStart(_) => {
                if self.root.is_some() {
                    self.refuse("a second document", span, Some("keep one policy to a file"));
                    return false;
                }
            }
            Event::Alias(_) => {
                self.refuse("an alias", span.clone(), Some("write the value out where it is needed"));
                self.place(Node { span, content: Content::Null });
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_marks(anchor, tag.is_some(), &span);
                let content = if style == ScalarStyle::Plain && tag.is_none() {
                    self.resolve(&text, &span)
                } else {
                    Content::Text(text.into_owned())
                };
                self.place(Node { span, content });
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_marks(anchor, tag.is_some(), &span);
                return self.begin(Open::Sequence { start: span.start, items: Vec::new() }, span);
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_marks(anchor, tag.is_some(), &span);
                let open = Open::Mapping { start: span.start, entries: Vec::new(), seen: HashMap::new(), key: None };
                return self.begin(open, span);
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(span.end),
        }
        true
    }

    fn begin(&mut self, open: Open, span: Range<usize>) -> bool {
        if self.open.len() >= MAX_DEPTH {
            self.findings.push(too_deep(span));
            return false;
        }
        self.open.push(open);
        true
    }

    fn end(&mut self, end: usize) {
        let (start, content) = match self.open.pop() {
            Some(Open::Sequence { start, items }) => (start, Content::Sequence(items)),
            Some(Open::Mapping { start, entries, .. }) => (start, Content::Mapping(entries)),
            None => return,
        };
        // A block ends where the next token begins; what lies between is not its own.
        let end = self.text.get(start..end).map_or(end, |text| start + text.trim_end().len());
        self.place(Node { span: start..end, content });
    }

    /// Puts a finished node where it belongs.
    fn place(&mut self, node: Node) {
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::Sequence { items, .. }) => items.push(node),
            Some(Open::Mapping { entries, seen, key, .. }) => match key.take() {
                Some(Key { name: Some(name), span }) => entries.push(Entry { key: name, key_span: span, value: node }),
                Some(Key { name: None, .. }) => {}
                None => {
                    let (name, finding) = read_key(node.content, &node.span, seen);
                    self.findings.extend(finding);
                    *key = Some(Key { name, span: node.span });
                }
            },
        }
    }

    fn refuse_marks(&mut self, anchor: usize, tagged: bool, span: &Range<usize>) {
        if anchor != 0 {
            self.refuse("an anchor", span.clone(), Some("write the value out where it is needed"));
        }
        if tagged {
            self.refuse("a tag", span.clone(), Some("quote the value when it is text, or leave the tag out"));
        }
    }

    fn refuse(&mut self, what: &str, span: Range<usize>, help: Option<&str>) {
        let finding = Diagnostic::error("unsupported-yaml", format!("{what} cannot stand in this file"));
        self.findings.push(finding.at(span, "").help(help.map(str::to_owned)));
    }

    /// A plain scalar by the core schema of YAML 1.2.
    fn resolve(&mut self, text: &str, span: &Range<usize>) -> Content {
        match text {
            "" | "~" | "null" | "Null" | "NULL" => return Content::Null,
            "true" | "True" | "TRUE" => return Content::Bool(true),
            "false" | "False" | "FALSE" => return Content::Bool(false),
            _ => {}
        }
        match number(text) {
            Number::No => Content::Text(text.to_owned()),
            Number::Int(int) => Content::Int(int),
            Number::Float(float) => Content::Float(float),
            Number::TooLarge => {
                let finding = Diagnostic::error("number-out-of-range", "the number does not fit 64 bits");
                self.findings.push(finding.at(span.clone(), "").help("quote it if it is text".to_owned()));
                Content::Null
            }
        }
    }
}

fn read_key(
    content: Content,
    span: &Range<usize>,
    seen: &mut HashMap<String, Range<usize>>,
) -> (Option<String>, Option<Diagnostic>) {
    let Content::Text(name) = content else {
        let message = format!("a key must be text, and this is {}", content.describe());
        let finding = Diagnostic::error("key-not-text", message).at(span.clone(), "");
        return (None, Some(finding.help("put the key in quotes".to_owned())));
    };
    match seen.get(&name) {
        Some(first) => {
            let finding = duplicate_key(&name, span.clone(), first.clone());
            (None, Some(finding))
        }
        None => {
            seen.insert(name.clone(), span.clone());
            (Some(name), None)
        }
    }
}

enum Number {
    No,
    Int(i64),
    Float(f64),
    TooLarge,
}

fn number(text: &str) -> Number {
    let radix = |digits: &str, radix: u32| match digits.chars().all(|c| c.is_digit(radix)) && !digits.is_empty() {
        true => i64::from_str_radix(digits, radix).map_or(Number::TooLarge, Number::Int),
        false => Number::No,
    };
    if let Some(digits) = text.strip_prefix("0o") {
        return radix(digits, 8);
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return radix(digits, 16);
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    match unsigned {
        ".inf" | ".Inf" | ".INF" => {
            return Number::Float(if text.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY });
        }
        ".nan" | ".NaN" | ".NAN" if unsigned.len() == text.len() => return Number::Float(f64::NAN),
        _ => {}
    }
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if digits(unsigned) {
        return text.parse().map_or(Number::TooLarge, Number::Int);
    }
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['-', '+']).unwrap_or(exponent))),
        None => (unsigned, None),
    };
    let decimal = match mantissa.split_once('.') {
        Some((whole, part)) => {
            (whole.is_empty() || digits(whole)) && (part.is_empty() || digits(part)) && mantissa.len() > 1
        }
        None => digits(mantissa),
    };
    match decimal && exponent.is_none_or(digits) {
        true => text.parse::<f64>().map_or(Number::No, Number::Float),
        false => Number::No,
    }
}
