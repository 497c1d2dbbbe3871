//! Law: a policy that is printed is loaded as the same version, and no text makes the readers
//! of the three formats or the compiler panic.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ormai_fuzz::policy::law(bytes));
