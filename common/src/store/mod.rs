//! The object store: a local folder, S3, Google Cloud Storage or Azure, by URL
//! alone. The ledger of migrations lives here: objects are written once, and
//! who comes second is told so.

mod backend;
mod counted;
mod listing;
mod probe;
mod settings;
#[cfg(test)]
mod tests;

use std::{ops::Range, path::PathBuf, sync::Arc, time::Duration};

use bytes::Bytes;
use clap::Args;
use futures_util::future::BoxFuture;
use object_store::{
    Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, list::PaginatedListStore,
    memory::InMemory, path::Path,
};

use crate::{
    backoff::Pauses,
    budget::{Budget, Held},
    config::{ConfigError, refuse},
};
pub(crate) use backend::Cloud;
use counted::{Counted, STORE_CONFLICTS};
pub use counted::{Operation, Requests, describe_metrics};
pub use listing::{Entries, Listed};
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

    /// Certificates in PEM of authorities that sign for object stores, beside the system's: for the store, and for what
    /// --batch-allow and --source-allow name
    #[arg(long, env = "TAGFLEET_STORE_CA_FILE")]
    pub store_ca_file: Option<PathBuf>,

    /// Where batches' lists may lie and their results may go beside it, all that is below: `file:///folder`, `s3://bucket/prefix`,
    /// `gs://bucket/prefix` or `az://container/prefix`, by comma; with `TENANT=` before it for one tenant alone. The service opens it with its own
    /// credentials, so name no more than every such tenant may read and write. Nothing, if nothing is named
    #[arg(long, env = "TAGFLEET_BATCH_ALLOW", value_delimiter = ',')]
    pub batch_allow: Vec<String>,

    /// Where images may lie that are named by other URLs than http ones, all that is below: `s3://bucket/prefix`,
    /// `gs://bucket/prefix`, `az://container/prefix` or `file:///folder`, by comma; with `TENANT=` before it for one tenant
    /// alone. The service reads them with its own credentials. Nothing, if nothing is named
    #[arg(long, env = "TAGFLEET_SOURCE_ALLOW", value_delimiter = ',')]
    pub source_allow: Vec<String>,
}

impl StoreConfig {
    /// Checks what can be checked without opening a store. What may be used of others is checked by
    /// [`crate::outside::check`].
    pub fn validate(&self) -> Result<(), ConfigError> {
        match self.store_url.as_deref() {
            None | Some("memory:") => Ok(()),
            Some(url) if backend::is_known(url) => Ok(()),
            Some(_) => refuse(
                "--store-url",
                "is not one of file:///…, s3://…, gs://…, az://… and memory:",
            ),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the store's URL is not one of file:///…, s3://…, gs://…, az://… and memory: ({0})")]
    Url(String),
    #[error("the store's folder {0} cannot be used: {1}")]
    Folder(PathBuf, std::io::Error),
    #[error("the store's setting {0} cannot be read: {1}")]
    Setting(String, String),
    #[error("--store-ca-file cannot be used: {0}")]
    CaFile(std::io::Error),
    #[error("{0}: {1}: {2}")]
    Allowed(&'static str, String, String),
    #[error("the object store failed: {0}")]
    Failed(#[from] Error),
    #[error("there is no room in memory for it")]
    NoRoom,
    #[error("the object store refuses to write {0}, which is not there")]
    Conflict(String),
    #[error(
        "the object store overwrites what is there, although it was told not to (`If-None-Match: *`): batches would lose lines. Use a store that keeps conditions, as S3, R2, GCS, Azure and MinIO since 2024 do"
    )]
    Unconditional,
}

#[derive(Clone, Debug)]
pub struct Store {
    objects: Arc<Counted>,
    root: String,
}

impl Store {
    pub fn open(config: &StoreConfig) -> Result<Self, StoreError> {
        Self::open_in(config, std::env::vars())
    }

    /// The same, with credentials out of an environment that is handed in.
    pub fn open_in(
        config: &StoreConfig,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, StoreError> {
        match config.store_url.as_deref() {
            None => backend::folder(default_folder()),
            Some("memory:") => Ok(Self::over(Arc::new(InMemory::new()))),
            Some(url) => backend::at(url, config, environment),
        }
    }

    /// A store that keeps its objects there.
    pub fn over(objects: Arc<dyn ObjectStore>) -> Self {
        Self::new(objects, None, String::new())
    }

    /// `pages`: the same, where it can list in pages.
    fn new(
        objects: Arc<dyn ObjectStore>,
        pages: Option<Arc<dyn PaginatedListStore>>,
        root: String,
    ) -> Self {
        Self {
            objects: Arc::new(Counted::new(objects, pages)),
            root,
        }
    }

    /// What was asked of it so far, by this process.
    pub fn requests(&self) -> Requests {
        self.objects.requests()
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

    /// Reads an object for which there is room. `copies`: how often each of its bytes is going to be in memory.
    pub fn get_within<'a>(
        &'a self,
        name: &'a str,
        budget: &'a Budget,
        copies: usize,
    ) -> BoxFuture<'a, Result<Option<(Bytes, Held)>, StoreError>> {
        Box::pin(async move {
            let found = match self.objects.get(&self.path(name)).await {
                Ok(found) => found,
                Err(Error::NotFound { .. }) => return Ok(None),
                Err(error) => return Err(error.into()),
            };
            // What is larger than all of it is read when nothing else is there.
            let size = usize::try_from(found.meta.size).unwrap_or(usize::MAX);
            let bytes = size.saturating_mul(copies).min(budget.max_bytes());
            let held = budget.hold(bytes).ok_or(StoreError::NoRoom)?;
            Ok(Some((found.bytes().await?, held)))
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
        self.put_new_parts(name, vec![bytes])
    }

    /// The same with an object that is in several pieces.
    pub fn put_new_parts<'a>(
        &'a self,
        name: &'a str,
        parts: Vec<Bytes>,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        let payload = PutPayload::from_iter(parts);
        Box::pin(async move {
            for tried in 1..=CONFLICTS {
                if self.try_put_new(name, payload.clone()).await? {
                    return Ok(true);
                }
                if self.exists(name).await? {
                    return Ok(false);
                }
                CONFLICT_PAUSES.wait(tried).await;
            }
            metrics::counter!(STORE_CONFLICTS).increment(1);
            Err(StoreError::Conflict(name.to_owned()))
        })
    }

    async fn try_put_new(&self, name: &str, payload: PutPayload) -> Result<bool, StoreError> {
        let options = PutOptions {
            mode: PutMode::Create,
            ..PutOptions::default()
        };
        let path = self.path(name);
        match self.objects.put_opts(&path, payload, options).await {
            Ok(_) => Ok(true),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}
