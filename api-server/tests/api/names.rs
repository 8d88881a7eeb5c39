//! How often names are asked for, and what a change of the answer gains.

use std::{sync::atomic::Ordering, time::Duration};

use futures_util::future::join_all;
use testing::pictures::photo;

use crate::{
    harness::Harness,
    support::{
        names::{Answers, NOWHERE},
        origin::{Origin, ok},
        trap::Trap,
        worker::Behaviour,
    },
};

#[tokio::test]
async fn a_name_is_looked_up_once_while_its_answer_lasts() {
    let origin = Origin::start([("/cat.jpg", ok(&photo(64, 64)))]).await;
    let base = format!("http://cat.example:{}", origin.port());
    let names = Answers::here();
    let api = Harness::with_names(
        &["--fetch-allow-origin", &base],
        Behaviour::Answer,
        names.clone(),
    )
    .await;
    let url = format!("{base}/cat.jpg");
    let hits = api
        .metric(r#"tagfleet_dns_lookups_total{result="hit"}"#)
        .await;
    for reply in join_all((0..8).map(|_| api.post_url(&url))).await {
        assert_eq!(reply.status, 200, "{}", reply.json);
    }
    assert_eq!(api.post_url(&url).await.status, 200);
    assert_eq!(names.given.load(Ordering::SeqCst), 1);
    assert!(
        api.metric(r#"tagfleet_dns_lookups_total{result="hit"}"#)
            .await
            >= hits + 8.0
    );
    assert!(
        api.metric(r#"tagfleet_dns_lookups_total{result="miss"}"#)
            .await
            >= 1.0
    );
    api.finish().await;
}

#[tokio::test]
async fn a_name_without_an_address_is_not_asked_for_again_at_once() {
    let names = Answers::lasting(Duration::from_secs(60), vec![vec![], vec!["127.0.0.1"]]);
    let api = Harness::with_names(&[], Behaviour::Answer, names.clone()).await;
    for _ in 0..3 {
        api.post_url("http://cat.example/")
            .await
            .is_problem(422, "source_unreachable");
    }
    assert_eq!(names.given.load(Ordering::SeqCst), 1);
    api.finish().await;
}

#[tokio::test]
async fn a_name_that_changes_its_answer_gains_nothing() {
    let trap = Trap::start().await;
    let port = trap.port.to_string();
    let names = Answers::new(vec![vec![NOWHERE], vec!["127.0.0.1"]]);
    let args = ["--fetch-ports", &port, "--fetch-connect-timeout-ms", "300"];
    let api = Harness::with_names(&args, Behaviour::Answer, names.clone()).await;
    api.post_url(&format!("http://cat.example:{port}/"))
        .await
        .is_problem(422, "source_unreachable");
    assert_eq!(
        names.given.load(Ordering::SeqCst),
        1,
        "looked up once, and connected to that"
    );
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    api.post_url(&format!("http://cat.example:{port}/"))
        .await
        .is_problem(422, "source_unreachable");
    assert_eq!(
        names.given.load(Ordering::SeqCst),
        2,
        "its time to live was over, and the new answer was judged too"
    );
    assert!(trap.is_untouched().await);
    api.finish().await;
}
