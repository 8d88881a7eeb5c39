//! How long it will take: as long as the slower of two takes, the fleet at the
//! pace of the sample or the host that may be asked least for what it has; and
//! then the end, in which what failed is tried again, and which is as long
//! for a long list as for a short one.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::seen::Kept;

/// Quantiles of when the sample's items were done: the pace before the first and after the last is not steady.
const STEADY: [f64; 3] = [0.1, 0.45, 0.8];

/// Seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Span {
    #[schema(example = 4400.0)]
    pub expected: f64,
    /// By the faster and by the slower half of the sample.
    #[schema(example = 4100.0)]
    pub earliest: f64,
    #[schema(example = 4700.0)]
    pub latest: f64,
}

/// How many images of one host may be under way at once, in the whole fleet.
#[derive(Clone, Copy, Debug)]
pub struct Places {
    pub per_host: usize,
}

/// `items`: by when they were done. `scale`: how many there are for each of them.
pub fn span(items: &[Kept], scale: f64, places: &Places) -> Span {
    let Some(last) = items.last() else {
        return Span {
            expected: 0.0,
            earliest: 0.0,
            latest: 0.0,
        };
    };
    let at = |share: f64| (items.len() as f64 * share) as usize;
    let [begin, middle, end] = STEADY.map(at);
    let listed = items.len() as f64 * scale;
    let whole = pace(items, begin, end).unwrap_or_else(|| all_at_once(items));
    let halves =
        [pace(items, begin, middle), pace(items, middle, end)].map(|half| half.unwrap_or(whole));
    // What the last ones took beyond their turn.
    let left = (items.len() - end) as f64 / whole;
    let tail = ((last.finished_ms - items[end.min(items.len() - 1)].finished_ms) as f64 / 1e3
        - left)
        .max(0.0);
    let host = slowest_host_s(items, scale, places);
    let takes = |per_s: f64| tenth((listed / per_s).max(host) + tail);
    Span {
        expected: takes(whole),
        earliest: takes(halves[0].max(halves[1]).max(whole)),
        latest: takes(halves[0].min(halves[1]).min(whole)),
    }
}

/// Items a second between two of them.
fn pace(items: &[Kept], from: usize, to: usize) -> Option<f64> {
    let first = items.get(from)?;
    let last = items.get(to)?;
    let spent_ms = last.finished_ms - first.finished_ms;
    (spent_ms > 0).then(|| (to - from) as f64 * 1e3 / spent_ms as f64)
}

/// Returns the pace of so few that there is nothing between them.
fn all_at_once(items: &[Kept]) -> f64 {
    let begun = items
        .iter()
        .map(|item| item.finished_ms.saturating_sub(item.fetch_ms))
        .min()
        .unwrap_or(0);
    let ended = items.last().map_or(0, |last| last.finished_ms);
    items.len() as f64 * 1e3 / ended.saturating_sub(begun).max(1) as f64
}

fn slowest_host_s(items: &[Kept], scale: f64, places: &Places) -> f64 {
    let hosts = items
        .iter()
        .map(|item| item.host)
        .max()
        .map_or(0, |last| last + 1);
    let mut fetch_ms = vec![0; hosts];
    items
        .iter()
        .for_each(|item| fetch_ms[item.host] += item.fetch_ms);
    let most = fetch_ms.into_iter().max().unwrap_or(0);
    most as f64 / 1e3 * scale / places.per_host.max(1) as f64
}

fn tenth(seconds: f64) -> f64 {
    (seconds * 10.0).round() / 10.0
}
