//! What has to be seen to when this process is forked.

use pyo3::prelude::*;
use pyo3::types::PyDict;

/// Says that this process is the child of a fork. `os.fork` does.
#[pyfunction]
pub(crate) fn forked() {
    ormai::audit::forked();
}

/// Has `forked` called in each child. There is nothing to do where processes cannot be forked.
pub(crate) fn watch(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let os = module.py().import("os")?;
    if os.hasattr("register_at_fork")? {
        let hooks = PyDict::new(module.py());
        hooks.set_item("after_in_child", module.getattr("forked")?)?;
        os.call_method("register_at_fork", (), Some(&hooks))?;
    }
    Ok(())
}
