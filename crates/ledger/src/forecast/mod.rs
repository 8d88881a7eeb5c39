//! What a dry run tells of the whole list: from what became of a sample of it,
//! pure, with times as they were written down.

mod duration;
mod failures;
mod seen;

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use duration::{Places, Span};
pub use failures::FailureForecast;
pub use seen::{Measured, Seen};

/// Tags that are named.
const TAGS: usize = 20;

/// What the whole list is going to be, if it is as its sample and the fleet stays as it was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Forecast {
    /// Images that were looked at.
    #[schema(example = 1000)]
    pub sampled: u64,
    pub failures: FailureForecast,
    /// Bytes of all images that can be fetched.
    #[schema(example = 218_000_000_000_u64)]
    pub bytes: u64,
    pub seconds: Span,
    /// Hours of workers, if there are as many as there were, all the time.
    #[schema(example = 12.4)]
    pub worker_hours: f64,
    /// At the operator's price of a worker's hour, if there is one.
    pub cost: Option<f64>,
    /// The most frequent ones, and the share of the tagged images that have each.
    #[schema(example = json!({"dog": 0.11}))]
    pub tags: BTreeMap<String, f64>,
}

/// What the sample does not say.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    /// Items of the whole list.
    pub listed: u64,
    pub places: Places,
    pub workers: usize,
    pub worker_hour_cost: Option<f64>,
}

/// What has been seen of a sample.
#[derive(Debug, Default)]
pub struct Sample {
    items: Vec<seen::Kept>,
    hosts: Vec<String>,
    host_numbers: HashMap<String, usize>,
    by_code: BTreeMap<String, u64>,
    bytes: u64,
    tagged: u64,
    tags: HashMap<String, u64>,
    migrators: Vec<String>,
}

impl Sample {
    pub fn add(&mut self, seen: Seen) {
        let host = self.host(&seen.url);
        if let Some(error) = &seen.error {
            *self.by_code.entry(error.code.clone()).or_default() += 1;
        }
        if let Some(response) = seen.response {
            self.tagged += 1;
            self.bytes += response.body.image.bytes;
            for tag in response.body.tags {
                *self.tags.entry(tag.id).or_default() += 1;
            }
        }
        if let Some(measured) = seen.measured {
            if !self.migrators.contains(&measured.by) {
                self.migrators.push(measured.by);
            }
            self.items.push(seen::Kept {
                finished_ms: measured.finished_ms,
                fetch_ms: measured.fetch_ms,
                host,
            });
        }
    }

    fn host(&mut self, url: &str) -> usize {
        let parsed = url::Url::parse(url).ok();
        let name = parsed
            .as_ref()
            .and_then(|url| url.host_str())
            .unwrap_or_default();
        if let Some(known) = self.host_numbers.get(name) {
            return *known;
        }
        self.hosts.push(name.to_owned());
        self.host_numbers
            .insert(name.to_owned(), self.hosts.len() - 1);
        self.hosts.len() - 1
    }

    /// Returns who worked on it.
    pub fn migrators(&self) -> usize {
        self.migrators.len().max(1)
    }

    pub fn forecast(mut self, frame: &Frame) -> Forecast {
        let failed: u64 = self.by_code.values().sum();
        let sampled = self.tagged + failed;
        let scale = frame.listed as f64 / sampled.max(1) as f64;
        self.items.sort_by_key(|item| item.finished_ms);
        let seconds = duration::span(&self.items, scale, &frame.places);
        let worker_hours = hours(seconds.expected * frame.workers as f64);
        Forecast {
            sampled,
            failures: FailureForecast::of(&self.by_code, sampled, frame.listed),
            bytes: (self.bytes as f64 * scale) as u64,
            seconds,
            worker_hours,
            cost: frame
                .worker_hour_cost
                .map(|price| (worker_hours * price * 100.0).round() / 100.0),
            tags: spread(self.tags, self.tagged),
        }
    }
}

fn hours(seconds: f64) -> f64 {
    (seconds / 3.6).round() / 1_000.0
}

fn spread(tags: HashMap<String, u64>, of: u64) -> BTreeMap<String, f64> {
    let mut tags: Vec<_> = tags.into_iter().collect();
    tags.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let share = |count| (count as f64 / of.max(1) as f64 * 1_000.0).round() / 1_000.0;
    tags.into_iter()
        .take(TAGS)
        .map(|(tag, count)| (tag, share(count)))
        .collect()
}

#[cfg(test)]
mod tests;
