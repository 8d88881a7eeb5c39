//! One trace of one request, from the API server through the broker to the worker and its caption.

use testing::{
    collector::Collector,
    servers::{RabbitMq, Redis, unique},
};

use crate::support::{process::Process, samples::Origin};

#[tokio::test]
async fn one_trace_shows_the_whole_way_of_an_image() {
    let (origin, rabbitmq, redis, collector) = tokio::join!(
        Origin::start(),
        RabbitMq::start(),
        Redis::start(),
        Collector::start()
    );
    let shared = [
        ("TAGFLEET_QUEUE_URL", rabbitmq.url()),
        ("TAGFLEET_BUS_URL", redis.url()),
        ("TAGFLEET_QUEUE_PREFIX", unique("traces")),
        ("TAGFLEET_CAPTIONER", "template".to_owned()),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url.clone()),
        ("TAGFLEET_TRACE_ONE_IN", "1".to_owned()),
    ];
    let mut worker = Process::worker("worker-1", &shared).await;
    let mut api = Process::api(&origin, &shared).await;
    let urls = &origin.urls(1)[..1];
    let answer = api.tag(urls, &[]).await.remove(0);
    let id = answer.id.trim_start_matches("req_");
    let spans = collector.trace(id).await;
    let mut ways: Vec<_> = spans
        .iter()
        .map(|span| (span.start, span.service.as_str(), span.name.as_str()))
        .collect();
    ways.sort_unstable();
    for (service, name) in [
        ("tagfleet-api", "POST /v1/tags"),
        ("tagfleet-api", "GET"),
        ("tagfleet-api", "prepare"),
        ("tagfleet-api", "send tagging"),
        ("tagfleet-api", "queue"),
        ("tagfleet-worker", "process tagging"),
        ("tagfleet-worker", "infer"),
        ("tagfleet-worker", "caption"),
        ("tagfleet-api", "result"),
    ] {
        assert!(
            ways.iter().any(|way| (way.1, way.2) == (service, name)),
            "{name} at {service} is not among {ways:#?}"
        );
    }
    for process in [&mut api, &mut worker] {
        assert_eq!(process.terminate().await, Some(0));
    }
}
