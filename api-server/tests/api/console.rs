//! The console, and what it alone asks the API for.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::json;
use testing::{pictures, servers::eventually};

use crate::{harness::Harness, support::worker::Behaviour};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/console");

#[tokio::test]
async fn every_file_of_the_console_is_served_and_needs_nothing_from_elsewhere() {
    let api = Harness::start().await;
    let mut seen = BTreeSet::new();
    let mut open = vec!["/".to_owned()];
    while let Some(path) = open.pop() {
        if !seen.insert(path.clone()) {
            continue;
        }
        let file = api.get(&path).await;
        assert_eq!(file.status, 200, "{path}");
        let policy = file.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"));
        let text = file.json.as_str().unwrap();
        for foreign in [
            "src=\"http",
            "href=\"http",
            "style=\"",
            "from \"http",
            "@import",
            "url(",
            "innerHTML",
        ] {
            assert!(!text.contains(foreign), "{path}: {foreign}");
        }
        open.extend(named(&path, text));
    }
    let served: BTreeSet<_> = seen
        .iter()
        .filter_map(|path| path.strip_prefix("/page/"))
        .map(str::to_owned)
        .collect();
    assert_eq!(
        served,
        files(Path::new(FOLDER)),
        "what no page names, nobody gets"
    );
    api.get("/page/nothing.js")
        .await
        .is_problem(404, "not_found");
    api.finish().await;
}

/// The files that a file names: in `href` and `src`, or as a module.
fn named(path: &str, text: &str) -> Vec<String> {
    let base = url::Url::parse("http://a.example")
        .unwrap()
        .join(path)
        .unwrap();
    let quoted = text.split('"').skip(1).step_by(2);
    let named = quoted.filter(|word| {
        (word.ends_with(".js") || word.ends_with(".css"))
            && (word.starts_with("/page/") || word.starts_with('.'))
    });
    named
        .map(|word| base.join(word).unwrap().path().to_owned())
        .collect()
}

/// All but the page itself.
fn files(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|ending| ending != "html") {
            let name = path.strip_prefix(FOLDER).unwrap();
            found.insert(name.to_str().unwrap().to_owned());
        }
    }
    found
}

#[tokio::test]
async fn a_file_that_a_browser_has_is_not_sent_again() {
    let api = Harness::start().await;
    let first = api.get("/page/app.js").await;
    let again = api.client.get(api.url("/page/app.js"));
    let again = again
        .header("if-none-match", first.header("etag"))
        .send()
        .await
        .unwrap();
    assert_eq!(again.status(), 304);
    assert_eq!(again.text().await.unwrap(), "");
    api.finish().await;
}

#[tokio::test]
async fn samples_are_the_photos_of_one_folder_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let photo = pictures::photo(64, 64);
    fs::write(folder.path().join("cat.jpg"), &photo).unwrap();
    fs::write(folder.path().join("notes.txt"), "a secret").unwrap();
    fs::create_dir(folder.path().join("more")).unwrap();
    fs::write(folder.path().join("more/dog.jpg"), &photo).unwrap();
    let api = Harness::with(
        &["--samples", folder.path().to_str().unwrap()],
        Behaviour::Answer,
    )
    .await;
    assert_eq!(api.get("/page/samples").await.json, json!(["cat.jpg"]));
    let sent = api
        .client
        .get(api.url("/page/samples/cat.jpg"))
        .send()
        .await
        .unwrap();
    assert_eq!(sent.headers()["content-type"], "image/jpeg");
    let changed = sent.headers()["last-modified"].clone();
    assert_eq!(sent.bytes().await.unwrap(), photo);
    let again = api
        .client
        .get(api.url("/page/samples/cat.jpg"))
        .header("if-modified-since", changed)
        .send()
        .await
        .unwrap();
    assert_eq!(again.status(), 304);
    for name in ["notes.txt", "dog.jpg", "more%2Fdog.jpg", "..%2Fcat.jpg"] {
        api.get(&format!("/page/samples/{name}"))
            .await
            .is_problem(404, "not_found");
    }
    api.finish().await;
}

#[tokio::test]
async fn without_a_folder_there_are_no_samples() {
    let api = Harness::start().await;
    assert_eq!(api.get("/page/samples").await.json, json!([]));
    api.get("/page/samples/cat.jpg")
        .await
        .is_problem(404, "not_found");
    api.finish().await;
}

#[tokio::test]
async fn the_slowest_and_the_failed_requests_are_listed() {
    let api = Harness::with(&[], Behaviour::Answer).await;
    assert_eq!(
        api.get("/v1/requests").await.json,
        json!({"slowest": [], "failed": []})
    );
    let good = api
        .post_raw("/v1/tags", "image/jpeg", pictures::photo(64, 64))
        .await;
    let bad = api.post_url("https://user:secret@a.example/").await;
    let listed = eventually("both are listed", async || {
        let listed = api.get("/v1/requests").await.json;
        (listed["slowest"].as_array()?.len() == 2).then_some(listed)
    })
    .await;
    let failed = listed["failed"].as_array().unwrap();
    assert_eq!(failed.len(), 1);
    assert_eq!(
        (&failed[0]["id"], &failed[0]["code"]),
        (&json!(bad.header("x-request-id")), &json!("invalid_url"))
    );
    let slowest = &listed["slowest"][0];
    assert_eq!(slowest["id"], good.header("x-request-id"), "{listed}");
    assert_eq!(slowest["worker"], "fake-1");
    assert!(!listed.to_string().contains("secret"));
    api.finish().await;
}

#[tokio::test]
async fn usage_says_who_asks_and_what_is_held() {
    let api = Harness::with(&["--batch-max-open", "7"], Behaviour::Answer).await;
    let usage = api.get("/v1/usage").await.json;
    assert_eq!(
        (&usage["tenant"], &usage["tier"]),
        (&json!("default"), &json!("standard"))
    );
    assert_eq!(
        usage["limits"][0],
        json!({"what": "batches_open", "used": 0, "most": 7})
    );
    api.finish().await;
}
