//! An answer of the API, and what every problem must look like.

use serde_json::Value;

pub struct Reply {
    pub status: u16,
    pub headers: http::HeaderMap,
    /// The body; as a string where it is no JSON.
    pub json: Value,
}

impl Reply {
    pub async fn read(response: reqwest::Response) -> Self {
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let text = response.text().await.expect("a body");
        let json = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Self {
            status,
            headers,
            json,
        }
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// Asserts status and code, and the shape that every problem has.
    #[track_caller]
    pub fn is_problem(&self, status: u16, code: &str) {
        let said = (self.status, self.json["code"].as_str().unwrap_or_default());
        assert_eq!(said, (status, code), "{}", self.json);
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.json["status"], status);
        assert_eq!(self.json["type"], format!("/problems/{code}"));
        assert_eq!(self.json["request_id"], self.header("x-request-id"));
        for field in ["title", "detail", "stage"] {
            assert!(
                self.json[field]
                    .as_str()
                    .is_some_and(|text| !text.is_empty()),
                "{field} in {}",
                self.json
            );
        }
        let retryable = self.json["retryable"].as_bool().expect("true or false");
        assert_eq!(self.header("x-should-retry"), retryable.to_string());
        for when in ["retry-after", "retry-after-ms"] {
            let is_told = self.headers.contains_key(when);
            assert_eq!(is_told, matches!(status, 429 | 503), "{when}");
        }
    }
}
