//! What a process asks of its system: memory that goes back, confinement, a word before it ends, and its end.

mod allocator;
mod child;
mod confine;
mod confinement;
mod end;
pub mod fail_points;
mod filter;
mod landlock;
mod offload;
pub mod shutdown;

pub use allocator::{begin_with_few_arenas, give_back_large_pieces, keep_giving_back};
pub use child::{Bounds, Reader, ReaderProgram};
pub use confine::confine;
pub use confinement::Confinement;
pub use end::end;
pub use offload::Offload;
