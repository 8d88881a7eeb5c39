//! From a row of a list to an item, or to what is wrong with it.

use manifest::Row;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::Item;

const MAX_CUSTOM_ID_CHARS: usize = 256;
const MAX_URL_BYTES: usize = 8_192;
/// What is kept of a URL that is too long.
const SHOWN_URL_BYTES: usize = 200;

/// One image of a batch; a line of its own in NDJSON. Other keys are ignored, and named in the batch's `warnings`.
#[derive(Debug, Deserialize, ToSchema)]
#[allow(
    dead_code,
    reason = "for the description of the API; what is sent is read as a row of a list"
)]
pub struct BatchItem {
    /// Comes back with the item's result, and names it to you alone: up to 256 characters. Whole numbers and truth values are
    /// kept as text. The row's number, from 1, stands in where it is absent; one that is there twice is told in `warnings`.
    #[schema(max_length = 256, example = "photo-12")]
    custom_id: Option<String>,
    /// An http or https URL on a public address.
    #[schema(example = "https://example.com/cat.jpg")]
    url: String,
}

/// Says nothing of whether the URL can be fetched: that is found out later, and concerns this item alone. `number`: that of
/// the row, from 1.
pub fn item(row: Row, number: u64) -> Item {
    let Row {
        custom_id,
        mut url,
        mut wrong,
        ..
    } = row;
    let mut custom_id = custom_id.unwrap_or_else(|| number.to_string());
    let chars = custom_id.chars().count();
    if chars > MAX_CUSTOM_ID_CHARS {
        wrong = Some(format!(
            "custom_id has {chars} characters, and {MAX_CUSTOM_ID_CHARS} are the most"
        ));
        custom_id = number.to_string();
    }
    let length = url.len();
    if length > MAX_URL_BYTES {
        wrong = Some(format!(
            "url has {length} bytes, and {MAX_URL_BYTES} are the most"
        ));
    }
    if wrong.is_some() && length > SHOWN_URL_BYTES {
        url.truncate(url.floor_char_boundary(SHOWN_URL_BYTES));
    }
    if wrong.is_none() && url.is_empty() {
        wrong = Some("its url is empty".to_owned());
    }
    Item {
        wrong: wrong.map(|why| format!("row {number}: {why}")),
        ..Item::new(custom_id, url)
    }
}
