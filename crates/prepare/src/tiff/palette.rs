//! A palette: each sample is the number of a colour.

use tiff::{TiffFormatError, TiffResult, tags::Tag};

use super::page::Tiff;

/// Red, green and blue of each.
pub type Palette = Box<[[u8; 3]; 256]>;

/// `depth`: the bits of a number. The colours lie where numbers come to lie that are widened to eight bits.
pub fn read(tiff: &mut Tiff<'_>, depth: u8) -> TiffResult<Palette> {
    let told: Option<Vec<u16>> = tiff.find_tag_unsigned_vec(Tag::ColorMap)?;
    let told = told.ok_or(TiffFormatError::RequiredTagNotFound(Tag::ColorMap))?;
    let most = (1_usize << depth) - 1;
    // All reds come first, then all greens.
    let all = told.len() / 3;
    let is_narrow = told.iter().all(|level| *level <= 255);
    let level = |level: u16| {
        // Old programs write eight bits where sixteen belong.
        let upper = if is_narrow { level } else { level >> 8 };
        upper as u8
    };
    let mut colours = Box::new([[0; 3]; 256]);
    for number in 0..all.min(most + 1) {
        let colour = [0, 1, 2].map(|at| level(told[at * all + number]));
        colours[number * 255 / most] = colour;
    }
    Ok(colours)
}
