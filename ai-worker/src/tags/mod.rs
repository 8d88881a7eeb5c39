//! From scores to tags: the model's classes and their parents in the taxonomy.

mod select;
mod taxonomy;

pub use select::select;
pub use taxonomy::{Taxonomy, TaxonomyError};
