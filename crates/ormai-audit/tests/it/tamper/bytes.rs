//! Every byte of a small store.

use ormai_audit::verify::VerifyOptions;
use ormai_audit::{Line, TrailKeys};

use super::attack::change_byte;
use super::law::attacks;
use super::store::{kept, keys, verified};

async fn every_byte(keys: TrailKeys, values: impl Fn(u8) -> Vec<u8>) {
    let kept = kept(3, 1, keys).await;
    let mut lines: Vec<Line> = kept.lines;
    let chain = lines[0].place().chain;
    lines.retain(|line| line.place().chain == chain);
    lines.truncate(3);
    let mut options = VerifyOptions::default();
    options.mac = kept.options.mac;
    options.public_keys = kept.options.public_keys;
    for (at, line) in lines.iter().enumerate() {
        for place in 0..=line.text().len() {
            for by in values(line.text().as_bytes().get(place).copied().unwrap_or(b'\n')) {
                let (text, expected) = change_byte(&lines, at, place, by);
                let report = verified(text, &options);
                let first = report.first().unwrap_or_else(|| panic!("line {at}, byte {place} by {by}: {expected:?}"));
                assert!(expected.is(first), "line {at}, byte {place} by {by}: {expected:?}, but {first:?}");
            }
        }
    }
}

/// Bytes that could be taken for the one that stands there; all of them where much is tried.
fn near(byte: u8) -> Vec<u8> {
    if attacks() >= 1_000 {
        return (1..=255).collect();
    }
    [byte ^ 1, byte ^ 0x20, b'"', b'\n', 0xff].into_iter().map(|other| other ^ byte).filter(|by| *by != 0).collect()
}

#[tokio::test]
async fn no_byte_of_a_keyed_line_can_be_another() {
    every_byte(keys(), near).await;
}

#[tokio::test]
async fn no_byte_of_a_line_without_a_key_can_be_another_by_accident() {
    every_byte(TrailKeys::default(), near).await;
}
