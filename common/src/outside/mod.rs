//! Files and buckets that belong to others: where an owner's list lies, and
//! where its results may go. Only below what the operator has named, since it
//! is the service's own credentials that open them.

mod allowed;
mod folder;
mod opened;
mod reading;

use std::{io, sync::Arc};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use object_store::{
    Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, path::Path,
};
use url::Url;

use crate::{
    config::{ConfigError, refuse},
    store::{StoreConfig, StoreError},
};
use allowed::{Allowed, Root};
pub use opened::Opened;
pub use reading::Reading;

const BATCH_ALLOW: &str = "--batch-allow";
const SOURCE_ALLOW: &str = "--source-allow";

/// Checks what can be checked of the settings without opening anything.
pub fn check(config: &StoreConfig) -> Result<(), ConfigError> {
    for (flag, entries) in [
        (BATCH_ALLOW, &config.batch_allow),
        (SOURCE_ALLOW, &config.source_allow),
    ] {
        for entry in entries {
            if allowed::named(entry).1.is_none() {
                return refuse(flag, format!("{entry}: {NO_TARGET}"));
            }
        }
    }
    Ok(())
}

const NO_TARGET: &str = "it is no file:///…, s3://…, gs://… or az://…";

#[derive(Clone, Debug, Default)]
pub struct Outside(Arc<Vec<Allowed>>);

/// Something below what is allowed; it need not be there.
#[derive(Clone, Debug)]
pub struct OutsidePath {
    root: Root,
    path: Path,
}

/// The URL is none, or is not below what this tenant may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the URL is not below what the service may use for this tenant")]
pub struct NotAllowed;

impl Outside {
    /// What batches may use (`--batch-allow`). Fails where what is named cannot be used, and where it holds what
    /// [`crate::store`] keeps.
    pub fn of_batches(config: &StoreConfig) -> Result<Self, StoreError> {
        Self::open(BATCH_ALLOW, &config.batch_allow, config)
    }

    /// Where images may lie (`--source-allow`); fails as for batches.
    pub fn of_images(config: &StoreConfig) -> Result<Self, StoreError> {
        Self::open(SOURCE_ALLOW, &config.source_allow, config)
    }

    /// A bucket that is handed in, all of which is every tenant's: `s3://BUCKET/…`.
    pub fn over(bucket: &str, objects: Arc<dyn ObjectStore>) -> Self {
        Self(Arc::new(vec![Allowed::over(bucket, objects)]))
    }

    fn open(
        flag: &'static str,
        entries: &[String],
        config: &StoreConfig,
    ) -> Result<Self, StoreError> {
        let allowed = entries
            .iter()
            .map(|entry| Allowed::parse(flag, entry, config));
        Ok(Self(Arc::new(allowed.collect::<Result<_, _>>()?)))
    }

    /// Returns whether a text is a URL of the kind that may be allowed, whether or not it is.
    pub fn names_an_object(text: &str) -> bool {
        let scheme = text.split_once("://").map(|(scheme, _)| scheme);
        scheme.is_some_and(|scheme| {
            SCHEMES
                .iter()
                .any(|known| known.eq_ignore_ascii_case(scheme))
        })
    }

    pub fn place(&self, tenant: &str, url: &str) -> Result<OutsidePath, NotAllowed> {
        let target = Target::parse(url).ok_or(NotAllowed)?;
        self.0
            .iter()
            .find_map(|allowed| allowed.place(tenant, &target))
            .ok_or(NotAllowed)
    }
}

const SCHEMES: [&str; 4] = ["s3", "gs", "az", "file"];

/// A URL taken apart, after which no part of it means anything but a name.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Target {
    scheme: String,
    /// Nothing for a file.
    bucket: String,
    path: Path,
}

