//! Where somebody stands after a request: what the answer's header fields say (draft-ietf-httpapi-ratelimit-headers-11).

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::rate::Rate;

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// What is left of one limit.
#[derive(Clone, Copy, Debug)]
pub struct Left {
    pub policy: &'static str,
    pub rate: Rate,
    pub remaining: u32,
    /// Set where the request was one too many.
    pub retry_after: Option<Duration>,
}

/// What is left of all limits that were asked.
#[derive(Clone, Debug, Default)]
pub struct Standing(Vec<Left>);

impl Standing {
    pub fn add(&mut self, left: Left) {
        self.0.push(left);
    }

    pub fn write(&self, headers: &mut HeaderMap) {
        if self.0.is_empty() {
            return;
        }
        headers.insert(RATE_LIMIT_POLICY, list(self.0.iter().map(Left::policy)));
        headers.insert(RATE_LIMIT, list(self.0.iter().map(Left::state)));
    }
}

impl Left {
    fn policy(&self) -> String {
        let (window_s, requests) = self.rate.window();
        format!(r#""{}";q={requests};w={window_s}"#, self.policy)
    }

    fn state(&self) -> String {
        let told = self
            .retry_after
            .map(|wait| wait.as_secs_f64().ceil() as u64);
        let seconds = told.unwrap_or(self.rate.next_s());
        format!(r#""{}";r={};t={seconds}"#, self.policy, self.remaining)
    }
}

fn list(items: impl Iterator<Item = String>) -> HeaderValue {
    let text = items.collect::<Vec<_>>().join(", ");
    HeaderValue::try_from(text).expect("letters, digits and signs")
}
