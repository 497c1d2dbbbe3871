//! Documents as trees in which every node knows where it stands.
//!
//! YAML, TOML and JSON are read into one tree, so that everything behind it is written once.
//! What the formats allow and a policy must not contain (duplicate keys, anchors, tags,
//! several documents, keys that are no strings) is refused here.

mod toml;
mod yaml;

use std::ops::Range;
use std::path::Path;

use crate::diagnostic::Diagnostic;

/// How a document is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// YAML 1.2, core schema, one document, without anchors, aliases and tags.
    Yaml,
    /// TOML.
    Toml,
    /// JSON.
    Json,
}

impl Format {
    /// The format that a file's extension names: `yaml`, `yml`, `toml` or `json`.
    ///
    /// ```
    /// use ormai_core::policy::Format;
    /// assert_eq!(Format::from_path("policy.yml".as_ref()), Some(Format::Yaml));
    /// assert_eq!(Format::from_path("policy".as_ref()), None);
    /// ```
    pub fn from_path(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "yaml" | "yml" => Some(Self::Yaml),
            "toml" => Some(Self::Toml),
            "json" => Some(Self::Json),
            _ => None,
        }
    }
}

/// A part of a document.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Byte offsets into the source; of text with its quotes.
    pub span: Range<usize>,
    /// What stands there.
    pub content: Content,
}

/// What a [`Node`] holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// `null`, or nothing at all.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// Another number; may be infinite or NaN.
    Float(f64),
    /// Text.
    Text(String),
    /// A list.
    Sequence(Vec<Node>),
    /// Keys with values, in the order of the document; no key stands twice.
    Mapping(Vec<Entry>),
}

/// A key with its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub key_span: Range<usize>,
    /// The value.
    pub value: Node,
}

impl Content {
    /// What it is, for error texts: `a list`.
    pub fn describe(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "true or false",
            Self::Int(_) | Self::Float(_) => "a number",
            Self::Text(_) => "text",
            Self::Sequence(_) => "a list",
            Self::Mapping(_) => "a mapping",
        }
    }
}

/// The largest document, in bytes.
pub const MAX_BYTES: usize = 1 << 20;
/// The deepest nesting.
pub const MAX_DEPTH: usize = 64;

/// Reads a document.
///
/// # Errors
///
/// Every finding, unless the document ends in a syntax error: then the findings up to there.
pub fn read(text: &str, format: Format) -> Result<Node, Vec<Diagnostic>> {
    if text.len() > MAX_BYTES {
        let message = format!("the document has {} bytes; at most {MAX_BYTES} are read", text.len());
        return Err(vec![Diagnostic::error("too-large", message)]);
    }
    // A byte order mark is none of the formats' own; line feeds keep all offsets as they are.
    let unmarked = text.strip_prefix('\u{feff}').map(|rest| format!("\n\n\n{rest}"));
    let text = unmarked.as_deref().unwrap_or(text);
    let read = match format {
        Format::Yaml => yaml::read(text),
        Format::Toml => toml::read(text),
        Format::Json => yaml::read_json(text),
    };
    read.map_err(|mut findings| {
        for label in findings.iter_mut().flat_map(|finding| &mut finding.labels) {
            label.span = whole_characters(text, &label.span);
        }
        findings
    })
}

/// A parser may point into the middle of a character, or one behind the end.
fn whole_characters(text: &str, span: &Range<usize>) -> Range<usize> {
    let start = text.floor_char_boundary(span.start);
    start..text.ceil_char_boundary(span.end.max(start))
}

fn too_deep(span: Range<usize>) -> Diagnostic {
    Diagnostic::error("too-deep", format!("the document nests deeper than {MAX_DEPTH} levels")).at(span, "")
}

fn duplicate_key(key: &str, span: Range<usize>, first: Range<usize>) -> Diagnostic {
    Diagnostic::error("duplicate-key", format!("the key `{key}` stands twice"))
        .at(span, "here again")
        .at(first, "first here")
}

fn syntax(message: impl std::fmt::Display, span: Range<usize>) -> Diagnostic {
    Diagnostic::error("syntax", format!("the document cannot be read: {message}")).at(span, "")
}
