//! Models that look at a picture beside its tagger, and how what they see becomes one answer with its tags.

mod boxes;
mod contradiction;
mod fusion;
mod gate;

pub use boxes::{Boxes, COORDINATES};
pub use contradiction::{without_apes, without_doubtful_faces};
pub use fusion::fused;
pub use gate::lets_through;
