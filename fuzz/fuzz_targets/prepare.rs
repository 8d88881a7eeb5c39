//! Any bytes, as a file from a stranger.
#![no_main]

libfuzzer_sys::fuzz_target!(|file: &[u8]| tagfleet_fuzz::check(file));
