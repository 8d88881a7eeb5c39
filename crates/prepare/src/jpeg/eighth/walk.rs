//! How far a baseline scan is sound. The library reads past what no encoder writes, and sees at the end alone that it has lost
//! its place: then the whole scan is walked through once more, strictly.

use super::{
    bits::Bits,
    frame::{self, Frame},
    huffman::Table,
    scan::pass_rest,
};

const EOI: u8 = 0xd9;
/// What the brightest or darkest block has, before it is rounded to a step.
const MOST_MEAN: f32 = 1_024.0;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Walk {
    /// Each block is what an encoder may write.
    Sound,
    /// The blocks end after this share of them. `is_closed`: though the file goes on to its end marker.
    Ended { there: f64, is_closed: bool },
    /// So large a share comes before the first block that is none.
    Broken { sound: f64 },
}

enum Stop {
    Ended { is_closed: bool },
    Broken,
}

/// A component with what its blocks are read by.
struct Component<'a> {
    dc: &'a Table,
    ac: &'a Table,
    blocks: usize,
    step: f32,
    last: i32,
}

/// Nothing for a file in scans, or with restarts: of these the library sees where they break.
pub fn walk(jpeg: &[u8]) -> Option<Walk> {
    let frame = frame::headers(jpeg)?;
    if frame.is_progressive || frame.restart_interval > 0 {
        return None;
    }
    let units = units(&frame)?;
    let mut components = components(&frame)?;
    let mut bits = Bits::new(frame.scan);
    for unit in 0..units {
        let share = unit as f64 / units as f64;
        match read_unit(&mut components, &mut bits) {
            Ok(()) => {}
            Err(Stop::Ended { is_closed }) => {
                let there = share;
                return Some(Walk::Ended { there, is_closed });
            }
            Err(Stop::Broken) => return Some(Walk::Broken { sound: share }),
        }
    }
    Some(Walk::Sound)
}

/// How many there are in the picture.
fn units(frame: &Frame<'_>) -> Option<usize> {
    let most = |side: fn(&frame::Component) -> usize| match frame.components.as_slice() {
        // The only component's sampling is without meaning.
        [_] => Some(1),
        components => components.iter().map(side).max().filter(|side| *side > 0),
    };
    let across = frame
        .width
        .div_ceil(8 * most(|component| component.across)?);
    let down = frame.height.div_ceil(8 * most(|component| component.down)?);
    Some(across * down).filter(|units| *units > 0)
}

fn components<'a>(frame: &'a Frame<'_>) -> Option<Vec<Component<'a>>> {
    let is_alone = frame.components.len() == 1;
    let components = frame.components.iter().map(|component| {
        let dc = frame.dc.get(component.dc)?.as_ref();
        Some(Component {
            dc: dc.filter(|table| table.tells_sizes())?,
            ac: frame.ac.get(component.ac)?.as_ref()?,
            blocks: if is_alone {
                1
            } else {
                component.across * component.down
            },
            step: component.steps[0],
            last: 0,
        })
    });
    components.collect()
}

fn read_unit(components: &mut [Component<'_>], bits: &mut Bits<'_>) -> Result<(), Stop> {
    for component in components {
        for _ in 0..component.blocks {
            let block = component.block(bits);
            if bits.has_run_dry() {
                return Err(stop_at(bits.rest()));
            }
            block.ok_or(Stop::Broken)?;
        }
    }
    Ok(())
}

/// A marker that has more behind it and is not the file's end was data once.
fn stop_at(rest: &[u8]) -> Stop {
    match rest {
        [] | [_] => Stop::Ended { is_closed: false },
        [_, EOI, ..] => Stop::Ended { is_closed: true },
        _ => Stop::Broken,
    }
}

impl Component<'_> {
    fn block(&mut self, bits: &mut Bits<'_>) -> Option<()> {
        bits.fill();
        let size = self.dc.symbol(bits)?;
        (size.zeros() == 0 && size.bits() <= 11).then_some(())?;
        self.last = self.last.checked_add(bits.number(size.bits()))?;
        let mean = (self.last as f32 * self.step).abs();
        (mean <= MOST_MEAN + self.step).then_some(())?;
        pass_rest(self.ac, 1, bits)
    }
}
