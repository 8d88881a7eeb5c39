//! Buckets at Redis, without a script: who may run scripts may do more than its role needs, and has often got out of their sandbox.
//!
//! A bucket is a time of day, and expires then. So one that is not there is full, and `INCRBY` alone takes out of it, however
//! many do so at once. Who took more than there was gives it back.

use futures_util::future::BoxFuture;
use redis::Pipeline;

use super::{BusError, Inner, Redis};
use crate::bus::bucket::{Bucket, Taken};

/// A new bucket lasts longer at first, so that it is there for the commands that follow, however long they take to come.
const MARGIN_MS: u64 = 1_000;

impl Redis {
    pub fn take<'a>(
        &'a self,
        key: &'a str,
        bucket: &'a Bucket,
        most: u32,
    ) -> BoxFuture<'a, Result<Taken, BusError>> {
        Box::pin(async move {
            let now_us = self.now_us();
            let key = self.inner.keys.bucket(&bucket.name(key, now_us));
            let full = Full {
                at_us: bucket.time_us(now_us),
                now_us,
            };
            let asked_us = bucket.cost_us(most);
            let lasts_until_us = bucket.ends_us(now_us + asked_us, now_us);
            let full_at_us = self.inner.add(&key, full, lasts_until_us, asked_us).await?;
            let before_us = full_at_us.saturating_sub(asked_us);
            let taken = bucket.granted(before_us, now_us, most);
            let unused_us = asked_us - bucket.cost_us(taken.granted);
            let lasts_until_us = bucket.ends_us(full_at_us - unused_us, now_us);
            self.inner
                .settle(&key, full, lasts_until_us, unused_us)
                .await?;
            Ok(taken)
        })
    }
}

/// What a bucket that is not there holds.
#[derive(Clone, Copy)]
struct Full {
    /// The time by which it goes.
    at_us: u64,
    now_us: u64,
}

impl Inner {
    /// Returns when the bucket is full again, all that is asked for included.
    async fn add(
        &self,
        key: &str,
        full: Full,
        lasts_until_us: u64,
        asked_us: u64,
    ) -> Result<u64, BusError> {
        let mut both = redis::pipe();
        both.atomic();
        make(&mut both, key, full, lasts_until_us);
        both.cmd("INCRBY").arg(key).arg(asked_us);
        let (full_at_us,) = self
            .call(async |mut commands| both.query_async::<(u64,)>(&mut commands).await)
            .await?;
        Ok(full_at_us)
    }

    /// Gives back what was not there, and has the bucket last until it is of no use.
    async fn settle(
        &self,
        key: &str,
        full: Full,
        lasts_until_us: u64,
        unused_us: u64,
    ) -> Result<(), BusError> {
        let mut all = redis::pipe();
        all.atomic();
        if unused_us > 0 {
            // One that has expired meanwhile would be made without an end.
            make(&mut all, key, full, lasts_until_us);
            all.cmd("DECRBY").arg(key).arg(unused_us).ignore();
        }
        all.cmd("PEXPIREAT")
            .arg(key)
            .arg(millis(lasts_until_us))
            .ignore();
        self.call(async |mut commands| all.query_async::<()>(&mut commands).await)
            .await
    }
}

/// Makes a full bucket, unless there is one.
fn make(pipeline: &mut Pipeline, key: &str, full: Full, lasts_until_us: u64) {
    pipeline
        .cmd("SET")
        .arg(key)
        .arg(full.at_us)
        .arg("NX")
        .arg("PX")
        .arg(millis(lasts_until_us.saturating_sub(full.now_us)) + MARGIN_MS)
        .ignore();
}

/// In milliseconds, rounded up.
fn millis(us: u64) -> u64 {
    us.div_ceil(1_000)
}
