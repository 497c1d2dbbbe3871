//! Python bindings: the extension module `ormai._ormai`, a thin shell over the `ormai` crate.
//!
//! Every call is a Rust future inside a [`running::Running`] that Python steps: no Rust frame is on the stack
//! while Python runs a driver. The pure Python part of the package is beside this crate, in `python/ormai`.

mod approvals;
mod audit;
mod build;
mod calls;
mod catalog;
mod context;
mod convert;
mod domain;
mod eval;
mod failure;
mod fork;
mod host;
mod mailbox;
mod native;
mod options;
mod orders;
mod policy;
mod running;
mod runtime;
mod signal;

/// The extension module.
#[pyo3::pymodule(name = "_ormai")]
mod module {
    #[pymodule_export]
    use crate::approvals::Approvals;
    #[pymodule_export]
    use crate::audit::Store;
    #[pymodule_export]
    use crate::context::Context;
    #[pymodule_export]
    use crate::eval::{Harness, Recorder, Recording, determinism, diff, invariants, isolation, replay};
    #[pymodule_export]
    use crate::fork::forked;
    #[pymodule_export]
    use crate::native::Native;
    #[pymodule_export]
    use crate::policy::{check_policy, error_codes, nearest, policy_from_text, policy_to_yaml};
    #[pymodule_export]
    use crate::running::Running;
    use pyo3::prelude::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("NativeError", crate::failure::class(module.py())?)?;
        crate::fork::watch(module)
    }
}
