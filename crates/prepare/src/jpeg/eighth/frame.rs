//! A JPEG's headers, as far as they are ordinary.

use crate::jpeg::markers::{self, has_no_length};

use super::huffman::Table;

pub struct Frame<'a> {
    pub width: usize,
    pub height: usize,
    /// One, or three: luma and two of chroma.
    pub components: Vec<Component>,
    /// Units between two restart markers; 0 for none.
    pub restart_interval: usize,
    pub dc: [Option<Table>; 4],
    pub ac: [Option<Table>; 4],
    /// From the first bit of the first scan.
    pub scan: &'a [u8],
    pub is_progressive: bool,
}

pub struct Component {
    id: u8,
    pub across: usize,
    pub down: usize,
    quantisation: usize,
    pub dc: usize,
    pub ac: usize,
    /// The steps of the coefficients in zigzag order, of which five are used.
    pub steps: [f32; 5],
}

const DQT: u8 = 0xdb;
const DRI: u8 = 0xdd;
const DHT: u8 = 0xc4;
const SOF_BASELINE: u8 = 0xc0;
const SOF_PROGRESSIVE: u8 = 0xc2;
const SOS: u8 = 0xda;

/// Nothing for a file that is not ordinary.
pub fn read(jpeg: &[u8]) -> Option<Frame<'_>> {
    headers(jpeg).filter(|frame| is_ordinary(frame, jpeg))
}

/// Those of a file in any colours, up to its first scan.
pub fn headers(jpeg: &[u8]) -> Option<Frame<'_>> {
    let mut frame = Frame {
        width: 0,
        height: 0,
        components: Vec::new(),
        restart_interval: 0,
        dc: [const { None }; 4],
        ac: [const { None }; 4],
        scan: &[],
        is_progressive: false,
    };
    let mut steps = [None; 4];
    for (marker, body) in markers::segments(jpeg) {
        match marker {
            DQT => read_steps(body, &mut steps)?,
            DHT => read_tables(body, &mut frame)?,
            DRI => frame.restart_interval = usize::from(u16::from_be_bytes(*body.first_chunk()?)),
            SOF_BASELINE | SOF_PROGRESSIVE if frame.components.is_empty() => {
                frame.is_progressive = marker == SOF_PROGRESSIVE;
                read_frame(body, &mut frame)?;
            }
            SOS => {
                read_scan(body, &mut frame, &steps)?;
                frame.scan = jpeg.get(body.as_ptr_range().end.addr() - jpeg.as_ptr().addr()..)?;
                return Some(frame);
            }
            marker if markers::is_frame(marker) || has_no_length(marker) => return None,
            _ => {}
        }
    }
    None
}

fn read_steps(mut body: &[u8], steps: &mut [Option<[f32; 5]>; 4]) -> Option<()> {
    while let Some((&head, rest)) = body.split_first() {
        // The upper half tells of 16 bits, which a baseline file has not.
        let table = steps.get_mut(usize::from(head))?;
        let (values, rest) = rest.split_first_chunk::<64>()?;
        *table = Some([0, 1, 2, 3, 4].map(|n| f32::from(values[n])));
        body = rest;
    }
    Some(())
}

pub fn read_tables(mut body: &[u8], frame: &mut Frame) -> Option<()> {
    while let Some((&head, rest)) = body.split_first() {
        let (counts, rest) = rest.split_first_chunk::<16>()?;
        let total = counts.iter().map(|count| usize::from(*count)).sum();
        (total <= 256).then_some(())?;
        let (symbols, rest) = rest.split_at_checked(total)?;
        let tables = match head >> 4 {
            0 => &mut frame.dc,
            1 => &mut frame.ac,
            _ => return None,
        };
        *tables.get_mut(usize::from(head & 15))? = Some(Table::new(counts, symbols)?);
        body = rest;
    }
    Some(())
}

fn read_frame(body: &[u8], frame: &mut Frame) -> Option<()> {
    let [8, h1, h0, w1, w0, count, rest @ ..] = body else {
        return None;
    };
    frame.height = usize::from(u16::from_be_bytes([*h1, *h0]));
    frame.width = usize::from(u16::from_be_bytes([*w1, *w0]));
    let (components, []) = rest.as_chunks::<3>() else {
        return None;
    };
    let component = |&[id, sampling, quantisation]: &[u8; 3]| Component {
        id,
        across: usize::from(sampling >> 4),
        down: usize::from(sampling & 15),
        quantisation: quantisation.into(),
        dc: 0,
        ac: 0,
        steps: [0.0; 5],
    };
    frame.components = components.iter().map(component).collect();
    (frame.components.len() == usize::from(*count)).then_some(())
}

fn read_scan(body: &[u8], frame: &mut Frame, steps: &[Option<[f32; 5]>; 4]) -> Option<()> {
    let (&count, rest) = body.split_first()?;
    let (selectors, spectrum) = rest.split_at_checked(2 * usize::from(count))?;
    if !frame.is_progressive && spectrum != [0, 63, 0] {
        return None;
    }
    let (selectors, _) = selectors.as_chunks::<2>();
    select(selectors, frame)?;
    for component in &mut frame.components {
        component.steps = (*steps.get(component.quantisation)?)?;
    }
    Some(())
}

/// Notes which tables a scan of all components uses.
pub fn select(selectors: &[[u8; 2]], frame: &mut Frame) -> Option<()> {
    if selectors.len() != frame.components.len() {
        return None;
    }
    for (component, &[id, tables]) in frame.components.iter_mut().zip(selectors) {
        (component.id == id).then_some(())?;
        component.dc = usize::from(tables >> 4);
        component.ac = usize::from(tables & 15);
    }
    Some(())
}

/// Grey, or YCbCr with luma twice as fine at the most.
fn is_ordinary(frame: &Frame, jpeg: &[u8]) -> bool {
    let whole = frame.width > 0 && frame.height > 0;
    match frame.components.as_slice() {
        // The only component's sampling is without meaning.
        [_] => whole,
        [luma, chroma @ ..] if chroma.len() == 2 => {
            let by_letters = [luma.id, chroma[0].id, chroma[1].id] == *b"RGB";
            let chroma_is_plain = chroma
                .iter()
                .all(|chroma| (chroma.across, chroma.down) == (1, 1));
            let fine = matches!((luma.across, luma.down), (1 | 2, 1 | 2));
            whole && !by_letters && markers::is_ycbcr(jpeg) && chroma_is_plain && fine
        }
        _ => false,
    }
}

impl Frame<'_> {
    /// Blocks of luma in a unit and units in the picture, both across and down. Where luma is alone, each block is a
    /// unit.
    pub fn units(&self) -> (usize, usize, usize, usize) {
        let (across, down) = match self.components.as_slice() {
            [luma, _, _] => (luma.across, luma.down),
            _ => (1, 1),
        };
        (
            across,
            down,
            self.width.div_ceil(8 * across),
            self.height.div_ceil(8 * down),
        )
    }
}
