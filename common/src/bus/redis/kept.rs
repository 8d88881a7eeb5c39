//! What is remembered at Redis for whoever asks, and who works on what.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;

use super::{BusError, Redis, millis};

impl Redis {
    pub fn remember<'a>(
        &'a self,
        key: &'a str,
        payload: &'a Bytes,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<(), BusError>> {
        Box::pin(async move {
            let mut set = redis::cmd("SET");
            set.arg(self.inner.keys.remembered(key))
                .arg(&**payload)
                .arg("PX")
                .arg(millis(ttl));
            self.inner.ask::<()>(&set).await
        })
    }

    pub fn recall<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Bytes>, BusError>> {
        Box::pin(async move {
            let key = self.inner.keys.remembered(key);
            self.inner.get(&key).await
        })
    }

    pub fn claim<'a>(
        &'a self,
        key: &'a str,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<bool, BusError>> {
        Box::pin(async move {
            let mut set = redis::cmd("SET");
            set.arg(self.inner.keys.claim(key))
                .arg(1)
                .arg("NX")
                .arg("PX")
                .arg(millis(ttl));
            self.inner
                .ask(&set)
                .await
                .map(|done: Option<String>| done.is_some())
        })
    }

    pub fn renew_claim<'a>(
        &'a self,
        key: &'a str,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<(), BusError>> {
        Box::pin(async move {
            let mut expire = redis::cmd("PEXPIRE");
            expire.arg(self.inner.keys.claim(key)).arg(millis(ttl));
            self.inner.ask::<()>(&expire).await
        })
    }

    pub fn release<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<(), BusError>> {
        Box::pin(async move {
            let mut delete = redis::cmd("DEL");
            delete.arg(self.inner.keys.claim(key));
            self.inner.ask::<()>(&delete).await
        })
    }
}
