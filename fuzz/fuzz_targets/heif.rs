//! Any bytes as the boxes of HEIC and AVIF. The libraries that decode what is in them are the machine's, and unwatched: what
//! is looked for is what our own reader of boxes does.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use tagfleet_fuzz::check;

fuzz_target!(|file: &[u8]| -> Corpus {
    if file.get(4..8) != Some(b"ftyp") {
        return Corpus::Reject;
    }
    check(file);
    Corpus::Keep
});
