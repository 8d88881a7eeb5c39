//! From a map of where lines of text are to what they say. Nothing here runs a model: lines are found in a map that one has
//! made, cut out of the picture and into pieces for another one, and put together of the symbols that it saw.

mod alphabet;
mod crop;
mod ctc;
mod map;
mod order;
mod page;
mod pieces;
mod syllables;
mod transcript;

pub use alphabet::{Alphabet, AlphabetError};
use crop::Strip;
pub use crop::{Tile, cut_out};
pub use ctc::decode;
pub use map::{LineBox, Map};
pub use order::in_reading_order;
pub use page::{Candidate, Page};
pub use pieces::{Piece, pieces};
pub use syllables::placed_together;
pub use transcript::{Letter, Transcript, transcribe};
