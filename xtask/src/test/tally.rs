//! What ran, read from the reports of nextest and libtest.

use std::collections::BTreeSet;

use crate::engines::{ENGINES, Engine};

/// How many checks passed and failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
}

impl Tally {
    pub(crate) fn one_passed() -> Self {
        Self { passed: 1, failed: 0 }
    }
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

/// The tests that ran, by name.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct TestRun {
    passed: Vec<String>,
    failed: Vec<String>,
    skipped: Vec<String>,
}

impl TestRun {
    /// Reads a JUnit report as nextest and pytest write it.
    pub(crate) fn from_junit(report: &str) -> Self {
        let mut run = Self::default();
        for case in report.split("<testcase ").skip(1) {
            // The element ends with its tag when it is empty, which means that it passed.
            let (attributes, rest) = case.split_once('>').unwrap_or((case, ""));
            let attribute = |name: &str| {
                let (_, value) = attributes.split_once(&format!("{name}=\""))?;
                value.split_once('"').map(|(value, _)| value.to_owned())
            };
            let binary = attribute("classname").unwrap_or_default();
            let name = format!("{binary} {}", attribute(" name").or_else(|| attribute("name")).unwrap_or_default());
            let content = if attributes.ends_with('/') { "" } else { rest.split("</testcase>").next().unwrap_or("") };
            if content.contains("<failure") || content.contains("<error") {
                run.failed.push(name);
            } else if content.contains("<skipped") {
                run.skipped.push(name);
            } else {
                run.passed.push(name);
            }
        }
        run
    }

    /// Reads what libtest prints.
    pub(crate) fn from_libtest(output: &str) -> Self {
        let mut run = Self::default();
        for line in output.lines() {
            let Some((name, outcome)) = line.strip_prefix("test ").and_then(|line| line.rsplit_once(" ... ")) else {
                continue;
            };
            match outcome {
                "ok" => run.passed.push(name.to_owned()),
                "FAILED" => run.failed.push(name.to_owned()),
                _ => {}
            }
        }
        run
    }

    pub(crate) fn tally(&self) -> Tally {
        Tally { passed: self.passed.len(), failed: self.failed.len() }
    }

    /// The tests that did not take place, although they are there.
    pub(crate) fn skipped(&self) -> &[String] {
        &self.skipped
    }

    /// Says on which engines nothing ran, and which twins (`…::postgres`, `…::mysql`) of the
    /// tests that ran on SQLite (`…::sqlite`) are missing.
    pub(crate) fn missing_engines(&self) -> Vec<String> {
        let names: BTreeSet<&str> = self.passed.iter().chain(&self.failed).map(String::as_str).collect();
        let bodies = |engine: &'static str| {
            names.iter().filter_map(move |name| name.strip_suffix(engine)?.strip_suffix("::")).collect::<BTreeSet<_>>()
        };
        let on_sqlite = bodies("sqlite");
        let mut missing = Vec::new();
        for Engine { suffix: engine, name } in ENGINES {
            let ran = bodies(engine);
            if ran.is_empty() {
                missing.push(format!("no test ran on {name}"));
                continue;
            }
            let twins = on_sqlite.difference(&ran).map(|body| format!("the test `{body}::{engine}` did not run"));
            missing.extend(twins);
        }
        missing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(passed: &[&str]) -> TestRun {
        TestRun { passed: passed.iter().map(|&name| name.to_owned()).collect(), ..TestRun::default() }
    }

    #[test]
    fn a_run_on_every_engine_is_complete() {
        assert_eq!(run(&["a::sqlite", "a::postgres", "a::mysql", "b"]).missing_engines(), Vec::<String>::new());
    }

    #[test]
    fn a_run_without_an_engine_is_incomplete() {
        let nothing = ["no test ran on SQLite", "no test ran on PostgreSQL", "no test ran on MariaDB"];
        assert_eq!(run(&["a", "b"]).missing_engines(), nothing);
        assert_eq!(run(&["a::sqlite", "a::postgres"]).missing_engines(), nothing[2..]);
        assert_eq!(run(&["a::sqlite", "a::mysql"]).missing_engines(), nothing[1..2]);
    }

    #[test]
    fn a_test_that_did_not_run_on_some_engine_is_missed() {
        let run = run(&["a::sqlite", "a::mysql", "b::sqlite", "b::postgres"]);
        assert_eq!(run.missing_engines(), ["the test `a::postgres` did not run", "the test `b::mysql` did not run"]);
    }

    #[test]
    fn a_test_of_one_engine_alone_has_no_twins() {
        let run = run(&["a::sqlite", "a::postgres", "a::mysql", "row_level_security::postgres"]);
        assert_eq!(run.missing_engines(), Vec::<String>::new());
    }

    #[test]
    fn a_junit_report_tells_passed_from_failed() {
        let report = r#"<testsuites name="nextest-run" tests="3" failures="1">
            <testsuite name="x::it" tests="3">
                <testcase name="one::sqlite" classname="x::it" timestamp="t" time="0.1"/>
                <testcase name="two" classname="x::it" timestamp="t" time="0.1">
                    <failure type="test failure">&lt;testcase</failure>
                </testcase>
                <testcase name="three" classname="x::it" timestamp="t" time="0.1">
                    <system-out>fine</system-out>
                </testcase>
                <testcase classname="tests.test_x" name="four[mysql]" time="0.1"><skipped message="no server" /></testcase>
            </testsuite></testsuites>"#;
        let run = TestRun::from_junit(report);
        assert_eq!(run.passed, ["x::it one::sqlite", "x::it three"]);
        assert_eq!(run.failed, ["x::it two"]);
        assert_eq!(run.skipped(), ["tests.test_x four[mysql]"]);
    }

    #[test]
    fn libtest_output_tells_passed_failed_and_ignored() {
        let run = TestRun::from_libtest("running 3 tests\ntest a ... ok\ntest b ... FAILED\ntest c ... ignored\n");
        assert_eq!((run.passed, run.failed), (vec!["a".to_owned()], vec!["b".to_owned()]));
    }
}
