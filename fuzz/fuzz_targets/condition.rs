//! Law: a condition that is printed is read as the same, and no text makes the parser panic.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ormai_fuzz::condition::law(bytes));
