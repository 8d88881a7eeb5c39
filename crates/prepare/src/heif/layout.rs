//! How the shown picture is put together: from one coded picture or from tiles of them, then cropped, turned and flipped.

use image::metadata::Orientation;

use super::{boxes::Numbers, items::Items};

/// Tiles of the largest picture that is shown.
const MOST_TILES: usize = 4_096;
/// A picture that is derived of a derived one, and so on, ends here.
const MOST_STEPS: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    Hevc,
    Av1,
}

/// The coded pictures of which the shown one consists, and what is done with them.
pub struct Layout {
    pub codec: Codec,
    /// Row by row.
    pub tiles: Vec<u32>,
    pub columns: usize,
    /// What is left of the tiles together.
    pub size: (usize, usize),
    /// What is shown of that: left, top, width, height.
    pub shown: [usize; 4],
    pub orientation: Orientation,
    /// The item that is derived or coded, which has the colours' description.
    pub item: u32,
}

/// Why a picture cannot be put together.
#[derive(Debug, PartialEq, Eq)]
pub enum Lacking {
    /// Its kind, which is not read.
    Kind([u8; 4]),
    Description,
}

pub fn resolve(items: &Items<'_>, item: u32) -> Result<Layout, Lacking> {
    let mut item = item;
    let mut turns = Turns::default();
    let mut crop = None;
    for _ in 0..MOST_STEPS {
        let kind = items.kind(item).ok_or(Lacking::Description)?;
        if kind != *b"iden" {
            break;
        }
        note_transforms(items, item, &mut turns, &mut crop);
        item = *items
            .referred(item, b"dimg")
            .first()
            .ok_or(Lacking::Description)?;
    }
    let kind = items.kind(item).ok_or(Lacking::Description)?;
    let (tiles, columns, size) = match &kind {
        b"grid" => grid(items, item).ok_or(Lacking::Description)?,
        b"hvc1" | b"av01" => {
            let size = size(items, item).ok_or(Lacking::Description)?;
            (vec![item], 1, size)
        }
        _ => return Err(Lacking::Kind(kind)),
    };
    let codec = match items.kind(tiles[0]).ok_or(Lacking::Description)? {
        kind if kind == *b"hvc1" => Codec::Hevc,
        kind if kind == *b"av01" => Codec::Av1,
        kind => return Err(Lacking::Kind(kind)),
    };
    note_transforms(items, item, &mut turns, &mut crop);
    Ok(Layout {
        codec,
        tiles,
        columns,
        shown: crop
            .and_then(|crop| cropped(crop, size))
            .unwrap_or([0, 0, size.0, size.1]),
        size,
        orientation: turns.orientation(),
        item,
    })
}

fn size(items: &Items<'_>, item: u32) -> Option<(usize, usize)> {
    let mut numbers = Numbers(items.property(item, b"ispe")?.get(4..)?);
    Some((numbers.u32()? as usize, numbers.u32()? as usize))
}

type Grid = (Vec<u32>, usize, (usize, usize));

fn grid(items: &Items<'_>, item: u32) -> Option<Grid> {
    let data = items.data(item)?.bytes;
    let mut numbers = Numbers(&data);
    numbers.u8()?;
    let width = if numbers.u8()? & 1 == 0 { 2 } else { 4 };
    let rows = usize::from(numbers.u8()?) + 1;
    let columns = usize::from(numbers.u8()?) + 1;
    let size = (numbers.take(width)? as usize, numbers.take(width)? as usize);
    let tiles = items.referred(item, b"dimg");
    let is_sound = tiles.len() >= rows * columns && rows * columns <= MOST_TILES;
    is_sound.then(|| (tiles[..rows * columns].to_vec(), columns, size))
}

/// Eight numbers: width, height and the middle's way from the middle, each as a fraction.
type Crop = [i64; 8];

fn note_transforms(items: &Items<'_>, item: u32, turns: &mut Turns, crop: &mut Option<Crop>) {
    for (name, body) in items.properties(item) {
        match name {
            b"irot" => turns.turn_left(body.first().map_or(0, |angle| angle & 3)),
            b"imir" => turns.flip(body.first().is_some_and(|axis| axis & 1 == 0)),
            // One that comes after a turn would be of other sides; none has been seen.
            b"clap" if turns.is_none() => {
                let (numbers, _) = body.as_chunks::<4>();
                let numbers: Vec<i64> = numbers
                    .iter()
                    .map(|it| i32::from_be_bytes(*it).into())
                    .collect();
                *crop = numbers.first_chunk().copied();
            }
            _ => {}
        }
    }
}

