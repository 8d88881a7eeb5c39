use std::pin::Pin;

use async_compression::{
    tokio::bufread::{GzipDecoder, ZstdDecoder},
    zstd::DParameter,
};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufRead, AsyncRead};

use crate::bounded::{Bounded, Counted};

/// The largest window of zstd, 8 MiB: what a stream may ask to be kept of what it said before. `zstd --long` asks for more.
const MAX_WINDOW_LOG: u32 = 23;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    None,
    Gzip,
    Zstd,
}

/// Returns the bytes as they were before they were packed, within the bounds of [`Bounded`].
pub fn decoded(packed: impl AsyncBufRead + Send + 'static, compression: Compression) -> Bounded {
    let (packed, packed_bytes) = Counted::new(packed);
    Bounded::new(decoder(packed, compression), packed_bytes)
}

fn decoder(packed: Counted, compression: Compression) -> Pin<Box<dyn AsyncRead + Send>> {
    match compression {
        Compression::None => Box::pin(packed),
        Compression::Gzip => {
            let mut decoder = GzipDecoder::new(packed);
            decoder.multiple_members(true);
            Box::pin(decoder)
        }
        Compression::Zstd => {
            let window = [DParameter::window_log_max(MAX_WINDOW_LOG)];
            let mut decoder = ZstdDecoder::with_params(packed, &window);
            decoder.multiple_members(true);
            Box::pin(decoder)
        }
    }
}
