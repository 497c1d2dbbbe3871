//! Deliberate faults: each breaks one guarantee, so that it can be shown that the proofs
//! would notice.
//!
//! A fault stands where it would be made, as `Fault::… .is_on()`. Without the feature
//! `faults`, which nothing that ships turns on, that is the constant `false`, and the
//! compiler takes the branch out. `cargo xtask mutants` switches one after another on and
//! runs the laws: a fault that none of them notices is a missing test.

#[cfg(feature = "faults")]
use std::sync::atomic::{AtomicUsize, Ordering};

macro_rules! faults {
    ($($(#[doc = $says:literal])+ $name:ident $word:literal,)+) => {
        /// A deliberate fault.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Fault {
            $($(#[doc = $says])+ $name,)+
        }

        impl Fault {
            /// Every fault, in the order of the way of a request.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Its name.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)+
                }
            }

            /// What it does.
            pub fn says(self) -> &'static str {
                match self {
                    $(Self::$name => concat!($($says),+).trim_ascii(),)+
                }
            }
        }
    };
}

faults! {
    // The policy as it is compiled, and the view of a principal.
    /// Fields that the policy does not list are shown.
    UnlistedFieldShown "unlisted-field-shown",
    /// Overlays that narrow are passed over.
    NarrowingOverlayIgnored "narrowing-overlay-ignored",
    /// Roles that differ in letter case are the same.
    RolesComparedLoosely "roles-compared-loosely",
    /// The view of the first principal serves all others.
    ViewOfOtherRoles "view-of-other-roles",
    /// Restrictions of a scoped field are taken for permits.
    RestrictionInferredAsPermit "restriction-inferred-as-permit",

    // Requests against the view.
    /// A field that is not shown as it is can be filtered, ordered and grouped by.
    HiddenFieldFiltered "hidden-field-filtered",
    /// A relation opens all fields of its target.
    RelationOpensAllFields "relation-opens-all-fields",
    /// An order is not made total by the primary key.
    OrderNotTotal "order-not-total",

    // Scopes.
    /// A page reads the whole table.
    PageWithoutScope "page-without-scope",
    /// A `get` reads the whole table.
    GetWithoutScope "get-without-scope",
    /// An include reads the whole table.
    IncludeWithoutScope "include-without-scope",
    /// A relation filter looks at the whole table.
    RelationFilterWithoutScope "relation-filter-without-scope",
    /// An aggregate reads the whole table.
    AggregateWithoutScope "aggregate-without-scope",
    /// A total counts the whole table.
    TotalWithoutScope "total-without-scope",
    /// A total is counted with the scope and without the restrictions.
    TotalWithoutRestrictions "total-without-restrictions",
    /// Of several scoped fields only the first counts.
    FirstScopeOnly "first-scope-only",
    /// One of several scoped fields is enough.
    ScopesAsAlternatives "scopes-as-alternatives",
    /// A scope without a value is left out.
    MissingScopeLeftOut "missing-scope-left-out",
    /// A permit on one scoped field widens the others too.
    PermitWidensAllScopes "permit-widens-all-scopes",
    /// A permit for other operations counts for reads.
    PermitOfOtherOperations "permit-of-other-operations",
    /// Restrictions are passed over.
    RestrictionForgotten "restriction-forgotten",
    /// A restriction that holds lifts the scope.
    RestrictionAsAlternative "restriction-as-alternative",
    /// A bypass for other operations counts for reads.
    BypassOfOtherOperations "bypass-of-other-operations",
    /// A bypass counts when it is unknown.
    BypassWhenUnknown "bypass-when-unknown",
    /// Softly deleted rows are shown.
    SoftlyDeletedShown "softly-deleted-shown",

    // Writes.
    /// What is changed need not be readable.
    TargetWithoutRead "target-without-read",
    /// An update or delete reaches the whole table.
    TargetWithoutScope "target-without-scope",
    /// An update or delete forgets the restrictions.
    TargetWithoutRestrictions "target-without-restrictions",
    /// The rows of a bulk update are sought in the whole table.
    BulkWithoutScope "bulk-without-scope",
    /// A bulk update forgets the request's filter.
    BulkWithoutFilter "bulk-without-filter",
    /// A written row is read back without its check.
    CheckForgotten "check-forgotten",
    /// The check asks for no scope.
    CheckWithoutScopes "check-without-scopes",
    /// The check asks for no restriction.
    CheckWithoutRestrictions "check-without-restrictions",
    /// Permits that are not for written rows let them pass.
    CheckTakesAllPermits "check-takes-all-permits",
    /// References are not looked at.
    ReferencesUnchecked "references-unchecked",
    /// A reference may point to any row.
    ReferenceWithoutScope "reference-without-scope",
    /// `auto_set` is forgotten.
    AutoSetForgotten "auto-set-forgotten",
    /// A request may say something else than `auto_set`.
    AutoSetOverridden "auto-set-overridden",
    /// Immutable fields can be changed.
    ImmutableChanged "immutable-changed",
    /// Required fields may be left out.
    RequiredForgotten "required-forgotten",
    /// A write needs no reason.
    ReasonForgotten "reason-forgotten",
    /// A bulk update knows no cap.
    CapForgotten "cap-forgotten",
    /// A bulk update may change one row more than its cap.
    CapOffByOne "cap-off-by-one",
    /// A soft delete takes the row away.
    SoftDeleteIsHard "soft-delete-is-hard",
    /// A denied action is open.
    DeniedWriteOpen "denied-write-open",
    /// A written row is answered as it is stored.
    WrittenRowUnredacted "written-row-unredacted",
    /// A dry run is kept.
    DryRunKept "dry-run-kept",
    /// A write that was refused is kept.
    RefusedWriteKept "refused-write-kept",

    // Three-valued logic.
    /// Unknown admits.
    UnknownAdmits "unknown-admits",
    /// NOT makes unknown true.
    NotUnknownIsTrue "not-unknown-is-true",
    /// A missing attribute is NULL instead of unknown.
    MissingAttributeIsNull "missing-attribute-is-null",
    /// Everything is in an empty list.
    EmptyListHoldsAll "empty-list-holds-all",
    /// A comparison keeps its operator when its sides are exchanged.
    ComparisonNotFlipped "comparison-not-flipped",
    /// IS DISTINCT FROM is no more than `<>`.
    DistinctAsUnequal "distinct-as-unequal",
    /// `all` takes rows of which the filter is unknown.
    AllTakesUnknown "all-takes-unknown",

    // Pages.
    /// A total forgets the request's filter.
    TotalWithoutFilter "total-without-filter",
    /// A page does not look whether there are more rows.
    MoreRowsUnseen "more-rows-unseen",
    /// The next page forgets NULL.
    NextPageForgetsNull "next-page-forgets-null",
    /// The next page forgets rows that are equal in the first key.
    NextPageForgetsTies "next-page-forgets-ties",
    /// A cursor is bound to nothing.
    CursorUnbound "cursor-unbound",
    /// Small groups are shown.
    SmallGroupsShown "small-groups-shown",

    // Statements.
    /// The text of a plan serves plans that differ in their scope.
    TextOfAnotherScope "text-of-another-scope",
    /// Filter and beginning of a page are alternatives.
    ConditionsAsAlternatives "conditions-as-alternatives",
    /// Text compares as the database would have it.
    TextByCollation "text-by-collation",
    /// NULL is ordered as the smallest value.
    NullOrderedFirst "null-ordered-first",
    /// NOT EXISTS is EXISTS.
    ExistsNotNegated "exists-not-negated",
    /// A relation of several columns goes by its first.
    LinkOfFirstColumn "link-of-first-column",
    /// The columns of a relation of several are exchanged.
    LinkColumnsSwapped "link-columns-swapped",
    /// The limit of an include counts over all parents.
    IncludeLimitShared "include-limit-shared",
    /// Counting a field counts its NULLs.
    CountCountsNulls "count-counts-nulls",
    /// The last value of a list is lost.
    ListCutShort "list-cut-short",
    /// Two values are bound in each other's place.
    BindsCrossed "binds-crossed",
    /// `%`, `_` and `\` in a request's text are wildcards.
    PatternNotEscaped "pattern-not-escaped",

    // Answers.
    /// A masked value is shown.
    MaskForgotten "mask-forgotten",
    /// A redacted value is shown.
    RedactionForgotten "redaction-forgotten",
    /// Equal values of all tenants have one hash.
    HashOfAllTenants "hash-of-all-tenants",
    /// Included rows go to the wrong parent.
    IncludeOfAnotherParent "include-of-another-parent",

    // Audit records.
    /// The inputs of a record show values of fields that are not shown as they are.
    AuditShowsHidden "audit-shows-hidden",
    /// The inputs of a record show values under names that are not open.
    AuditShowsUnknown "audit-shows-unknown",
    /// The inputs of a record show fields that a relation does not open.
    AuditForgetsRelation "audit-forgets-relation",
    /// The inputs of a record show keys of rows that are not shown as they are.
    AuditShowsKey "audit-shows-key",
    /// The inputs of a record show cursors and idempotency keys.
    AuditShowsCursor "audit-shows-cursor",
    /// A snapshot shows rows as they are stored.
    SnapshotUnredacted "snapshot-unredacted",
    /// The rows before a change are not looked at for a snapshot.
    SnapshotWithoutBefore "snapshot-without-before",
    /// A bypass under an include or a relation filter is not told.
    BypassOfRelationUntold "bypass-of-relation-untold",
    /// A call that changes nothing is answered without a record.
    AnswerWithoutRecord "answer-without-record",
    /// The intent of a write is recorded after its statements.
    IntentAfterStatement "intent-after-statement",
    /// A read that uses a bypass runs without an intent.
    BypassNotIntended "bypass-not-intended",
    /// A call that is dropped leaves no record.
    DroppedCallUnrecorded "dropped-call-unrecorded",
    /// A call that is dropped while its record is taken leaves a second one.
    RecordClosedTwice "record-closed-twice",
    /// A write is recorded without the rows before and after.
    WriteWithoutSnapshot "write-without-snapshot",
}

