//! The object store: a local folder, S3, Google Cloud Storage or Azure, by URL
//! alone. The ledger of migrations lives here: objects are written once, and
//! who comes second is told so.

mod probe;
mod settings;
#[cfg(test)]
mod tests;

use std::{ops::Range, path::PathBuf, sync::Arc, time::Duration};

use bytes::Bytes;
use clap::Args;
use futures_util::{StreamExt, TryStreamExt, future::BoxFuture, stream};
use object_store::{
    Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, local::LocalFileSystem,
    memory::InMemory, path::Path,
};
use url::Url;

use crate::backoff::Pauses;
pub(crate) use settings::{default_folder, settings};

/// Tries of a write that is refused although nothing is there.
const CONFLICTS: u32 = 6;
const CONFLICT_PAUSES: Pauses = Pauses::doubling(Duration::from_millis(50), Duration::from_secs(1));

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
    #[error("the object store refuses to write {0}, which is not there")]
    Conflict(String),
    #[error(
        "the object store overwrites what is there, although it was told not to (`If-None-Match: *`): batches would lose lines. Use a store that keeps conditions, as S3, R2, GCS, Azure and MinIO since 2024 do"
    )]
    Unconditional,
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
            Some("memory:") => Ok(Self::over(Arc::new(InMemory::new()))),
            Some(url) => Self::at(url),
        }
    }

    /// Keeps objects wherever that does, as a store of tests does.
    pub fn over(objects: Arc<dyn ObjectStore>) -> Self {
        Self {
            objects,
            root: String::new(),
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

    /// Writes an object that is not there yet. `false`: it is there, and stays as it was. A refusal alone is no proof of that:
    /// stores refuse as well while another write or removal of the same name is under way.
    pub fn put_new<'a>(
        &'a self,
        name: &'a str,
        bytes: Bytes,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move {
            for tried in 1..=CONFLICTS {
                if self.try_put_new(name, bytes.clone()).await? {
                    return Ok(true);
                }
                if self.exists(name).await? {
                    return Ok(false);
                }
                CONFLICT_PAUSES.wait(tried).await;
            }
            Err(StoreError::Conflict(name.to_owned()))
        })
    }

    async fn try_put_new(&self, name: &str, bytes: Bytes) -> Result<bool, StoreError> {
        let options = PutOptions {
            mode: PutMode::Create,
            ..PutOptions::default()
        };
        let payload = PutPayload::from_bytes(bytes);
        let path = self.path(name);
        match self.objects.put_opts(&path, payload, options).await {
            Ok(_) => Ok(true),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
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
