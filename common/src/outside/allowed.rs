//! What the operator allows: `[TENANT=]URL`, a folder or a part of a bucket.

use std::{path::PathBuf, sync::Arc};

use object_store::{ObjectStore, path::Path};
use url::Url;

use super::{NO_TARGET, OutsidePath, Target};
use crate::store::{Cloud, StoreConfig, StoreError, settings};

#[derive(Debug)]
pub struct Allowed {
    /// Every tenant, if none is named.
    tenant: Option<String>,
    below: Target,
    root: Root,
}

#[derive(Clone, Debug)]
pub enum Root {
    /// Without links.
    Folder(PathBuf),
    Bucket(Arc<dyn ObjectStore>),
}

impl Allowed {
    pub fn parse(
        flag: &'static str,
        entry: &str,
        config: &StoreConfig,
    ) -> Result<Self, StoreError> {
        let store_url = config.store_url.as_deref();
        let refuse = |why: &str| StoreError::Allowed(flag, entry.to_owned(), why.to_owned());
        let (tenant, below) = named(entry);
        let below = below.ok_or_else(|| refuse(NO_TARGET))?;
        let root = match below.scheme.as_str() {
            "file" => {
                let folder = PathBuf::from(format!("/{}", below.path));
                let path = folder
                    .canonicalize()
                    .map_err(|error| refuse(&error.to_string()))?;
                if store_folder(store_url)
                    .is_some_and(|store| store.starts_with(&path) || path.starts_with(&store))
                {
                    return Err(refuse("the service keeps its own state there"));
                }
                Root::Folder(path)
            }
            scheme => {
                if store_url.is_some_and(|store| names_bucket(store, &below.bucket)) {
                    return Err(refuse("the service keeps its own state in this bucket"));
                }
                Root::Bucket(bucket(scheme, &below.bucket, config)?)
            }
        };
        Ok(Self {
            tenant: tenant.map(str::to_owned),
            below,
            root,
        })
    }

    pub fn over(bucket: &str, objects: Arc<dyn ObjectStore>) -> Self {
        let below = Target {
            scheme: "s3".to_owned(),
            bucket: bucket.to_owned(),
            path: Path::default(),
        };
        Self {
            tenant: None,
            below,
            root: Root::Bucket(objects),
        }
    }

    pub fn place(&self, tenant: &str, target: &Target) -> Option<OutsidePath> {
        let is_theirs = self.tenant.as_ref().is_none_or(|of| of == tenant);
        let same = (&self.below.scheme, &self.below.bucket) == (&target.scheme, &target.bucket);
        let rest = target
            .path
            .prefix_match(&self.below.path)
            .filter(|_| is_theirs && same)?;
        let path = match self.root {
            Root::Folder(_) => Path::from_iter(rest),
            Root::Bucket(_) => target.path.clone(),
        };
        Some(OutsidePath {
            root: self.root.clone(),
            path,
        })
    }
}

/// Returns the tenant that an entry is for, and what it names; nothing where that is no URL of the kind.
pub fn named(entry: &str) -> (Option<&str>, Option<Target>) {
    match entry.split_once('=') {
        Some((tenant, url)) if !tenant.contains(':') => (Some(tenant), Target::parse(url)),
        _ => (None, Target::parse(entry)),
    }
}

fn store_folder(store_url: Option<&str>) -> Option<PathBuf> {
    let folder = match store_url {
        Some(url) => Url::parse(url)
            .ok()
            .filter(|url| url.scheme() == "file")?
            .to_file_path()
            .ok()?,
        None => crate::store::default_folder(),
    };
    // One that is not there yet holds nothing, and is nothing's link.
    Some(folder.canonicalize().unwrap_or(folder))
}

/// Returns whether the store may be in this bucket, in any of the ways in which a URL can name one.
fn names_bucket(store_url: &str, bucket: &str) -> bool {
    let Ok(url) = Url::parse(store_url) else {
        return false;
    };
    let host = url.host_str().unwrap_or_default().to_lowercase();
    let bucket = bucket.to_lowercase();
    let is_first_part = url
        .path_segments()
        .and_then(|mut parts| parts.next().map(|part| part == bucket));
    host == bucket || host.starts_with(&format!("{bucket}.")) || is_first_part.unwrap_or(false)
}

fn bucket(
    scheme: &str,
    bucket: &str,
    config: &StoreConfig,
) -> Result<Arc<dyn ObjectStore>, StoreError> {
    let url = Url::parse(&format!("{scheme}://{bucket}/"))
        .map_err(|error| StoreError::Url(error.to_string()))?;
    // Credentials and endpoints, but for a bucket: that one is named here.
    let settings = settings(std::env::vars())?.into_iter().filter(|(name, _)| {
        let is_providers = ["aws_", "google_", "azure_"]
            .iter()
            .any(|provider| name.starts_with(provider));
        is_providers && !name.contains("bucket") && !name.contains("container")
    });
    Ok(Cloud::at(&url, settings.collect(), config)?.objects)
}
