//! Makes tags of scores: they are the model's classes and their parents in the taxonomy.

mod calibration;
mod filter;
mod rules;
mod select;
mod shares;
mod taxonomy;
#[cfg(test)]
mod tests;
mod words;

pub use calibration::{Believed, Calibration};
pub use filter::{Filter, UnknownName};
pub use rules::{Confidences, PERSON, Prepared, TagRules, Wanted};
pub use select::{Choice, Said, select};
pub use shares::{pack, shares, unpack};
pub use taxonomy::{Entry, Taxonomy, TaxonomyError};
pub use words::{Scored, custom};

/// A class or a parent, by its index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Node {
    Class(usize),
    Parent(usize),
}
