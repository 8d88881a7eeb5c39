//! The strips or tiles of a TIFF: a row of them at a time.

use std::ops::Range;

use tiff::{
    TiffError, TiffResult,
    decoder::{ChunkType, TiffCodingUnit},
    tags::Tag,
};

use super::{colours::Colours, page::Tiff};
use crate::rows::Shrinker;

/// What a row holds until something is read into it. By rows of it is seen how far a strip has come that is cut off.
const UNTOUCHED: u8 = 0xa5;

pub struct Units<'a, 'b> {
    tiff: &'a mut Tiff<'b>,
    file: &'a [u8],
    colours: &'a Colours,
    size: (usize, usize),
    /// Across and down, of those that are no edge's.
    unit: (usize, usize),
    unit_bytes: usize,
    /// Where each unit's bytes end in the file.
    ends: Vec<u64>,
    /// Whether what came of a unit that is cut off can be used as it is.
    is_plain: bool,
    is_inverted: bool,
    /// Shares of what was wanted that are not in the file, or broken.
    pub missing: f64,
    pub broken: f64,
}

/// The samples of a unit, as far as they are there.
struct Unit {
    bytes: Vec<u8>,
    width: usize,
    row_stride: usize,
    /// 0 where the samples of a pixel stand side by side.
    plane_stride: usize,
}

impl<'a, 'b> Units<'a, 'b> {
    pub fn new(tiff: &'a mut Tiff<'b>, file: &'a [u8], colours: &'a Colours) -> TiffResult<Self> {
        let (width, height) = tiff.dimensions()?;
        let (across, down) = tiff.chunk_dimensions();
        let layout = tiff.image_coding_unit_layout(TiffCodingUnit(0))?;
        let predictor: Option<u16> = tiff.find_tag_unsigned(Tag::Predictor)?;
        let photometric: Option<u16> = tiff.find_tag_unsigned(Tag::PhotometricInterpretation)?;
        let ends = ends(tiff)?;
        Ok(Self {
            size: (width as usize, height as usize),
            unit: (across.max(1) as usize, down.max(1) as usize),
            unit_bytes: layout.complete_len,
            ends,
            is_plain: predictor.unwrap_or(1) == 1 && colours.sample_bytes() == 1,
            is_inverted: photometric == Some(0),
            tiff,
            file,
            colours,
            missing: 0.0,
            broken: 0.0,
        })
    }

    fn across(&self) -> usize {
        self.size.0.div_ceil(self.unit.0)
    }

    /// A row of units, and what is made of one row of pixels.
    pub fn bytes_at_once(&self) -> u64 {
        let line = self.size.0 * (self.colours.samples + self.colours.channels());
        (self.across() * self.unit_bytes + line) as u64
    }

    pub fn unpacked_bytes(&self) -> u64 {
        let down = self.size.1.div_ceil(self.unit.1);
        self.across() as u64 * down as u64 * self.unit_bytes as u64
    }

    /// `wanted`: the rows of which something is kept. An error where the file cannot be read at all.
    pub fn read(&mut self, wanted: Range<usize>, to: &mut Shrinker) -> TiffResult<()> {
        let whole = (wanted.len() * self.size.0).max(1) as f64;
        for band in 0..self.size.1.div_ceil(self.unit.1) {
            let top = band * self.unit.1;
            let height = self.unit.1.min(self.size.1 - top);
            if top >= wanted.end || top + height <= wanted.start {
                to.skip(height);
                continue;
            }
            let mut units = Vec::with_capacity(self.across());
            for column in 0..self.across() {
                units.push(self.unit(band * self.across() + column, whole)?);
            }
            self.push_rows(&units, height, to);
        }
        Ok(())
    }

