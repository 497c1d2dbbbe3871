//! The models of a page: a catalog in a few words.

use std::ops::Range;

use ormai::catalog::{
    Catalog, CatalogBuilder, Collation, Field, ForeignKeyBuilder, ModelBuilder, ReferentialAction, RelationBuilder,
    RelationKind, TableName,
};
use ormai::db::table_of;
use ormai::diagnostic::Diagnostic;
use ormai::policy::syntax::{Content, Entry, Node};
use ormai::suggest;
use ormai::value::ColumnType;

use super::finding::{error, wrong_type};

/// The words for types.
const TYPES: &[(&str, ColumnType)] = &[
    ("boolean", ColumnType::Bool),
    ("integer", ColumnType::Int),
    ("float", ColumnType::Float),
    ("decimal", ColumnType::Decimal),
    ("text", ColumnType::Text),
    ("bytes", ColumnType::Bytes),
    ("uuid", ColumnType::Uuid),
    ("timestamp", ColumnType::Timestamp),
    ("datetime", ColumnType::DateTime),
    ("date", ColumnType::Date),
    ("time", ColumnType::Time),
    ("json", ColumnType::Json),
];

/// What may stand behind a type.
const WORDS: &[&str] = &["key", "auto", "unique", "->", "as", "cascade"];

/// A reference that has been read, and not yet found.
struct Reference {
    /// The number of the model that refers.
    model: usize,
    field: String,
    target: String,
    /// The relation's name here, and on the other side.
    names: (Option<String>, Option<String>),
    cascades: bool,
    span: Range<usize>,
}

/// Reads the models of a block.
pub(super) fn read(node: &Node, findings: &mut Vec<Diagnostic>) -> Option<Catalog> {
    let Content::Mapping(entries) = &node.content else {
        findings.push(wrong_type(node, "the models", "a mapping of names to fields"));
        return None;
    };
    let before = findings.len();
    let (mut models, mut references) = (Vec::new(), Vec::new());
    for entry in entries {
        models.push(model(entry, models.len(), &mut references, findings));
    }
    relate(&mut models, &references, findings);
    if findings.len() > before {
        return None;
    }
    let catalog = models.into_iter().fold(CatalogBuilder::new(), CatalogBuilder::model).build();
    catalog.map_err(|wrong| findings.push(error("models", wrong.to_string()).at(node.span.clone(), ""))).ok()
}

fn model(
    entry: &Entry,
    number: usize,
    references: &mut Vec<Reference>,
    findings: &mut Vec<Diagnostic>,
) -> ModelBuilder {
    // `Person (people)` names the table.
    let (name, table) = match entry.key.split_once(" (") {
        Some((name, table)) => (name.trim(), table.trim_end_matches(')').to_owned()),
        None => (entry.key.as_str(), table_of(&entry.key)),
    };
    let mut model = ModelBuilder::table(name, "");
    model.table = TableName { schema: None, name: table };
    let Content::Mapping(fields) = &entry.value.content else {
        findings.push(wrong_type(&entry.value, name, "a mapping of fields to types"));
        return model;
    };
    for field in fields {
        match &field.value.content {
            Content::Text(declared) => {
                let reading = Reading { number, field, declared };
                if let Err(wrong) = reading.read(&mut model, references) {
                    findings.push(wrong.at(field.value.span.clone(), ""));
                }
            }
            Content::Sequence(keys) if field.key == "unique" => {
                for key in keys {
                    match names(key) {
                        Some(names) => model = model.unique(names),
                        None => findings.push(wrong_type(key, "a unique key", "a list of fields")),
                    }
                }
            }
            _ => findings.push(wrong_type(&field.value, &format!("{name}.{}", field.key), "a type")),
        }
    }
    model
}

fn names(node: &Node) -> Option<Vec<String>> {
    let Content::Sequence(items) = &node.content else { return None };
    let name = |item: &Node| if let Content::Text(name) = &item.content { Some(name.clone()) } else { None };
    items.iter().map(name).collect()
}

/// The declaration of a field.
struct Reading<'a> {
    number: usize,
    field: &'a Entry,
    declared: &'a str,
}

