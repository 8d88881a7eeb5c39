//! What it costs that files are decoded in a process of their own.

use std::{env, fs, path::Path, time::Duration};

use bytes::Bytes;
use common::process::ReaderProgram;
use prepare::{Limits, Niceness, Pool, PoolConfig};
use testing::bench::Spread;
use tokio::time::Instant;

use super::{ROUNDS, SPEC, TURN_NS, ms, ours_ns};

/// Milliseconds that a file of this size takes longer, there and back.
pub fn extra_ms(photo: &Path) -> Spread {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let pool = Pool::start(PoolConfig {
            pixels: None,
            niceness: Niceness { usual: 0, aside: 0 },
            program: ReaderProgram {
                path: env::current_exe().unwrap(),
                allow_unconfined: false,
            },
            processes: 1,
            queue: 1,
            timeout: Duration::from_secs(10),
            limits: Limits::STANDARD,
            max_file_bytes: 20_000_000,
        });
        let pool = pool.unwrap();
        let file = Bytes::from(fs::read(photo).unwrap());
        let count = (TURN_NS / ours_ns(&file, 1)).max(1);
        let mut extra = Vec::new();
        for _ in 0..ROUNDS {
            let begun = Instant::now();
            for _ in 0..count {
                pool.tile(
                    file.clone(),
                    SPEC,
                    Instant::now() + Duration::from_secs(10),
                    |_| (),
                )
                .await
                .unwrap();
            }
            let confined_ms = ms(begun.elapsed().as_nanos() as u64, count);
            extra.push(confined_ms - ms(ours_ns(&file, count), count));
        }
        Spread::of(&extra)
    })
}
