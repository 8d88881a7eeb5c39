//! What a client may ask for, and what of it is refused at once: the options
//! that every kind of request shares, and bodies read within bounds.

mod base64;
mod body;
mod encoding;
mod json;
mod options;
mod query;
mod selection;

pub use self::base64::from_base64;
pub use body::{BodyLimits, MediaType, length, media_type, read_body, too_large, too_slow};
pub use encoding::{broken, encoding, peeked, unpacked};
pub use json::parse_json;
pub use options::{
    Asking, Language, TagOptions, add_tenant_words, check_bounds, limit, threshold, whole,
};
pub use query::{is_on, parse_query};
