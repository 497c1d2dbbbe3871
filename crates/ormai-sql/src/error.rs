//! Why a step has no statement.

use ormai_core::error::{Error, ErrorCode};

/// Why a step has no statement. Every case is a fault of OrmAI or of its set-up, so a
/// caller sees `INTERNAL` and nothing of the text below, which is for the operator's log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CompileError {
    /// The step was made for another catalog.
    #[error("the plan names a model or field that this catalog does not have")]
    ForeignCatalog,
    /// A column whose type is not read.
    #[error("column `{column}` of table `{table}` has a type that is not supported")]
    UnsupportedColumn {
        /// The table.
        table: String,
        /// The column.
        column: String,
    },
    /// A name that no database can hold.
    #[error("the name {name:?} holds a NUL character")]
    Identifier {
        /// The name.
        name: String,
    },
    /// The parts of the shape contradict each other.
    #[error("the plan is malformed: {0}")]
    Malformed(&'static str),
    /// More placeholders than the engine takes in one statement.
    #[error("the statement needs more than {max} placeholders")]
    TooManyPlaces {
        /// The engine's limit.
        max: usize,
    },
    /// A placeholder of the built statement that the shape did not ask for, or the reverse.
    #[error("the placeholders of the built statement are not those of the plan")]
    Places,
    /// The built statement does not read and change exactly the tables of the shape.
    #[error("the built statement uses other tables than its plan: {0}")]
    Tables(String),
    /// The values do not fit the shape: a slot without a value, or a list of the wrong length.
    #[error("the values of the plan do not fit its shape at slot {slot}")]
    Values {
        /// The slot.
        slot: usize,
    },
}

impl From<CompileError> for Error {
    fn from(_: CompileError) -> Self {
        Self::new(ErrorCode::Internal, "no statement could be made for this request")
    }
}
