//! A progressive JPEG at an eighth of its size: its first scans tell the mean of each block, and the others are passed over
//! unread. What the library would keep for the whole picture, two bytes for each of its samples, is never there.

use super::{
    bits::Bits,
    frame::{self, Frame},
    planes::{Block, Planes},
};

const RST0: u8 = 0xd0;
const EOI: u8 = 0xd9;
const SOS: u8 = 0xda;
const DHT: u8 = 0xc4;
const DRI: u8 = 0xdd;

/// As many as the library takes.
const MOST_SCANS: usize = 100;

/// The first coefficient of each block.
struct Means<'a> {
    frame: Frame<'a>,
    /// By component, row by row.
    values: Vec<Vec<i32>>,
    has_begun: bool,
}

/// What a scan's header says.
struct Scan {
    is_of_means: bool,
    is_refinement: bool,
    shift: u8,
}

/// The means, and whether the file is whole.
pub fn read<'a>(jpeg: &'a [u8], frame: Frame<'a>) -> Option<(Frame<'a>, Planes, bool)> {
    let values = (0..frame.components.len()).map(|component| {
        let (across, down) = blocks(&frame, component);
        vec![0; across * down]
    });
    let values = values.collect();
    let mut means = Means {
        frame,
        values,
        has_begun: false,
    };
    let is_whole = means.read_scans(jpeg)?;
    if !means.has_begun {
        return None;
    }
    let planes = means.planes();
    Some((means.frame, planes, is_whole))
}

/// Blocks of a component in the whole picture, across and down.
fn blocks(frame: &Frame<'_>, component: usize) -> (usize, usize) {
    let (_, _, units_across, units_down) = frame.units();
    let (across, down) = in_unit(frame, component);
    (across * units_across, down * units_down)
}

/// Blocks of a component in a unit.
fn in_unit(frame: &Frame<'_>, component: usize) -> (usize, usize) {
    match frame.components.as_slice() {
        [_] => (1, 1),
        components => (components[component].across, components[component].down),
    }
}

/// Where the scan's data ends: at the next marker that is none of restarts.
fn end_of_scan(data: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + data[from..].iter().position(|byte| *byte == 0xff)?;
        match data.get(at + 1)? {
            0 | 0xd0..=0xd7 => from = at + 2,
            0xff => from = at + 1,
            _ => return Some(at),
        }
    }
}

