//! Where decoded tiles come together: a row of tiles at a time, averaged as it comes.

use common::{
    fault::{Code, Fault},
    model::TileSpec,
};

use super::{boxes::Numbers, coded::Coder, items::Items, layout::Layout};
use crate::{
    Limits,
    codecs::{Chroma, Cicp, Picture},
    fault,
    rows::{Plan, Shrinker},
};

/// Neither bright nor dark, and no colour: what a missing tile shows.
const GREY: u8 = 128;

/// What is kept of a picture.
pub struct Canvas {
    /// Each of the same size.
    pub planes: Vec<Vec<u8>>,
    pub size: (usize, usize),
    pub chroma: Chroma,
    pub cicp: Cicp,
    /// Shares of what was wanted that are not in the file, or broken.
    pub missing: f64,
    pub broken: f64,
}

/// A row of tiles, of which some are not wanted.
struct Band {
    tiles: Vec<Option<Picture>>,
    tile: (usize, usize),
}

impl Canvas {
    pub fn read(
        items: &Items<'_>,
        layout: &Layout,
        coder: &Coder,
        spec: TileSpec,
        limits: &Limits,
    ) -> Result<Self, Fault> {
        let plan = plan(layout, spec);
        let tile = tile_size(items, layout)
            .ok_or_else(|| fault(Code::ImageInvalid, "The picture's tiles have no size."))?;
        let pair_bytes = coder.pair_bytes(items, layout.tiles[0]);
        // The tiles of a row, and once more what a decoder holds of one.
        let band_bytes = (layout.columns + 1) * tile.0 * tile.1 * pair_bytes / 2;
        limits.check_memory(band_bytes as u64 + plan.bytes(3))?;
        let mut reading = Reading {
            items,
            layout,
            coder,
            tile,
            plan,
            planes: Vec::new(),
            described: None,
            wanted: 0,
            missing: 0.0,
            broken: 0.0,
        };
        for row in 0..layout.tiles.len() / layout.columns {
            reading.add_row(row);
        }
        reading.finish()
    }
}

/// Even where it is more than 1, so that coarser colours fall together with brightness.
fn plan(layout: &Layout, spec: TileSpec) -> Plan {
    let [left, top, width, height] = layout.shown;
    let plan = Plan::new((width, height), spec);
    let even = |number: usize| if number > 1 { number & !1 } else { number };
    Plan {
        across: even(plan.across),
        down: even(plan.down),
        columns: (left + plan.columns.start) & !1..left + plan.columns.end,
        rows: (top + plan.rows.start) & !1..top + plan.rows.end,
    }
}

fn tile_size(items: &Items<'_>, layout: &Layout) -> Option<(usize, usize)> {
    let mut numbers = Numbers(items.property(layout.tiles[0], b"ispe")?.get(4..)?);
    let size = (numbers.u32()? as usize, numbers.u32()? as usize);
    let rows = layout.tiles.len() / layout.columns;
    // No tile is larger than what they are together, and together they cover it.
    let is_sound = |tile: usize, count: usize, whole: usize| {
        tile > 0 && tile <= 1 << 16 && tile * count >= whole
    };
    let fits =
        is_sound(size.0, layout.columns, layout.size.0) && is_sound(size.1, rows, layout.size.1);
    fits.then_some(size)
}

struct Reading<'a> {
    items: &'a Items<'a>,
    layout: &'a Layout,
    coder: &'a Coder,
    tile: (usize, usize),
    plan: Plan,
    planes: Vec<Shrinker>,
    described: Option<(Chroma, Cicp)>,
    wanted: usize,
    missing: f64,
    broken: f64,
}

