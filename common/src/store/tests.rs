//! What every store must keep to.

use testing::objects::{FaultyStore, StoreFault};
use url::Url;

use super::*;

async fn keep(store: Store) {
    assert_eq!(store.get("a/b").await.expect("answers"), None);
    assert!(store.put_new("a/b", "one".into()).await.expect("writes"));
    assert!(
        !store.put_new("a/b", "two".into()).await.expect("answers"),
        "written once"
    );
    assert_eq!(
        store.get("a/b").await.expect("reads").as_deref(),
        Some(&b"one"[..])
    );
    assert_eq!(
        store
            .get_range("a/b", 1..3)
            .await
            .expect("reads")
            .as_deref(),
        Some(&b"ne"[..])
    );
    assert!(
        store
            .put_new("a/c/d", "three".into())
            .await
            .expect("writes")
    );
    assert!(
        store
            .put_new("a/../a/up", "four".into())
            .await
            .expect("writes"),
        "a name, no way up"
    );
    let names: Vec<_> = store
        .list("a")
        .await
        .expect("lists")
        .into_iter()
        .map(|listed| listed.name)
        .collect();
    assert_eq!(names, ["b"], "right below alone");
    assert_eq!(store.folders("a").await.expect("lists"), ["%2E%2E", "c"]);
    lists_in_depth_and_in_pages(&store).await;
    store.delete("a/b").await.expect("deletes");
    store.delete("a/b").await.expect("is gone already");
    assert!(
        !store.exists("a/b").await.expect("answers")
            && store.exists("a/c/d").await.expect("answers")
    );
    store.delete_folder("a").await.expect("deletes");
    assert!(!store.exists("a/c/d").await.expect("answers"));
    assert!(store.list("a").await.expect("answers").is_empty());
}

async fn lists_in_depth_and_in_pages(store: &Store) {
    let below = store.below("a", None).await.expect("lists");
    assert_eq!(below, ["%2E%2E/a/up", "b", "c/d"], "in depth, by path");
    let below = store.below("a", Some("b")).await.expect("lists");
    assert_eq!(below, ["c/d"]);
    let entries = store.entries("a").await.expect("lists");
    assert_eq!((entries.objects.len(), entries.folders.len()), (1, 2));
    let after = store.folders_after("a", Some("%2E%2E"), 1).await;
    assert_eq!(after.expect("lists"), ["c"]);
    let first = store.folders_after("a", None, 1).await.expect("lists");
    assert!(first.starts_with(&["%2E%2E".to_owned()]), "{first:?}");
    assert!(store.put_new("e/f/g", "1".into()).await.expect("writes"));
    assert!(store.put_new("e/h", "2".into()).await.expect("writes"));
    let deleted = store.delete_folder_but("e", "h").await;
    deleted.expect("deletes");
    assert_eq!(store.below("e", None).await.expect("lists"), ["h"]);
}

#[tokio::test]
async fn every_backend_keeps_what_is_written_once() {
    keep(
        Store::open(&StoreConfig {
            store_url: Some("memory:".into()),
            ..StoreConfig::default()
        })
        .expect("opens"),
    )
    .await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let url = Url::from_directory_path(folder.path().join("new")).expect("absolute");
    keep(
        Store::open(&StoreConfig {
            store_url: Some(url.into()),
            ..StoreConfig::default()
        })
        .expect("opens"),
    )
    .await;
}

fn of(name: &str, value: &str) -> Result<String, String> {
    let found = settings([(name.to_owned(), value.to_owned())].into_iter())
        .map_err(|error| error.to_string())?;
    Ok(found
        .into_iter()
        .map(|(name, value)| format!("{name} {value}"))
        .collect())
}

#[test]
fn a_key_may_lie_in_a_file() {
    let file = tempfile::NamedTempFile::new().expect("there is a folder for temporary files");
    std::fs::write(&file, "secret\n").expect("it can be written");
    let written = format!("file:{}", file.path().display());
    assert_eq!(
        of("AWS_SECRET_ACCESS_KEY", &written).as_deref(),
        Ok("aws_secret_access_key secret")
    );
    assert_eq!(
        of("AWS_REGION", "eu-west-1").as_deref(),
        Ok("aws_region eu-west-1")
    );
    assert_eq!(
        of("TAGFLEET_STORE_URL", "file:///none").as_deref(),
        Ok("tagfleet_store_url file:///none")
    );
    let refused = of("AWS_SECRET_ACCESS_KEY", "file:/nowhere").expect_err("there is none");
    assert!(
        refused.contains("AWS_SECRET_ACCESS_KEY") && refused.contains("/nowhere"),
        "{refused}"
    );
}

#[test]
fn a_store_that_is_none_is_refused() {
    for url in ["", "folder", "ftp://host/a"] {
        assert!(
            Store::open(&StoreConfig {
                store_url: Some(url.into()),
                ..StoreConfig::default()
            })
            .is_err(),
            "{url}"
        );
    }
}

fn faulty(fault: StoreFault, times: usize) -> Store {
    let objects = FaultyStore::default();
    objects.fail_times(fault, times);
    Store::over(Arc::new(objects))
}

#[tokio::test]
async fn a_refusal_is_believed_only_where_the_object_is_there() {
    let store = faulty(StoreFault::Refuses, 2);
    assert!(store.put_new("a", "one".into()).await.expect("writes"));
    assert_eq!(
        store.get("a").await.expect("reads").as_deref(),
        Some(&b"one"[..])
    );
    assert!(!store.put_new("a", "two".into()).await.expect("answers"));
    let store = faulty(StoreFault::Refuses, usize::MAX);
    let error = store.put_new("a", "one".into()).await;
    assert!(matches!(error, Err(StoreError::Conflict(name)) if name == "a"));
}

#[tokio::test]
async fn a_store_that_overwrites_is_refused() {
    let error = faulty(StoreFault::Overwrites, usize::MAX).probe().await;
    assert!(matches!(error, Err(StoreError::Unconditional)), "{error:?}");
    let store = faulty(StoreFault::Overwrites, 0);
    store.probe().await.expect("it keeps what is there");
    assert!(store.list("probe").await.expect("lists").is_empty());
}

#[tokio::test]
async fn every_request_is_counted_and_every_page_of_a_listing() {
    let store = Store::over(Arc::new(InMemory::new()));
    for number in 0..1_500 {
        let name = format!("a/{number:04}");
        store.put_new(&name, "1".into()).await.expect("writes");
    }
    let before = store.requests();
    assert_eq!((before.of(Operation::Put), before.all()), (1_500, 1_500));
    store.put_new("a/0000", "2".into()).await.expect("answers");
    store.get("a/0000").await.expect("reads");
    assert_eq!(store.list("a").await.expect("lists").len(), 1_500);
    let behind = store.below("a", Some("1399")).await.expect("lists");
    assert_eq!(behind.len(), 100);
    store.delete_folder("a").await.expect("deletes");
    let since = store.requests().since(&before);
    let counted = [
        Operation::Put,
        Operation::Head,
        Operation::Get,
        Operation::List,
        Operation::Delete,
    ];
    let counted = counted.map(|operation| since.of(operation));
    assert_eq!(counted, [1, 1, 1, 2 + 1 + 2, 2], "{since:?}");
}