/// The position of the fault that is on, plus one.
#[cfg(feature = "faults")]
static ON: AtomicUsize = AtomicUsize::new(0);

impl Fault {
    /// Whether this fault is made.
    #[cfg(feature = "faults")]
    pub fn is_on(self) -> bool {
        ON.load(Ordering::Relaxed) == self as usize + 1
    }

    /// Whether this fault is made: never, without the feature `faults`.
    #[cfg(not(feature = "faults"))]
    #[inline(always)]
    pub const fn is_on(self) -> bool {
        false
    }

    /// Makes this fault from now on, in the whole process.
    #[cfg(feature = "faults")]
    pub fn switch_on(self) {
        ON.store(self as usize + 1, Ordering::Relaxed);
    }

    /// A fault by its name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|fault| fault.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::Fault;

    #[test]
    fn every_fault_has_a_name_of_its_own() {
        let names: HashSet<&str> = Fault::ALL.iter().map(|fault| fault.name()).collect();
        assert_eq!(names.len(), Fault::ALL.len());
        assert!(Fault::ALL.iter().all(|fault| Fault::from_name(fault.name()) == Some(*fault)));
    }

    #[test]
    fn no_fault_is_on_by_itself() {
        assert!(Fault::ALL.iter().all(|fault| !fault.is_on()));
    }
}
