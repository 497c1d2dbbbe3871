//! Reading nodes as what they should be; what they are not is collected.

use indexmap::IndexMap;

use super::{Literal, Spanned};
use crate::diagnostic::Diagnostic;
use crate::policy::syntax::{Content, Node};
use crate::suggest;

/// Reads a tree and collects everything that is wrong with it.
#[derive(Default)]
pub(super) struct Reader {
    pub(super) findings: Vec<Diagnostic>,
}

/// A mapping whose keys are all known.
#[derive(Clone, Copy)]
pub(super) struct Section<'n> {
    node: &'n Node,
    pub(super) path: &'n str,
}

impl<'n> Section<'n> {
    pub(super) fn get(self, key: &str) -> Option<&'n Node> {
        match &self.node.content {
            Content::Mapping(entries) => entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value),
            _ => None,
        }
    }
}

impl Reader {
    pub(super) fn wrong_type(&mut self, node: &Node, path: &str, expected: &str) {
        let message = format!("`{path}` must be {expected}, and this is {}", node.content.describe());
        self.findings.push(Diagnostic::error("wrong-type", message).at(node.span.clone(), ""));
    }

    /// A mapping with these keys and no others.
    pub(super) fn section<'n>(&mut self, node: &'n Node, path: &'n str, known: &[&'static str]) -> Option<Section<'n>> {
        let Content::Mapping(entries) = &node.content else {
            self.wrong_type(node, path, "a mapping");
            return None;
        };
        for entry in entries.iter().filter(|entry| !known.contains(&entry.key.as_str())) {
            let place = if path.is_empty() { String::new() } else { format!(" in `{path}`") };
            let finding = Diagnostic::error("unknown-key", format!("unknown key `{}`{place}", entry.key));
            let help = suggest::help(&entry.key, known.iter().copied());
            self.findings.push(finding.at(entry.key_span.clone(), "").help(help));
        }
        Some(Section { node, path })
    }

    /// A mapping whose keys are names.
    pub(super) fn names<T>(
        &mut self,
        section: Section<'_>,
        key: &str,
        mut read: impl FnMut(&mut Self, &Node, &str) -> Option<T>,
    ) -> Option<IndexMap<Spanned<String>, T>> {
        let node = section.get(key)?;
        let path = join(section.path, key);
        let Content::Mapping(entries) = &node.content else {
            let finding = format!("`{path}` must be a mapping, and this is {}", node.content.describe());
            let finding = Diagnostic::error("wrong-type", finding).at(node.span.clone(), "");
            self.findings.push(finding.help("write `{}` for an empty one".to_owned()));
            return None;
        };
        let mut map = IndexMap::with_capacity(entries.len());
        for entry in entries {
            if let Some(value) = read(self, &entry.value, &join(&path, &entry.key)) {
                map.insert(Spanned::new(entry.key.clone(), entry.key_span.clone()), value);
            }
        }
        Some(map)
    }

    pub(super) fn bool(&mut self, section: Section<'_>, key: &str) -> Option<Spanned<bool>> {
        let node = section.get(key)?;
        match node.content {
            Content::Bool(bool) => Some(Spanned::new(bool, node.span.clone())),
            _ => {
                self.wrong_type(node, &join(section.path, key), "true or false");
                None
            }
        }
    }

    pub(super) fn text(&mut self, section: Section<'_>, key: &str) -> Option<Spanned<String>> {
        let node = section.get(key)?;
        self.text_of(node, &join(section.path, key))
    }

    pub(super) fn text_of(&mut self, node: &Node, path: &str) -> Option<Spanned<String>> {
        match &node.content {
            Content::Text(text) => Some(Spanned::new(text.clone(), node.span.clone())),
            _ => {
                self.wrong_type(node, path, "text");
                None
            }
        }
    }

    /// A key that must be there.
    pub(super) fn required_text(&mut self, section: Section<'_>, key: &str) -> Option<Spanned<String>> {
        if section.get(key).is_none() {
            self.missing(section, key, None);
        }
        self.text(section, key)
    }

    pub(super) fn missing(&mut self, section: Section<'_>, key: &str, help: Option<String>) {
        let message = format!("`{}` lacks the key `{key}`", section.path);
        self.findings.push(Diagnostic::error("missing-key", message).at(section.node.span.clone(), "").help(help));
    }

    /// A whole number from `least` on.
    pub(super) fn count(&mut self, section: Section<'_>, key: &str, least: u32) -> Option<Spanned<u32>> {
        let node = section.get(key)?;
        let number = match node.content {
            Content::Int(int) => u32::try_from(int).ok().filter(|number| *number >= least),
            _ => None,
        };
        if number.is_none() {
            let path = join(section.path, key);
            let message = match node.content {
                Content::Int(_) => format!("`{path}` must be from {least} to {}", u32::MAX),
                _ => format!("`{path}` must be a whole number, and this is {}", node.content.describe()),
            };
            self.findings.push(Diagnostic::error("wrong-type", message).at(node.span.clone(), ""));
        }
        number.map(|number| Spanned::new(number, node.span.clone()))
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(&mut self, node: &Node, path: &str, words: &[(&'static str, T)]) -> Option<Spanned<T>> {
        let Content::Text(text) = &node.content else {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            self.wrong_type(node, path, &format!("one of {}", known.join(", ")));
            return None;
        };
        if let Some((_, value)) = words.iter().find(|(word, _)| word == text) {
            return Some(Spanned::new(*value, node.span.clone()));
        }
        let finding = Diagnostic::error("unknown-word", format!("unknown word `{text}` for `{path}`"));
        let help = suggest::help(text, words.iter().map(|(word, _)| *word));
        self.findings.push(finding.at(node.span.clone(), "").help(help));
        None
    }

    /// A list; items that cannot be read are left out.
    pub(super) fn list<T>(
        &mut self,
        section: Section<'_>,
        key: &str,
        mut read: impl FnMut(&mut Self, &Node, &str) -> Option<T>,
    ) -> Option<Spanned<Vec<T>>> {
        let node = section.get(key)?;
        let path = join(section.path, key);
        let Content::Sequence(items) = &node.content else {
            self.wrong_type(node, &path, "a list");
            return None;
        };
        let items = items
            .iter()
            .enumerate()
            .filter_map(|(index, item)| read(self, item, &format!("{path}[{index}]")))
            .collect();
        Some(Spanned::new(items, node.span.clone()))
    }

    pub(super) fn texts(&mut self, section: Section<'_>, key: &str) -> Option<Vec<Spanned<String>>> {
        self.list(section, key, Self::text_of).map(|list| list.value)
    }

    pub(super) fn literal(&mut self, node: &Node, path: &str) -> Option<Spanned<Literal>> {
        let literal = match &node.content {
            Content::Bool(bool) => Literal::Bool(*bool),
            Content::Int(int) => Literal::Int(*int),
            Content::Float(float) if float.is_finite() => Literal::Float(*float),
            Content::Text(text) => Literal::Text(text.clone()),
            _ => {
                self.wrong_type(node, path, "an expression or a literal");
                return None;
            }
        };
        Some(Spanned::new(literal, node.span.clone()))
    }
}

pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}
