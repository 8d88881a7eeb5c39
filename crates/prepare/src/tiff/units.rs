//! The strips or tiles of a TIFF: a row of them at a time.

use std::ops::Range;

use tiff::{
    TiffError, TiffResult,
    decoder::{ChunkType, DecodingResult, TiffCodingUnit},
    tags::Tag,
};

use super::{LZW, colours::Colours, page::Tiff};
use crate::{jpeg::markers, rows::Shrinker};

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
    /// 1 where the samples of a pixel stand side by side.
    planes: usize,
    is_mirrored: bool,
    is_lzw: bool,
    /// Where each unit's bytes lie in the file; those of one plane after the other.
    places: Vec<Range<u64>>,
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
    /// Rows that came.
    came: usize,
    row_stride: usize,
    planes: usize,
    plane_stride: usize,
}

impl<'a, 'b> Units<'a, 'b> {
    pub fn new(tiff: &'a mut Tiff<'b>, file: &'a [u8], colours: &'a Colours) -> TiffResult<Self> {
        let (width, height) = tiff.dimensions()?;
        let (across, down) = tiff.chunk_dimensions();
        let layout = tiff.image_coding_unit_layout(TiffCodingUnit(0))?;
        let predictor: Option<u16> = tiff.find_tag_unsigned(Tag::Predictor)?;
        let photometric: Option<u16> = tiff.find_tag_unsigned(Tag::PhotometricInterpretation)?;
        let places = places(tiff)?;
        let is_mirrored = is_mirrored(tiff, colours)?;
        let compression: Option<u16> = tiff.find_tag_unsigned(Tag::Compression)?;
        let mut units = Self {
            size: (width as usize, height as usize),
            unit: (across.max(1) as usize, down.max(1) as usize),
            unit_bytes: 0,
            planes: layout.planes.max(1),
            is_mirrored,
            is_lzw: compression == Some(LZW),
            places,
            is_plain: predictor.unwrap_or(1) == 1 && colours.sample_bytes() == 1,
            is_inverted: photometric == Some(0),
            tiff,
            file,
            colours,
            missing: 0.0,
            broken: 0.0,
        };
        let row_bytes = layout.row_stride.map_or(1, usize::from);
        let plane_bytes = units.plane_bytes(row_bytes, units.unit.1.min(units.size.1));
        units.unit_bytes = plane_bytes.saturating_mul(units.planes);
        Ok(units)
    }

    /// The decoder takes the last tiles of every plane but the first for whole ones.
    fn plane_bytes(&self, row_bytes: usize, height: usize) -> usize {
        let is_tile = self.tiff.get_chunk_type() == ChunkType::Tile;
        let rows = if is_tile && self.planes > 1 {
            self.unit.1
        } else {
            height
        };
        row_bytes.saturating_mul(rows)
    }

    fn across(&self) -> usize {
        self.size.0.div_ceil(self.unit.0)
    }

    /// A row of units, and what is made of one row of pixels. Of a JPEG the decoder keeps all, packed and not, beside it.
    pub fn bytes_at_once(&self) -> u64 {
        let line = self.size.0 * (self.colours.samples + self.colours.channels());
        let row = self.across().saturating_mul(self.unit_bytes);
        let padded = if self.is_lzw {
            self.plane_bytes(self.padded_row_bytes(), self.unit.1.min(self.size.1))
        } else {
            0
        };
        let at_once = row.saturating_add(line).saturating_add(padded) as u64;
        if !self.colours.is_jpeg() {
            return at_once;
        }
        let packed = self.places.iter().map(|place| place.end - place.start);
        let packed = packed.max().unwrap_or(0).min(self.file.len() as u64);
        at_once
            .saturating_add(self.unit_bytes as u64)
            .saturating_add(packed)
    }

    pub fn unpacked_bytes(&self) -> u64 {
        let down = self.size.1.div_ceil(self.unit.1);
        let units = self.across() as u64 * down as u64;
        units.saturating_mul(self.unit_bytes as u64)
    }

