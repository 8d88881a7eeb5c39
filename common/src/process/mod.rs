//! What a process asks of its system: memory that goes back, and confinement.

mod allocator;
mod confine;

pub use allocator::{begin_with_few_arenas, give_back_large_pieces, keep_giving_back};
pub use confine::confine;
