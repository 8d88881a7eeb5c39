//! API keys: who is let in, how often, and as whom.

use std::{fs, path::PathBuf, time::Duration};

use identity::NewKey;
use tempfile::TempDir;
use testing::{pictures::photo, servers::PATIENCE};

use crate::{
    harness::Harness,
    support::{reply::Reply, worker::Behaviour},
};

/// A file of keys in a folder of its own.
struct KeyFile {
    folder: TempDir,
}

impl KeyFile {
    fn new(text: &str) -> Self {
        let file = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        file.write(text);
        file
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("keys.toml")
    }

    /// By renaming, as the help says.
    fn write(&self, text: &str) {
        let new = self.folder.path().join("new");
        fs::write(&new, text).unwrap();
        fs::rename(new, self.path()).unwrap();
    }

    async fn serve(&self) -> Harness {
        Harness::with(
            &["--api-keys", self.path().to_str().unwrap()],
            Behaviour::Answer,
        )
        .await
    }
}

async fn tag(api: &Harness, authorization: &str) -> Reply {
    let request = api
        .client
        .post(api.url("/v1/tags"))
        .header("content-type", "image/jpeg");
    let request = request
        .header("authorization", authorization)
        .body(photo(64, 64));
    Reply::read(request.send().await.unwrap()).await
}

async fn tag_with(api: &Harness, key: &NewKey) -> Reply {
    tag(api, &format!("Bearer {}", key.key)).await
}

