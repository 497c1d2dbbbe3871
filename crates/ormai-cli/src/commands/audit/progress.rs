//! How far long work has come.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A counter on standard error; nothing where that is no terminal.
pub(super) fn counting(what: &'static str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner().with_message(what);
    // The template is a constant; without it the default serves.
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}: {human_pos} lines in {elapsed} ({per_sec})") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
