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
            let key = self.inner.keys.bucket(key);
            let now_us = self.now_us();
            let asked_us = bucket.cost_us(most);
            let full_at_us = self.inner.add(&key, now_us, asked_us).await?;
            let before_us = full_at_us.saturating_sub(asked_us);
            let taken = bucket.granted(before_us, now_us, most);
            let unused_us = asked_us - bucket.cost_us(taken.granted);
            self.inner
                .settle(&key, now_us, full_at_us, unused_us)
                .await?;
            Ok(taken)
        })
    }
}

impl Inner {
    /// Returns when the bucket is full again, all that is asked for included.
    async fn add(&self, key: &str, now_us: u64, asked_us: u64) -> Result<u64, BusError> {
        let mut both = redis::pipe();
        both.atomic();
        make(&mut both, key, now_us, now_us + asked_us);
        both.cmd("INCRBY").arg(key).arg(asked_us);
        let (full_at_us,) = self
            .call(async |mut commands| both.query_async::<(u64,)>(&mut commands).await)
            .await?;
        Ok(full_at_us)
    }

    /// Gives back what was not there, and has the bucket last until it is full.
    async fn settle(
        &self,
        key: &str,
        now_us: u64,
        full_at_us: u64,
        unused_us: u64,
    ) -> Result<(), BusError> {
        let mut all = redis::pipe();
        all.atomic();
        if unused_us > 0 {
            // One that has expired meanwhile would be made without an end.
            make(&mut all, key, now_us, full_at_us);
            all.cmd("DECRBY").arg(key).arg(unused_us).ignore();
        }
        all.cmd("PEXPIREAT")
            .arg(key)
            .arg(millis(full_at_us - unused_us))
            .ignore();
        self.call(async |mut commands| all.query_async::<()>(&mut commands).await)
            .await
    }
}

/// Makes a full bucket, unless there is one.
fn make(pipeline: &mut Pipeline, key: &str, now_us: u64, full_at_us: u64) {
    pipeline
        .cmd("SET")
        .arg(key)
        .arg(now_us)
        .arg("NX")
        .arg("PX")
        .arg(millis(full_at_us.saturating_sub(now_us)) + MARGIN_MS)
        .ignore();
}

/// In milliseconds, rounded up.
fn millis(us: u64) -> u64 {
    us.div_ceil(1_000)
}