#[tokio::test]
async fn only_a_known_key_comes_in_and_its_tenant_with_it() {
    let key = NewKey::random("shop", 50.0, None).unwrap();
    let stranger = NewKey::random("shop", 50.0, None).unwrap();
    let file = KeyFile::new(&key.entry);
    let api = file.serve().await;
    let whole = format!("Bearer {}", stranger.key);
    let typo = format!("Bearer {}x", &key.key[..key.key.len() - 1]);
    let basic = format!("Basic {}", key.key);
    for authorization in [
        "",
        "Bearer",
        "Bearer ",
        "Bearer tf_",
        "bearer é",
        &basic,
        &typo,
        &whole,
        &key.key,
    ] {
        let reply = tag(&api, authorization).await;
        reply.is_problem(401, "unauthorized");
        assert_eq!(
            reply.header("www-authenticate"),
            "Bearer realm=\"tagfleet\""
        );
        assert!(!reply.headers.contains_key("ratelimit"));
    }
    api.get("/v1/models").await.is_problem(401, "unauthorized");

    let reply = tag_with(&api, &key).await;
    assert_eq!(reply.status, 200, "{}", reply.json);
    assert_eq!(reply.header("ratelimit-policy"), r#""default";q=50;w=1"#);
    assert_eq!(reply.header("ratelimit"), r#""default";r=49;t=1"#);
    assert_eq!(api.worker.last_job().tenant, "shop");
    let models = api
        .client
        .get(api.url("/v1/models"))
        .bearer_auth(&key.key)
        .send()
        .await
        .unwrap();
    assert_eq!(models.status(), 200);
    api.finish().await;
}

#[tokio::test]
async fn what_says_nothing_of_pictures_needs_no_key() {
    let file = KeyFile::new(&NewKey::random("shop", 1.0, None).unwrap().entry);
    let api = file.serve().await;
    for path in [
        "/",
        "/page/app.js",
        "/docs/",
        "/openapi.json",
        "/healthz",
        "/readyz",
        "/metrics",
        "/problems/unauthorized",
    ] {
        assert_eq!(api.get(path).await.status, 200, "{path}");
    }
    api.get("/v1/tags")
        .await
        .is_problem(405, "method_not_allowed");
    api.finish().await;
}

/// In seconds and in milliseconds.
#[track_caller]
fn tells_one_wait(reply: &Reply) {
    let told = |name| reply.header(name).parse::<u64>().expect("a number");
    let ms = told("retry-after-ms");
    assert_eq!(told("retry-after"), ms.div_ceil(1_000), "{ms}");
    assert!(ms > 1_000, "{ms}");
}

#[tokio::test]
async fn images_are_counted_that_are_worked_on_and_are_so_many_a_day() {
    let key = NewKey::random("shop", 1000.0, None).unwrap();
    let tenant = "[[tenant]]\nname = \"shop\"\nimages_per_day = 2\n";
    let file = KeyFile::new(&format!("{}\n{tenant}", key.entry));
    let path = file.path();
    let args = ["--api-keys", path.to_str().unwrap(), "--cache", "on"];
    let api = Harness::with(&args, Behaviour::Answer).await;
    let post = async |kind: &str, body: Vec<u8>| {
        let request = api.client.post(api.url("/v1/tags"));
        let request = request.header("content-type", kind).bearer_auth(&key.key);
        Reply::read(request.body(body).send().await.unwrap()).await
    };
    for _ in 0..3 {
        let refused = post("application/json", b"{}".to_vec()).await;
        refused.is_problem(400, "invalid_request");
    }
    for side in [64, 65] {
        let good = post("image/jpeg", photo(side, side)).await;
        assert_eq!(good.status, 200, "{}", good.json);
    }
    let refused = post("image/jpeg", photo(66, 66)).await;
    refused.is_problem(429, "quota_exceeded");
    tells_one_wait(&refused);
    api.finish().await;
}

#[tokio::test]
async fn a_key_that_asks_too_often_gets_429_and_others_do_not() {
    let hasty = NewKey::random("a", 0.1, Some(2)).unwrap();
    let calm = NewKey::random("b", 0.1, Some(2)).unwrap();
    let file = KeyFile::new(&[&*hasty.entry, &calm.entry].concat());
    let api = file.serve().await;
    let statuses = [
        tag_with(&api, &hasty).await.status,
        tag_with(&api, &hasty).await.status,
    ];
    assert_eq!(statuses, [200, 200]);
    let reply = tag_with(&api, &hasty).await;
    reply.is_problem(429, "rate_limited");
    assert_eq!(reply.json["retryable"], true);
    let wait: u64 = reply.header("retry-after").parse().unwrap();
    assert!((1..=10).contains(&wait), "{wait}");
    assert_eq!(
        reply.header("ratelimit"),
        format!(r#""default";r=0;t={wait}"#)
    );
    tells_one_wait(&reply);
    assert_eq!(reply.header("ratelimit-policy"), r#""default";q=2;w=20"#);
    assert_eq!(tag_with(&api, &calm).await.status, 200);
    api.finish().await;
}

#[tokio::test]
async fn a_revocation_needs_no_restart_whatever_the_file_was_in_between() {
    let key = NewKey::random("shop", 1000.0, None).unwrap();
    let file = KeyFile::new(&key.entry);
    let api = file.serve().await;
    assert_eq!(tag_with(&api, &key).await.status, 200);
    file.write("[[key]]\nid = ");
    assert_eq!(tag_with(&api, &key).await.status, 200);
    file.write(&format!("{}revoked = true\n", key.entry));
    let revoked = async {
        loop {
            let reply = tag_with(&api, &key).await;
            if reply.status != 200 {
                return reply;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let reply = tokio::time::timeout(PATIENCE, revoked)
        .await
        .expect("the file is read again");
    reply.is_problem(401, "key_revoked");
    assert_eq!(
        reply.header("www-authenticate"),
        "Bearer realm=\"tagfleet\""
    );
    api.finish().await;
}

#[tokio::test]
async fn a_file_that_is_broken_or_missing_at_the_start_is_an_error() {
    let file = KeyFile::new("key = []\ncolour = 1");
    for (path, problem) in [
        (file.path(), "unknown field `colour`"),
        (file.folder.path().join("none"), "No such file"),
    ] {
        let error = Harness::fails(&["--api-keys", path.to_str().unwrap()]).await;
        assert!(
            error.contains(path.to_str().unwrap()) && error.contains(problem),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_key_may_be_for_reading_alone() {
    let reader = NewKey::random("shop", 50.0, None).unwrap();
    let writer = NewKey::random("shop", 50.0, None).unwrap();
    let file = KeyFile::new(&format!(
        "{}read_only = true\n{}",
        reader.entry, writer.entry
    ));
    let api = file.serve().await;
    tag_with(&api, &reader)
        .await
        .is_problem(403, "key_read_only");
    assert_eq!(tag_with(&api, &writer).await.status, 200);
    let usage = api
        .client
        .get(api.url("/v1/usage"))
        .bearer_auth(&reader.key);
    let usage = Reply::read(usage.send().await.unwrap()).await.json;
    assert_eq!(usage["tenant"], "shop");
    assert_eq!(usage["read_only"], true);
    // A search makes nothing. Without a model of phrases it finds nothing either, which is no matter of the key.
    let search = api.client.post(api.url("/v1/search/tags"));
    let search = search
        .bearer_auth(&reader.key)
        .json(&serde_json::json!({"phrase": "sea"}));
    let found = Reply::read(search.send().await.unwrap()).await;
    found.is_problem(404, "model_not_found");
    for path in ["/v1/batches", "/v1/cache"] {
        let request = match path {
            "/v1/cache" => api.client.delete(api.url(path)),
            _ => api.client.post(api.url(path)),
        };
        let refused = request.bearer_auth(&reader.key).send().await.unwrap();
        assert_eq!(refused.status(), 403, "{path}");
    }
    api.finish().await;
}

#[tokio::test]
async fn the_words_of_a_tenant_are_those_of_its_file_unless_a_request_brings_some() {
    let key = NewKey::random("shop", 1000.0, None).unwrap();
    let with_words = |words: &str| {
        let tenant = format!("[[tenant]]\nname = \"shop\"\nvocabulary = \"{words}\"\n");
        format!("{}\n{tenant}", key.entry)
    };
    let file = KeyFile::new(&with_words("pet = cat"));
    let api = file.serve().await;
    let asked = async |query: &str| {
        let request = api.client.post(api.url(&format!("/v1/tags?{query}")));
        let request = request.header("content-type", "image/jpeg");
        let request = request.bearer_auth(&key.key).body(photo(64, 64));
        assert_eq!(request.send().await.unwrap().status(), 200, "{query}");
        let job = api.worker.last_job();
        (job.vocabulary, job.tenant_words)
    };
    assert_eq!(asked("").await, (Some("pet = cat".to_owned()), true));
    let own = asked("vocabulary=pet%20%3D%20dog").await;
    assert_eq!(own, (Some("pet = dog".to_owned()), false));
    assert_eq!(asked("vocabulary=").await, (None, false));

    assert_eq!(asked("features=caption").await, (None, false));

    file.write(&with_words("pet = bird"));
    let taken_over = async || {
        let (words, _) = asked("").await;
        (words.as_deref() == Some("pet = bird")).then_some(())
    };
    testing::servers::eventually("the file is read again", taken_over).await;
    api.finish().await;
}
