//! The id of a request, and the moment it came.

use std::{convert::Infallible, fmt, ops::Deref, sync::Arc, time::Instant};

use axum::{extract::FromRequestParts, http::request::Parts};

/// `req_` and 128 random bits. Ours, never the client's: it names the job.
#[derive(Clone, Debug)]
pub struct RequestId(Arc<str>);

impl RequestId {
    pub fn random() -> Self {
        Self(format!("req_{:032x}", rand::random::<u128>()).into())
    }
}

impl Deref for RequestId {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// When the request's head had arrived.
#[derive(Clone, Copy, Debug)]
pub struct Arrived(pub Instant);

impl<S: Sync> FromRequestParts<S> for RequestId {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts
            .extensions
            .get::<RequestId>()
            .cloned()
            .unwrap_or_else(RequestId::random))
    }
}

impl<S: Sync> FromRequestParts<S> for Arrived {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts
            .extensions
            .get::<Arrived>()
            .copied()
            .unwrap_or_else(|| Arrived(Instant::now())))
    }
}