    /// `wanted`: the rows of which something is kept. An error where the file cannot be read at all.
    pub fn read(&mut self, wanted: Range<usize>, to: &mut Shrinker) -> TiffResult<()> {
        for band in 0..self.size.1.div_ceil(self.unit.1) {
            let top = band * self.unit.1;
            let height = self.unit.1.min(self.size.1 - top);
            if top >= wanted.end || top + height <= wanted.start {
                to.skip(height);
                continue;
            }
            let mut units = Vec::with_capacity(self.across());
            for column in 0..self.across() {
                units.push(self.unit(band * self.across() + column, top, &wanted)?);
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
                if y >= unit.came {
                    self.colours.append_white(unit.width, &mut line);
                    continue;
                }
                let row = unit.row(y, self.colours, &mut samples);
                self.colours.append(row, unit.width, &mut narrow, &mut line);
            }
            to.push(&line);
        }
    }

    fn unit(&mut self, number: usize, top: usize, wanted: &Range<usize>) -> TiffResult<Unit> {
        let layout = self
            .tiff
            .image_coding_unit_layout(TiffCodingUnit(number as u32))?;
        let (width, height) = self.tiff.chunk_data_dimensions(number as u32);
        let (width, height) = (width as usize, height as usize);
        let mut in_planes = (number..).step_by(self.in_plane().max(1)).take(self.planes);
        let is_jpeg = self.colours.is_jpeg();
        if is_jpeg && in_planes.any(|number| self.holds_more_than_it_may(number)) {
            return Err(TiffError::LimitsExceeded);
        }
        let row_stride = layout.row_stride.map_or(1, usize::from);
        let plane_stride = self.plane_bytes(row_stride, height);
        let mut unit = Unit {
            bytes: vec![UNTOUCHED; plane_stride * self.planes],
            width,
            came: height,
            row_stride,
            planes: self.planes,
            plane_stride,
        };
        if let Err(error) = self.read_planes(number, &mut unit) {
            if matches!(
                error,
                TiffError::UnsupportedError(_) | TiffError::LimitsExceeded
            ) {
                return Err(error);
            }
            unit.came = self.came(&mut unit).min(height);
            let lost = (top + unit.came).max(wanted.start)..(top + height).min(wanted.end);
            self.note_lost(number, lost.len() * width, wanted);
        }
        Ok(unit)
    }

    /// One by one: tiles of several planes make the decoder panic where it reads them at once.
    fn read_planes(&mut self, number: usize, unit: &mut Unit) -> TiffResult<()> {
        let in_plane = self.in_plane();
        self.tiff.inner().is_mirrored = self.is_mirrored;
        let planes = unit.bytes.chunks_exact_mut(unit.plane_stride.max(1));
        let mut numbers = (number..).step_by(in_plane.max(1));
        let is_padded = self.is_lzw && unit.width < self.unit.0;
        let read = planes.zip(&mut numbers).try_for_each(|(plane, number)| {
            let number = u32::try_from(number)?;
            if is_padded {
                self.read_padded(number, unit.row_stride, plane)
            } else {
                self.tiff.read_chunk_bytes(number, plane)
            }
        });
        self.tiff.inner().is_mirrored = false;
        read
    }

    /// A tile at the right edge, with what lies beyond. The decoder would read that row by row, and takes it for the end of
    /// LZW's data if the last few codes make several rows. What ends early is read row by row after all: only so is it known
    /// how much came.
    fn read_padded(&mut self, number: u32, row_bytes: usize, to: &mut [u8]) -> TiffResult<()> {
        let padded = self.padded_row_bytes();
        let mut whole = DecodingResult::U8(Vec::new());
        if let Err(error) = self.tiff.read_chunk_to_buffer(&mut whole, number, padded) {
            return match error {
                TiffError::UnsupportedError(_) | TiffError::LimitsExceeded => Err(error),
                _ => self.tiff.read_chunk_bytes(number, to),
            };
        }
        let buffer = whole.as_buffer(0);
        let from = buffer.as_bytes().chunks_exact(padded);
        let rows = to.chunks_exact_mut(row_bytes);
        for (row, from) in rows.zip(from) {
            let shared = row_bytes.min(from.len());
            row[..shared].copy_from_slice(&from[..shared]);
        }
        Ok(())
    }

