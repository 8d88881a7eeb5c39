//! The generator against a service of the test's own.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use loadtest::{
    load::{Asked, Image, Plan, Protocol, run},
    outcome::{Outcome, Slo},
};
use tokio::net::TcpListener;

/// What the nth request gets, and after how long.
type Answer = fn(u64) -> (Duration, u16);

async fn service(answer: Answer) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("it is bound");
    let count = Arc::new(AtomicU64::new(0));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let count = count.clone();
            let service = service_fn(move |request| reply(request, answer, count.clone()));
            tokio::spawn(async move {
                let _ = Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    format!("http://{address}")
}

async fn reply(
    request: Request<Incoming>,
    answer: Answer,
    count: Arc<AtomicU64>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.uri().path() == "/v1/models" {
        let models = r#"{"models":[{"name":"m","version":"1"}],"workers":[{"device":"fake","models":["m"]}]}"#;
        return Ok(Response::new(Full::from(models)));
    }
    if request.uri().path().starts_with("/v1/batches") {
        return Ok(Response::new(Full::from(batch(request, &count).await)));
    }
    let _ = request.into_body().collect().await;
    let (after, status) = answer(count.fetch_add(1, Relaxed));
    tokio::time::sleep(after).await;
    let response = Response::builder()
        .status(status)
        .header("server-timing", "infer;dur=5.0, total;dur=6.0");
    Ok(response
        .body(Full::from(r#"{"code":"overloaded"}"#))
        .expect("a response"))
}

/// As many images are done as requests came; its id is the number of its lines.
async fn batch(request: Request<Incoming>, count: &AtomicU64) -> String {
    let id = request
        .uri()
        .path()
        .split('/')
        .nth(3)
        .unwrap_or_default()
        .to_owned();
    let list = request
        .into_body()
        .collect()
        .await
        .expect("a list")
        .to_bytes();
    let id = if id.is_empty() {
        list.iter()
            .filter(|byte| **byte == b'\n')
            .count()
            .to_string()
    } else {
        id
    };
    let completed = count.load(Relaxed);
    format!(r#"{{"id":"{id}","request_counts":{{"completed":{completed},"failed":1}}}}"#)
}

async fn measured(answer: Answer, protocol: Protocol, connections: usize) -> Outcome {
    run(&plan(answer, protocol, connections).await, |_, _| {})
        .await
        .expect("a run")
}

async fn plan(answer: Answer, protocol: Protocol, connections: usize) -> Plan {
    Plan {
        name: "test".into(),
        service: service(answer).await.parse().expect("a URL"),
        protocol,
        connections,
        shape: "constant:100".parse().expect("a shape"),
        lasts: Duration::from_secs(1),
        warm_up: Duration::ZERO,
        seed: 1,
        asked: Asked {
            image: Image::Url("http://o/{number}.jpg".into()),
            caption: false,
            timeout_ms: 5_000,
            distinct: None,
            api_key: None,
        },
        batch_lines: None,
        slo: Slo {
            ms: 60_000.0,
            percentile: 99.0,
            max_failed: 0.0,
        },
        patience: Duration::from_secs(60),
        max_under_way: 1_000,
    }
}

#[tokio::test]
async fn a_batch_beside_the_load_is_sent_and_watched() {
    let plan = plan(|_| (Duration::ZERO, 200), Protocol::H1, 4).await;
    let outcome = run(
        &Plan {
            batch_lines: Some(7),
            ..plan
        },
        |_, _| {},
    )
    .await
    .expect("a run");
    let batch = outcome.batch.expect("there was one");
    assert_eq!((batch.lines, batch.failed), (7, 1));
    assert!(
        (90..=100).contains(&batch.completed),
        "{} at the end",
        batch.completed
    );
    assert!(
        (80.0..=105.0).contains(&batch.per_s),
        "{} a second",
        batch.per_s
    );
}

#[tokio::test]
async fn every_request_that_is_due_is_sent_and_counted() {
    for protocol in [Protocol::H1, Protocol::H2] {
        let outcome = measured(|_| (Duration::ZERO, 200), protocol, 4).await;
        assert_eq!(
            (outcome.sent, outcome.ok, outcome.in_slo),
            (100, 100, 100),
            "{protocol:?}"
        );
        assert_eq!(outcome.served_by, ["m 1 on fake (1 workers)"]);
        let infer = &outcome.stages[0];
        assert_eq!(
            (infer.stage.as_str(), infer.mean_ms, infer.latency.count),
            ("infer", 5.0, 100)
        );
        assert!(outcome.missed().is_empty(), "{:?}", outcome.missed());
    }
}

#[tokio::test]
async fn refusals_are_counted_by_code_and_miss_the_objective() {
    let outcome = measured(
        |n| (Duration::ZERO, if n % 4 == 0 { 429 } else { 200 }),
        Protocol::H1,
        4,
    )
    .await;
    assert_eq!((outcome.ok, outcome.failed["overloaded"]), (75, 25));
    assert_eq!(outcome.missed(), ["25.00 % failed"]);
}

/// One connection, and its first answer takes a second: a caller that waited
/// for it before it asked again would have noticed a single slow answer.
#[tokio::test]
async fn a_service_that_stalls_cannot_hide_it() {
    let stalls_once = |n| {
        (
            if n == 0 {
                Duration::from_secs(1)
            } else {
                Duration::ZERO
            },
            200,
        )
    };
    let outcome = measured(stalls_once, Protocol::H1, 1).await;
    assert_eq!(outcome.ok, 100);
    assert!(
        outcome.latency.p50_ms > 400.0,
        "p50 {} ms: half of them were due more than so before",
        outcome.latency.p50_ms
    );
}
