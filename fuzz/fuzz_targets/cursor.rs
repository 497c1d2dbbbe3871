//! Law: no text opens as a cursor but the one that was made for this very page.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ormai_fuzz::cursor::law(bytes));
