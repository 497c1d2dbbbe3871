//! `ormai eval`: whether isolation holds, for those who answer for it.

mod run;

use crate::args::eval::{Eval, EvalCommand};
use crate::failure::Failure;

pub(crate) async fn run(eval: Eval, as_json: bool) -> Result<(), Failure> {
    match eval.command {
        EvalCommand::Run(run) => run::run(run, as_json).await,
    }
}
