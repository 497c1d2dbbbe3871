//! What fields show of their columns.

use super::super::mask;
use super::super::subject::Subject;
use super::{Linted, Linter};
use crate::catalog::{Collation, Field, FieldId};
use crate::condition::{Node, Operand};
use crate::policy::document::FieldPolicy;
use crate::policy::rules::{Mask, MaskPart};
use crate::value::ColumnType;

/// A text of so many characters is found by trying.
const GUESSABLE: usize = 4;

impl<'a> Linter<'a> {
    pub(super) fn columns(&mut self, linted: Linted<'a>) {
        let overlays = linted.policy.roles.values().flat_map(|overlay| &overlay.policy.fields);
        for (name, policy) in linted.policy.fields.iter().chain(overlays) {
            if let Some(field) = linted.subject.model.find_field(&name.value) {
                self.mask(linted.subject, field, policy);
                self.filter(linted.subject, field, policy);
            }
        }
        self.collations(linted);
    }

    /// A mask on a short column shows nothing at all or nearly all.
    fn mask(&mut self, subject: Subject<'_>, id: FieldId, policy: &FieldPolicy) {
        let field = subject.model.field(id);
        let (Some(pattern), Some(longest)) = (&policy.mask_pattern, longest(field)) else { return };
        let Ok(Mask::Pattern(parts)) = mask::parse(&pattern.value) else { return };
        let shown: usize = parts.iter().map(shown).sum();
        let name = subject.field(id);
        if shown >= longest {
            let message = format!(
                "the mask of `{name}` shows {shown} characters of {longest} at most, and so hides every value whole"
            );
            let help = format!("show fewer than {longest} characters, or write `action: redact`");
            self.warn(pattern, "mask-hides-all", message, help);
        } else if shown * 2 > longest {
            let message = format!("the mask of `{name}` shows {shown} characters of {longest} at most");
            let help = format!("show {} or fewer, so that the rest cannot be guessed", longest / 2);
            self.warn(pattern, "mask-shows-most", message, help);
        }
    }

    /// Equality on few values gives away what is hidden.
    fn filter(&mut self, subject: Subject<'_>, id: FieldId, policy: &FieldPolicy) {
        let Some(filter) = policy.filter_equality.as_ref().filter(|filter| filter.value) else { return };
        let field = subject.model.field(id);
        let few = match &field.ty {
            ColumnType::Bool | ColumnType::Enum(_) | ColumnType::Int16 | ColumnType::Date => true,
            ty => ty.is_text() && longest(field).is_some_and(|longest| longest <= GUESSABLE),
        };
        if few {
            let message =
                format!("`{}` has few values, so `filter: equality` finds what is hidden by trying", subject.field(id));
            self.warn(filter, "filter-gives-away", message, "take `filter` out");
        }
    }

    /// Columns whose own equality is not the one that decides whose a row is.
    fn collations(&mut self, linted: Linted<'a>) {
        let subject = linted.subject;
        let is_loose = |id: FieldId| is_loose(subject.model.field(id));
        let tell = |id: FieldId| {
            let message = format!(
                "`{}` decides by its bytes whose a row is, and the database takes other values for the same",
                subject.field(id)
            );
            (message, "give the column a binary collation and no padding, so that its keys mean the same")
        };
        for name in linted.policy.scoping.iter().flatten().map(|(name, _)| name) {
            if let Some(field) = subject.model.find_field(&name.value).filter(|field| is_loose(*field)) {
                let (message, help) = tell(field);
                self.warn(name, "loose-collation", message, help);
            }
        }
        for (rule, policy) in linted.open.rules.row_rules.iter().filter_map(|rule| {
            Some((rule, linted.policy.row_policies.iter().find(|policy| policy.name.value == rule.name)?))
        }) {
            let mut compared = Vec::new();
            compared_with_principal(rule.condition.root(), &mut compared);
            if let Some(field) = compared.into_iter().find(|field| is_loose(*field)) {
                let (message, help) = tell(field);
                self.warn(&policy.condition, "loose-collation", message, help);
            }
        }
    }
}

fn shown(part: &MaskPart) -> usize {
    match part {
        MaskPart::Text(_) => 0,
        MaskPart::First(count) | MaskPart::Last(count) => *count,
    }
}

/// Whether the database's own equality takes different values for the same.
fn is_loose(field: &Field) -> bool {
    let folds = match &field.collation {
        Collation::Binary | Collation::Ordered => false,
        Collation::Loose => true,
        // The others ignore at least blanks at the end.
        Collation::Folded(name) => !["_nopad_bin", "_0900_bin"].iter().any(|exact| name.ends_with(exact)),
    };
    folds || field.ty == ColumnType::Char
}

/// The most characters that a value has as text.
fn longest(field: &Field) -> Option<usize> {
    match &field.ty {
        ColumnType::Text | ColumnType::Char => field.length.and_then(|length| usize::try_from(length).ok()),
        ColumnType::Uuid => Some(36),
        ColumnType::Int16 => Some(6),
        ColumnType::Int32 => Some(11),
        ColumnType::Int => Some(20),
        ColumnType::Enum(of) => of.variants.iter().map(|word| word.chars().count()).max(),
        _ => None,
    }
}

/// The model's own fields that are compared with an attribute of the principal.
fn compared_with_principal(node: &Node, found: &mut Vec<FieldId>) {
    match node {
        Node::And(parts) | Node::Or(parts) => parts.iter().for_each(|part| compared_with_principal(part, found)),
        Node::Not(inner) => compared_with_principal(inner, found),
        Node::Compare { left: Operand::Field(field), right: Operand::Principal { .. }, .. }
        | Node::Compare { left: Operand::Principal { .. }, right: Operand::Field(field), .. }
        | Node::In { needle: Operand::Field(field), list: crate::condition::List::Principal { .. }, .. }
            if field.through.is_empty() =>
        {
            found.push(field.field);
        }
        _ => {}
    }
}
