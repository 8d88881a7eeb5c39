//! The files of the models: how a version is loaded, and how a newer one takes
//! the present one's place.

pub mod fake;
mod load;
mod reload;
mod source;
mod trial;

pub use load::{Loaded, Loader, VersionError};
pub use reload::Reloader;
