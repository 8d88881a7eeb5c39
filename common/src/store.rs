//! The object store: a local folder, S3, Google Cloud Storage or Azure, by URL
//! alone. The ledger of migrations lives here: objects are written once, and
//! who comes second is told so.

use std::{ops::Range, path::PathBuf, sync::Arc};

use bytes::Bytes;
use clap::Args;
use futures_util::{StreamExt, TryStreamExt, future::BoxFuture, stream};
use object_store::{
    Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, local::LocalFileSystem,
    memory::InMemory, path::Path,
};
use url::Url;

#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Object store")]
pub struct StoreConfig {
    /// Where migrations are kept: `file:///folder`, `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix`,
    /// or `memory:`. Credentials come from the environment, as `AWS_ACCESS_KEY_ID` and its like, or out of a file:
    /// `AWS_SECRET_ACCESS_KEY=file:/run/secrets/store-key` [default: a folder below ~/.local/share]
    #[arg(long, env = "TAGFLEET_STORE_URL")]
    pub store_url: Option<String>,

    /// Where batches' lists may lie and their results may go beside it, all that is below: `file:///folder`, `s3://bucket/prefix`
    /// or `gs://bucket/prefix`, by comma; with `TENANT=` before it for one tenant alone. The service opens it with its own
    /// credentials, so name no more than every such tenant may read and write. Nothing, if nothing is named
    #[arg(long, env = "TAGFLEET_BATCH_ALLOW", value_delimiter = ',')]
    pub batch_allow: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the store's URL is not one of file:///…, s3://…, gs://…, az://… and memory: ({0})")]
    Url(String),
    #[error("the store's folder {0} cannot be used: {1}")]
    Folder(PathBuf, std::io::Error),
    #[error("the store's setting {0} cannot be read: {1}")]
    Setting(String, String),
    #[error("--batch-allow: {0}: {1}")]
    Allowed(String, String),
    #[error("the object store failed: {0}")]
    Failed(#[from] Error),
}

#[derive(Clone, Debug)]
pub struct Store {
    objects: Arc<dyn ObjectStore>,
    root: String,
}

/// One object in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The last part of its path.
    pub name: String,
    /// Seconds since 1970, by the store's clock.
    pub modified_s: i64,
}

impl Store {
    pub fn open(config: &StoreConfig) -> Result<Self, StoreError> {
        match config.store_url.as_deref() {
            None => Self::folder(default_folder()),
            Some("memory:") => Ok(Self {
                objects: Arc::new(InMemory::new()),
                root: String::new(),
            }),
            Some(url) => Self::at(url),
        }
    }

    fn at(url: &str) -> Result<Self, StoreError> {
        let url = Url::parse(url).map_err(|error| StoreError::Url(error.to_string()))?;
        if let Ok(folder) = url.to_file_path()
            && url.scheme() == "file"
        {
            return Self::folder(folder);
        }
        crate::tls::install_provider();
        let (objects, root) = object_store::parse_url_opts(&url, settings(std::env::vars())?)?;
        Ok(Self {
            objects: Arc::from(objects),
            root: format!("{root}/"),
        })
    }

    fn folder(folder: PathBuf) -> Result<Self, StoreError> {
        std::fs::create_dir_all(&folder)
            .map_err(|error| StoreError::Folder(folder.clone(), error))?;
        let local = LocalFileSystem::new_with_prefix(&folder)?
            .with_fsync(true)
            .with_automatic_cleanup(true);
        Ok(Self {
            objects: Arc::new(local),
            root: String::new(),
        })
    }

    /// Returns what a name holds, as far as it is in a path of ours: parts that mean a folder above are escaped.
    fn path(&self, name: &str) -> Path {
        Path::from(format!("{}{name}", self.root))
    }

    pub fn get<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Bytes>, StoreError>> {
        Box::pin(async move {
            match self.objects.get(&self.path(name)).await {
                Ok(found) => Ok(Some(found.bytes().await?)),
                Err(Error::NotFound { .. }) => Ok(None),
                Err(error) => Err(error.into()),
            }
        })
    }

