//! The hostile: a quarter each is slow, huge, looping, and bad for decoders,
//! over many hosts, since one host alone soon has an open circuit; and three in two
//! hundred make a decoder hang.

use std::time::Duration;

use super::support::{
    decoder::{ABORT, HANG, PANIC},
    origin::{Origin, Page, ok, redirect},
};

/// Hosts of each kind.
const HOSTS: usize = 16;
/// Hosts of the kind that hangs, which has one page.
const HANGING_HOSTS: usize = 2;

pub struct Mix {
    /// Each with two pages, `/0` and `/1`; kinds take turns.
    origins: Vec<Origin>,
    hanging: Vec<Origin>,
}

impl Mix {
    /// `kinds` are names of kinds, or none for all.
    pub async fn start(kinds: &str) -> Self {
        let all = [
            ("slow", slow as fn() -> [Page; 2]),
            ("huge", huge),
            ("looping", looping),
            ("panicking", panicking),
        ];
        let is_chosen = |kind: &str| kinds.is_empty() || kinds.contains(kind);
        let mut origins = Vec::new();
        let mut hanging = Vec::new();
        for _ in 0..HOSTS {
            for (_, pages) in all.iter().filter(|(kind, _)| is_chosen(kind)) {
                let [first, second] = pages();
                origins.push(Origin::start([("/0", first), ("/1", second)]).await);
            }
        }
        for _ in (0..HANGING_HOSTS).filter(|_| is_chosen("hanging")) {
            hanging.push(Origin::start([("/0", ok(HANG))]).await);
        }
        Self { origins, hanging }
    }

    pub fn bases(&self) -> impl Iterator<Item = String> {
        self.origins
            .iter()
            .chain(&self.hanging)
            .map(|origin| origin.base.clone())
    }

    pub fn urls(&self) -> Vec<String> {
        let of = |path, origins: &[Origin]| {
            origins
                .iter()
                .map(|origin| origin.url(path))
                .collect::<Vec<_>>()
        };
        [
            of("/0", &self.origins),
            of("/0", &self.hanging),
            of("/1", &self.origins),
        ]
        .concat()
    }
}

fn slow() -> [Page; 2] {
    [
        Page::Silent,
        Page::Drip(1_000_000, Duration::from_millis(500)),
    ]
}

fn huge() -> [Page; 2] {
    [
        Page::Endless,
        Page::Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 9000000000\r\n\r\n".to_vec()),
    ]
}

fn looping() -> [Page; 2] {
    [redirect("/1"), redirect("/0")]
}

fn panicking() -> [Page; 2] {
    [ok(PANIC), ok(ABORT)]
}
