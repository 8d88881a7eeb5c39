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
use tokio::{sync::Semaphore, time::timeout};

/// The client has its answer by then, or reads it never.
const LINGER: Duration = Duration::from_secs(5);
/// Who sends nothing for so long is not kept from reading. A phone between two cells sends nothing for a second.
const PAUSE: Duration = Duration::from_secs(2);
/// More than anybody sends in good faith.
const MOST_BYTES: usize = 64 << 20;
/// So many at once. Under load, when most bodies are refused, each would take bandwidth from those that are not.
const MOST_BODIES: usize = 128;

static PLACES: Semaphore = Semaphore::const_new(MOST_BODIES);

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
        let Ok(place) = PLACES.try_acquire() else {
            return;
        };
        tokio::spawn(timeout(LINGER, async move {
            let _place = place;
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::stream;

    use super::*;

    #[tokio::test]
    async fn of_many_refused_bodies_some_are_read_no_further() {
        let sending = Arc::new(());
        let bodies: Vec<_> = (0..MOST_BODIES + 50)
            .map(|_| {
                let client = sending.clone();
                let rest = stream::once(async move {
                    let _client = client;
                    std::future::pending::<Result<Bytes, axum::Error>>().await
                });
                LingeringBody::wrap(Body::from_stream(rest))
            })
            .collect();
        drop(bodies);
        assert_eq!(Arc::strong_count(&sending), 1 + MOST_BODIES);
        let ended = async {
            while PLACES.available_permits() < MOST_BODIES {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(LINGER, ended).await.expect("the places come back");
        assert_eq!(Arc::strong_count(&sending), 1);
    }
}
