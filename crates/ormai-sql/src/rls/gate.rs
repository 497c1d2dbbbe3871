//! What depends on the principal's roles: an overlay's say, before anybody's roles are known.

use ormai_core::policy::Layer;

use super::principal::has_role;
use super::text::Sql;
use crate::error::CompileError;

/// For whom something holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Gate {
    /// For everybody.
    Always,
    /// For nobody.
    Never,
    /// For those of whom this is true; never NULL.
    When(Sql),
}

impl Gate {
    pub(super) fn of(bool: bool) -> Self {
        if bool { Self::Always } else { Self::Never }
    }

    pub(super) fn role(role: Option<&str>) -> Result<Self, CompileError> {
        role.map_or(Ok(Self::Always), |role| Ok(Self::When(has_role(role)?)))
    }

    pub(super) fn not(self) -> Self {
        match self {
            Self::Always => Self::Never,
            Self::Never => Self::Always,
            Self::When(sql) => Self::When(Sql::of("NOT ").and(&sql.grouped())),
        }
    }

    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Never, _) | (_, Self::Never) => Self::Never,
            (Self::Always, gate) | (gate, Self::Always) => gate,
            (Self::When(one), Self::When(other)) => Self::When(one.grouped().then(" AND ").and(&other.grouped())),
        }
    }

    pub(super) fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Always, _) | (_, Self::Always) => Self::Always,
            (Self::Never, gate) | (gate, Self::Never) => gate,
            (Self::When(one), Self::When(other)) => Self::When(one.grouped().then(" OR ").and(&other.grouped())),
        }
    }

    /// As one of several conditions that must all hold; `None` where it always does.
    pub(super) fn condition(self) -> Option<Sql> {
        match self {
            Self::Always => None,
            Self::Never => Some(Sql::of("false")),
            Self::When(sql) => Some(sql),
        }
    }

    /// What a model says, as its overlays change it: those that grant replace it, the last of
    /// them first; those that narrow can only close it.
    pub(super) fn layered<'a>(
        base: bool,
        overlays: &[Layer<'a>],
        said: impl Fn(&Layer<'a>) -> Option<bool>,
    ) -> Result<Self, CompileError> {
        let mut gate = Self::of(base);
        for overlay in overlays.iter().filter(|overlay| overlay.grants) {
            let role = || Self::role(Some(overlay.role));
            gate = match said(overlay) {
                Some(true) => role()?.or(gate),
                Some(false) => role()?.not().and(gate),
                None => gate,
            };
        }
        for overlay in overlays.iter().filter(|overlay| !overlay.grants && said(overlay) == Some(false)) {
            gate = gate.and(Self::role(Some(overlay.role))?.not());
        }
        Ok(gate)
    }
}
