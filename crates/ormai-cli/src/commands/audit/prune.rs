//! pending
use super::Stores;
use crate::args::audit::Prune;
use crate::failure::Failure;

pub(super) async fn run(_stores: &Stores<'_>, _options: Prune, _as_json: bool) -> Result<(), Failure> {
    Err(Failure::failed("pending"))
}
