//! What a store's URL leads to.

use std::{path::PathBuf, sync::Arc};

use object_store::{
    Error, ObjectStore, ObjectStoreScheme, aws::AmazonS3Builder, azure::MicrosoftAzureBuilder,
    gcp::GoogleCloudStorageBuilder, list::PaginatedListStore, local::LocalFileSystem,
};
use url::Url;

use super::{Store, StoreError, settings};

pub fn at(url: &str) -> Result<Store, StoreError> {
    let url = Url::parse(url).map_err(|error| StoreError::Url(error.to_string()))?;
    if let Ok(folder) = url.to_file_path()
        && url.scheme() == "file"
    {
        return self::folder(folder);
    }
    crate::tls::install_provider();
    in_cloud(&url, settings(std::env::vars())?)
}

/// Returns whether a text names a store of a kind that there is. Whether that one can be used shows when it is opened.
pub fn is_known(text: &str) -> bool {
    let Ok(url) = Url::parse(text) else {
        return false;
    };
    if url.scheme() == "file" {
        return url.to_file_path().is_ok();
    }
    match ObjectStoreScheme::parse(&url) {
        Ok((scheme, _)) => matches!(
            scheme,
            ObjectStoreScheme::AmazonS3
                | ObjectStoreScheme::GoogleCloudStorage
                | ObjectStoreScheme::MicrosoftAzure
        ),
        Err(_) => false,
    }
}

pub fn folder(folder: PathBuf) -> Result<Store, StoreError> {
    std::fs::create_dir_all(&folder).map_err(|error| StoreError::Folder(folder.clone(), error))?;
    let local = LocalFileSystem::new_with_prefix(&folder)?
        .with_fsync(true)
        .with_automatic_cleanup(true);
    Ok(Store::over(Arc::new(local)))
}

/// Sets what a builder knows of the settings; the others are not for it.
macro_rules! built {
    ($builder:ty, $url:expr, $settings:expr) => {{
        let builder = <$builder>::new().with_url($url.as_str());
        let set = |builder: $builder, (name, value): (String, String)| match name.parse() {
            Ok(key) => builder.with_config(key, value),
            Err(_) => builder,
        };
        paged($settings.into_iter().fold(builder, set).build()?)
    }};
}

type Backend = (Arc<dyn ObjectStore>, Arc<dyn PaginatedListStore>);

/// `object_store` has a function for this, but what it returns lists in no pages.
fn in_cloud(url: &Url, settings: Vec<(String, String)>) -> Result<Store, StoreError> {
    let (scheme, root) = ObjectStoreScheme::parse(url).map_err(Error::from)?;
    let (objects, pages) = match scheme {
        ObjectStoreScheme::AmazonS3 => built!(AmazonS3Builder, url, settings),
        ObjectStoreScheme::GoogleCloudStorage => built!(GoogleCloudStorageBuilder, url, settings),
        ObjectStoreScheme::MicrosoftAzure => built!(MicrosoftAzureBuilder, url, settings),
        _ => return Err(StoreError::Url(url.scheme().to_owned())),
    };
    Ok(Store::new(objects, Some(pages), format!("{root}/")))
}

fn paged<T: ObjectStore + PaginatedListStore>(store: T) -> Backend {
    let store = Arc::new(store);
    (store.clone(), store)
}
