//! Where a store is, and with which keys it is opened.

use std::path::PathBuf;

use super::StoreError;

/// Returns what an environment says of stores, as `object_store` wants it. Of keys it reads none but those that stand
/// there, so files are read here.
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
