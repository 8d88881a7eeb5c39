//! Any bytes as the directories and previews of camera RAW.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use tagfleet_fuzz::check;

fuzz_target!(|file: &[u8]| -> Corpus {
    let is_raw = [b"II".as_slice(), b"MM", b"FUJIFILMCCD-RAW"]
        .iter()
        .any(|begin| file.starts_with(begin));
    if !is_raw {
        return Corpus::Reject;
    }
    check(file);
    Corpus::Keep
});
