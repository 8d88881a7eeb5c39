//! What becomes of a file and of its decoder, by how the one left the other.

use std::sync::Arc;

use bytes::Bytes;
use common::{
    budget::Held,
    fault::{Code, Fault},
    image::DecoderImpact,
    model::TileSpec,
};
use tokio::{sync::OwnedSemaphorePermit, task::spawn_blocking};

use super::{Inner, Response, internal, turn::Ended};
use crate::{
    Picture, fault,
    metrics::count_refused,
    protocol::{Decoded, Reply},
};

/// Hashing more than this would hold up the other requests of its thread.
const HASHED_INLINE_BYTES: usize = 256 << 10;

/// The impact is that on the decoder; none where nobody looked at the file.
type Told = (Response, Option<DecoderImpact>);

impl Inner {
    pub(super) async fn decode(
        self: &Arc<Self>,
        file: Bytes,
        specs: Vec<TileSpec>,
        turn: OwnedSemaphorePermit,
    ) -> Told {
        let mut decoder = match self.take().await {
            Ok(decoder) => decoder,
            Err(error) => return (Err(internal(error)), None),
        };
        match self.ask(&mut decoder, &file, &specs, turn).await {
            Ended::Answered { reply, slow } => {
                if slow || decoder.is_worn() {
                    self.replace(decoder);
                } else {
                    self.idle().push_front(decoder);
                }
                self.answered(reply, file, specs).await
            }
            Ended::Died(error) => {
                self.lost(decoder, "died");
                tracing::warn!(%error, bytes = file.len(), "a decoding process died of a file");
                let impact = DecoderImpact::Fatal(Code::ImageInvalid);
                (Err(undecodable()), Some(impact))
            }
            Ended::TooSlow => {
                self.lost(decoder, "too_slow");
                let detail = "Decoding the image took too long.";
                let impact = DecoderImpact::Fatal(Code::DecodeTimeout);
                (Err(fault(Code::DecodeTimeout, detail)), Some(impact))
            }
            Ended::Starved => {
                self.lost(decoder, "starved");
                let detail =
                    "Decoding the image takes long, since too much else is done beside it.";
                (Err(fault(Code::Overloaded, detail)), None)
            }
            Ended::Crowded => {
                self.lost(decoder, "crowded");
                let detail =
                    "Decoding the image takes long, and that of too many others does, too.";
                let impact = DecoderImpact::Costly(Code::DecodeTimeout);
                (Err(fault(Code::Overloaded, detail)), Some(impact))
            }
        }
    }

    async fn answered(&self, reply: Reply, file: Bytes, specs: Vec<TileSpec>) -> Told {
        match reply {
            Reply::Done(decoded) => {
                let response = self.finish(file, specs, decoded).await;
                (response, Some(DecoderImpact::Harmless))
            }
            Reply::Panicked => {
                let impact = DecoderImpact::Costly(Code::ImageInvalid);
                (Err(undecodable()), Some(impact))
            }
        }
    }

    async fn finish(&self, file: Bytes, specs: Vec<TileSpec>, decoded: Decoded) -> Response {
        let picture = decoded.inspect_err(count_refused)?;
        let limits = self.config.limits;
        match self.room_for(&picture) {
            Some(held) if file.len() <= HASHED_INLINE_BYTES => {
                crate::as_pixels(&file, picture, &specs, held)
            }
            Some(held) => aside(move || crate::as_pixels(&file, picture, &specs, held)).await,
            None => aside(move || crate::encoded(&file, picture, &specs, &limits)).await,
        }
    }

    /// Returns the memory for a picture's pixels, where they go to a worker of this process and there is room.
    fn room_for(&self, picture: &Picture) -> Option<Held> {
        self.config.pixels.as_ref()?.hold(picture.rgb.len())
    }
}

/// Beside the async threads: to encode takes half a millisecond, and a large file has to be hashed.
async fn aside(work: impl FnOnce() -> Response + Send + 'static) -> Response {
    spawn_blocking(work).await.map_err(internal)?
}

fn undecodable() -> Fault {
    fault(Code::ImageInvalid, "The image cannot be decoded.")
}
