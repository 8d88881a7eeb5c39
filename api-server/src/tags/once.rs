//! An image that is named by its URL is worked on once: what is known of the
//! URL is answered at once, and of all who ask for it at the same time one
//! works, here and in the fleet.

use cache::{Answered, AtUrl, Digest, Flight, Landed, Layer, Lead, landing};
use common::{
    fault::{Code, Fault},
    stage::Stage,
};
use resources::revalidation;
use tokio::time::timeout_at;

use super::work::{Caching, Done, Work};

/// The answer for what lies at a URL, from wherever it can be had first.
pub async fn answer(mut work: Work<'_>, caching: &Caching<'_>, url: Digest) -> Result<Done, Fault> {
    match caching.cache.at_url(&caching.key, url).await {
        AtUrl::Answered(answered) => return Ok(Done::cached(answered, Layer::Url)),
        AtUrl::Dead(fault) => return Err(fault),
        AtUrl::Stale { copy, answered } => work.earlier = revalidation::of(copy, answered),
        AtUrl::Unknown => {}
    }
    let flight = url.joined(&caching.key);
    loop {
        match caching.cache.flights.join(flight) {
            Flight::Lead(lead) => {
                return Box::pin(lead_for_all(lead, work, caching, url)).await;
            }
            Flight::Follow(others) => {
                let landed = timeout_at(work.deadline, landing(others)).await;
                // Nothing where its leader gave up, for reasons of its own.
                if let Some(landed) = landed.map_err(|_| too_late())? {
                    return Ok(Done::cached(landed?, Layer::Url));
                }
            }
        }
    }
}

async fn lead_for_all(
    mut lead: Lead,
    work: Work<'_>,
    caching: &Caching<'_>,
    url: Digest,
) -> Result<Done, Fault> {
    let elsewhere = lead.claim(work.deadline, || look(caching, url)).await;
    if let Some(landed) = elsewhere {
        lead.land(landed.clone()).await;
        return Ok(Done::cached(landed?, Layer::Url));
    }
    let done = lead.keep(work.go(Some(caching), Some(url))).await;
    if let Some(landed) = for_all(&done) {
        lead.land(landed).await;
    }
    done
}

/// Looks for an answer that needs no download.
async fn look(caching: &Caching<'_>, url: Digest) -> Option<Landed> {
    match caching.cache.at_url(&caching.key, url).await {
        AtUrl::Answered(answered) => Some(Ok(answered)),
        AtUrl::Dead(fault) => Some(Err(fault)),
        AtUrl::Stale { .. } | AtUrl::Unknown => None,
    }
}

/// Returns what the others who ask for the same image are told: what is true of the image. A leader's own deadline is not.
fn for_all(done: &Result<Done, Fault>) -> Option<Landed> {
    match done {
        Ok(done) if done.is_complete() => {
            let answered = Answered::new(done.facts.clone(), done.tagged.clone());
            Some(Ok(answered))
        }
        Err(fault) if fault.code.status() == 422 => Some(Err(fault.clone())),
        Ok(_) | Err(_) => None,
    }
}

fn too_late() -> Fault {
    Fault::new(
        Code::DeadlineExceeded,
        Stage::Lookup,
        "The time that the request allowed was over before another request for the same image was answered.",
    )
}
