//! Each law over its corpus, and over mutations of it that are the same on every run.
#![expect(clippy::unwrap_used, clippy::panic, reason = "these are tests and what they set up")]

mod mutate;

use std::fs;
use std::panic::{RefUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use ormai_fuzz::{condition, cursor, policy, request, write};

use mutate::Mutator;

/// The seeds of a fuzz target by name, in order.
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut files: Vec<PathBuf> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    files.iter().map(|path| (name(path), fs::read(path).unwrap())).collect()
}

/// Tries a law on its seeds and on this many mutations. Whatever breaks it is shown, so that
/// it can be kept as a seed. The sum of what the law returns is returned.
fn hold(target: &str, mutations: usize, law: impl Fn(&[u8]) -> usize + RefUnwindSafe) -> usize {
    let seeds = corpus(target);
    assert!(!seeds.is_empty(), "`fuzz/corpus/{target}` is empty");
    let tried = |name: &str, bytes: &[u8]| {
        catch_unwind(|| law(bytes)).unwrap_or_else(|_| {
            panic!("{name} breaks the law of `{target}`:\n{}", String::from_utf8_lossy(bytes).escape_debug())
        })
    };
    let mut sum = 0;
    for (name, bytes) in &seeds {
        sum += tried(name, bytes);
    }
    let mut mutator = Mutator::new(seeds.into_iter().map(|(_, bytes)| bytes).collect());
    for number in 0..mutations {
        sum += tried(&format!("mutation {number}"), &mutator.next());
    }
    sum
}

/// For laws that return nothing.
fn zero(law: fn(&[u8])) -> impl Fn(&[u8]) -> usize + RefUnwindSafe {
    move |bytes| {
        law(bytes);
        0
    }
}

#[test]
fn a_condition_that_is_printed_is_read_as_the_same() {
    hold("condition", 5_000, zero(condition::law));
}

#[test]
fn a_policy_that_is_printed_is_loaded_as_the_same() {
    hold("policy", 2_000, zero(policy::law));
}

#[test]
fn no_request_puts_a_value_into_a_statement() {
    let statements = hold("request", 3_000, request::tried);
    // A law over requests that are all refused would say little.
    assert!(statements > 1_500, "only {statements} statements");
}

#[test]
fn every_write_names_its_rows_and_puts_no_value_into_a_statement() {
    let statements = hold("request", 3_000, write::tried);
    assert!(statements > 1_500, "only {statements} statements");
}

#[test]
fn no_cursor_opens_but_where_it_was_made() {
    let opened = hold("cursor", 3_000, cursor::tried);
    assert!(opened > 3, "only {opened} cursors open at all");
}
