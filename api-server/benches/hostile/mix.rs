//! The hostile: a quarter each is slow, huge, looping, and bad for decoders,
//! over many hosts, since one host alone is soon left alone.

use std::time::Duration;

use super::support::{
    decoder::{ABORT, PANIC},
    origin::{Origin, Page, ok, redirect},
};

/// Of each kind.
const HOSTS: usize = 16;

pub struct Mix {
    /// Each with two pages, `/0` and `/1`; kinds take turns.
    origins: Vec<Origin>,
}

impl Mix {
    /// `kinds` are names of kinds, or none for all.
    pub async fn start(kinds: &str) -> Self {
        let all = [("slow", slow as fn() -> [Page; 2]), ("huge", huge), ("looping", looping), ("panicking", panicking)];
        let chosen = |(kind, _): &&(&str, _)| kinds.is_empty() || kinds.contains(kind);
        let mut origins = Vec::new();
        for _ in 0..HOSTS {
            for (_, pages) in all.iter().filter(chosen) {
                let [first, second] = pages();
                origins.push(Origin::start([("/0", first), ("/1", second)]).await);
            }
        }
        Self { origins }
    }

    pub fn bases(&self) -> impl Iterator<Item = String> {
        self.origins.iter().map(|origin| origin.base.clone())
    }

    pub fn urls(&self) -> Vec<String> {
        ["/0", "/1"].iter().flat_map(|path| self.origins.iter().map(|origin| origin.url(path))).collect()
    }
}

fn slow() -> [Page; 2] {
    [Page::Silent, Page::Drip(1_000_000, Duration::from_millis(500))]
}

fn huge() -> [Page; 2] {
    [Page::Endless, Page::Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 9000000000\r\n\r\n".to_vec())]
}

fn looping() -> [Page; 2] {
    [redirect("/1"), redirect("/0")]
}

fn panicking() -> [Page; 2] {
    [ok(PANIC), ok(ABORT)]
}
