//! Requests worth a look: a tenant's slowest ones, and those that failed last.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::RequestRecord;

/// Requests that are listed of each kind.
const LISTED: usize = 25;

/// The slowest requests of the time for which requests are kept, and the last that failed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NotableRequests {
    /// The slowest first.
    pub slowest: Vec<RequestBrief>,
    /// The latest first.
    pub failed: Vec<RequestBrief>,
}

/// What a list says of a request; `GET /v1/requests/{id}` tells the rest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RequestBrief {
    #[schema(example = "req_0f3c9a61d2b84e57a1c05d9be84f6a20")]
    pub id: String,
    /// Seconds since 1970 when it ended.
    pub ended_at: u64,
    #[schema(example = 200)]
    pub status: u16,
    /// `ok`, or the problem's code.
    #[schema(example = "ok")]
    pub code: String,
    pub total_ms: f64,
    /// Where the image lay, without its query.
    pub url: Option<String>,
    pub model: Option<String>,
    pub worker: Option<String>,
}

impl From<&RequestRecord> for RequestBrief {
    fn from(record: &RequestRecord) -> Self {
        Self {
            id: record.id.clone(),
            ended_at: record.ended_at,
            status: record.status,
            code: record.code.to_owned(),
            total_ms: record.total_ms,
            url: record.url.clone(),
            model: record.model.clone(),
            worker: record.worker.clone(),
        }
    }
}

impl NotableRequests {
    /// Returns whether it is one of them now.
    pub fn note(&mut self, brief: RequestBrief) -> bool {
        let failed = brief.code != "ok";
        let slow = self.slowest.len() < LISTED
            || self
                .slowest
                .last()
                .is_some_and(|last| last.total_ms < brief.total_ms);
        if failed {
            insert(&mut self.failed, brief.clone(), latest_first);
        }
        if slow {
            insert(&mut self.slowest, brief, slowest_first);
        }
        failed || slow
    }

    /// Takes over what another server noted.
    pub fn merge(&mut self, other: Self) {
        for brief in other.slowest {
            insert(&mut self.slowest, brief, slowest_first);
        }
        for brief in other.failed {
            insert(&mut self.failed, brief, latest_first);
        }
    }

    /// Forgets what ended before, and returns whether anything is left.
    pub fn forget_before(&mut self, ended_at: u64) -> bool {
        self.slowest.retain(|brief| brief.ended_at >= ended_at);
        self.failed.retain(|brief| brief.ended_at >= ended_at);
        !self.slowest.is_empty() || !self.failed.is_empty()
    }
}

fn insert(
    list: &mut Vec<RequestBrief>,
    brief: RequestBrief,
    order: fn(&RequestBrief, &RequestBrief) -> Ordering,
) {
    let place = list.partition_point(|other| order(other, &brief).is_lt());
    list.insert(place, brief);
    list.truncate(LISTED);
}

fn slowest_first(one: &RequestBrief, other: &RequestBrief) -> Ordering {
    other.total_ms.total_cmp(&one.total_ms)
}

fn latest_first(one: &RequestBrief, other: &RequestBrief) -> Ordering {
    other.ended_at.cmp(&one.ended_at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn brief(ended_at: u64, code: &'static str, total_ms: f64) -> RequestBrief {
        RequestBrief::from(&RequestRecord {
            id: format!("req_{ended_at}"),
            ended_at,
            code,
            total_ms,
            ..RequestRecord::default()
        })
    }

    #[test]
    fn the_slowest_and_the_latest_failures_stay() {
        let mut notable = NotableRequests::default();
        for n in 0..1_000_u64 {
            let code = if n.is_multiple_of(2) {
                "ok"
            } else {
                "source_timeout"
            };
            notable.note(brief(n, code, (n * 7 % 1_000) as f64));
        }
        let slowest: Vec<_> = notable.slowest.iter().map(|brief| brief.total_ms).collect();
        let expected: Vec<_> = (975..1_000).rev().map(f64::from).collect();
        assert_eq!(slowest, expected);
        let failed: Vec<_> = notable.failed.iter().map(|brief| brief.ended_at).collect();
        let expected: Vec<_> = (0..1_000)
            .rev()
            .filter(|n| n % 2 == 1)
            .take(LISTED)
            .collect();
        assert_eq!(failed, expected);
        assert!(!notable.note(brief(1_000, "ok", 0.5)), "quick, and well");
        assert!(notable.forget_before(990));
        assert!(notable.failed.iter().all(|brief| brief.ended_at >= 990));
        assert!(!notable.forget_before(2_000), "nothing is left");
    }

    #[test]
    fn what_several_servers_noted_is_one_list() {
        let [mut one, mut other] = [(); 2].map(|()| NotableRequests::default());
        one.note(brief(1, "ok", 10.0));
        one.note(brief(3, "overloaded", 1.0));
        other.note(brief(2, "overloaded", 20.0));
        one.merge(other);
        assert_eq!(one.slowest.len(), 3);
        assert_eq!(one.slowest[0].id, "req_2");
        assert_eq!(one.failed[0].id, "req_3");
        assert_eq!(one.failed[1].id, "req_2");
    }
}