impl Target {
    fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        let is_plain = url.query().is_none() && url.fragment().is_none() && url.port().is_none();
        let names_nobody = url.username().is_empty() && url.password().is_none();
        let bucket = url.host_str().unwrap_or_default().to_owned();
        let fits = match url.scheme() {
            "file" => bucket.is_empty(),
            "s3" | "gs" | "az" => !bucket.is_empty(),
            _ => false,
        };
        // Decoded before it is compared, so that nothing is a way up afterwards.
        let path = Path::from_url_path(url.path()).ok()?;
        let is_text = !text
            .chars()
            .chain(path.as_ref().chars())
            .any(|c| c.is_control() || c == '\\');
        (is_plain && names_nobody && fits && is_text).then(|| Self {
            scheme: url.scheme().to_owned(),
            bucket,
            path,
        })
    }
}

impl OutsidePath {
    /// For reading; `None` where nothing is there.
    pub fn open<'a>(&'a self) -> BoxFuture<'a, io::Result<Option<Opened>>> {
        Box::pin(async move {
            let opened = match &self.root {
                Root::Folder(folder) => {
                    let folder = folder.clone();
                    let path = self.path.clone();
                    blocking(move || Opened::file(folder::open_below(&folder, &path)?)).await
                }
                Root::Bucket(bucket) => Opened::object(bucket.clone(), self.path.clone()).await,
            };
            match opened {
                Ok(opened) => Ok(Some(opened)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error),
            }
        })
    }

    /// For reading from its first byte to its last, in one request; `None` where nothing is there.
    pub fn read<'a>(&'a self) -> BoxFuture<'a, io::Result<Option<Reading>>> {
        Box::pin(async move {
            let reading = match &self.root {
                Root::Folder(folder) => {
                    let folder = folder.clone();
                    let path = self.path.clone();
                    blocking(move || Reading::file(folder::open_below(&folder, &path)?)).await
                }
                Root::Bucket(bucket) => Reading::object(&**bucket, &self.path).await,
            };
            match reading {
                Ok(reading) => Ok(Some(reading)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error),
            }
        })
    }

    /// Returns whether an object is below this place.
    pub fn has<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<bool>> {
        Box::pin(async move {
            let path = self.below(name);
            match &self.root {
                Root::Folder(folder) => {
                    let folder = folder.clone();
                    blocking(move || folder::has_below(&folder, &path)).await
                }
                Root::Bucket(bucket) => match bucket.head(&path).await {
                    Ok(_) => Ok(true),
                    Err(Error::NotFound { .. }) => Ok(false),
                    Err(error) => Err(failed(error)),
                },
            }
        })
    }

    /// Writes an object below this place that is not there yet. `false`: it is there, and stays as it was.
    pub fn put_new<'a>(&'a self, name: &'a str, bytes: Bytes) -> BoxFuture<'a, io::Result<bool>> {
        Box::pin(async move {
            let path = self.below(name);
            match &self.root {
                Root::Folder(folder) => {
                    let folder = folder.clone();
                    blocking(move || folder::put_new_below(&folder, &path, &bytes)).await
                }
                Root::Bucket(bucket) => put_new(&**bucket, &path, bytes).await,
            }
        })
    }

    fn below(&self, name: &str) -> Path {
        Path::from(format!("{}/{name}", self.path))
    }
}

async fn put_new(bucket: &dyn ObjectStore, path: &Path, bytes: Bytes) -> io::Result<bool> {
    let options = PutOptions {
        mode: PutMode::Create,
        ..PutOptions::default()
    };
    let payload = PutPayload::from_bytes(bytes);
    match bucket.put_opts(path, payload, options).await {
        Ok(_) => Ok(true),
        Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(false),
        Err(error) => Err(failed(error)),
    }
}

fn failed(error: Error) -> io::Error {
    match error {
        Error::NotFound { .. } => io::Error::new(io::ErrorKind::NotFound, error),
        Error::Precondition { .. } => io::Error::new(
            io::ErrorKind::InvalidData,
            "it was changed while it was read",
        ),
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
            io::Error::new(io::ErrorKind::PermissionDenied, error)
        }
        error => io::Error::other(error),
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(io::Error::other)?
}

#[cfg(test)]
mod tests;
