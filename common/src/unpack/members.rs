//! The members of a gzip file, one behind the other. Zeros may fill it up at its end, as those who write tapes and blocks do.
//! Anything else behind the last member is overlooked, as `gzip` and browsers do: what was packed came whole.

use std::{
    io,
    mem::replace,
    pin::Pin,
    task::{Context, Poll, ready},
};

use async_compression::tokio::bufread::GzipDecoder;
use tokio::io::{AsyncBufRead, AsyncRead, ReadBuf};

use super::bounded::Counted;

pub struct Members(State);

enum State {
    Within(GzipDecoder<Counted>),
    Between(Counted),
    Ended,
}

impl Members {
    pub fn new(packed: Counted) -> Self {
        Self(State::Within(GzipDecoder::new(packed)))
    }
}

impl AsyncRead for Members {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if into.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        loop {
            match &mut self.0 {
                State::Ended => return Poll::Ready(Ok(())),
                State::Within(member) => {
                    let before = into.filled().len();
                    ready!(Pin::new(member).poll_read(cx, into))?;
                    if into.filled().len() > before {
                        return Poll::Ready(Ok(()));
                    }
                }
                State::Between(packed) => match ready!(Pin::new(&mut *packed).poll_fill_buf(cx))? {
                    [] => {
                        self.0 = State::Ended;
                        continue;
                    }
                    zeros @ [0, ..] => {
                        let length = zeros.iter().take_while(|byte| **byte == 0).count();
                        Pin::new(packed).consume(length);
                        // There may be many, and others have their turn.
                        cx.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                    // One byte alone may begin another member, and the next one is still to come.
                    [0x1f] | [0x1f, 0x8b, ..] => {}
                    _ => {
                        self.0 = State::Ended;
                        continue;
                    }
                },
            }
            self.0 = match replace(&mut self.0, State::Ended) {
                State::Within(member) => State::Between(member.into_inner()),
                State::Between(packed) => State::Within(GzipDecoder::new(packed)),
                State::Ended => State::Ended,
            };
        }
    }
}
