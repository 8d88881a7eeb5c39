//! What a picture's pixels tell without a model.

mod colors;
mod quality;

pub use colors::Palette;
pub use quality::quality;