impl Reading<'_> {
    fn read(&self, model: &mut ModelBuilder, references: &mut Vec<Reference>) -> Result<(), Diagnostic> {
        let mut words = self.declared.split_whitespace();
        let (ty, length, nullable) = column_type(words.next().unwrap_or_default())?;
        let name = self.field.key.clone();
        let mut column = Field {
            column: name.clone(),
            name: name.clone(),
            ty,
            collation: Collation::Binary,
            length,
            nullable,
            has_default: false,
            generated: false,
        };
        let mut reference: Option<Reference> = None;
        while let Some(word) = words.next() {
            match (word, &mut reference) {
                ("key", _) => model.primary_key.push(name.clone()),
                ("auto", _) if column.ty == ColumnType::Int => column.has_default = true,
                ("auto", _) => return Err(error("models", "only an `integer` counts up by itself")),
                ("unique", _) => model.unique_keys.push(vec![name.clone()]),
                ("->", None) => {
                    let Some(target) = words.next() else {
                        return Err(error("models", "`->` leads nowhere").help("write `-> Model`".to_owned()));
                    };
                    reference = Some(Reference {
                        model: self.number,
                        field: name.clone(),
                        target: target.to_owned(),
                        names: (None, None),
                        cascades: false,
                        span: self.field.value.span.clone(),
                    });
                }
                ("as", Some(reference)) => {
                    let rest: Vec<&str> = words.by_ref().collect();
                    let rest = rest.join(" ");
                    let (here, there) = rest.split_once('/').unwrap_or((&rest, ""));
                    let named = |name: &str| Some(name.trim().to_owned()).filter(|name| !name.is_empty());
                    reference.names = (named(here), named(there));
                }
                ("cascade", Some(reference)) => reference.cascades = true,
                (word, _) => {
                    let wrong = error("models", format!("unknown word `{word}` behind the type of `{name}`"));
                    return Err(wrong.help(suggest::help(word, WORDS.iter().copied())));
                }
            }
        }
        model.fields.push(column);
        references.extend(reference);
        Ok(())
    }
}

fn column_type(word: &str) -> Result<(ColumnType, Option<u32>, bool), Diagnostic> {
    let (word, nullable) = word.strip_suffix('?').map_or((word, false), |word| (word, true));
    let (bare, length) = match word.strip_suffix(')').and_then(|word| word.split_once('(')) {
        Some((bare, length)) => match length.parse::<u32>() {
            Ok(length) if length > 0 && bare == "text" => (bare, Some(length)),
            _ => return Err(error("models", format!("`{word}` is no type: only `text` has a length"))),
        },
        None => (word, None),
    };
    match TYPES.iter().find(|(known, _)| *known == bare) {
        Some((_, ty)) => Ok((ty.clone(), length, nullable)),
        None => Err(error("models", format!("unknown type `{bare}`"))
            .help(suggest::help(bare, TYPES.iter().map(|(known, _)| *known)))),
    }
}

/// Foreign keys with the relations that follow from them, named as introspection would.
fn relate(models: &mut [ModelBuilder], references: &[Reference], findings: &mut Vec<Diagnostic>) {
    for reference in references {
        let Some(at) = models.iter().position(|model| model.name == reference.target) else {
            let known: Vec<String> = models.iter().map(|model| model.name.clone()).collect();
            let wrong =
                error("models", format!("`{}` leads to the unknown model `{}`", reference.field, reference.target));
            let help = suggest::help(&reference.target, known.iter().map(String::as_str));
            findings.push(wrong.at(reference.span.clone(), "").help(help));
            continue;
        };
        let (target, Some(model)) = (models.get(at).cloned(), models.get(reference.model)) else { continue };
        let (Some(target), child) = (target, model.clone()) else { continue };
        let [key] = target.primary_key.as_slice() else {
            let wrong =
                error("models", format!("`{}` has not one field as its key, so `->` cannot lead there", target.name));
            findings.push(wrong.at(reference.span.clone(), ""));
            continue;
        };
        let derived = || reference.field.strip_suffix("_id").unwrap_or(&reference.field).to_owned();
        let here = reference.names.0.clone().unwrap_or_else(derived);
        let there = reference.names.1.clone().unwrap_or_else(|| child.table.name.clone());
        for (model, name) in [(&child, &here), (&target, &there)] {
            if is_taken(model, name) {
                let wrong = error("models", format!("`{}` has a field or relation `{name}` already", model.name));
                let help = format!("name the relation and its other side: `-> {} as NAME / OTHERS`", target.name);
                findings.push(wrong.at(reference.span.clone(), "").help(help));
            }
        }
        let action = if reference.cascades { ReferentialAction::Cascade } else { ReferentialAction::Refuse };
        if let Some(model) = models.get_mut(reference.model) {
            let link = vec![(reference.field.clone(), key.clone())];
            model.relations.push(relation(here, &target.name, RelationKind::One, link));
            let foreign_key = ForeignKeyBuilder::new(&target.name, [(reference.field.as_str(), key.as_str())]);
            model.foreign_keys.push(foreign_key.on_delete(action));
        }
        if let Some(model) = models.get_mut(at) {
            let link = vec![(key.clone(), reference.field.clone())];
            model.relations.push(relation(there, &child.name, RelationKind::Many, link));
        }
    }
}

fn relation(name: String, target: &str, kind: RelationKind, link: Vec<(String, String)>) -> RelationBuilder {
    RelationBuilder { name, target: target.to_owned(), kind, link }
}

fn is_taken(model: &ModelBuilder, name: &str) -> bool {
    model.fields.iter().any(|field| field.name == name) || model.relations.iter().any(|relation| relation.name == name)
}
