//! Through the scan, block by block.

use super::{
    bits::Bits,
    frame::{Component, Frame},
    huffman::Table,
    planes::{Block, Planes},
};

const RST0: u8 = 0xd0;
const EOI: u8 = 0xd9;
const COEFFICIENTS: usize = 64;

/// A component with what is needed to read it.
struct Reader<'a> {
    component: &'a Component,
    dc: &'a Table,
    ac: &'a Table,
    /// The last block's first coefficient, from which the next one's is told.
    last: i32,
    /// How many values across and down its block stands for; its own blocks in a unit.
    values: (usize, usize),
    blocks: (usize, usize),
}

pub fn read(frame: &Frame) -> Option<Planes> {
    let mut bits = Bits::new(frame.scan);
    let mut planes = Planes::new(frame);
    let (across, down, units_across, units_down) = frame.units();
    let mut readers = readers(frame, across, down)?;
    let mut restarts = Restarts::new(frame);
    for row in 0..units_down {
        if bits.has_run_dry() {
            return None;
        }
        for column in 0..units_across {
            if restarts.are_due() {
                restarts.pass(&mut bits)?;
                readers.iter_mut().for_each(|reader| reader.last = 0);
            }
            let corner = (column * across, row * down);
            for (plane, reader) in readers.iter_mut().enumerate() {
                reader.unit(&mut bits, plane, corner, &mut planes)?;
            }
        }
    }
    bits.pass_marker(EOI)?;
    Some(planes)
}

/// Markers after every so many units, where a file has them.
struct Restarts {
    interval: usize,
    /// Units until the next one.
    left: usize,
    marker: u8,
}

impl Restarts {
    fn new(frame: &Frame) -> Self {
        Self {
            interval: frame.restart_interval,
            left: frame.restart_interval,
            marker: 0,
        }
    }

    /// Counts a unit. Without an interval it never comes to nothing.
    fn are_due(&mut self) -> bool {
        if self.interval == 0 {
            return false;
        }
        let due = self.left == 0;
        self.left = if due { self.interval } else { self.left } - 1;
        due
    }

    fn pass(&mut self, bits: &mut Bits) -> Option<()> {
        bits.pass_marker(RST0 + self.marker)?;
        self.marker = (self.marker + 1) % 8;
        Some(())
    }
}

fn readers<'a>(frame: &'a Frame, across: usize, down: usize) -> Option<Vec<Reader<'a>>> {
    let components = frame.components.iter();
    components
        .map(|component| Reader::new(frame, component, (across, down)))
        .collect()
}

impl<'a> Reader<'a> {
    /// `unit`: the blocks across and down of one unit of the scan.
    fn new(frame: &'a Frame, component: &'a Component, unit: (usize, usize)) -> Option<Self> {
        let is_alone = frame.components.len() == 1;
        let blocks = if is_alone {
            (1, 1)
        } else {
            (component.across, component.down)
        };
        let dc = frame.dc.get(component.dc)?.as_ref();
        Some(Self {
            component,
            dc: dc.filter(|table| table.tells_sizes())?,
            ac: frame.ac.get(component.ac)?.as_ref()?,
            last: 0,
            values: (unit.0 / blocks.0, unit.1 / blocks.1),
            blocks,
        })
    }
}

impl Reader<'_> {
    fn unit(
        &mut self,
        bits: &mut Bits,
        plane: usize,
        (x, y): (usize, usize),
        planes: &mut Planes,
    ) -> Option<()> {
        for down in 0..self.blocks.1 {
            for across in 0..self.blocks.0 {
                let block = self.block(bits)?;
                planes.put(plane, (x + across, y + down), self.values, block);
            }
        }
        Some(())
    }

    fn block(&mut self, bits: &mut Bits) -> Option<Block> {
        bits.fill();
        let size = self.dc.symbol(bits)?;
        // More than 11 bits no difference has.
        (size.zeros() == 0 && size.bits() <= 11).then_some(())?;
        self.last = self.last.checked_add(bits.number(size.bits()))?;
        let mut first = [self.last, 0, 0, 0, 0];
        let from = if self.values == (1, 1) {
            1
        } else {
            self.first_coefficients(bits, &mut first)?
        };
        pass_rest(self.ac, from, bits)?;
        let value = |n: usize| first[n] as f32 * self.component.steps[n];
        Some(Block {
            mean: value(0),
            right: value(1),
            down: value(2),
            across: value(4),
        })
    }

    /// Those that tell of halves of a block, the fifth being the last. Answers where the others begin.
    fn first_coefficients(&self, bits: &mut Bits, first: &mut [i32; 5]) -> Option<usize> {
        let mut next = 1;
        while next < first.len() {
            bits.fill();
            let symbol = self.ac.symbol(bits)?;
            match (symbol.zeros(), symbol.bits()) {
                (0, 0) => return Some(COEFFICIENTS),
                (15, 0) => next += 16,
                (_, 0) => return None,
                (zeros, size) => {
                    next += zeros;
                    let value = bits.number(size);
                    if let Some(place) = first.get_mut(next) {
                        *place = value;
                    }
                    next += 1;
                }
            }
        }
        Some(next)
    }
}

/// To the block's end, from its coefficient `next`.
#[inline(always)]
pub fn pass_rest(ac: &Table, mut next: usize, bits: &mut Bits) -> Option<()> {
    while next < COEFFICIENTS {
        bits.fill();
        let run = ac.next_run(bits);
        let reached = next + usize::from(run.coefficients);
        // A run that passes the block's end began in this block and goes on in the next one: code by code, then.
        if run.bits > 0 && reached + usize::from(run.ends) <= COEFFICIENTS {
            bits.skip(run.bits.into());
            next = if run.ends { COEFFICIENTS } else { reached };
            continue;
        }
        let symbol = ac.symbol(bits)?;
        match (symbol.zeros(), symbol.bits()) {
            (0, 0) => return Some(()),
            (15, 0) => next += 16,
            (_, 0) => return None,
            (zeros, size) => {
                next += zeros + 1;
                bits.skip(size);
            }
        }
    }
    (next == COEFFICIENTS).then_some(())
}
