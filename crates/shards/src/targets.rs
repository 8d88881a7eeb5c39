//! What a shard's items come to: each URL is fetched once, however many items name it.

use std::{collections::HashMap, time::Duration};

use ledger::Item;
use url::Url;

/// One URL, and all items that name it.
pub struct Target {
    /// In small letters; empty for what is no URL.
    pub host: String,
    /// Places in the shard. The URL is that of the first one; long ones must not be in memory twice.
    pub items: Vec<usize>,
    /// The time that its host was busy with it, all tries together.
    pub fetching: Duration,
}

pub fn targets(items: &[Item], is_done: impl Fn(usize) -> bool) -> Vec<Target> {
    let mut targets = Vec::<Target>::new();
    let mut known = HashMap::<&str, usize>::new();
    let left = items
        .iter()
        .enumerate()
        .filter(|(at, item)| !is_done(*at) && item.wrong.is_none());
    for (at, item) in left {
        match known.get(item.url.as_str()) {
            Some(target) => targets[*target].items.push(at),
            None => {
                known.insert(&item.url, targets.len());
                targets.push(Target {
                    host: host_of(&item.url),
                    items: vec![at],
                    fetching: Duration::ZERO,
                });
            }
        }
    }
    targets
}

/// Returns the host of a URL; what is no URL has none, and fails soon.
fn host_of(url: &str) -> String {
    Url::parse(url)
        .ok()
        .and_then(|url| url.host_str().map(str::to_lowercase))
        .unwrap_or_default()
}

/// Places of rows of which nothing can be made: they end as they came.
pub fn wrong(items: &[Item], is_done: impl Fn(usize) -> bool) -> Vec<usize> {
    let is_left = |at: &usize| items[*at].wrong.is_some() && !is_done(*at);
    (0..items.len()).filter(is_left).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_urls_are_one_target_and_done_items_none() {
        let item = |url: &str| Item::new(String::new(), url.to_owned());
        let items = [
            item("http://a.example/1"),
            item("http://b.example/"),
            item("http://a.example/1"),
            item("nonsense"),
        ];
        let targets = targets(&items, |at| at == 1);
        let seen: Vec<_> = targets
            .iter()
            .map(|target| (target.host.as_str(), target.items.as_slice()))
            .collect();
        assert_eq!(seen, [("a.example", &[0, 2][..]), ("", &[3])]);
    }
}
