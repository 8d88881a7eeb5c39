//! JPEGs whose segments are whole, however strange their order and content:
//! random bytes hardly get past the first wrong length.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_mutator, fuzz_target, fuzzer_mutate};
use rand::{RngExt, SeedableRng, rngs::SmallRng};
use tagfleet_fuzz::{check, pieces::Pieces};

fuzz_target!(|file: &[u8]| -> Corpus {
    if !file.starts_with(&[0xff, 0xd8, 0xff]) {
        return Corpus::Reject;
    }
    check(file);
    Corpus::Keep
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let mut rng = SmallRng::seed_from_u64(seed.into());
    let mut pieces = Pieces::of(&data[..size]);
    // Now and then anything may happen, lengths included.
    if pieces.0.len() < 2 || rng.random_ratio(1, 8) {
        return fuzzer_mutate(data, size, max_size);
    }
    change(&mut pieces, &mut rng);
    let file = pieces.0.concat();
    let size = file.len().min(max_size);
    data[..size].copy_from_slice(&file[..size]);
    size
});

/// The first piece makes it a JPEG, and stays.
fn change(pieces: &mut Pieces, rng: &mut SmallRng) {
    let at = rng.random_range(1..pieces.0.len());
    let other = rng.random_range(1..pieces.0.len());
    match rng.random_range(0..8) {
        0 => drop(pieces.0.remove(at)),
        1 => pieces.0.swap(at, other),
        2 => pieces.0.insert(other, pieces.0[at].clone()),
        3 => pieces.rename(at, rng.random_range(0xc0..=0xfe)),
        _ => pieces.edit(at, fuzzer_mutate),
    }
}
