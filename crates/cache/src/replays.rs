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

use crate::{Answered, Digest, Flight, Flights, Landed, Lead, landing};

#[derive(Clone, Debug)]
pub struct Replays {
    bus: Bus,
    flights: Flights,
    ttl: Duration,
}

/// What a key stands for.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// The request, but for its key.
    asked: Digest,
    answered: Answered,
}

/// What a request with a key is to do.
#[derive(Debug)]
pub enum Replay {
    /// Answer this.
    Known(Box<Answered>),
    /// Work, and keep what comes of it.
    First(Box<First>),
}

/// The right to answer for a key. Dropped, it leaves that to the next request.
#[derive(Debug)]
pub struct First {
    replays: Replays,
    lead: Lead,
    key: Digest,
    asked: Digest,
}

impl Replays {
    pub fn new(bus: Bus, ttl: Duration) -> Self {
        Self {
            flights: Flights::new(bus.clone()),
            bus,
            ttl,
        }
    }

    /// Returns what a key stands for, or the right to say so. It waits while another request with the key is worked on.
    pub async fn begin(
        &self,
        tenant: &str,
        key: &[u8],
        asked: Digest,
        until: Instant,
    ) -> Result<Replay, Fault> {
        let key = Digest::of_parts(&[b"idempotency", tenant.as_bytes(), key]);
        loop {
            if let Some(landed) = self.look(key, asked).await {
                return Ok(Replay::Known(Box::new(landed?)));
            }
            // Another request with the same key is none of this flight.
            let flight = Digest::of_parts(&[b"replay", key.as_bytes(), asked.as_bytes()]);
            match self.flights.join(flight) {
                Flight::Lead(lead) => return self.lead(lead, key, asked, until).await,
                Flight::Follow(others) => {
                    let landed = timeout_at(until, landing(others)).await;
                    if let Some(landed) = landed.map_err(|_| in_flight())? {
                        return Ok(Replay::Known(Box::new(landed?)));
                    }
                }
            }
        }
    }

    async fn lead(
        &self,
        mut lead: Lead,
        key: Digest,
        asked: Digest,
        until: Instant,
    ) -> Result<Replay, Fault> {
        let elsewhere = lead.claim(until, || self.look(key, asked)).await;
        match elsewhere {
            Some(landed) => {
                lead.land(landed.clone()).await;
                Ok(Replay::Known(Box::new(landed?)))
            }
            None => Ok(Replay::First(Box::new(First {
                replays: self.clone(),
                lead,
                key,
                asked,
            }))),
        }
    }

    /// A key that cannot be looked up is as good as a new one.
    async fn look(&self, key: Digest, asked: Digest) -> Option<Landed> {
        let found = self.bus.recall(&name(key)).await.ok().flatten()?;
        let kept: Kept = rmp_serde::from_slice(&found).ok()?;
        Some(if kept.asked == asked {
            Ok(kept.answered)
        } else {
            Err(another())
        })
    }
}

impl First {
    /// Stays the one who answers while `work` goes on.
    pub async fn during<T>(&self, work: impl Future<Output = T>) -> T {
        self.lead.keep(work).await
    }

    /// From now on the key stands for this answer.
    pub async fn keep(self, answered: Answered) {
        let kept = Kept {
            asked: self.asked,
            answered: answered.clone(),
        };
        let bus = &self.replays.bus;
        if let Ok(bytes) = rmp_serde::to_vec_named(&kept)
            && let Err(error) = bus
                .remember(&name(self.key), bytes.into(), self.replays.ttl)
                .await
        {
            tracing::debug!(%error, "what a key stands for could not be kept");
        }
        self.lead.land(Ok(answered)).await;
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
