//! An image that is named by its URL is worked on once: what is known of the
//! URL is answered at once, and of all who ask for it at the same time one
//! works, here and in the fleet.

use std::time::Duration;

use cache::{Answered, AtUrl, Claim, Digest, Flight, Landed, Layer, Lead, landing};
use common::{
    fault::{Code, Fault},
    stage::Stage,
    wire::CaptionStatus,
};
use resources::revalidation;
use tokio::time::{Instant, timeout_at};

use super::work::{Caching, Done, Work};

/// Who has less than this part of the usual time is in a hurry.
const HURRIED: f64 = 0.5;

/// The answer for what lies at a URL, from wherever it can be had first.
pub async fn answer(mut work: Work<'_>, caching: &Caching<'_>, url: Digest) -> Result<Done, Fault> {
    match caching.cache.at_url(&caching.key, url).await {
        AtUrl::Answered(answered) => return known(&mut work, Ok(answered)),
        AtUrl::Dead(fault) => return known(&mut work, Err(fault)),
        AtUrl::Stale { copy, answered } => work.earlier = revalidation::of(copy, answered),
        AtUrl::Unknown => {}
    }
    let flight = url.joined(&caching.key);
    let begun = Instant::now();
    loop {
        match caching.cache.flights.join(flight) {
            Flight::Lead(lead) => {
                return Box::pin(lead_for_all(lead, work, caching, url)).await;
            }
            Flight::Follow(others) => {
                work.waits_for_another();
                let landed = timeout_at(work.deadline, landing(others)).await;
                // Nothing where its leader gave up, for reasons of its own.
                let Some(landed) = landed.map_err(|_| too_late())? else {
                    continue;
                };
                if is_of_use(&landed, begun.elapsed(), work.left()) {
                    return told(&mut work, landed);
                }
            }
        }
    }
}

async fn lead_for_all(
    mut lead: Lead<Landed>,
    mut work: Work<'_>,
    caching: &Caching<'_>,
    url: Digest,
) -> Result<Done, Fault> {
    match lead.claim(work.deadline, || look(caching, url)).await {
        Claim::Mine => {}
        Claim::Found(landed) => {
            work.waits_for_another();
            lead.land(landed.clone()).await;
            return known(&mut work, landed);
        }
        Claim::TimeOver => {
            work.waits_for_another();
            return Err(too_late());
        }
    }
    work.leads();
    let deadline = work.deadline;
    let is_hurried = work.left() < work.usual_time().mul_f64(HURRIED);
    let way = Box::pin(work.go(Some(caching), Some(url)));
    let done = lead.keep(way).await;
    if let Some(landed) = for_all(&done, deadline, is_hurried) {
        lead.land(landed).await;
    }
    done
}

/// Looks for an answer that needs no download.
async fn look(caching: &Caching<'_>, url: Digest) -> Option<Landed> {
    match caching.cache.look_at_url(&caching.key, url).await {
        AtUrl::Answered(answered) => Some(Ok(answered)),
        AtUrl::Dead(fault) => Some(Err(fault)),
        AtUrl::Stale { .. } | AtUrl::Unknown => None,
    }
}

/// Passes on what the cache knows.
fn known(work: &mut Work<'_>, landed: Landed) -> Result<Done, Fault> {
    work.context.record.cached = Some(Layer::Url.name());
    told(work, landed)
}

/// Passes on what was found without a download of one's own.
fn told(work: &mut Work<'_>, landed: Landed) -> Result<Done, Fault> {
    work.context.end(Stage::Lookup);
    Ok(Done::cached(landed?, Layer::Url))
}

/// Returns what the others who ask for the same image are told: what is true of the image, its host and the workers. One that
/// may not be kept for later is theirs as well, since they asked for it at the same time. What is missing in the answer for one
/// in a hurry may be missing for want of time, which others have.
///
/// A leader's own deadline is its own affair, whatever it showed in. So is what it may, and its place behind those who came before it.
fn for_all(done: &Result<Done, Fault>, deadline: Instant, is_hurried: bool) -> Option<Landed> {
    match done {
        Ok(done) if is_hurried && !done.is_complete() => None,
        Ok(done) => Some(Ok(done.answered())),
        Err(_) if Instant::now() >= deadline => None,
        Err(fault) => match fault.code {
            Code::DeadlineExceeded | Code::Overloaded | Code::QuotaExceeded => None,
            _ => Some(Err(fault.clone())),
        },
    }
}

/// Returns whether another request's answer is as good as one's own would be. One whose caption had too little time is for who
/// has no more: he has waited for longer than he has left.
fn is_of_use(landed: &Landed, waited: Duration, left: Duration) -> bool {
    let had_time =
        |answered: &Answered| answered.tagged.caption.status != CaptionStatus::SkippedDeadline;
    landed.as_ref().map_or(true, had_time) || left <= waited
}

fn too_late() -> Fault {
    Fault::new(
        Code::DeadlineExceeded,
        Stage::Lookup,
        "The time that the request allowed was over before another request for the same image was answered.",
    )
}
