//! An item as it is sent, and what of it is refused at once.

use common::fault::Fault;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::Item;

const MAX_CUSTOM_ID_CHARS: usize = 256;
const MAX_URL_BYTES: usize = 8_192;

/// One image of a batch; a line of its own in NDJSON.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchItem {
    /// Comes back with the item's result, and names it to you alone: 1 to 256 characters, and no two alike.
    #[schema(max_length = 256, example = "photo-12")]
    pub custom_id: String,
    /// An http or https URL on a public address.
    #[schema(example = "https://example.com/cat.jpg")]
    pub url: String,
}

impl BatchItem {
    /// Says nothing of whether the URL can be fetched: that is found out later, and concerns this item alone.
    pub fn check(self) -> Result<Item, Fault> {
        if !(1..=MAX_CUSTOM_ID_CHARS).contains(&self.custom_id.chars().count()) {
            return Err(Fault::invalid(format!(
                "custom_id must have 1 to {MAX_CUSTOM_ID_CHARS} characters"
            )));
        }
        if self.url.len() > MAX_URL_BYTES {
            return Err(Fault::invalid(format!(
                "url is longer than {MAX_URL_BYTES} bytes"
            )));
        }
        Ok(Item {
            custom_id: self.custom_id,
            url: self.url,
        })
    }
}
