//! A second look at a request's head. Of a request that has both
//! `Content-Length` and `Transfer-Encoding`, hyper takes the latter, hides the
//! former, and closes the connection after the answer: nothing can be smuggled
//! in, but the client is not told what is wrong with its request. Here it is.

use std::sync::{Arc, Mutex, PoisonError};

use axum::http::{Request, Version, header};
use common::{
    fault::{Code, Fault},
    stage::Stage,
};

use crate::MAX_HEAD_BYTES;

/// As many as hyper allows.
const MAX_HEADERS: usize = 100;

/// What one connection's reader has seen since the last answer.
#[derive(Clone, Default)]
pub struct Head(Arc<Mutex<Seen>>);

#[derive(Default)]
enum Seen {
    #[default]
    Nothing,
    /// The next request's head, or its beginning.
    Some(Vec<u8>),
    /// A request is being worked on: what comes now is its body.
    Busy,
    /// HTTP/2 has no such headers.
    Http2,
}

impl Head {
    pub fn saw(&self, bytes: &[u8]) {
        let mut seen = self.lock();
        if let Seen::Nothing = *seen {
            *seen = Seen::Some(Vec::with_capacity(bytes.len().min(MAX_HEAD_BYTES)));
        }
        if let Seen::Some(head) = &mut *seen {
            let room = MAX_HEAD_BYTES - head.len();
            head.extend_from_slice(&bytes[..bytes.len().min(room)]);
        }
    }

    /// Returns what is wrong with the head of the request that hyper has read.
    pub fn judge<B>(&self, request: &Request<B>) -> Option<Fault> {
        let busy = if request.version() == Version::HTTP_2 {
            Seen::Http2
        } else {
            Seen::Busy
        };
        let seen = std::mem::replace(&mut *self.lock(), busy);
        let Seen::Some(head) = seen else { return None };
        let twofold = request.headers().contains_key(header::TRANSFER_ENCODING)
            && names_a_length(&head, request);
        twofold.then(|| {
            let detail = "A request has either Content-Length or Transfer-Encoding, never both.";
            Fault::new(Code::InvalidRequest, Stage::Admit, detail)
        })
    }

    pub fn answered(&self) {
        let mut seen = self.lock();
        if let Seen::Busy = *seen {
            *seen = Seen::Nothing;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says no where the bytes are not surely this request's: a head that came
/// together with the body before it was not seen.
fn names_a_length<B>(head: &[u8], request: &Request<B>) -> bool {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    let whole = parsed.parse(head).is_ok_and(|status| status.is_complete());
    let same = parsed.method == Some(request.method().as_str())
        && parsed.path.is_some_and(|path| *request.uri() == *path);
    whole
        && same
        && parsed
            .headers
            .iter()
            .any(|field| header::CONTENT_LENGTH == field.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: &[u8] =
        b"POST /v1/tags?limit=3 HTTP/1.1\r\nContent-length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";

    /// As hyper hands it over.
    fn chunked(path: &str) -> Request<()> {
        Request::post(path)
            .header("transfer-encoding", "chunked")
            .body(())
            .expect("a request")
    }

    #[test]
    fn both_headers_are_found_however_they_arrive() {
        for size in [1, 7, 1000] {
            let head = Head::default();
            BOTH.chunks(size).for_each(|piece| head.saw(piece));
            assert_eq!(
                head.judge(&chunked("/v1/tags?limit=3"))
                    .expect("a fault")
                    .code,
                Code::InvalidRequest
            );
        }
    }

    #[test]
    fn bodies_are_not_taken_for_heads() {
        let head = Head::default();
        head.saw(b"POST /v1/tags?limit=3 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
        assert_eq!(head.judge(&chunked("/v1/tags?limit=3")), None);
        head.saw(BOTH);
        head.answered();
        assert_eq!(head.judge(&chunked("/v1/tags?limit=3")), None);
        // The next one is seen again.
        head.answered();
        head.saw(BOTH);
        assert_eq!(head.judge(&chunked("/v1/models")), None);
        head.answered();
        head.saw(BOTH);
        assert!(head.judge(&chunked("/v1/tags?limit=3")).is_some());
    }
}
