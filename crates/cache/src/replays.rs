//! `Idempotency-Key`: a request that is sent again is answered as the first one was, whichever server had that, and if that
//! server died, by the next one.

use std::time::Duration;

use common::{
    bus::Bus,
    fault::{Code, Fault},
    stage::Stage,
};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout_at};

use crate::{Answered, Claim, Digest, Flight, Flights, Lead, landing};

#[derive(Clone, Debug)]
pub struct Replays {
    bus: Bus,
    flights: Flights<Replayed>,
    ttl: Duration,
}

/// What a key stands for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Replayed {
    /// The request, but for its key.
    asked: Digest,
    pub answered: Answered,
    /// What named the answer to its client, if anything did.
    #[serde(default)]
    pub etag: Option<String>,
}

/// What tells a request with a key from another one.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    pub image: Digest,
    pub options: Vec<u8>,
    /// The model, where the request names one.
    pub model: Option<String>,
}

/// What a request with a key is to do.
#[derive(Debug)]
pub enum Replay {
    /// Answer this.
    Known(Box<Replayed>),
    /// Work, and keep what comes of it.
    First(Box<First>),
}

/// The right to answer for a key. Dropped, it leaves that to the next request.
#[derive(Debug)]
pub struct First {
    replays: Replays,
    lead: Lead<Replayed>,
    key: Digest,
    asked: Asked,
}

impl Asked {
    fn digest(&self, model: Option<&str>) -> Digest {
        let model = model.unwrap_or_default();
        Digest::of_parts(&[self.image.as_bytes(), &self.options, model.as_bytes()])
    }
}

impl Replays {
    pub fn new(bus: Bus, ttl: Duration) -> Self {
        Self {
            flights: Flights::new(bus.clone()),
            bus,
            ttl,
        }
    }

    /// Returns what a key stands for, or the right to say so. It waits while another request with the key is worked on, also
    /// one that asks for something else: should that fail, its key is free.
    pub async fn begin(
        &self,
        tenant: &str,
        key: &[u8],
        asked: Asked,
        until: Instant,
    ) -> Result<Replay, Fault> {
        let key = Digest::of_parts(&[b"idempotency", tenant.as_bytes(), key]);
        loop {
            if let Some(replayed) = self.look(key).await {
                return replayed.answers(&asked);
            }
            match self.flights.join(key) {
                Flight::Lead(lead) => return self.lead(lead, key, asked, until).await,
                Flight::Follow(others) => {
                    let landed = timeout_at(until, landing(others)).await;
                    if let Some(replayed) = landed.map_err(|_| in_flight())? {
                        return replayed.answers(&asked);
                    }
                }
            }
        }
    }

    async fn lead(
        &self,
        mut lead: Lead<Replayed>,
        key: Digest,
        asked: Asked,
        until: Instant,
    ) -> Result<Replay, Fault> {
        match lead.claim(until, || self.look(key)).await {
            Claim::Found(replayed) => {
                lead.land(replayed.clone()).await;
                replayed.answers(&asked)
            }
            Claim::TimeOver => Err(in_flight()),
            Claim::Mine => Ok(Replay::First(Box::new(First {
                replays: self.clone(),
                lead,
                key,
                asked,
            }))),
        }
    }

    /// A key that cannot be looked up is as good as a new one.
    async fn look(&self, key: Digest) -> Option<Replayed> {
        let found = self.bus.recall(&name(key)).await.ok().flatten()?;
        rmp_serde::from_slice(&found).ok()
    }
}

impl Replayed {
    /// Answers a request with the same key, if it is the same request. To name the model that answered anyway says nothing.
    fn answers(self, asked: &Asked) -> Result<Replay, Fault> {
        let answered = self.answered.tagged.model.name.as_str();
        let is_same = |model: Option<&str>| self.asked == asked.digest(model);
        let is_named_as_well = match asked.model.as_deref() {
            None => is_same(Some(answered)),
            Some(named) => named == answered && is_same(None),
        };
        if is_same(asked.model.as_deref()) || is_named_as_well {
            Ok(Replay::Known(Box::new(self)))
        } else {
            Err(another())
        }
    }
}

impl First {
    /// Stays the one who answers while `work` goes on.
    pub async fn during<T>(&self, work: impl Future<Output = T>) -> T {
        self.lead.keep(work).await
    }

    /// From now on the key stands for this answer. `etag`: what names it to its client.
    pub async fn keep(self, answered: Answered, etag: Option<String>) {
        let replayed = Replayed {
            asked: self.asked.digest(self.asked.model.as_deref()),
            answered,
            etag,
        };
        let bus = &self.replays.bus;
        if let Ok(bytes) = rmp_serde::to_vec_named(&replayed)
            && let Err(error) = bus
                .remember(&name(self.key), bytes.into(), self.replays.ttl)
                .await
        {
            tracing::debug!(%error, "what a key stands for could not be kept");
        }
        self.lead.land(replayed).await;
    }
}

fn name(key: Digest) -> String {
    format!("cache:key:{key}")
}

fn another() -> Fault {
    let detail = "This Idempotency-Key stands for a request with another image or other options.";
    Fault::new(Code::IdempotencyMismatch, Stage::Admit, detail)
}

fn in_flight() -> Fault {
    let detail = "A request with this Idempotency-Key is still being worked on.";
    Fault::new(Code::IdempotencyInFlight, Stage::Admit, detail)
}
