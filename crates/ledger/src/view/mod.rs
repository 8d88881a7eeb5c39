//! A batch as it is told: in OpenAI's shape, with what that lacks.

mod parts;

use std::{collections::BTreeMap, time::Duration};

use common::fault::Fault;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    Facts, Final, FinalStatus, Ledger, Look, Progress, Request, Sealed, Tally, unavailable,
};
pub use parts::{DryRunView, Errors, Output};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The list is still coming in.
    Validating,
    InProgress,
    /// Every item is done; the batch is about to be closed.
    Finalizing,
    Completed,
    Expired,
    /// The list could not be read: nothing was begun.
    Failed,
    Cancelling,
    Cancelled,
}

impl Status {
    /// Nothing changes any more.
    pub fn is_final(self) -> bool {
        matches!(
            self,
            Self::Completed | Self::Expired | Self::Failed | Self::Cancelled
        )
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct BatchView {
    #[schema(example = "batch_fe6a1d3c44b10f3c9a61d2b84e57a1c0")]
    pub id: String,
    /// `batch`
    object: &'static str,
    /// `/v1/tags`
    endpoint: &'static str,
    pub status: Status,
    model: Option<String>,
    pub request_counts: Counts,
    /// Seconds since 1970, as all times here.
    created_at: u64,
    /// When the whole list was here.
    in_progress_at: Option<u64>,
    expires_at: Option<u64>,
    /// When every item was done.
    finalizing_at: Option<u64>,
    completed_at: Option<u64>,
    expired_at: Option<u64>,
    failed_at: Option<u64>,
    cancelling_at: Option<u64>,
    cancelled_at: Option<u64>,
    metadata: BTreeMap<String, String>,
    /// The batch of whose failures this one consists.
    retry_of: Option<String>,
    /// The batch of whose scores this one's tags are made.
    retag_of: Option<String>,
    /// What is kept beside the results: `scores`, or nothing.
    store: Option<&'static str>,
    failures: FailureCounts,
    /// What was odd about the list: keys that were ignored, names that are there twice, rows that could not be read.
    warnings: Vec<String>,
    /// What was wrong with the list, of a batch that failed.
    errors: Option<Errors>,
    /// Where results go beside this service, if that was asked for.
    output: Option<Output>,
    /// What the whole list would be; of a dry run.
    dry_run: Option<DryRunView>,
    /// Items a second since the whole list was here.
    #[schema(example = 412.5)]
    rate_per_s: Option<f64>,
    /// When it may be done; absent where nothing can be said.
    eta: Option<Eta>,
    /// Where its results are, a line for each item that is done.
    results_url: String,
    /// Where its failures are, a line for each item that failed.
    errors_url: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Counts {
    /// 0 until the whole list is here.
    pub total: u64,
    pub completed: u64,
    pub failed: u64,
}

/// Seconds from now, by the pace of the last minutes; and the two between which it is if the pace stays between that and
/// the mean since the beginning.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
pub struct Eta {
    seconds: u64,
    earliest: u64,
    latest: u64,
}

impl Eta {
    fn of(left: u64, recent_per_s: f64, mean_per_s: f64) -> Option<Self> {
        let slow = recent_per_s.min(mean_per_s);
        let fast = recent_per_s.max(mean_per_s);
        let seconds = |rate: f64| (left as f64 / rate).ceil() as u64;
        (slow > 0.0).then(|| Self {
            seconds: seconds(recent_per_s),
            earliest: seconds(fast),
            latest: seconds(slow),
        })
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct FailureCounts {
    #[schema(example = json!({"source_http_error": 12}))]
    by_code: BTreeMap<String, u64>,
    /// What came instead of an image that is read: the `reason` of those failures that have one.
    #[schema(example = json!({"heic": 7, "html": 2}))]
    by_reason: BTreeMap<String, u64>,
    /// Hosts that are to blame, those with the most failures.
    #[schema(example = json!({"images.example": 12}))]
    by_host: BTreeMap<String, u64>,
}

impl Counts {
    fn of(sealed: Option<Sealed>, tally: &Tally) -> Self {
        Self {
            total: sealed.map_or(0, |sealed| sealed.total),
            completed: tally.completed,
            failed: tally.failed,
        }
    }
}

impl FailureCounts {
    fn of(tally: Tally) -> Self {
        Self {
            by_code: tally.by_code,
            by_reason: tally.by_reason,
            by_host: tally.by_host,
        }
    }
}

/// Returns when the batch ended, if it was in that way.
fn ended_as(ended: Option<&Final>, status: FinalStatus) -> Option<u64> {
    let end = ended.filter(|end| end.status == status)?;
    Some(end.finished_s)
}

impl BatchView {
    pub async fn of(ledger: &Ledger, request: &Request, now_s: u64) -> Result<Self, Fault> {
        let look = ledger.look(&request.key()).await.map_err(unavailable)?;
        Ok(Self::new(request, look, now_s))
    }

    /// As it was within that time.
    pub async fn recent(
        ledger: &Ledger,
        request: &Request,
        now_s: u64,
        within: Duration,
    ) -> Result<Self, Fault> {
        let look = ledger.look_at_most_every(&request.key(), within).await;
        Ok(Self::new(request, look.map_err(unavailable)?, now_s))
    }

    fn new(request: &Request, look: Look, now_s: u64) -> Self {
        let Look { facts, progress } = look;
        let ended = facts.ended.as_ref();
        let sealed = facts.sealed;
        let tally = ended.map_or_else(|| progress.tally.clone(), |end| end.tally.clone());
        let tally = tally.brief();
        let ended_s = |status| ended_as(ended, status);
        let speed = Speed::of(&facts, &progress, tally.done(), now_s);
        let delivery = facts.delivered.clone();
        Self {
            object: "batch",
            endpoint: "/v1/tags",
            status: Status::of(&facts, &progress),
            model: request.model.clone(),
            request_counts: Counts::of(sealed, &tally),
            created_at: request.created_s,
            in_progress_at: sealed.map(|sealed| sealed.sealed_s),
            expires_at: request.expires_s,
            finalizing_at: facts.finalizing_s,
            completed_at: ended_s(FinalStatus::Completed),
            expired_at: ended_s(FinalStatus::Expired),
            failed_at: ended_s(FinalStatus::Failed),
            cancelling_at: facts.cancelled_s,
            cancelled_at: ended_s(FinalStatus::Cancelled),
            metadata: request.metadata.clone(),
            retry_of: request.retry_of.clone(),
            retag_of: request.retag_of.clone(),
            store: request.asked.features.scores.then_some("scores"),
            warnings: facts.warnings.clone().unwrap_or_default(),
            failures: FailureCounts::of(tally),
            output: Output::of(request, delivery),
            dry_run: DryRunView::of(request, sealed, ended),
            errors: ended.and_then(|end| end.fault.clone()).map(Errors::from),
            eta: speed.eta,
            rate_per_s: speed.per_s,
            results_url: format!("/v1/batches/{}/results", request.id),
            errors_url: format!("/v1/batches/{}/errors", request.id),
            id: request.id.clone(),
        }
    }
}

/// How fast it went so far, and when it may be done.
struct Speed {
    per_s: Option<f64>,
    eta: Option<Eta>,
}

impl Speed {
    fn of(facts: &Facts, progress: &Progress, done: u64, now_s: u64) -> Self {
        let ended = facts.ended.as_ref();
        let until_s = ended.map_or(now_s, |end| end.finished_s);
        let sealed = facts.sealed;
        let mean = sealed
            .map(|sealed| done as f64 / until_s.saturating_sub(sealed.sealed_s).max(1) as f64);
        let left = sealed.map_or(0, |sealed| sealed.total.saturating_sub(done));
        let recent = progress.recent_per_s.or(mean);
        let eta = recent
            .zip(mean)
            .filter(|_| ended.is_none())
            .and_then(|(recent, mean)| Eta::of(left, recent, mean));
        let told = mean.filter(|_| done > 0);
        Self {
            per_s: told.map(|rate| (rate * 10.0).round() / 10.0),
            eta,
        }
    }
}

impl Status {
    fn of(facts: &Facts, progress: &Progress) -> Self {
        match (&facts.ended, facts.cancelled_s, facts.sealed) {
            (Some(end), _, _) => match end.status {
                FinalStatus::Completed => Self::Completed,
                FinalStatus::Cancelled => Self::Cancelled,
                FinalStatus::Expired => Self::Expired,
                FinalStatus::Failed => Self::Failed,
            },
            (None, _, None) => Self::Validating,
            (None, Some(_), Some(_)) => Self::Cancelling,
            (None, None, Some(sealed)) if progress.finished_shards == sealed.shards => {
                Self::Finalizing
            }
            (None, None, Some(_)) => Self::InProgress,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_says_how_far_off_it_may_be() {
        let eta = Eta::of(1_000, 10.0, 20.0);
        assert_eq!(
            eta,
            Some(Eta {
                seconds: 100,
                earliest: 50,
                latest: 100
            })
        );
        assert_eq!(
            Eta::of(1_000, 0.0, 20.0),
            None,
            "nothing moves, and nobody knows until when"
        );
    }
}
