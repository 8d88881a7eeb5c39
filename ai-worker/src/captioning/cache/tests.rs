use std::{
    convert::Infallible,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use clap::Parser;
use common::{bus::BusConfig, queue::Priority, wire::Language};

use super::*;

#[derive(Parser)]
struct Config {
    #[command(flatten)]
    bus: BusConfig,
}

const REALTIME: CaptionRequest = CaptionRequest {
    priority: Priority::Realtime,
    language: Language::En,
    shed: false,
};
const BULK: CaptionRequest = CaptionRequest {
    priority: Priority::Bulk,
    ..REALTIME
};

async fn bus() -> Bus {
    Bus::connect(&Config::parse_from(["test"]).bus)
        .await
        .expect("memory connects")
}

fn setting(near: bool) -> CacheSetting {
    CacheSetting {
        kept: 100,
        ttl: Duration::from_secs(60),
        near,
    }
}

fn sentence(text: &str) -> Remembered {
    Remembered::Sentence(text.into())
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(5)
}

/// Returns what the cache has for `names`, the surest first, or else `written`.
async fn get(cache: &Cache, names: &[&str], written: Remembered) -> (Remembered, Hit) {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let got = cache
        .get(&names, REALTIME, soon(), async {
            Ok::<_, Infallible>(written)
        })
        .await;
    got.unwrap_or_else(|never| match never {})
}

#[tokio::test]
async fn a_sentence_is_written_once_for_the_fleet() {
    let bus = bus().await;
    let one = Cache::new(setting(false), bus.clone(), "model");
    let two = Cache::new(setting(false), bus.clone(), "model");
    let said = sentence("A cat.");
    assert_eq!(
        get(&one, &["cat"], said.clone()).await,
        (said.clone(), Hit::Miss)
    );
    assert_eq!(
        get(&one, &["cat"], Remembered::Nothing).await,
        (said.clone(), Hit::Memory)
    );
    assert_eq!(
        get(&two, &["cat"], Remembered::Nothing).await,
        (said.clone(), Hit::Fleet)
    );
    assert_eq!(
        get(&two, &["cat"], Remembered::Nothing).await,
        (said, Hit::Memory)
    );
    let other = Cache::new(setting(false), bus, "another model");
    assert_eq!(
        get(&other, &["cat"], sentence("Cat.")).await,
        (sentence("Cat."), Hit::Miss)
    );
}

#[tokio::test]
async fn names_are_a_list_and_not_a_text() {
    let cache = Cache::new(setting(false), bus().await, "model");
    for (n, names) in [
        &["cat", "sofa"][..],
        &["sofa", "cat"],
        &["cat, sofa"],
        &["catsofa"],
        &["cat"],
    ]
    .iter()
    .enumerate()
    {
        let written = sentence(&n.to_string());
        assert_eq!(
            get(&cache, names, written.clone()).await,
            (written, Hit::Miss),
            "{names:?}"
        );
    }
}

#[tokio::test]
async fn each_language_has_its_sentences_and_both_lanes_have_the_same() {
    let cache = Cache::new(setting(true), bus().await, "model");
    let english = sentence("A kite.");
    get(&cache, &["kite"], english.clone()).await;
    let korean = CaptionRequest {
        language: Language::Ko,
        ..REALTIME
    };
    let kite = "kite".to_owned();
    let sky = "sky".to_owned();
    let written = || async { Ok::<_, Infallible>(Remembered::Nothing) };
    for names in [&[kite.clone(), sky][..], std::slice::from_ref(&kite)] {
        let got = cache.get(names, korean, soon(), written()).await;
        assert_eq!(got, Ok((Remembered::Nothing, Hit::Miss)), "{names:?}");
    }
    assert_eq!(
        cache.get(&[kite], BULK, soon(), written()).await,
        Ok((english, Hit::Memory))
    );
}

#[tokio::test]
async fn a_near_hit_is_all_but_the_weakest_if_that_is_wanted() {
    let bus = bus().await;
    let near = Cache::new(setting(true), bus.clone(), "model");
    let far = Cache::new(setting(false), bus, "model");
    let said = sentence("A cat.");
    let new = sentence("A cat and a sofa.");
    get(&near, &["cat"], said.clone()).await;
    assert_eq!(
        get(&near, &["cat", "sofa"], new.clone()).await,
        (said, Hit::Near)
    );
    assert_eq!(
        get(&near, &["sofa", "cat"], new.clone()).await,
        (new.clone(), Hit::Miss),
        "the cat is the weakest here"
    );
    assert_eq!(
        get(&far, &["cat", "sofa"], new.clone()).await,
        (new.clone(), Hit::Miss)
    );
    // What the guard refused is no sentence for others.
    get(&near, &["dog"], Remembered::Nothing).await;
    assert_eq!(
        get(&near, &["dog", "sofa"], new.clone()).await,
        (new, Hit::Miss)
    );
    assert_eq!(
        get(&near, &["dog"], sentence("A dog.")).await,
        (Remembered::Nothing, Hit::Memory)
    );
}

#[tokio::test]
async fn who_asks_meanwhile_waits_for_whoever_is_at_it() {
    let bus = bus().await;
    let caches = [
        Cache::new(setting(false), bus.clone(), "model"),
        Cache::new(setting(false), bus, "model"),
    ];
    let written = AtomicUsize::new(0);
    let names = ["cat".to_owned()];
    let asks = (0..20).map(|n| {
        let slowly = async {
            written.fetch_add(1, Relaxed);
            sleep(Duration::from_millis(100)).await;
            Ok::<_, Infallible>(sentence("A cat."))
        };
        caches[n % 2].get(&names, REALTIME, soon(), slowly)
    });
    let got = futures_util::future::join_all(asks).await;
    assert!(got.iter().all(|got| {
        got.as_ref()
            .is_ok_and(|(said, _)| *said == sentence("A cat."))
    }));
    assert_eq!(written.load(Relaxed), 1);
}

#[tokio::test]
async fn nobody_waits_for_the_writer_of_a_batch() {
    let cache = Cache::new(setting(false), bus().await, "model");
    let names = ["cat".to_owned()];
    let slowly = async {
        sleep(Duration::from_secs(60)).await;
        Ok::<_, Infallible>(sentence("A cat in a batch."))
    };
    let got = async {
        sleep(LOOK_EVERY).await;
        get(&cache, &["cat"], sentence("A cat.")).await
    };
    tokio::select! {
        _ = cache.get(&names, BULK, soon(), slowly) => panic!("it is slow"),
        got = got => assert_eq!(got, (sentence("A cat."), Hit::Miss)),
    }
}

#[tokio::test]
async fn a_failure_is_not_remembered_and_keeps_nobody_waiting() {
    let cache = Cache::new(setting(false), bus().await, "model");
    let names = ["cat".to_owned()];
    assert_eq!(
        cache
            .get(&names, REALTIME, soon(), async {
                Err::<Remembered, _>("down")
            })
            .await,
        Err("down")
    );
    let started = Instant::now();
    assert_eq!(
        get(&cache, &["cat"], sentence("A cat.")).await,
        (sentence("A cat."), Hit::Miss)
    );
    assert!(started.elapsed() < CLAIMED, "the claim was given back");
}
