//! Reading a schema into a catalog.

use ormai_core::catalog::CatalogBuilder;

use crate::database::Database;
use crate::error::DbError;

/// What to read.
#[derive(Clone, Debug, Default)]
pub struct IntrospectOptions {}

/// Reads.
pub async fn introspect(_database: &Database, _options: &IntrospectOptions) -> Result<CatalogBuilder, DbError> {
    Ok(CatalogBuilder::new())
}