impl Reading<'_> {
    fn add_row(&mut self, row: usize) {
        let top = row * self.tile.1;
        let height = self.tile.1.min(self.layout.size.1.saturating_sub(top));
        if top >= self.plan.rows.end || top + height <= self.plan.rows.start {
            self.skip(top, height);
            return;
        }
        let columns = 0..self.layout.columns;
        let tiles = columns.map(|column| self.decode(row, column)).collect();
        let band = Band {
            tiles,
            tile: self.tile,
        };
        // Rows before the first tile that can be decoded stay white.
        let Some((chroma, _)) = self.described else {
            return;
        };
        if self.planes.is_empty() {
            self.begin(chroma, top);
        }
        let mut line = Vec::new();
        for plane in 0..self.planes.len() {
            let (across, down) = if plane == 0 { (0, 0) } else { chroma.shifts() };
            let width = (self.layout.size.0 + across) >> across;
            for y in 0..(height + down) >> down {
                band.line(plane, y, (across, width), &mut line);
                self.planes[plane].push(&line);
            }
        }
    }

    fn skip(&mut self, top: usize, height: usize) {
        let Some((chroma, _)) = self.described else {
            return;
        };
        for (plane, shrinker) in self.planes.iter_mut().enumerate() {
            let down = if plane == 0 { 0 } else { chroma.shifts().1 };
            shrinker.skip(((top + height + down) >> down) - (top >> down));
        }
    }

    fn begin(&mut self, chroma: Chroma, top: usize) {
        let count = if chroma == Chroma::Mono { 1 } else { 3 };
        for plane in 0..count {
            let (across, down) = if plane == 0 { (0, 0) } else { chroma.shifts() };
            let coarse = |range: &std::ops::Range<usize>, shift: usize| {
                range.start >> shift..(range.end + shift) >> shift
            };
            let mut shrinker = Shrinker::new(
                Plan {
                    across: (self.plan.across >> across).max(1),
                    down: (self.plan.down >> down).max(1),
                    columns: coarse(&self.plan.columns, across),
                    rows: coarse(&self.plan.rows, down),
                },
                1,
            );
            shrinker.skip(top >> down);
            self.planes.push(shrinker);
        }
    }

    /// Nothing for a tile of which nothing is kept, or that cannot be decoded.
    fn decode(&mut self, row: usize, column: usize) -> Option<Picture> {
        let left = column * self.tile.0;
        if left >= self.plan.columns.end || left + self.tile.0 <= self.plan.columns.start {
            return None;
        }
        self.wanted += 1;
        let item = self.layout.tiles[row * self.layout.columns + column];
        let Some(data) = self.items.data(item) else {
            self.broken += 1.0;
            return None;
        };
        self.missing += 1.0 - data.there;
        let picture = self.coder.decode(self.items, item, &data, self.tile);
        let picture = picture.filter(|picture| self.agrees(picture));
        if data.there >= 1.0 && picture.as_ref().is_none_or(|picture| picture.is_damaged) {
            self.broken += 1.0;
        }
        if picture.is_none() {
            self.missing += if data.there < 1.0 { data.there } else { 0.0 };
        }
        picture
    }

    /// All tiles are coded alike.
    fn agrees(&mut self, picture: &Picture) -> bool {
        let (chroma, _) = *self.described.get_or_insert((picture.chroma, picture.cicp));
        picture.chroma == chroma
    }

    fn finish(self) -> Result<Canvas, Fault> {
        let wanted = self.wanted.max(1) as f64;
        let missing = self.missing / wanted;
        let broken = self.broken / wanted;
        let Some((chroma, cicp)) = self.described else {
            return Ok(Canvas {
                planes: vec![Vec::new()],
                size: (0, 0),
                chroma: Chroma::Mono,
                cicp: Cicp {
                    primaries: 2,
                    transfer: 2,
                    matrix: 2,
                    is_full_range: true,
                },
                missing,
                // Where nothing at all was found, that is what is wrong.
                broken: if missing > 0.0 { broken } else { 1.0 },
            });
        };
        let size = self.plan.size();
        let (across, down) = chroma.shifts();
        let shift = (
            if self.plan.across == 1 { across } else { 0 },
            if self.plan.down == 1 { down } else { 0 },
        );
        let planes = self.planes.into_iter().enumerate();
        let planes = planes.map(|(plane, shrinker)| {
            let kept = shrinker.finish();
            if plane == 0 {
                kept
            } else {
                enlarged(&kept, size, shift)
            }
        });
        Ok(Canvas {
            planes: planes.collect(),
            size,
            chroma,
            cicp,
            missing,
            broken,
        })
    }
}

/// A coarser plane at the size of brightness: each new sample lies nearer to one of two old ones.
fn enlarged(
    plane: &[u8],
    (width, height): (usize, usize),
    (across, down): (usize, usize),
) -> Vec<u8> {
    if (across, down) == (0, 0) {
        return plane.to_vec();
    }
    let coarse = ((width + across) >> across, (height + down) >> down);
    let sample = |x: usize, y: usize| u16::from(plane[y * coarse.0 + x]);
    let mut enlarged = Vec::with_capacity(width * height);
    for y in 0..height {
        let (near_y, far_y) = neighbours(y, down, coarse.1);
        for x in 0..width {
            let (near_x, far_x) = neighbours(x, across, coarse.0);
            let near = 3 * sample(near_x, near_y) + sample(far_x, near_y);
            let far = 3 * sample(near_x, far_y) + sample(far_x, far_y);
            enlarged.push(((3 * near + far + 8) / 16) as u8);
        }
    }
    enlarged
}

/// The sample in which a finer one lies, and the one beside it that is next nearest.
fn neighbours(fine: usize, shift: usize, count: usize) -> (usize, usize) {
    let near = fine >> shift;
    let far = match (shift, fine & 1) {
        (0, _) => near,
        (_, 0) => near.saturating_sub(1),
        _ => (near + 1).min(count - 1),
    };
    (near, far)
}

impl Band {
    /// A line through all tiles.
    fn line(&self, plane: usize, y: usize, (shift, width): (usize, usize), line: &mut Vec<u8>) {
        line.clear();
        let tile_width = (self.tile.0 + shift) >> shift;
        for (column, tile) in self.tiles.iter().enumerate() {
            if let Some(picture) = tile
                .as_ref()
                .filter(|picture| y < picture.planes[plane].height)
            {
                picture.append_row(plane, y, line);
            }
            line.resize((column + 1) * tile_width, GREY);
        }
        line.resize(width, GREY);
    }
}
