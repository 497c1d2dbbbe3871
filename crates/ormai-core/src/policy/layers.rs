//! A model's rules before roles are known: its own, and what each overlay says beside them.
//!
//! Requests never meet these: they are decided by the [`View`](super::View) of their
//! principal's roles. They are for what must hold for all principals at once, such as native
//! row-level security.

use super::rules::{FieldRule, ModelRules, RowRule, ScopeRule, WriteAction};
use crate::catalog::FieldId;

/// A model that the policy names.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Layers<'a> {
    /// Whether it is open without any role.
    pub open: bool,
    /// Its rules without any role.
    pub rules: &'a ModelRules,
    /// What differs by role, in the order of the document. Those that grant are laid over the
    /// rules first, each replacing what it names; those that narrow come after them.
    pub overlays: Vec<Layer<'a>>,
}

/// What an overlay says about rows and writes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Layer<'a> {
    /// The role.
    pub role: &'a str,
    /// Whether it replaces; otherwise it narrows.
    pub grants: bool,
    /// Whether the model is open, where it says so.
    pub allowed: Option<bool>,
    /// The fields that it names; `None` where one is denied.
    pub fields: Vec<(FieldId, Option<&'a FieldRule>)>,
    /// Its scopes.
    pub scoping: &'a [ScopeRule],
    /// Its row policies.
    pub row_rules: Vec<&'a RowRule>,
    /// create, where it says something of it.
    pub create: Option<WriteAction>,
    /// update, likewise.
    pub update: Option<WriteAction>,
    /// delete, likewise.
    pub delete: Option<WriteAction>,
    /// bulk_update, likewise.
    pub bulk_update: Option<WriteAction>,
}
