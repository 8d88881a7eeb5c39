use std::{sync::Arc, time::Duration};

use clap::Parser;
use common::{
    bus::{Bus, BusConfig},
    fault::{Code, Fault},
    image::{Exif, Facts, Format},
    stage::Stage,
    wire::{Caption, CaptionStatus, Features, Language, ModelId, Selection, TagQuery, Tagged},
};
use tokio::time::Instant;

use super::*;

#[derive(Parser)]
struct Settings {
    #[command(flatten)]
    bus: BusConfig,
    #[command(flatten)]
    cache: CacheConfig,
}

async fn bus() -> Bus {
    let settings = Settings::parse_from(["test"]);
    Bus::connect(&settings.bus).await.expect("it is in memory")
}

fn cache(bus: &Bus, words: &[&str]) -> Option<Cache> {
    let settings = Settings::parse_from([&["test"], words].concat());
    Cache::open(&settings.cache, bus.clone())
}

fn asked(limit: Option<u16>) -> TagQuery {
    TagQuery {
        features: Features {
            tags: true,
            caption: false,
            ..Features::default()
        },
        limit,
        threshold: None,
        language: Language::En,
        selection: Selection::default(),
        vocabulary: None,
        tenant_words: false,
    }
}

fn model(version: &str) -> ModelId {
    ModelId {
        name: "model".into(),
        version: version.into(),
    }
}

fn key(tenant: &str, version: &str, limit: Option<u16>) -> AnswerKey {
    let scope = Scope::new(tenant, 0);
    AnswerKey::new(&scope, [&model(version)], "template", &asked(limit))
}

fn facts() -> Facts {
    Facts {
        width: 3,
        height: 2,
        frames: 1,
        format: Format::Png,
        bytes: 9,
        sha256: "ab".into(),
        exif: Exif::default(),
        warnings: vec![],
    }
}

fn tagged() -> Tagged {
    Tagged {
        model: model("1"),
        tags: vec![],
        caption: Caption {
            text: None,
            status: CaptionStatus::Disabled,
            model: None,
            unsure: false,
        },
        seen: Box::default(),
        scores: None,
    }
}

fn answered() -> Answered {
    Answered::new(facts(), tagged())
}

#[tokio::test]
async fn an_answer_is_found_by_bytes_and_by_tile_and_by_nothing_else() {
    let bus = bus().await;
    let cache = cache(&bus, &[]).expect("it is on");
    let own = key("shop", "1", None);
    let bytes = Digest::of(b"file");
    let tile = Digest::of(b"tile");
    cache.keep(&own, bytes, Some(tile), &answered()).await;
    let found = cache.by_bytes(&own, bytes).await.expect("it is kept");
    assert_eq!(found.facts, facts());
    assert_eq!(found.tagged, tagged());
    assert!(cache.by_tile(&own, tile).await.is_some());
    assert!(cache.by_bytes(&own, tile).await.is_none());
    for other in [
        key("other", "1", None),
        key("shop", "2", None),
        key("shop", "1", Some(3)),
    ] {
        assert!(cache.by_bytes(&other, bytes).await.is_none(), "{other:?}");
        assert!(cache.by_tile(&other, tile).await.is_none(), "{other:?}");
    }
}

#[tokio::test]
async fn tenants_share_where_they_are_told_to() {
    let bus = bus().await;
    for (isolation, is_shared) in [("shared", true), ("tenant", false)] {
        let cache = cache(&bus, &["--cache-isolation", isolation]).expect("it is on");
        let a = cache.scope("a").await;
        let b = cache.scope("b").await;
        let answer = |scope| AnswerKey::new(scope, [&model("1")], "", &asked(None));
        assert_eq!(answer(&a) == answer(&b), is_shared);
        let url = |scope| Digest::of_url(scope, "https://a.example/1");
        assert_eq!(url(&a) == url(&b), is_shared);
    }
}

