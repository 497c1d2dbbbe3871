//! How far long work has come.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A counter on standard error; nothing where that is no terminal.
pub(super) fn counting(what: &'static str, of: &str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner().with_message(what);
    // The template is made of constants; without it the default serves.
    if let Ok(style) = ProgressStyle::with_template(&format!("{{spinner}} {{msg}}: {{human_pos}} {of} in {{elapsed}}"))
    {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// A bar for so many steps; nothing where standard error is no terminal.
pub(super) fn steps(what: &'static str, steps: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(steps).with_message(what);
    if let Ok(style) = ProgressStyle::with_template("{msg}: {bar:30} {pos}/{len} rounds in {elapsed}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
