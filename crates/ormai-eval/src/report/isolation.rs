//! What a run of the isolation suite has found and covered, as a part of a page.

use maud::{Markup, html};

use super::page::tile;
use crate::isolation::{IsolationReport, IsolationVerdict, Leak, RuleCoverage, ToolCoverage};

pub(super) fn part(report: &IsolationReport) -> Markup {
    html! {
        p {
            "Policy " code { (report.policy_version) } " on " (report.engine) ", seed " (report.seed) ", "
            (report.milliseconds) " ms."
        }
        p {
            @match report.verdict {
                IsolationVerdict::Isolated => span.verdict.narrower { "✓ nothing leaked" },
                IsolationVerdict::Undecided => span.verdict { "? undecided: too little was tested" },
                IsolationVerdict::Leaks => span.verdict.wider { "✗ something leaked" },
            }
        }
        (listed("Why it is undecided", &report.undecided))
        ul.tiles {
            (tile(report.leaks.len() + report.more_leaks, "leaks"))
            (tile(report.principals, "principals"))
            (tile(report.requests, "requests"))
            (tile(report.stored_rows, "rows that were there"))
            (tile(report.planted_rows, "rows planted and undone"))
        }
        @if !report.leaks.is_empty() { (leaks(report)) }
        (tools(&report.tools))
        (rules(&report.rules))
        (listed("Rules that never decided anything", &report.never_decided))
        (listed("Rules that no request has tried", &report.never_tested))
        (listed("What was not covered", &report.not_covered))
    }
}

fn leaks(report: &IsolationReport) -> Markup {
    html! {
        h2 { "What leaked" }
        @for leak in &report.leaks { (told(leak)) }
        @if report.more_leaks > 0 { p.soft { "and " (report.more_leaks) " more" } }
    }
}

fn told(leak: &Leak) -> Markup {
    html! {
        h3.wider { "✗ " (leak.violation) }
        p { code { (leak.command) } }
        p.soft { code { (leak.answer) } }
    }
}

fn listed(heading: &str, items: &[String]) -> Markup {
    html! {
        @if !items.is_empty() {
            h2 { (heading) }
            ul { @for item in items { li { (item) } } }
        }
    }
}

/// Models by tools: the more requests, the darker.
fn tools(tools: &[ToolCoverage]) -> Markup {
    let (models, names) = (distinct(tools, |cell| &cell.model), distinct(tools, |cell| &cell.tool));
    html! {
        h2 { "Models by tools" }
        p.soft { "Requests that were answered, and those that were refused. The more there are, the darker a cell is." }
        div.wide {
            table.grid {
                caption.unseen { "How often each tool was used on each model" }
                thead {
                    tr {
                        th scope="col" { "model" }
                        @for name in &names { th scope="col" { code { (name) } } }
                    }
                }
                tbody {
                    @for model in &models {
                        tr {
                            th scope="row" { (model) }
                            @for name in &names {
                                (used(tools.iter().find(|cell| cell.model == **model && cell.tool == **name)))
                            }
                        }
                    }
                }
            }
        }
    }
}

fn used(cell: Option<&ToolCoverage>) -> Markup {
    let (answered, refused) = cell.map_or((0, 0), |cell| (cell.answered, cell.refused));
    let heat = match answered + refused {
        0 => "none number",
        1..10 => "h1 number",
        10..100 => "h2 number",
        100..1_000 => "h3 number",
        _ => "h4 number",
    };
    let words = match answered + refused {
        0 => "never used".to_owned(),
        _ => format!("{answered} answered, {refused} refused"),
    };
    html! { td class=(heat) title=(words) { (answered) " / " (refused) } }
}

