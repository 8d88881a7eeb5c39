//! A batch beside the load: a long list, sent before the first request, cancelled after the last.

use std::{
    fmt::Write,
    time::{Duration, Instant},
};

use anyhow::Context;
use bytes::Bytes;
use serde::Deserialize;

use super::{Image, once::Service};
use crate::outcome::Batch;

const NUMBER: &str = "{number}";
/// Beyond the numbers of requests.
const FIRST: u64 = 1_000_000_000;

/// One that is being worked off.
#[derive(Debug)]
pub struct Bulk {
    service: Service,
    id: String,
    lines: u64,
}

#[derive(Deserialize)]
struct View {
    id: String,
    request_counts: Counts,
}

#[derive(Clone, Copy, Deserialize)]
struct Counts {
    completed: u64,
    failed: u64,
}

impl Bulk {
    /// `lines` images of the same pattern as the load's, beginning where no request of it comes.
    pub async fn submit(service: Service, image: &Image, lines: u64) -> anyhow::Result<Self> {
        let Image::Url(url) = image else {
            anyhow::bail!("a batch wants --image-url: its images are fetched")
        };
        let (before, behind) = url
            .split_once(NUMBER)
            .with_context(|| format!("`{url}` holds no {NUMBER}"))?;
        let mut list = String::new();
        for n in 0..lines {
            let url = serde_json::to_string(&format!("{before}{}{behind}", n + FIRST))?;
            writeln!(list, r#"{{"custom_id":"{n}","url":{url}}}"#)?;
        }
        let submitted: View = service
            .post(
                "/v1/batches?features=tags",
                "application/x-ndjson",
                Bytes::from(list),
            )
            .await?;
        Ok(Self {
            service,
            id: submitted.id,
            lines,
        })
    }

    async fn counts(&self) -> anyhow::Result<Counts> {
        let view: View = self
            .service
            .get(&format!("/v1/batches/{}", self.id))
            .await?;
        Ok(view.request_counts)
    }

    /// Returns what came of it between two moments.
    pub async fn watch(&self, from: Instant, lasts: Duration) -> anyhow::Result<Batch> {
        tokio::time::sleep_until(from.into()).await;
        let began = Instant::now();
        let before = self.counts().await?;
        tokio::time::sleep_until((from + lasts).into()).await;
        let after = self.counts().await?;
        let ended = |counts: Counts| counts.completed + counts.failed;
        let per_s = (ended(after) - ended(before)) as f64 / began.elapsed().as_secs_f64();
        Ok(Batch {
            lines: self.lines,
            completed: after.completed,
            failed: after.failed,
            per_s,
        })
    }

    /// Cancels the batch: what is left of it shall not be in the way of whoever measures next.
    pub async fn cancel(&self) -> anyhow::Result<()> {
        let path = format!("/v1/batches/{}/cancel", self.id);
        self.service
            .post::<View>(&path, "application/json", Bytes::new())
            .await?;
        Ok(())
    }
}
