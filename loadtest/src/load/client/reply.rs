use common::stage::{Stage, Timings};
use http::{HeaderMap, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde::Deserialize;

/// What is kept of a refusal's body to find its code.
const MAX_PROBLEM_BYTES: usize = 8 * 1024;

/// What counts of an answer.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    pub status: u16,
    /// The stages of `Server-Timing`.
    pub stages: Timings,
    /// The `code` of a problem.
    pub code: Option<String>,
}

#[derive(Deserialize)]
struct Problem {
    code: String,
}

impl Reply {
    /// Reads to the last byte.
    pub async fn read(response: Response<Incoming>) -> hyper::Result<Self> {
        let (head, mut body) = response.into_parts();
        let ok = head.status.is_success();
        let mut problem = Vec::new();
        while let Some(frame) = body.frame().await {
            if let (false, Some(data)) = (ok, frame?.data_ref()) {
                let room = MAX_PROBLEM_BYTES - problem.len();
                problem.extend_from_slice(&data[..data.len().min(room)]);
            }
        }
        let code = || {
            serde_json::from_slice(&problem)
                .ok()
                .map(|Problem { code }| code)
        };
        let code = if ok { None } else { code() };
        Ok(Self {
            status: head.status.as_u16(),
            stages: stages(&head.headers),
            code,
        })
    }

    pub fn is_ok(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// As a failure is counted: by its code where it has one.
    pub fn name(&self) -> String {
        self.code
            .clone()
            .unwrap_or_else(|| format!("http_{}", self.status))
    }
}

/// `fetch;dur=41.000, total;dur=61.300`; what is no stage is passed over.
fn stages(headers: &HeaderMap) -> Timings {
    let mut timings = Timings::default();
    let text = headers
        .get("server-timing")
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    for entry in text.split(',') {
        let Some((name, dur)) = entry.split_once(";dur=") else {
            continue;
        };
        if let (Some(stage), Ok(ms)) = (Stage::parse(name.trim()), dur.trim().parse()) {
            timings.add_ms(stage, ms);
        }
    }
    timings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_are_read_from_the_header() {
        let mut headers = HeaderMap::new();
        let value = "admit;dur=0.100, teleport;dur=9, fetch;dur=41.250, total;dur=61.300";
        headers.insert("server-timing", value.parse().expect("a value"));
        let stages = stages(&headers);
        assert_eq!(
            (stages.get_ms(Stage::Fetch), stages.get_ms(Stage::Admit)),
            (Some(41.25), Some(0.1))
        );
        assert_eq!(stages.iter().count(), 2);
    }
}
