use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::time::{Sleep, sleep};

/// Pieces of a body that drips.
const DRIPS_A_SECOND: u32 = 10;

/// A photo on its way: at once, in drops, or half of it.
#[derive(Debug)]
pub struct Body {
    rest: Bytes,
    flow: Flow,
}

#[derive(Debug)]
enum Flow {
    AtOnce,
    InDrops {
        bytes: usize,
        next: Pin<Box<Sleep>>,
    },
    /// Breaks off when so much is left.
    BreaksAt(usize),
}

impl Body {
    pub fn all(photo: Bytes) -> Self {
        Self {
            rest: photo,
            flow: Flow::AtOnce,
        }
    }

    pub fn dripped(photo: Bytes, bytes_per_s: u32) -> Self {
        let bytes = bytes_per_s.div_ceil(DRIPS_A_SECOND) as usize;
        Self {
            rest: photo,
            flow: Flow::InDrops {
                bytes,
                next: Box::pin(sleep(Duration::ZERO)),
            },
        }
    }

    pub fn cut(photo: Bytes) -> Self {
        let half = photo.len() / 2;
        Self {
            rest: photo,
            flow: Flow::BreaksAt(half),
        }
    }

    fn take(&mut self, bytes: usize) -> Option<Bytes> {
        let piece = self.rest.split_to(bytes.min(self.rest.len()));
        (!piece.is_empty()).then_some(piece)
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let left = self.rest.len();
        let piece = match &mut self.flow {
            Flow::AtOnce => self.take(left),
            Flow::InDrops { bytes, next } => {
                ready!(next.as_mut().poll(cx));
                next.set(sleep(Duration::from_secs(1) / DRIPS_A_SECOND));
                let bytes = *bytes;
                self.take(bytes)
            }
            Flow::BreaksAt(half) if *half == left => {
                return Poll::Ready(Some(Err(io::Error::other("cut, as asked"))));
            }
            Flow::BreaksAt(half) => {
                let bytes = left - *half;
                self.take(bytes)
            }
        };
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}
