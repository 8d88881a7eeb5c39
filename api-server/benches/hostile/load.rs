//! An open loop: requests go out when they are due, whatever came of those before.

use std::{
    collections::BTreeMap,
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use testing::bench::percentile;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};

pub struct Load {
    client: reqwest::Client,
    url: String,
}

/// What came of one run.
#[derive(Serialize, Deserialize)]
pub struct Measured {
    /// Sorted.
    latencies_ms: Vec<f64>,
    /// How many ended so, by status and code.
    ends: BTreeMap<String, usize>,
    slowest: Vec<Ended>,
}

#[derive(Serialize, Deserialize)]
struct Ended {
    ms: f64,
    how: String,
    at: SystemTime,
    /// As the answer tells them, milliseconds.
    stages: Value,
}

const TAGGED: &str = "200";
const NO_ANSWER: &str = "no answer";
/// Requests of which the stages are told.
const SLOWEST: usize = 5;

impl Load {
    pub fn new(base: &str) -> anyhow::Result<Self> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Ok(Self {
            client: reqwest::Client::builder().no_proxy().build()?,
            url: format!("{base}/v1/tags"),
        })
    }

    /// Asks for each of `urls` in turn. Each request is due somewhere within its own part of a second.
    pub async fn run(
        self: Arc<Self>,
        per_second: u32,
        time: Duration,
        urls: Vec<String>,
    ) -> Measured {
        let step = Duration::from_secs(1) / per_second;
        let begun = Instant::now();
        let mut requests = JoinSet::new();
        for n in 0..(time.as_secs_f64() * f64::from(per_second)) as u32 {
            let due = begun + step * n + step.mul_f64(rand::random());
            let url = urls[n as usize % urls.len()].clone();
            sleep_until(due).await;
            requests.spawn(self.clone().ask(url, due));
        }
        Measured::of(requests.join_all().await)
    }

    async fn ask(self: Arc<Self>, url: String, due: Instant) -> Ended {
        let answer = self.answer(url).await;
        let (how, stages) = answer.unwrap_or_else(|_| (NO_ANSWER.to_owned(), Value::Null));
        Ended {
            ms: due.elapsed().as_secs_f64() * 1e3,
            how,
            at: SystemTime::now(),
            stages,
        }
    }

    async fn answer(&self, url: String) -> reqwest::Result<(String, Value)> {
        let response = self
            .client
            .post(&self.url)
            .json(&json!({"image": {"url": url}}))
            .send()
            .await?;
        let status = response.status().as_u16();
        let mut body: Value = response.json().await?;
        let how = body["code"]
            .as_str()
            .map_or_else(|| status.to_string(), |code| format!("{status} {code}"));
        Ok((how, body["timings_ms"].take()))
    }
}

impl Measured {
    fn of(mut ended: Vec<Ended>) -> Self {
        ended.sort_by(|a, b| a.ms.total_cmp(&b.ms));
        let latencies_ms = ended.iter().map(|ended| ended.ms).collect();
        let mut ends = BTreeMap::new();
        for ended in &ended {
            *ends.entry(ended.how.clone()).or_default() += 1;
        }
        let slowest = ended.split_off(ended.len().saturating_sub(SLOWEST));
        Self {
            latencies_ms,
            ends,
            slowest,
        }
    }

    pub fn p50_ms(&self) -> f64 {
        percentile(&self.latencies_ms, 0.50)
    }

    pub fn p99_ms(&self) -> f64 {
        percentile(&self.latencies_ms, 0.99)
    }

    pub fn sent(&self) -> usize {
        self.latencies_ms.len()
    }

    pub fn failed(&self) -> usize {
        self.sent() - self.ended(TAGGED)
    }

    pub fn answered(&self) -> usize {
        self.sent() - self.ended(NO_ANSWER)
    }

    /// Returns a line for each of the slowest requests: where its time went.
    pub fn slowest(&self) -> String {
        self.slowest
            .iter()
            .rev()
            .map(|ended| format!("\n    {ended}"))
            .collect()
    }

    fn ended(&self, how: &str) -> usize {
        self.ends.get(how).copied().unwrap_or(0)
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ends: Vec<_> = self
            .ends
            .iter()
            .map(|(end, count)| format!("{end}: {count}"))
            .collect();
        write!(
            f,
            "p50 {:.1} ms, p99 {:.1} ms; {}",
            self.p50_ms(),
            self.p99_ms(),
            ends.join(", ")
        )
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = humantime::format_rfc3339_millis(self.at);
        write!(
            f,
            "{:.1} ms until {at}, {}: {}",
            self.ms, self.how, self.stages
        )
    }
}
