//! What a store's URL leads to.

use std::{io, path::PathBuf, sync::Arc};

use object_store::{
    Certificate, ClientOptions, Error, ObjectStore, ObjectStoreScheme, aws::AmazonS3Builder,
    azure::MicrosoftAzureBuilder, gcp::GoogleCloudStorageBuilder, list::PaginatedListStore,
    local::LocalFileSystem,
};
use url::Url;

use super::{Store, StoreConfig, StoreError, settings};

pub fn at(
    url: &str,
    config: &StoreConfig,
    environment: impl Iterator<Item = (String, String)>,
) -> Result<Store, StoreError> {
    let url = Url::parse(url).map_err(|error| StoreError::Url(error.to_string()))?;
    if let Ok(folder) = url.to_file_path()
        && url.scheme() == "file"
    {
        return self::folder(folder);
    }
    let cloud = Cloud::at(&url, settings(environment)?, config)?;
    Ok(cloud.into())
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
    ($builder:ty, $url:expr, $settings:expr, $client:expr) => {{
        let builder = <$builder>::new().with_url($url.as_str());
        // First, since settings may be of the client too.
        let builder = builder.with_client_options($client);
        let set = |builder: $builder, (name, value): (String, String)| match name.parse() {
            Ok(key) => builder.with_config(key, value),
            Err(_) => builder,
        };
        paged($settings.into_iter().fold(builder, set).build()?)
    }};
}

type Backend = (Arc<dyn ObjectStore>, Arc<dyn PaginatedListStore>);

/// A store at one of the clouds, or at a server that speaks as one of them does.
pub struct Cloud {
    pub objects: Arc<dyn ObjectStore>,
    pages: Arc<dyn PaginatedListStore>,
    root: String,
}

impl Cloud {
    /// `object_store` has a function for this, but what it returns lists in no pages, and trusts the system's authorities
    /// alone.
    pub fn at(
        url: &Url,
        settings: Vec<(String, String)>,
        config: &StoreConfig,
    ) -> Result<Self, StoreError> {
        crate::tls::install_provider();
        let client = trusting(config)?;
        let (scheme, root) = ObjectStoreScheme::parse(url).map_err(Error::from)?;
        let (objects, pages) = match scheme {
            ObjectStoreScheme::AmazonS3 => built!(AmazonS3Builder, url, settings, client),
            ObjectStoreScheme::GoogleCloudStorage => {
                built!(GoogleCloudStorageBuilder, url, settings, client)
            }
            ObjectStoreScheme::MicrosoftAzure => {
                built!(MicrosoftAzureBuilder, url, settings, client)
            }
            _ => return Err(StoreError::Url(url.scheme().to_owned())),
        };
        let root = format!("{root}/");
        Ok(Self {
            objects,
            pages,
            root,
        })
    }
}

impl From<Cloud> for Store {
    fn from(cloud: Cloud) -> Self {
        Self::new(cloud.objects, Some(cloud.pages), cloud.root)
    }
}

/// Returns a client that trusts whom the operator named, beside whom the system trusts.
fn trusting(config: &StoreConfig) -> Result<ClientOptions, StoreError> {
    let file = config.store_ca_file.as_deref();
    let Some(pem) = crate::tls::authorities(file).map_err(StoreError::CaFile)? else {
        return Ok(ClientOptions::default());
    };
    let named = Certificate::from_pem_bundle(pem.as_bytes())
        .map_err(|error| StoreError::CaFile(io::Error::other(error)))?;
    if named.is_empty() {
        let none = io::Error::other("it holds no certificate in PEM");
        return Err(StoreError::CaFile(none));
    }
    let client = ClientOptions::default();
    Ok(named
        .into_iter()
        .fold(client, ClientOptions::with_root_certificate))
}

fn paged<T: ObjectStore + PaginatedListStore>(store: T) -> Backend {
    let store = Arc::new(store);
    (store.clone(), store)
}
