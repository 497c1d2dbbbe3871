//! How far long work has come, on standard error; nothing where that is no terminal.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A counter of lines, with how fast they come.
pub(super) fn lines(what: &'static str) -> ProgressBar {
    let bar = || ProgressBar::new_spinner().with_message(what);
    shown(bar, "{spinner} {msg}: {human_pos} lines in {elapsed} ({per_sec})")
}

/// A counter of something else.
pub(super) fn counting(what: &'static str, of: &str) -> ProgressBar {
    let bar = || ProgressBar::new_spinner().with_message(what);
    shown(bar, &format!("{{spinner}} {{msg}}: {{human_pos}} {of} in {{elapsed}}"))
}

/// A bar for so many rounds.
pub(super) fn rounds(what: &'static str, rounds: u64) -> ProgressBar {
    let bar = || ProgressBar::new(rounds).with_message(what);
    shown(bar, "{msg}: {bar:30} {pos}/{len} rounds in {elapsed}")
}

/// A bar for so many pages, which says which one is at hand.
pub(super) fn pages(pages: usize) -> ProgressBar {
    let bar = || ProgressBar::new(u64::try_from(pages).unwrap_or(u64::MAX));
    shown(bar, "{bar:30} {pos}/{len} {msg}")
}

fn shown(bar: impl FnOnce() -> ProgressBar, template: &str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = bar();
    // The templates are made of constants; without one the default serves.
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