    pub fn get_range<'a>(
        &'a self,
        name: &'a str,
        range: Range<u64>,
    ) -> BoxFuture<'a, Result<Option<Bytes>, StoreError>> {
        Box::pin(async move {
            if range.is_empty() {
                return Ok(Some(Bytes::new()));
            }
            match self.objects.get_range(&self.path(name), range).await {
                Ok(bytes) => Ok(Some(bytes)),
                Err(Error::NotFound { .. }) => Ok(None),
                Err(error) => Err(error.into()),
            }
        })
    }

    pub fn exists<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move {
            match self.objects.head(&self.path(name)).await {
                Ok(_) => Ok(true),
                Err(Error::NotFound { .. }) => Ok(false),
                Err(error) => Err(error.into()),
            }
        })
    }

    /// Writes an object that is not there yet. `false`: it is there, and stays as it was.
    pub fn put_new<'a>(
        &'a self,
        name: &'a str,
        bytes: Bytes,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move {
            let options = PutOptions {
                mode: PutMode::Create,
                ..PutOptions::default()
            };
            match self
                .objects
                .put_opts(&self.path(name), PutPayload::from_bytes(bytes), options)
                .await
            {
                Ok(_) => Ok(true),
                Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(false),
                Err(error) => Err(error.into()),
            }
        })
    }

    /// The objects right below a folder, by name.
    pub fn list<'a>(&'a self, folder: &'a str) -> BoxFuture<'a, Result<Vec<Listed>, StoreError>> {
        Box::pin(async move {
            let listing = self
                .objects
                .list_with_delimiter(Some(&self.path(folder)))
                .await?;
            let listed = |meta: object_store::ObjectMeta| {
                let name = meta.location.filename()?.to_owned();
                Some(Listed {
                    name,
                    modified_s: meta.last_modified.timestamp(),
                })
            };
            let mut found: Vec<_> = listing.objects.into_iter().filter_map(listed).collect();
            found.sort_by(|a, b| a.name.cmp(&b.name));
            Ok(found)
        })
    }

    /// The folders right below a folder, by name.
    pub fn folders<'a>(
        &'a self,
        folder: &'a str,
    ) -> BoxFuture<'a, Result<Vec<String>, StoreError>> {
        Box::pin(async move {
            let listing = self
                .objects
                .list_with_delimiter(Some(&self.path(folder)))
                .await?;
            let names = listing
                .common_prefixes
                .iter()
                .filter_map(|prefix| prefix.filename().map(str::to_owned));
            let mut names: Vec<_> = names.collect();
            names.sort();
            Ok(names)
        })
    }

    /// Also where it is gone already.
    pub fn delete<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            match self.objects.delete(&self.path(name)).await {
                Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
                Err(error) => Err(error.into()),
            }
        })
    }

    /// All below a folder, in depth.
    pub fn delete_folder<'a>(&'a self, folder: &'a str) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let listed: Vec<_> = self
                .objects
                .list(Some(&self.path(folder)))
                .map_ok(|meta| meta.location)
                .try_collect()
                .await?;
            let mut deleted = self
                .objects
                .delete_stream(stream::iter(listed.into_iter().map(Ok)).boxed());
            while let Some(deleted) = deleted.next().await {
                match deleted {
                    Ok(_) | Err(Error::NotFound { .. }) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            Ok(())
        })
    }
}

/// Returns what an environment says of stores, as `object_store` wants it. Of keys it reads none but those that stand there, so files
/// are read here.
pub(crate) fn settings(
    environment: impl Iterator<Item = (String, String)>,
) -> Result<Vec<(String, String)>, StoreError> {
    environment
        .map(|(name, value)| {
            let name = name.to_lowercase();
            // What else is in an environment may begin like this and be no secret: TAGFLEET_STORE_URL=file:///folder.
            if !["aws_", "google_", "azure_"]
                .iter()
                .any(|provider| name.starts_with(provider))
            {
                return Ok((name, value));
            }
            match crate::config::url(&value) {
                Ok(value) => Ok((name, value)),
                Err(error) => Err(StoreError::Setting(name.to_uppercase(), error)),
            }
        })
        .collect()
}

pub(crate) fn default_folder() -> PathBuf {
    let data = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/share"));
    data.or_else(home)
        .unwrap_or_else(|| PathBuf::from("."))
        .join("tagfleet/store")
}

#[cfg(test)]
mod tests {
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
}
