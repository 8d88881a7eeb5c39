use std::os::unix::fs::symlink;

use rustix::fs::{CWD, RenameFlags, renameat_with};
use tokio::io::AsyncReadExt;

use super::*;

fn config(allow: &[&str], store_url: Option<&str>) -> StoreConfig {
    StoreConfig {
        store_url: store_url.map(str::to_owned),
        batch_allow: allow.iter().map(|text| (*text).to_owned()).collect(),
        ..StoreConfig::default()
    }
}

fn outside(allow: &[&str]) -> Outside {
    Outside::of_batches(&config(allow, Some("memory:"))).expect("opens")
}

#[test]
fn a_bucket_is_open_below_its_prefix_to_whom_it_is_meant_for() {
    let outside = outside(&["s3://lists/a", "shop=gs://shop"]);
    let allowed = |tenant: &str, url: &str| outside.place(tenant, url).is_ok();
    assert!(allowed("any", "s3://lists/a/b.csv") && allowed("any", "s3://lists/a/b/c.csv"));
    assert!(
        allowed("shop", "gs://shop/x")
            && !allowed("any", "gs://shop/x")
            && !allowed("sho", "gs://shop/x")
    );
    let no = [
        "s3://lists/ab.csv",
        "s3://lists/b",
        "s3://lists/a/../b",
        "s3://lists/a/%2e%2e/b",
        "s3://lists/a/%2e%2e%2fb",
        "s3://lists/a//b",
        "s3://lists2/a/b",
        "s3://lists.example/a/b",
        "gs://lists/a/b",
        "s3://user@lists/a/b",
        "s3://lists:80/a/b",
        "s3://lists/a/b?versionId=1",
        "s3://lists/a/b#c",
        "s3:///a/b",
        "s3:lists/a/b",
        "az://lists/a/b",
        "https://lists.s3.amazonaws.com/a/b",
        "file:///lists/a/b",
        "/lists/a/b",
        "",
    ];
    for url in no {
        assert!(!allowed("any", url), "{url}");
    }
}

#[test]
fn the_state_is_in_nothing_that_is_allowed() {
    let refused =
        |allow: &str, store: &str| Outside::of_batches(&config(&[allow], Some(store))).is_err();
    for store in [
        "s3://state/x",
        "gs://state",
        "https://state.s3.amazonaws.com/x",
        "https://s3.eu.amazonaws.com/state",
    ] {
        assert!(refused("s3://state", store), "{store}");
        assert!(refused("shop=s3://state/far/away", store), "{store}");
        assert!(!refused("s3://another", store), "{store}");
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let name = |part: &str| {
        Url::from_file_path(folder.path().join(part))
            .expect("absolute")
            .to_string()
    };
    for part in ["state/inside", "beside"] {
        std::fs::create_dir_all(folder.path().join(part)).expect("made");
    }
    symlink(folder.path().join("state"), folder.path().join("link")).expect("made");
    for allow in ["", "state", "state/inside", "link", "link/inside"] {
        assert!(refused(&name(allow), &name("state")), "{allow}");
    }
    assert!(!refused(&name("beside"), &name("state")));
    assert!(
        refused(&name("missing"), &name("state")) && refused("ftp://a/", "memory:"),
        "what cannot be used"
    );
}

/// Reads a whole file, in one piece and in parts.
async fn read(outside: &Outside, url: &str) -> Result<String, &'static str> {
    let place = outside.place("any", url).map_err(|_| "not allowed")?;
    let opened = place.open().await.map_err(|_| "refused")?;
    let opened = opened.ok_or("missing")?;
    let mut text = String::new();
    let mut reader = opened.reader().await.map_err(|_| "no reader")?;
    let read = reader.read_to_string(&mut text).await;
    read.map_err(|_| "no text")?;
    assert_eq!(opened.range(0..2).await.expect("a part"), text[..2]);
    assert!(opened.range(0..100).await.is_err(), "there is no more");
    Ok(text)
}

