//! What every store must keep to.

use std::{
    fmt,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use futures_util::stream::BoxStream;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    PutMultipartOptions, PutResult,
};

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

/// What a store does with a write that must be new.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    /// It refuses, and stores nothing.
    Refuses,
    /// It stores, whatever is there.
    Overwrites,
}

/// A store in memory that fails so many times.
#[derive(Debug)]
struct Faulty {
    objects: InMemory,
    fault: Fault,
    left: AtomicUsize,
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a faulty store for tests")
    }
}

#[async_trait::async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        mut options: PutOptions,
    ) -> object_store::Result<PutResult> {
        let again = |left: usize| left.checked_sub(1);
        if self.left.fetch_update(Relaxed, Relaxed, again).is_ok() {
            match self.fault {
                Fault::Overwrites => options.mode = PutMode::Overwrite,
                Fault::Refuses => {
                    return Err(Error::AlreadyExists {
                        path: location.to_string(),
                        source: "409 ConditionalRequestConflict".into(),
                    });
                }
            }
        }
        self.objects.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        self.objects.put_multipart_opts(location, options).await
    }

    async fn get_opts(
        &self,
        location: &Path,
        options: GetOptions,
    ) -> object_store::Result<GetResult> {
        self.objects.get_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, object_store::Result<Path>>,
    ) -> BoxStream<'static, object_store::Result<Path>> {
        self.objects.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        self.objects.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> object_store::Result<ListResult> {
        self.objects.list_with_delimiter(prefix).await
    }

    async fn copy_opts(
        &self,
        from: &Path,
        to: &Path,
        options: CopyOptions,
    ) -> object_store::Result<()> {
        self.objects.copy_opts(from, to, options).await
    }
}

fn faulty(fault: Fault, times: usize) -> Store {
    let objects = Faulty {
        objects: InMemory::new(),
        fault,
        left: AtomicUsize::new(times),
    };
    Store {
        objects: Arc::new(objects),
        root: String::new(),
    }
}

#[tokio::test]
async fn a_refusal_is_believed_only_where_the_object_is_there() {
    let store = faulty(Fault::Refuses, 2);
    assert!(store.put_new("a", "one".into()).await.expect("writes"));
    assert_eq!(
        store.get("a").await.expect("reads").as_deref(),
        Some(&b"one"[..])
    );
    assert!(!store.put_new("a", "two".into()).await.expect("answers"));
    let store = faulty(Fault::Refuses, usize::MAX);
    let error = store.put_new("a", "one".into()).await;
    assert!(matches!(error, Err(StoreError::Conflict(name)) if name == "a"));
}

#[tokio::test]
async fn a_store_that_overwrites_is_refused() {
    let error = faulty(Fault::Overwrites, usize::MAX).probe().await;
    assert!(matches!(error, Err(StoreError::Unconditional)), "{error:?}");
    let store = faulty(Fault::Overwrites, 0);
    store.probe().await.expect("it keeps what is there");
    assert!(store.list("probe").await.expect("lists").is_empty());
}