impl Means<'_> {
    /// Returns whether the file's end was reached. Nothing where a scan is odd.
    fn read_scans(&mut self, jpeg: &[u8]) -> Option<bool> {
        let mut rest = self.frame.scan;
        let mut scan = Scan::read(jpeg, rest, &mut self.frame)?;
        for _ in 0..MOST_SCANS {
            let Some(end) = end_of_scan(rest) else {
                // Only details are missing, if anything is.
                return self.has_begun.then_some(false);
            };
            // Means that come once more are a trick.
            if scan.is_of_means && self.has_begun && !scan.is_refinement {
                return None;
            }
            if scan.is_of_means {
                self.read_scan(&rest[..end + 2], &scan)?;
            }
            rest = &rest[end..];
            loop {
                match next_segment(rest) {
                    Some((EOI, ..)) => return Some(true),
                    Some((SOS, body, after)) => {
                        scan = Scan::of(body, &mut self.frame)?;
                        rest = after;
                        break;
                    }
                    Some((marker, body, after)) => {
                        match marker {
                            DHT => frame::read_tables(body, &mut self.frame)?,
                            DRI => {
                                self.frame.restart_interval =
                                    usize::from(u16::from_be_bytes(*body.first_chunk()?))
                            }
                            _ => {}
                        }
                        rest = after;
                    }
                    None => return Some(false),
                }
            }
        }
        None
    }

    /// `data`: with the marker that follows.
    fn read_scan(&mut self, data: &[u8], scan: &Scan) -> Option<()> {
        let mut bits = Bits::new(data);
        let (_, _, units_across, units_down) = self.frame.units();
        let mut last = [0_i32; 4];
        let mut marker = 0;
        for unit in 0..units_across * units_down {
            if unit % units_across == 0 && bits.has_run_dry() {
                return None;
            }
            let interval = self.frame.restart_interval;
            if interval > 0 && unit > 0 && unit % interval == 0 {
                bits.pass_marker(RST0 + marker)?;
                marker = (marker + 1) % 8;
                last = [0; 4];
            }
            let components = self.frame.components.len();
            for (component, last) in last.iter_mut().enumerate().take(components) {
                let (across, down) = in_unit(&self.frame, component);
                let (row_blocks, _) = blocks(&self.frame, component);
                let left = unit % units_across * across;
                let top = unit / units_across * down;
                for block in 0..across * down {
                    let at = (top + block / across) * row_blocks + left + block % across;
                    let value = self.next(&mut bits, component, last, scan)?;
                    self.values[component][at] |= value;
                }
            }
        }
        bits.pass_marker(*data.last()?)?;
        self.has_begun |= !scan.is_refinement;
        Some(())
    }

    fn next(
        &self,
        bits: &mut Bits<'_>,
        component: usize,
        last: &mut i32,
        scan: &Scan,
    ) -> Option<i32> {
        bits.fill();
        if scan.is_refinement {
            let bit = bits.peek(1) as i32;
            bits.skip(1);
            return Some(bit << scan.shift);
        }
        let table = self
            .frame
            .dc
            .get(self.frame.components[component].dc)?
            .as_ref()?;
        let size = table.symbol(bits)?;
        (size.zeros() == 0 && size.bits() <= 11).then_some(())?;
        *last = last.checked_add(bits.number(size.bits()))?;
        last.checked_mul(1 << scan.shift)
    }

    fn planes(&self) -> Planes {
        let mut planes = Planes::new(&self.frame);
        let (across, down, ..) = self.frame.units();
        for (component, values) in self.values.iter().enumerate() {
            let (row_blocks, _) = blocks(&self.frame, component);
            let own = in_unit(&self.frame, component);
            let wide = across / own.0;
            let high = down / own.1;
            let step = self.frame.components[component].steps[0];
            for (at, value) in values.iter().enumerate() {
                let block = Block {
                    mean: *value as f32 * step,
                    ..Block::default()
                };
                let place = (at % row_blocks * wide, at / row_blocks * high);
                planes.put(component, place, (wide, high), block);
            }
        }
        planes
    }
}

/// Marker, body, and what follows.
fn next_segment(rest: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let at = rest
        .windows(2)
        .position(|it| it[0] == 0xff && !matches!(it[1], 0 | 0xff))?;
    let marker = rest[at + 1];
    if marker == EOI {
        return Some((marker, &[], &[]));
    }
    let length = usize::from(u16::from_be_bytes(*rest.get(at + 2..)?.first_chunk()?));
    let body = rest.get(at + 4..at + 2 + length)?;
    Some((marker, body, &rest[at + 2 + length..]))
}

impl Scan {
    /// The first scan's, whose header ends where its data begins.
    fn read(jpeg: &[u8], data: &[u8], frame: &mut Frame<'_>) -> Option<Self> {
        let end = data.as_ptr().addr() - jpeg.as_ptr().addr();
        let length = 1 + 2 * frame.components.len() + 3;
        Self::of(jpeg.get(end.checked_sub(length)?..end)?, frame)
    }

    /// Means come with all components at once.
    fn of(body: &[u8], frame: &mut Frame<'_>) -> Option<Self> {
        let (&count, rest) = body.split_first()?;
        let (selectors, spectrum) = rest.split_at_checked(2 * usize::from(count))?;
        let [first, last, approximation] = *spectrum else {
            return None;
        };
        let is_of_means = first == 0;
        if is_of_means {
            let (selectors, _) = selectors.as_chunks::<2>();
            frame::select(selectors, frame)?;
            (last == 0 && approximation & 15 <= 13).then_some(())?;
        }
        Some(Self {
            is_of_means,
            is_refinement: approximation >> 4 > 0,
            shift: approximation & 15,
        })
    }
}