    fn padded_row_bytes(&self) -> usize {
        let samples = if self.planes > 1 {
            1
        } else {
            self.colours.samples
        };
        self.colours.bytes(self.unit.0.saturating_mul(samples))
    }

    fn in_plane(&self) -> usize {
        self.across() * self.size.1.div_ceil(self.unit.1)
    }

    /// Whether the JPEG in it is larger than the unit. By the unit's size it was judged how much memory it takes.
    fn holds_more_than_it_may(&self, number: usize) -> bool {
        let Some(place) = self.places.get(number) else {
            return false;
        };
        let bytes = self.file.get(place.start as usize..).unwrap_or_default();
        let mut segments = markers::segments(bytes);
        let frame = segments.find(|(marker, _)| markers::is_frame(*marker));
        frame.is_some_and(|(_, body)| {
            let side = |at: usize| match body.get(at..at + 2) {
                Some(&[high, low]) => usize::from(u16::from_be_bytes([high, low])),
                _ => 0,
            };
            side(1) > self.unit.1 || side(3) > self.unit.0
        })
    }

    fn note_lost(&mut self, number: usize, pixels: usize, wanted: &Range<usize>) {
        let share = pixels as f64 / (wanted.len() * self.size.0).max(1) as f64;
        let planes = self.places.iter().skip(number).step_by(self.in_plane());
        let end = planes.map(|place| place.end).max().unwrap_or(u64::MAX);
        if end > self.file.len() as u64 {
            self.missing += share.min(1.0 - self.missing);
        } else {
            self.broken += share.min(1.0 - self.broken);
        }
    }

    /// Returns how many rows came, in each plane, and makes of them what the decoder would have.
    fn came(&self, unit: &mut Unit) -> usize {
        // Rows of a tile at the right edge are inverted one by one, as they come.
        let is_cut_off = self.is_inverted && unit.width != self.unit.0;
        if !self.is_plain || is_cut_off {
            return 0;
        }
        let is_untouched = |row: &[u8]| row.iter().all(|byte| *byte == UNTOUCHED);
        let untouched = unit.bytes.chunks_exact(unit.row_stride).rev();
        let untouched = untouched.take_while(|row| is_untouched(row)).count();
        // The last row that came may have come in part.
        let rows = unit.bytes.len() / unit.row_stride;
        let came = rows.saturating_sub(untouched + 1);
        if self.is_inverted {
            // Otherwise the decoder does it, once all has come.
            let came = &mut unit.bytes[..came * unit.row_stride];
            came.iter_mut().for_each(|byte| *byte = !*byte);
        }
        // The last plane comes last, so it is the one that lacks rows.
        came.saturating_sub(rows - unit.plane_stride / unit.row_stride)
    }
}

impl Unit {
    /// The row's samples, those of a pixel side by side.
    fn row<'a>(&'a self, y: usize, colours: &Colours, samples: &'a mut Vec<u8>) -> &'a [u8] {
        let start = y * self.row_stride;
        if self.planes == 1 {
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

/// Whether the lowest bit of a byte comes first. JPEG has an order of its own, whatever the tag says.
fn is_mirrored(tiff: &mut Tiff<'_>, colours: &Colours) -> TiffResult<bool> {
    const LOWEST_FIRST: u16 = 2;
    let order: Option<u16> = tiff.find_tag_unsigned(Tag::FillOrder)?;
    Ok(order == Some(LOWEST_FIRST) && !colours.is_jpeg())
}

fn places(tiff: &mut Tiff<'_>) -> TiffResult<Vec<Range<u64>>> {
    let (offsets, lengths) = match tiff.get_chunk_type() {
        ChunkType::Strip => (Tag::StripOffsets, Tag::StripByteCounts),
        ChunkType::Tile => (Tag::TileOffsets, Tag::TileByteCounts),
    };
    let offsets = tiff.find_tag_unsigned_vec::<u64>(offsets)?;
    let lengths = tiff.find_tag_unsigned_vec::<u64>(lengths)?;
    let offsets = offsets.unwrap_or_default().into_iter();
    let places = offsets.zip(lengths.unwrap_or_default());
    Ok(places
        .map(|(at, length)| at..at.saturating_add(length))
        .collect())
}