#[tokio::test]
async fn no_way_leads_out_of_a_folder() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |part: &str| folder.path().join(part);
    std::fs::create_dir_all(at("in/deep")).expect("made");
    for file in ["secret", "in/list", "in/deep/list"] {
        std::fs::write(at(file), file).expect("written");
    }
    symlink(at("secret"), at("in/link")).expect("made");
    symlink(folder.path(), at("in/up")).expect("made");
    let base = Url::from_file_path(at("in")).expect("absolute");
    let outside = outside(&[base.as_str()]);
    let read = async |part: &str| read(&outside, &format!("{base}/{part}")).await;
    assert_eq!(read("list").await.as_deref(), Ok("in/list"));
    assert_eq!(read("deep/list").await.as_deref(), Ok("in/deep/list"));
    assert_eq!(read("missing").await, Err("missing"));
    for (part, why) in [
        ("link", "refused"),
        ("up/secret", "refused"),
        ("deep", "refused"),
        ("", "refused"),
        ("../secret", "not allowed"),
        ("%2e%2e/secret", "not allowed"),
        ("..%2fsecret", "not allowed"),
        ("deep/..%2f..%2fsecret", "not allowed"),
        ("list%00", "not allowed"),
        ("a\\b", "not allowed"),
    ] {
        assert_eq!(read(part).await, Err(why), "{part}");
    }
    let place = outside
        .place("any", &format!("{base}/out"))
        .expect("allowed");
    assert!(place.put_new("a/b", "one".into()).await.expect("writes"));
    assert!(
        !place.put_new("a/b", "two".into()).await.expect("answers"),
        "what is there stays"
    );
    assert_eq!(read("out/a/b").await.as_deref(), Ok("one"));
    let place = outside
        .place("any", &format!("{base}/up"))
        .expect("by its name");
    assert!(
        place.put_new("x", "x".into()).await.is_err() && !at("x").exists(),
        "no link is followed"
    );
    assert!(place.has("secret").await.is_err(), "nor looked behind");
}

#[tokio::test]
async fn a_link_in_the_way_is_refused_for_good_and_a_file_is_not() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |part: &str| folder.path().join(part);
    std::fs::write(at("file"), "in the way").expect("written");
    symlink(at("file"), at("link")).expect("made");
    let base = Url::from_file_path(folder.path()).expect("absolute");
    let outside = outside(&[base.as_str()]);
    for (part, for_good) in [("link", true), ("file", false)] {
        let place = outside.place("any", &format!("{base}/{part}"));
        let put = place.expect("by its name").put_new("x", "x".into()).await;
        let refused = put.expect_err("there is no folder").kind();
        assert_eq!(
            refused == io::ErrorKind::PermissionDenied,
            for_good,
            "{part}"
        );
    }
}

#[tokio::test]
async fn a_folder_that_is_swapped_for_a_link_leads_no_results_out() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |part: &str| folder.path().join(part);
    for part in ["in/out/batch", "elsewhere"] {
        std::fs::create_dir_all(at(part)).expect("made");
    }
    let base = Url::from_file_path(at("in")).expect("absolute");
    let place = outside(&[base.as_str()])
        .place("any", &format!("{base}/out"))
        .expect("allowed");
    // Its owner swaps them as fast as possible, and results are written meanwhile.
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let batch = at("in/out/batch");
    let link = at("in/out/link");
    symlink(at("elsewhere"), &link).expect("made");
    let stopped = stop.clone();
    let swapping = std::thread::spawn(move || {
        while !stopped.load(std::sync::atomic::Ordering::Relaxed) {
            renameat_with(CWD, &batch, CWD, &link, RenameFlags::EXCHANGE).expect("swapped");
        }
    });
    let mut written = 0;
    let mut number = 0;
    // On a busy machine the link may be in the way at every try of the first ones.
    while number < 300 || (written == 0 && number < 100_000) {
        let name = format!("batch/{number}");
        written += u32::from(place.put_new(&name, "x".into()).await.is_ok());
        number += 1;
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    swapping.join().expect("no panic");
    assert!(written > 0, "some are written");
    let astray = std::fs::read_dir(at("elsewhere")).expect("there").count();
    assert_eq!(astray, 0);
}
