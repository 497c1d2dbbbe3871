//! What is being checked, and the names in it.

use std::fmt;

use super::CompileOptions;
use crate::catalog::{Catalog, FieldId, Model, ModelId};
use crate::diagnostic::Diagnostic;
use crate::policy::document::{PolicyDocument, Spanned};
use crate::suggest;
use crate::value::ColumnType;

/// Checks a document and collects what it finds.
pub(super) struct Checker<'a> {
    pub(super) catalog: &'a Catalog,
    pub(super) document: &'a PolicyDocument,
    pub(super) options: CompileOptions,
    pub(super) findings: Vec<Diagnostic>,
}

/// A type in an error text.
pub(super) fn type_name(ty: &ColumnType) -> String {
    match ty {
        ColumnType::Unsupported(name) => format!("the unsupported type {name}"),
        ty => format!("the type {ty}"),
    }
}

/// A model, or an overlay of it for a role.
#[derive(Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) id: ModelId,
    pub(super) model: &'a Model,
    pub(super) role: Option<&'a str>,
}

impl fmt::Display for Subject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.role {
            None => write!(f, "`{}`", self.model.name),
            Some(role) => write!(f, "`{}` for the role `{role}`", self.model.name),
        }
    }
}

impl Subject<'_> {
    /// A field's full name, for error texts.
    pub(super) fn field(&self, field: FieldId) -> String {
        format!("{}.{}", self.model.name, self.model.field(field).name)
    }
}

impl<'a> Checker<'a> {
    pub(super) fn new(catalog: &'a Catalog, document: &'a PolicyDocument, options: CompileOptions) -> Self {
        Self { catalog, document, options, findings: Vec::new() }
    }

    pub(super) fn error<T>(&mut self, place: &Spanned<T>, code: &'static str, message: String, help: &str) {
        let help = (!help.is_empty()).then(|| help.to_owned());
        self.findings.push(place.blame(Diagnostic::error(code, message)).help(help));
    }

    pub(super) fn field(&mut self, model: &Model, name: &Spanned<String>) -> Option<FieldId> {
        let found = model.find_field(&name.value);
        if found.is_none() {
            let message = format!("`{}` has no field `{}`", model.name, name.value);
            let help = suggest::help(&name.value, model.fields.iter().map(|field| field.name.as_str()));
            self.findings.push(name.blame(Diagnostic::error("unknown-field", message)).help(help));
        }
        found
    }

    /// A list of fields, each once.
    pub(super) fn field_list(&mut self, model: &Model, names: &[Spanned<String>]) -> Vec<FieldId> {
        let mut fields = Vec::with_capacity(names.len());
        for name in names {
            if let Some(field) = self.field(model, name)
                && !fields.contains(&field)
            {
                fields.push(field);
            }
        }
        fields
    }
}
