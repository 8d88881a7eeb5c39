use std::pin::Pin;

use async_compression::{
    tokio::bufread::{GzipDecoder, ZstdDecoder},
    zstd::DParameter,
};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufRead, AsyncRead};

/// The largest window of zstd, 8 MiB: what a stream may ask to be kept of what it said before. `zstd --long` asks for more.
const MAX_WINDOW_LOG: u32 = 23;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    None,
    Gzip,
    Zstd,
}

pub fn decoded(
    packed: impl AsyncBufRead + Send + 'static,
    compression: Compression,
) -> Pin<Box<dyn AsyncRead + Send>> {
    match compression {
        Compression::None => Box::pin(packed),
        Compression::Gzip => {
            let mut decoder = GzipDecoder::new(packed);
            decoder.multiple_members(true);
            Box::pin(decoder)
        }
        Compression::Zstd => {
            let mut decoder =
                ZstdDecoder::with_params(packed, &[DParameter::window_log_max(MAX_WINDOW_LOG)]);
            decoder.multiple_members(true);
            Box::pin(decoder)
        }
    }
}
