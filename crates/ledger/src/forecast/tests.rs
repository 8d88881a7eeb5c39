use serde_json::json;

use super::*;

fn seen(n: u64, finished_ms: u64, fetch_ms: u64, host: &str, code: Option<&str>) -> Seen {
    let response = code
        .is_none()
        .then(|| json!({"body": {"image": {"bytes": 1_000}, "tags": [{"id": "cat"}]}}));
    let line = json!({
        "url": format!("http://{host}/{n}"), "response": response, "error": code.map(|code| json!({"code": code})),
        "measured": {"finished_ms": finished_ms, "fetch_ms": fetch_ms, "by": "m"},
    });
    serde_json::from_value(line).expect("a line")
}

fn frame(listed: u64, per_host: usize) -> Frame {
    Frame {
        listed,
        places: Places { per_host },
        workers: 4,
        worker_hour_cost: Some(0.5),
    }
}

/// 1,000 of 100,000 at 100 a second, after a slow beginning, with a try at the end that took long.
fn steady() -> Sample {
    let mut sample = Sample::default();
    for n in 0..1_000 {
        let late = if n < 50 { 0 } else { 3_000 };
        let end = if n == 999 { 20_000 } else { 0 };
        sample.add(seen(
            n,
            late + n * 10 + end,
            200,
            "a.example",
            (n % 20 == 0).then_some("source_http_error"),
        ));
    }
    sample
}

#[test]
fn a_sample_stands_for_the_whole() {
    let forecast = steady().forecast(&frame(100_000, 1_000));
    assert_eq!((forecast.sampled, forecast.bytes), (1_000, 95_000_000));
    let all = forecast.failures.all;
    assert_eq!((all.items, all.share), (5_000, 0.05));
    assert!(
        all.low > 0.035 && all.low < 0.05 && all.high > 0.05 && all.high < 0.07,
        "{all:?}"
    );
    assert_eq!(forecast.failures.by_code["source_http_error"], all);
    let Span {
        expected,
        earliest,
        latest,
    } = forecast.seconds;
    assert_eq!(
        (expected, earliest, latest),
        (1_020.0, 1_020.0, 1_020.0),
        "the pace, and the last try once"
    );
    assert_eq!((forecast.worker_hours, forecast.cost), (1.133, Some(0.57)));
    assert_eq!(forecast.tags, BTreeMap::from([("cat".to_owned(), 1.0)]));
}

#[test]
fn a_host_that_may_be_asked_little_decides() {
    let forecast = steady().forecast(&frame(100_000, 2));
    // 1,000 times 0.2 s, a hundredfold, by two at a time.
    assert_eq!(forecast.seconds.expected, 10_020.0);
}

#[test]
fn few_are_better_than_none() {
    assert_eq!(
        Sample::default().forecast(&frame(10, 16)).seconds.expected,
        0.0
    );
    let mut sample = Sample::default();
    sample.add(seen(0, 5_000, 500, "a.example", None));
    let forecast = sample.forecast(&frame(1, 16));
    assert_eq!(forecast.seconds.expected, 0.5);
    assert_eq!(
        forecast.failures.all,
        failures::Share {
            items: 0,
            share: 0.0,
            low: 0.0,
            high: 0.0
        },
        "all is known"
    );
}

#[test]
fn an_interval_holds_what_it_says() {
    // Samples of 500 of a list of which a tenth fails, by a generator that is always the same.
    let mut state = 1_u64;
    let mut held = 0;
    let mut random = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / (1_u64 << 31) as f64
    };
    for _ in 0..1_000 {
        let failed = (0..500).filter(|_| random() < 0.1).count() as u64;
        let share = failures::Share::of(failed, 500, 1_000_000);
        held += usize::from(share.low <= 0.1 && 0.1 <= share.high);
    }
    assert!((930..=970).contains(&held), "{held} of 1000");
}
