//! Law: no request puts a value into the text of a statement, each statement has as many
//! placeholders as values, and no arguments of a tool make anything on the way panic.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ormai_fuzz::request::law(bytes));
