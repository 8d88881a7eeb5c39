//! Names of the tests' own, and how often they are asked for.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use api_server::{Found, Lookup};
use futures_util::{future::BoxFuture, future::join_all};

use crate::{
    harness::Harness,
    origin::{Origin, ok},
    pictures,
    worker::Behaviour,
};

/// Gives one answer after the other, whatever the name, then the last one again.
pub struct Answers {
    pub given: AtomicUsize,
    answers: Vec<Vec<&'static str>>,
    ttl: Duration,
}

impl Answers {
    pub fn new(answers: Vec<Vec<&'static str>>) -> Arc<Self> {
        Self::lasting(Duration::ZERO, answers)
    }

    pub fn lasting(ttl: Duration, answers: Vec<Vec<&'static str>>) -> Arc<Self> {
        Arc::new(Self { given: AtomicUsize::new(0), answers, ttl })
    }

    /// Every name is this host.
    pub fn here() -> Arc<Self> {
        Self::lasting(Duration::from_secs(60), vec![vec!["127.0.0.1"]])
    }
}

impl Lookup for Answers {
    fn lookup(&self, _: String) -> BoxFuture<'static, io::Result<Found>> {
        let turn = self.given.fetch_add(1, Ordering::SeqCst).min(self.answers.len() - 1);
        let addresses = self.answers[turn].iter().map(|text| text.parse().expect("an address")).collect();
        let found = Found { addresses, ttl: self.ttl };
        Box::pin(async move { Ok(found) })
    }
}

#[tokio::test]
async fn a_name_is_looked_up_once_while_its_answer_lasts() {
    let origin = Origin::start([("/cat.jpg", ok(&pictures::jpeg(64, 64)))]).await;
    let base = format!("http://cat.example:{}", origin.port());
    let names = Answers::here();
    let api = Harness::with_names(&["--fetch-allow-origin", &base], Behaviour::Answer, names.clone()).await;
    let url = format!("{base}/cat.jpg");
    let hits = api.metric(r#"tagfleet_dns_lookups_total{result="hit"}"#).await;
    for reply in join_all((0..8).map(|_| api.post_url(&url))).await {
        assert_eq!(reply.status, 200, "{}", reply.json);
    }
    assert_eq!(api.post_url(&url).await.status, 200);
    assert_eq!(names.given.load(Ordering::SeqCst), 1);
    assert!(api.metric(r#"tagfleet_dns_lookups_total{result="hit"}"#).await >= hits + 8.0);
    assert!(api.metric(r#"tagfleet_dns_lookups_total{result="miss"}"#).await >= 1.0);
    api.finish().await;
}

#[tokio::test]
async fn a_name_without_an_address_is_not_asked_for_again_at_once() {
    let names = Answers::lasting(Duration::from_secs(60), vec![vec![], vec!["127.0.0.1"]]);
    let api = Harness::with_names(&[], Behaviour::Answer, names.clone()).await;
    for _ in 0..3 {
        api.post_url("http://cat.example/").await.is_problem(422, "source_unreachable");
    }
    assert_eq!(names.given.load(Ordering::SeqCst), 1);
    api.finish().await;
}