/// Models by kinds of rules, a square for each rule.
fn rules(rules: &[RuleCoverage]) -> Markup {
    let (models, kinds) = (distinct(rules, |rule| &rule.model), distinct(rules, |rule| &rule.kind));
    html! {
        h2 { "Models by rules" }
        p.legend {
            span { (square(&State::Decided)) " decided something" }
            span { (square(&State::Tried)) " took part, and never made a difference" }
            span { (square(&State::Untried)) " never tried" }
        }
        div.wide {
            table.grid {
                caption.unseen { "Which rules of each model took part, and which decided" }
                thead {
                    tr {
                        th scope="col" { "model" }
                        @for kind in &kinds { th scope="col" { (kind) } }
                    }
                }
                tbody {
                    @for model in &models {
                        tr {
                            th scope="row" { (model) }
                            @for kind in &kinds {
                                td { (squares(rules.iter().filter(|rule| rule.model == **model && rule.kind == **kind))) }
                            }
                        }
                    }
                }
            }
        }
        details {
            summary { "All rules with their figures" }
            div.wide {
                table {
                    thead {
                        tr {
                            @for heading in ["model", "kind", "rule"] { th scope="col" { (heading) } }
                            @for heading in ["took part", "decided"] { th.number scope="col" { (heading) } }
                        }
                    }
                    tbody {
                        @for rule in rules {
                            tr {
                                td { (rule.model) }
                                td { (rule.kind) }
                                td { code { (rule.rule) } }
                                td.number { (rule.exercised) }
                                td.number { (rule.decided) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// How far a rule came.
enum State {
    Decided,
    Tried,
    Untried,
}

fn squares<'r>(rules: impl Iterator<Item = &'r RuleCoverage>) -> Markup {
    html! {
        @for rule in rules {
            @let (state, word) = match (rule.decided, rule.exercised) {
                (1.., _) => (State::Decided, "decided"),
                (0, 1..) => (State::Tried, "took part"),
                (0, 0) => (State::Untried, "never tried"),
            };
            @let words = format!("{}: {word}, {} of {} requests", rule.rule, rule.decided, rule.exercised);
            span.rule role="img" aria-label=(words) title=(words) { (square(&state)) }
        }
    }
}

fn square(state: &State) -> Markup {
    let (class, sign) = match state {
        State::Decided => ("r2", "●"),
        State::Tried => ("r1", "○"),
        State::Untried => ("r0", "✗"),
    };
    html! { span class=(class) aria-hidden="true" { (sign) } }
}

/// What stands in a list, each once, in its order.
fn distinct<'c, T>(cells: &'c [T], name: impl Fn(&'c T) -> &'c String) -> Vec<&'c str> {
    let mut names: Vec<&str> = Vec::new();
    for name in cells.iter().map(name) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Violation;
    use crate::record::Who;
    use crate::report::Report;

    fn report(name: &str) -> IsolationReport {
        let word = || name.to_owned();
        let tool =
            |tool: &str, answered, refused| ToolCoverage { model: word(), tool: tool.to_owned(), answered, refused };
        let rule = |exercised, decided| RuleCoverage { model: word(), rule: word(), kind: word(), exercised, decided };
        IsolationReport {
            policy_version: word(),
            verdict: IsolationVerdict::Leaks,
            undecided: vec![word()],
            engine: word(),
            leaks: vec![Leak {
                violation: Violation::new(name, name).row(name, json!(name)).field(name),
                tool: word(),
                arguments: json!({"model": name}),
                principal: Who::default(),
                command: word(),
                answer: word(),
            }],
            tools: vec![tool(name, 12, 3), tool("get", 0, 0)],
            rules: vec![rule(5, 2), rule(5, 0), rule(0, 0)],
            never_decided: vec![word()],
            never_tested: vec![word()],
            not_covered: vec![word()],
            ..IsolationReport::default()
        }
    }

    #[test]
    fn what_was_found_is_text_in_a_page() {
        let hostile = "<script>alert(1)</script>\"'&</style><img src=x onerror=alert(1)>";
        let page = Report::new("Isolation").isolation(&report(hostile)).html();
        for mark in ["<script", "<img", "onerror=alert(1)>", "\"'&<"] {
            assert!(!page.contains(mark), "{mark}");
        }
        assert!(page.matches("&lt;script&gt;").count() > 10);
        assert_eq!(page.matches("</style>").count(), 1);
    }

    #[test]
    fn every_cell_says_in_words_what_it_shows() {
        let page = Report::new("Isolation").isolation(&report("Order")).html();
        for words in [
            "12 answered, 3 refused",
            "never used",
            "Order: decided, 2 of 5 requests",
            "Order: took part, 0 of 5 requests",
            "Order: never tried, 0 of 0 requests",
        ] {
            assert!(page.contains(&format!("title=\"{words}\"")), "{words}");
        }
        assert!(page.contains("something leaked"));
        let sound = IsolationReport { verdict: IsolationVerdict::Isolated, ..IsolationReport::default() };
        assert!(Report::new("Isolation").isolation(&sound).html().contains("nothing leaked"));
        let undecided = Report::new("Isolation").isolation(&IsolationReport::default()).html();
        assert!(undecided.contains("undecided") && !undecided.contains("nothing leaked"));
    }
}