fn cropped(crop: Crop, (width, height): (usize, usize)) -> Option<[usize; 4]> {
    let [w, wd, h, hd, x, xd, y, yd] = crop;
    if wd <= 0 || hd <= 0 || xd == 0 || yd == 0 {
        return None;
    }
    let side = |whole: usize, part: i64, off: f64| {
        let part = usize::try_from(part)
            .ok()
            .filter(|part| (1..=whole).contains(part))?;
        let start = (whole as f64 / 2.0 + off - part as f64 / 2.0).round();
        let start = (start.max(0.0) as usize).min(whole - part);
        Some((start, part))
    };
    let (left, width) = side(width, w / wd, x as f64 / xd as f64)?;
    let (top, height) = side(height, h / hd, y as f64 / yd as f64)?;
    Some([left, top, width, height])
}

/// A flip from left to right, if any, and then so many quarters to the right.
#[derive(Default)]
struct Turns {
    is_flipped: bool,
    quarters: u8,
}

impl Turns {
    fn is_none(&self) -> bool {
        !self.is_flipped && self.quarters == 0
    }

    fn turn_left(&mut self, quarters: u8) {
        self.quarters = (self.quarters + 4 - quarters) % 4;
    }

    /// From left to right, or from top to bottom, which is the same turned by half.
    fn flip(&mut self, top_to_bottom: bool) {
        self.is_flipped = !self.is_flipped;
        let quarters = 4 - self.quarters + if top_to_bottom { 2 } else { 0 };
        self.quarters = quarters % 4;
    }

    fn orientation(&self) -> Orientation {
        match (self.is_flipped, self.quarters) {
            (false, 0) => Orientation::NoTransforms,
            (false, 1) => Orientation::Rotate90,
            (false, 2) => Orientation::Rotate180,
            (false, _) => Orientation::Rotate270,
            (true, 0) => Orientation::FlipHorizontal,
            (true, 1) => Orientation::Rotate270FlipH,
            (true, 2) => Orientation::FlipVertical,
            (true, _) => Orientation::Rotate90FlipH,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{DynamicImage, Rgb, RgbImage};

    /// Turned step by step, and at once.
    #[test]
    fn turns_and_flips_add_up() {
        let picture =
            DynamicImage::from(RgbImage::from_fn(3, 2, |x, y| Rgb([x as u8, y as u8, 0])));
        for steps in 0..4_u32.pow(5) {
            let mut turns = Turns::default();
            let mut turned = picture.clone();
            for step in 0..5 {
                match steps / 4_u32.pow(step) % 4 {
                    0 => {}
                    1 => {
                        turns.turn_left(1);
                        turned = turned.rotate270();
                    }
                    2 => {
                        turns.flip(false);
                        turned = turned.fliph();
                    }
                    _ => {
                        turns.flip(true);
                        turned = turned.flipv();
                    }
                }
            }
            let mut at_once = picture.clone();
            at_once.apply_orientation(turns.orientation());
            assert_eq!(at_once, turned, "{steps}");
        }
    }

    #[test]
    fn a_crop_lies_within_its_picture() {
        // The middle, and what lies beside it by a quarter of a side.
        assert_eq!(
            cropped([50, 1, 20, 1, 0, 1, 0, 1], (100, 40)),
            Some([25, 10, 50, 20])
        );
        assert_eq!(
            cropped([50, 1, 40, 1, 25, 1, 0, 1], (100, 40)),
            Some([50, 0, 50, 40])
        );
        assert_eq!(
            cropped([50, 1, 40, 1, 90, 1, 0, 1], (100, 40)),
            Some([50, 0, 50, 40])
        );
        assert_eq!(cropped([101, 1, 40, 1, 0, 1, 0, 1], (100, 40)), None);
        assert_eq!(cropped([50, 0, 40, 1, 0, 1, 0, 1], (100, 40)), None);
    }
}
