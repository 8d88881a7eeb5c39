//! Means of blocks as pictures, and as RGB.

use super::frame::Frame;

/// A value for each block of luma, row by row.
pub struct Planes {
    width: usize,
    planes: Vec<Vec<u8>>,
}

/// The first coefficients of a block, times their steps, by their place: how
/// much it changes from left to right, from top to bottom, and across.
#[derive(Clone, Copy, Default)]
pub struct Block {
    pub mean: f32,
    pub right: f32,
    pub down: f32,
    pub across: f32,
}

/// What the first cosine comes to on average over its first half, times the
/// transform's own factors: along one side, and along both.
const SIDE: f32 = 0.640_729 * 0.176_777;
const BOTH: f32 = 0.640_729 * 0.640_729 * 0.25;

impl Planes {
    pub fn new(frame: &Frame) -> Self {
        let (across, down, units_across, units_down) = frame.units();
        let width = across * units_across;
        Self {
            width,
            planes: vec![vec![0; width * down * units_down]; frame.components.len()],
        }
    }

    /// Puts a block at that place of the picture; a block of chroma that stands for `wide` × `high` of luma becomes
    /// as many values, each the mean of its part.
    #[inline]
    pub fn put(
        &mut self,
        plane: usize,
        (x, y): (usize, usize),
        (wide, high): (usize, usize),
        block: Block,
    ) {
        for row in 0..high {
            for column in 0..wide {
                let right = if wide == 1 {
                    0.0
                } else {
                    1.0 - 2.0 * column as f32
                };
                let down = if high == 1 {
                    0.0
                } else {
                    1.0 - 2.0 * row as f32
                };
                let slope = SIDE * (right * block.right + down * block.down)
                    + BOTH * right * down * block.across;
                let value = block.mean / 8.0 + slope + 128.5;
                // As a cast from float does: below 0 is 0, above 255 is 255.
                self.planes[plane][(y + row) * self.width + x + column] = value as u8;
            }
        }
    }

    pub fn to_rgb(&self, width: usize, height: usize) -> Vec<u8> {
        let mut rgb = Vec::with_capacity(width * height * 3);
        for row in 0..height {
            let of = |plane: usize| &self.planes[plane][row * self.width..][..width];
            if self.planes.len() == 1 {
                rgb.extend(of(0).iter().flat_map(|&grey| [grey; 3]));
            } else {
                let pixels = of(0).iter().zip(of(1)).zip(of(2));
                rgb.extend(pixels.flat_map(|((y, cb), cr)| pixel(*y, *cb, *cr)));
            }
        }
        rgb
    }
}

/// JFIF's YCbCr.
#[inline]
fn pixel(y: u8, cb: u8, cr: u8) -> [u8; 3] {
    let y = f32::from(y) + 0.5;
    let cb = f32::from(cb) - 128.0;
    let cr = f32::from(cr) - 128.0;
    [
        y + 1.402 * cr,
        y - 0.344_136 * cb - 0.714_136 * cr,
        y + 1.772 * cb,
    ]
    .map(|colour| colour as u8)
}
