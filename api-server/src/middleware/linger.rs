//! The rest of a body that nobody wants to read. To close a connection with
//! bytes unread is to reset it, and a client that is still sending then sees
//! that instead of its answer: refused images would look like a broken server.
//! So the rest is read and thrown away, for a while.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::body::{Body, Bytes, HttpBody};
use http_body_util::BodyExt;
use hyper::body::{Frame, SizeHint};
use tokio::time::timeout;

/// The client has its answer by then, or reads it never.
const LINGER: Duration = Duration::from_secs(5);
/// Who sends nothing for so long is not kept from reading.
const PAUSE: Duration = Duration::from_millis(500);
/// More than anybody sends in good faith.
const MOST_BYTES: usize = 64 << 20;

/// A request's body that is read to its end after it was dropped.
#[derive(Debug)]
pub struct LingeringBody(Option<Body>);

impl LingeringBody {
    pub fn wrap(body: Body) -> Body {
        Body::new(Self(Some(body)))
    }

    fn inner(&mut self) -> Pin<&mut Body> {
        Pin::new(self.0.as_mut().expect("taken when dropped"))
    }
}

impl HttpBody for LingeringBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.inner().poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.0.as_ref().map(HttpBody::size_hint).unwrap_or_default()
    }
}

impl Drop for LingeringBody {
    fn drop(&mut self) {
        let Some(mut body) = self.0.take().filter(|body| !body.is_end_stream()) else {
            return;
        };
        tokio::spawn(timeout(LINGER, async move {
            let mut read = 0;
            while let Ok(Some(Ok(frame))) = timeout(PAUSE, body.frame()).await {
                read += frame.data_ref().map_or(0, Bytes::len);
                if read > MOST_BYTES {
                    break;
                }
            }
        }));
    }
}