#[tokio::test]
async fn a_tenant_clears_its_own_at_every_server() {
    let bus = bus().await;
    let here = cache(&bus, &[]).expect("it is on");
    let there = cache(&bus, &[]).expect("it is on");
    let url = |scope: &Scope| Digest::of_url(scope, "https://a.example/1");
    let before = url(&there.scope("shop").await);
    let others = url(&there.scope("other").await);
    here.clear("shop").await.expect("the bus is there");
    let after = url(&here.scope("shop").await);
    assert_ne!(after, before);
    // Within seconds, and until then as before.
    while url(&there.scope("shop").await) != after {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(url(&there.scope("other").await), others);
}

#[tokio::test]
async fn another_server_finds_what_this_one_has_kept() {
    let bus = bus().await;
    let here = cache(&bus, &[]).expect("it is on");
    let there = cache(&bus, &[]).expect("it is on");
    let bytes = Digest::of(b"file");
    here.keep(&key("shop", "1", None), bytes, None, &answered())
        .await;
    assert!(
        there
            .by_bytes(&key("shop", "1", None), bytes)
            .await
            .is_some()
    );
    assert!(cache(&bus, &["--cache", "off"]).is_none());
}

#[tokio::test]
async fn a_copy_is_fresh_for_as_long_as_its_host_says() {
    let bus = bus().await;
    let cache = cache(&bus, &[]).expect("it is on");
    let validators = Validators {
        url: "https://a.example/1".into(),
        etag: Some("\"1\"".into()),
        last_modified: None,
        sayings: vec![("cache-control".into(), "max-age=60".into())],
    };
    let bytes = Digest::of(b"file");
    let own = key("shop", "1", None);
    cache.keep(&own, bytes, None, &answered()).await;
    for (fresh, is_fresh) in [
        (None, true),
        (Some(Duration::from_secs(60)), true),
        (Some(Duration::ZERO), false),
    ] {
        let url = Digest::of(b"url");
        cache.keep_copy(url, bytes, validators.clone(), fresh).await;
        match cache.at_url(&own, url).await {
            AtUrl::Answered(_) => assert!(is_fresh, "{fresh:?}"),
            AtUrl::Stale { copy, .. } => {
                assert!(!is_fresh, "{fresh:?}");
                assert_eq!((copy.bytes, &copy.validators), (bytes, &validators));
            }
            other => panic!("{other:?}"),
        }
        let other_question = key("shop", "1", Some(3));
        let at_url = cache.at_url(&other_question, url).await;
        assert!(matches!(at_url, AtUrl::Unknown), "{at_url:?}");
    }
}

#[tokio::test]
async fn a_dead_url_is_known_for_a_moment_and_one_that_may_live_is_not() {
    let bus = bus().await;
    let own = key("shop", "1", None);
    let url = Digest::of(b"url");
    let fault = |code, stage| Fault::new(code, stage, "");
    let dead = fault(Code::SourceHttpError, Stage::Fetch).retryable(false);
    let passing = fault(Code::SourceTimeout, Stage::Fetch).retryable(true);
    let unreachable = fault(Code::SourceUnreachable, Stage::Fetch).retryable(false);
    let not_of_the_url = fault(Code::ImageInvalid, Stage::Prepare);
    for (words, fault, is_known) in [
        (&[][..], &dead, true),
        (&["--cache-dead-ttl-s", "0"], &dead, false),
        (&[], &passing, false),
        (&[], &unreachable, false),
        (&[], &not_of_the_url, false),
    ] {
        let cache = cache(&bus, words).expect("it is on");
        let url = url.joined(&key(&format!("{fault:?}{words:?}"), "1", None));
        cache.keep_dead(url, fault).await;
        let known = matches!(cache.at_url(&own, url).await, AtUrl::Dead(_));
        assert_eq!(known, is_known, "{words:?} {fault:?}");
    }
}

#[tokio::test]
async fn what_a_server_recalls_lives_no_longer_than_where_it_was_kept() {
    let bus = bus().await;
    let words = ["--cache-ttl-s", "1"];
    let here = cache(&bus, &words).expect("it is on");
    let there = cache(&bus, &words).expect("it is on");
    let own = key("shop", "1", None);
    let bytes = Digest::of(b"file");
    let copy = Digest::of(b"another encoding");
    let tile = Digest::of(b"tile");
    here.keep(&own, bytes, Some(tile), &answered()).await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert!(there.by_bytes(&own, bytes).await.is_some());
    let found = there.by_tile(&own, tile).await.expect("it is kept");
    tokio::time::sleep(Duration::from_millis(600)).await;
    there.keep(&own, copy, None, &found.of_copy(facts())).await;
    assert!(there.by_bytes(&own, copy).await.is_none());
    for kept in [&here, &there] {
        assert!(kept.by_bytes(&own, bytes).await.is_none());
        assert!(kept.by_tile(&own, tile).await.is_none());
    }
}

#[tokio::test]
async fn batches_fill_no_more_than_their_share() {
    let bus = bus().await;
    let own = key("shop", "1", None);
    let answered = Answered::new(facts(), tagged());
    for (words, is_kept) in [
        (&["--cache-bulk", "look"][..], false),
        (&["--cache-bulk", "fill", "--cache-bulk-mib", "0"], false),
        (&["--cache-bulk", "fill"], true),
    ] {
        let cache = cache(&bus, words).expect("it is on");
        let bytes = Digest::of(words.concat().as_bytes());
        cache.keep_bulk(&own, bytes, &answered).await;
        let kept = cache.by_bytes(&own, bytes).await;
        assert_eq!(kept.is_some(), is_kept, "{words:?}");
    }
}

#[test]
fn an_answer_is_named_by_the_file_and_the_question() {
    let own = key("shop", "1", None);
    assert_eq!(own.etag("ab"), own.etag("ab"));
    assert!(own.etag("ab").starts_with("W/\""));
    assert_ne!(own.etag("ab"), own.etag("cd"));
    assert_ne!(own.etag("ab"), key("shop", "2", None).etag("ab"));
}

#[tokio::test]
async fn the_first_leads_and_the_others_hear_what_came_of_it() {
    let flights = Flights::<Landed>::new(bus().await);
    let key = Digest::of(b"photo");
    let Flight::Lead(lead) = flights.join(key) else {
        panic!("nobody is under way")
    };
    let Flight::Follow(waits) = flights.join(key) else {
        panic!("somebody is")
    };
    let waits = tokio::spawn(landing(waits));
    lead.land(Ok(Answered::new(facts(), tagged()))).await;
    let landed = waits.await.expect("no panic").expect("the leader landed");
    assert_eq!(landed.expect("well").facts, facts());
    assert!(flights.is_empty());
}

#[tokio::test]
async fn who_waited_for_a_leader_that_gave_up_leads() {
    let flights = Flights::<Landed>::new(bus().await);
    let key = Digest::of(b"photo");
    let lead = flights.join(key);
    let Flight::Follow(waits) = flights.join(key) else {
        panic!("somebody is under way")
    };
    drop(lead);
    assert_eq!(landing(waits).await, None);
    assert!(matches!(flights.join(key), Flight::Lead(_)));
}

#[tokio::test]
async fn one_server_of_the_fleet_works_and_the_other_finds_what_it_came_to() {
    let bus = bus().await;
    let here = Flights::<Landed>::new(bus.clone());
    let there = Flights::<Landed>::new(bus);
    let key = Digest::of(b"photo");
    let until = Instant::now() + Duration::from_secs(5);
    let Flight::Lead(mut first) = here.join(key) else {
        panic!("nobody is under way")
    };
    let Flight::Lead(mut second) = there.join(key) else {
        panic!("nobody is under way there")
    };
    assert_eq!(first.claim(until, async || None).await, Claim::Mine);
    let kept = Arc::new(std::sync::OnceLock::new());
    let found = {
        let kept = kept.clone();
        move || {
            let kept = kept.clone();
            async move { kept.get().cloned() }
        }
    };
    let waits = tokio::spawn(async move { second.claim(until, found).await });
    let answered = Answered::new(facts(), tagged());
    kept.set(Ok(answered.clone())).expect("once");
    first.land(Ok(answered.clone())).await;
    let claim = waits.await.expect("no panic");
    assert_eq!(claim, Claim::Found(Ok(answered)));
}

#[tokio::test]
async fn nobody_waits_for_an_answer_that_was_given_and_may_not_be_kept() {
    let bus = bus().await;
    let [here, there] = [(); 2].map(|()| Flights::<Landed>::new(bus.clone()));
    let key = Digest::of(b"photo");
    let until = Instant::now() + Duration::from_secs(1);
    for flights in [&here, &there, &here] {
        let Flight::Lead(mut lead) = flights.join(key) else {
            panic!("nobody is under way")
        };
        assert_eq!(lead.claim(until, async || None).await, Claim::Mine);
        lead.land(Ok(answered())).await;
    }
}

#[tokio::test]
async fn who_waits_for_another_server_waits_until_its_own_time_is_over() {
    let bus = bus().await;
    let [here, there] = [(); 2].map(|()| Flights::<Landed>::new(bus.clone()));
    let key = Digest::of(b"photo");
    let [Flight::Lead(mut first), Flight::Lead(mut second)] = [here.join(key), there.join(key)]
    else {
        panic!("nobody is under way")
    };
    let until = Instant::now() + Duration::from_millis(50);
    assert_eq!(first.claim(until, async || None).await, Claim::Mine);
    assert_eq!(second.claim(until, async || None).await, Claim::TimeOver);
}

#[tokio::test]
async fn a_leader_that_died_is_replaced_once_its_claim_has_run_out() {
    let bus = bus().await;
    let key = Digest::of(b"photo");
    let claimed = bus
        .claim(&format!("flight:{key}"), Duration::from_millis(50))
        .await;
    assert!(claimed.expect("it is in memory"));
    let flights = Flights::<Landed>::new(bus);
    let Flight::Lead(mut lead) = flights.join(key) else {
        panic!("nobody is under way here")
    };
    let until = Instant::now() + Duration::from_secs(5);
    assert_eq!(lead.claim(until, async || None).await, Claim::Mine);
}