    fn push_rows(&self, units: &[Unit], height: usize, to: &mut Shrinker) {
        let mut samples = Vec::new();
        let mut narrow = Vec::new();
        let mut line = Vec::new();
        for y in 0..height {
            line.clear();
            for unit in units {
                let row = unit.row(y, self.colours, &mut samples);
                self.colours.append(row, unit.width, &mut narrow, &mut line);
            }
            to.push(&line);
        }
    }

    fn unit(&mut self, number: usize, whole: f64) -> TiffResult<Unit> {
        let unit = TiffCodingUnit(number as u32);
        let layout = self.tiff.image_coding_unit_layout(unit)?;
        let (width, height) = self.tiff.chunk_data_dimensions(number as u32);
        let mut bytes = vec![UNTOUCHED; layout.complete_len];
        let row_stride = layout.row_stride.map_or(1, usize::from);
        if let Err(error) = self.tiff.read_coding_unit_bytes(unit, &mut bytes) {
            if matches!(
                error,
                TiffError::UnsupportedError(_) | TiffError::LimitsExceeded
            ) {
                return Err(error);
            }
            let lost = self.keep_what_came(&mut bytes, row_stride);
            // Each plane has as many rows.
            let share = (lost.min(height as usize) * width as usize) as f64 / whole;
            let end = self.ends.get(number).copied().unwrap_or(u64::MAX);
            if end > self.file.len() as u64 {
                self.missing += share.min(1.0 - self.missing);
            } else {
                self.broken += share.min(1.0 - self.broken);
            }
        }
        Ok(Unit {
            bytes,
            width: width as usize,
            row_stride,
            plane_stride: if layout.planes > 1 {
                layout.plane_stride.map_or(0, usize::from)
            } else {
                0
            },
        })
    }

    /// Whitens the rows that never came, and returns how many there are.
    fn keep_what_came(&self, bytes: &mut [u8], row_stride: usize) -> usize {
        let rows = bytes.len() / row_stride;
        let is_untouched = |row: &[u8]| row.iter().all(|byte| *byte == UNTOUCHED);
        let untouched = bytes.chunks_exact(row_stride).rev();
        let untouched = untouched.take_while(|row| is_untouched(row)).count();
        // The last row that came may have come in part.
        let came = if self.is_plain {
            rows.saturating_sub(untouched + 1)
        } else {
            0
        };
        let (kept, lost) = bytes.split_at_mut(came * row_stride);
        if self.is_inverted {
            // Otherwise the decoder does it, once all has come.
            kept.iter_mut().for_each(|byte| *byte = !*byte);
        }
        lost.fill(255);
        rows - came
    }
}

impl Unit {
    /// The row's samples, those of a pixel side by side.
    fn row<'a>(&'a self, y: usize, colours: &Colours, samples: &'a mut Vec<u8>) -> &'a [u8] {
        let start = y * self.row_stride;
        if self.plane_stride == 0 {
            return &self.bytes[start..(start + self.row_stride).min(self.bytes.len())];
        }
        samples.clear();
        let length = colours.sample_bytes();
        for x in 0..self.width {
            for plane in 0..colours.samples {
                let at = plane * self.plane_stride + start + x * length;
                let sample = self.bytes.get(at..at + length);
                samples.extend_from_slice(sample.unwrap_or(&[255; 4][..length]));
            }
        }
        samples
    }
}

fn ends(tiff: &mut Tiff<'_>) -> TiffResult<Vec<u64>> {
    let (offsets, lengths) = match tiff.get_chunk_type() {
        ChunkType::Strip => (Tag::StripOffsets, Tag::StripByteCounts),
        ChunkType::Tile => (Tag::TileOffsets, Tag::TileByteCounts),
    };
    let offsets = tiff.find_tag_unsigned_vec::<u64>(offsets)?;
    let lengths = tiff.find_tag_unsigned_vec::<u64>(lengths)?;
    let offsets = offsets.unwrap_or_default().into_iter();
    let ends = offsets.zip(lengths.unwrap_or_default());
    Ok(ends.map(|(at, length)| at.saturating_add(length)).collect())
}
