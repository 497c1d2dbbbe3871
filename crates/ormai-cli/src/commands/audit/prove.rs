//! pending
use super::Stores;
use crate::args::audit::Prove;
use crate::failure::Failure;

pub(super) async fn run(_stores: &Stores<'_>, _options: Prove, _as_json: bool) -> Result<(), Failure> {
    Err(Failure::failed("pending"))
}
