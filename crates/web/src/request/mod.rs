//! What a client may ask for, and what of it is refused at once: the options
//! that every kind of request shares, and bodies read within bounds.

mod base64;
mod body;
mod encoding;
mod fields;
mod form;
mod json;
mod numbers;
mod options;
mod query;
mod selection;
mod unknown;

pub use self::base64::from_base64;
pub use body::{
    BodyLimits, MediaType, announcing, length, media_type, read_body, too_large, too_slow,
};
pub use encoding::{broken, encoding, peeked, unpacked};
pub use fields::{Fields, FromFields, parse_json_fields};
pub use form::form_fault;
pub use json::parse_json;
pub use numbers::{limit, threshold};
pub use options::{Asking, Language, TagOptions, add_tenant_words, check_bounds};
pub use query::{all_in_body, parse_query, parse_query_fields};
pub use unknown::unknown;
