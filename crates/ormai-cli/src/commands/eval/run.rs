//! `ormai eval run`: scenarios, and what came otherwise than their pages say.

use std::io::IsTerminal as _;
use std::path::Path;

use ormai::db::{ConnectOptions, Database};
use ormai_eval::scenario::{PageReport, Runner, Source, junit};
use serde_json::{Value as Json, json};

use super::progress;
use crate::args::eval::Run;
use crate::failure::Failure;
use crate::output;

pub(crate) async fn run(run: Run, as_json: bool) -> Result<(), Failure> {
    let mut sources = Vec::new();
    for path in &run.paths {
        let unread = |error| Failure::misuse(format!("`{}` cannot be read: {error}", path.display()));
        sources.extend(Source::below(path).map_err(unread)?);
    }
    let mut runner = match &run.database {
        None => Runner::new(),
        Some(url) => Runner::on(Database::connect(url, &ConnectOptions::default()).await?),
    };
    if let Some(text) = &run.filter {
        runner = runner.filter(text);
    }
    let progress = progress::pages(sources.len());
    let mut pages = Vec::new();
    for source in &sources {
        progress.set_message(source.name().to_owned());
        pages.push(runner.run(source).await);
        progress.inc(1);
    }
    progress.finish_and_clear();
    if let Some(path) = &run.junit {
        std::fs::write(path, junit(&pages)?)?;
    }
    let blessed = if run.bless { bless(&pages)? } else { 0 };
    let summary = Summary::of(&pages, run.bless, blessed);
    if as_json {
        output::json(&json!({"pages": pages.iter().map(page_json).collect::<Vec<_>>(), "summary": summary.json()}))?;
    } else {
        for page in &pages {
            show(page, run.bless)?;
        }
        output::line(&summary)?;
    }
    if summary.scenarios == 0 && summary.findings == 0 {
        return Err(Failure::misuse(format!("there is no scenario in {}", places(&run))));
    }
    if summary.failed() { Err(Failure::told()) } else { Ok(()) }
}

fn places(run: &Run) -> String {
    let paths: Vec<String> = run.paths.iter().map(|path| format!("`{}`", path.display())).collect();
    let filter = run.filter.as_ref().map(|text| format!(" whose headings contain `{text}`"));
    paths.join(", ") + &filter.unwrap_or_default()
}

/// Writes what came, and tells onto how many pages.
fn bless(pages: &[PageReport]) -> Result<usize, Failure> {
    let mut written = 0;
    for page in pages {
        if let Some(text) = page.blessed() {
            // Somebody may be writing the page.
            if std::fs::read_to_string(&page.name)? != page.text() {
                return Err(Failure::failed(format!("`{}` has changed meanwhile; run it again", page.name)));
            }
            std::fs::write(Path::new(&page.name), text)?;
            written += 1;
        }
    }
    Ok(written)
}

fn show(page: &PageReport, blessed: bool) -> Result<(), Failure> {
    let coloured = std::io::stdout().is_terminal();
    let failed: Vec<_> = page.scenarios.iter().filter(|scenario| !scenario.failures.is_empty()).collect();
    let sign = if page.passed() { "✓" } else { "✗" };
    output::line(format!("{sign} {} ({})", page.name, counted(page.scenarios.len(), "scenario")))?;
    if !page.findings.is_empty() {
        output::findings(&page.name, page.text(), &page.findings)?;
    }
    for scenario in failed {
        output::line(format!("\n  {}", scenario.title))?;
        for failure in &scenario.failures {
            let mended = if blessed && failure.can_be_blessed() { " (blessed)" } else { "" };
            output::line(format!("  {}:{}: {}{mended}", page.name, failure.line, failure.what))?;
            for line in failure.difference(coloured).lines() {
                output::line(format!("    {line}"))?;
            }
        }
    }
    Ok(())
}

fn page_json(page: &PageReport) -> Json {
    let scenarios = page.scenarios.iter().map(|scenario| {
        json!({
            "title": scenario.title, "line": scenario.line, "requests": scenario.requests,
            "elapsed_ms": scenario.elapsed.as_secs_f64() * 1_000.0,
            "passed": scenario.failures.is_empty(), "failures": scenario.failures,
        })
    });
    json!({
        "page": page.name, "passed": page.passed(),
        "findings": output::findings_json(page.text(), &page.findings), "scenarios": scenarios.collect::<Vec<_>>(),
    })
}

struct Summary {
    pages: usize,
    scenarios: usize,
    requests: usize,
    failed: usize,
    findings: usize,
    blessed: usize,
    /// Failures that nothing was written for.
    left: usize,
}

impl Summary {
    fn of(pages: &[PageReport], bless: bool, blessed: usize) -> Self {
        let scenarios = || pages.iter().flat_map(|page| &page.scenarios);
        let failures = pages.iter().flat_map(PageReport::failures);
        Self {
            pages: pages.len(),
            scenarios: scenarios().count(),
            requests: scenarios().map(|scenario| scenario.requests).sum(),
            failed: scenarios().filter(|scenario| !scenario.failures.is_empty()).count(),
            findings: pages.iter().map(|page| page.findings.len()).sum(),
            blessed,
            left: failures.filter(|failure| !(bless && failure.can_be_blessed())).count(),
        }
    }

    fn failed(&self) -> bool {
        self.findings > 0 || self.left > 0
    }

    fn json(&self) -> Json {
        json!({
            "pages": self.pages, "scenarios": self.scenarios, "requests": self.requests, "failed": self.failed,
            "findings": self.findings, "blessed": self.blessed, "passed": !self.failed(),
        })
    }
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (pages, scenarios) = (counted(self.pages, "page"), counted(self.scenarios, "scenario"));
        write!(f, "\n{pages}, {scenarios}, {}: ", counted(self.requests, "request"))?;
        match (self.failed, self.findings) {
            (0, 0) => f.write_str("all came as they say")?,
            (failed, 0) => write!(f, "{failed} failed")?,
            (failed, findings) => write!(f, "{failed} failed, {}", counted(findings, "finding"))?,
        }
        if self.blessed > 0 {
            write!(f, "; {} written", counted(self.blessed, "page"))?;
        }
        Ok(())
    }
}

fn counted(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
