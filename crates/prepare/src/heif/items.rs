//! What a file of items holds: pictures, tiles of pictures, thumbnails, opacity, and how they belong together.

use std::{collections::BTreeMap, ops::Range};

use super::boxes::{Boxed, Numbers, boxes, find};

/// More items than the tiles of the largest picture, and all of a burst.
const MOST_ITEMS: usize = 10_000;
/// Pieces in which an item's bytes may lie.
const MOST_PIECES: usize = 1_000;

pub struct Items<'a> {
    file: &'a [u8],
    /// The bytes that lie among the descriptions.
    inner: &'a [u8],
    /// The picture that is shown.
    pub primary: u32,
    kinds: BTreeMap<u32, [u8; 4]>,
    properties: Vec<Boxed<'a>>,
    /// Numbers of an item's properties, from 1.
    owned: BTreeMap<u32, Vec<u16>>,
    places: BTreeMap<u32, Place>,
    references: Vec<Reference>,
}

#[derive(Default)]
struct Place {
    is_inner: bool,
    pieces: Vec<Range<u64>>,
}

struct Reference {
    kind: [u8; 4],
    from: u32,
    to: Vec<u32>,
}

/// An item's bytes, as far as they are there.
pub struct Data {
    pub bytes: Vec<u8>,
    /// The share that is there.
    pub there: f64,
}

impl<'a> Items<'a> {
    pub fn read(file: &'a [u8]) -> Option<Self> {
        let meta = find(file, b"meta")?.get(4..)?;
        let mut items = Self {
            file,
            inner: find(meta, b"idat").unwrap_or_default(),
            primary: primary(find(meta, b"pitm")?)?,
            kinds: BTreeMap::new(),
            properties: Vec::new(),
            owned: BTreeMap::new(),
            places: BTreeMap::new(),
            references: Vec::new(),
        };
        // What is cut off or wrong ends its own list alone.
        for (name, body) in boxes(meta) {
            let _ = match name {
                b"iinf" => items.read_kinds(body),
                b"iloc" => items.read_places(body),
                b"iref" => items.read_references(body),
                b"iprp" => {
                    items.read_properties(body);
                    Some(())
                }
                _ => None,
            };
        }
        Some(items)
    }

    fn read_kinds(&mut self, body: &[u8]) -> Option<()> {
        let mut numbers = Numbers(body);
        let is_short = numbers.u32()? >> 24 == 0;
        numbers.take(if is_short { 2 } else { 4 })?;
        for (_, entry) in boxes(numbers.0)
            .filter(|(name, _)| *name == b"infe")
            .take(MOST_ITEMS)
        {
            let mut entry = Numbers(entry);
            let version = entry.u32()? >> 24;
            let id = if version >= 3 {
                entry.u32()?
            } else {
                entry.u16()?.into()
            };
            entry.u16()?;
            self.kinds.insert(id, *entry.0.first_chunk()?);
        }
        Some(())
    }

    fn read_places(&mut self, body: &[u8]) -> Option<()> {
        let mut numbers = Numbers(body);
        let version = numbers.u32()? >> 24;
        let sizes = numbers.u16()?;
        let nibble = |shift: u16| usize::from(sizes >> shift & 15);
        let is_long = version >= 2;
        let count = numbers.take(if is_long { 4 } else { 2 })?;
        for _ in 0..count.min(MOST_ITEMS as u64) {
            let id = numbers.take(if is_long { 4 } else { 2 })? as u32;
            let method = if version >= 1 { numbers.u16()? & 15 } else { 0 };
            // Bytes in other files are not there.
            numbers.u16()?;
            let base = numbers.take(nibble(4))?;
            let pieces = numbers.u16()?;
            let mut place = Place {
                is_inner: method == 1,
                pieces: Vec::new(),
            };
            for _ in 0..usize::from(pieces).min(MOST_PIECES) {
                numbers.take(if version >= 1 { nibble(0) } else { 0 })?;
                let start = base.checked_add(numbers.take(nibble(12))?)?;
                let length = numbers.take(nibble(8))?;
                place.pieces.push(start..start.checked_add(length)?);
            }
            self.places.insert(id, place);
        }
        Some(())
    }

    fn read_properties(&mut self, body: &'a [u8]) {
        let container = find(body, b"ipco").unwrap_or_default();
        self.properties = boxes(container).collect();
        for (_, body) in boxes(body).filter(|(name, _)| *name == b"ipma") {
            let _ = self.read_owned(body);
        }
    }

    fn read_owned(&mut self, body: &[u8]) -> Option<()> {
        let mut numbers = Numbers(body);
        let head = numbers.u32()?;
        let is_wide = head & 1 == 1;
        for _ in 0..numbers.u32()?.min(MOST_ITEMS as u32) {
            let id = numbers.take(if head >> 24 == 0 { 2 } else { 4 })? as u32;
            let count = numbers.u8()?;
            let mut owned = Vec::new();
            for _ in 0..count {
                // The upper bit says that readers must know the property.
                owned.push(if is_wide {
                    numbers.u16()? & 0x7fff
                } else {
                    u16::from(numbers.u8()? & 0x7f)
                });
            }
            self.owned.insert(id, owned);
        }
        Some(())
    }

    fn read_references(&mut self, body: &[u8]) -> Option<()> {
        let mut numbers = Numbers(body);
        let width = if numbers.u32()? >> 24 == 0 { 2 } else { 4 };
        for (kind, entry) in boxes(numbers.0).take(MOST_ITEMS) {
            let mut entry = Numbers(entry);
            let from = entry.take(width)? as u32;
            let count = usize::from(entry.u16()?).min(MOST_ITEMS);
            let to = (0..count).map_while(|_| entry.take(width).map(|to| to as u32));
            self.references.push(Reference {
                kind: *kind,
                from,
                to: to.collect(),
            });
        }
        Some(())
    }

    pub fn kind(&self, item: u32) -> Option<[u8; 4]> {
        self.kinds.get(&item).copied()
    }

    /// The properties of an item, in their order.
    pub fn properties(&self, item: u32) -> impl Iterator<Item = Boxed<'a>> {
        let owned = self.owned.get(&item).map(Vec::as_slice).unwrap_or_default();
        let find = |number: &u16| {
            self.properties
                .get(usize::from(*number).checked_sub(1)?)
                .copied()
        };
        owned.iter().filter_map(find)
    }

    pub fn property(&self, item: u32, wanted: &[u8; 4]) -> Option<&'a [u8]> {
        self.properties(item)
            .find(|(name, _)| *name == wanted)
            .map(|(_, body)| body)
    }

    /// What an item is made of, or what it belongs to.
    pub fn referred(&self, from: u32, kind: &[u8; 4]) -> &[u32] {
        let found = self
            .references
            .iter()
            .find(|it| it.from == from && it.kind == *kind);
        found.map(|it| it.to.as_slice()).unwrap_or_default()
    }

    /// The items that say they belong to this one in that way.
    pub fn referring(&self, to: u32, kind: &[u8; 4]) -> impl Iterator<Item = u32> {
        let found = self
            .references
            .iter()
            .filter(move |it| it.kind == *kind && it.to.contains(&to));
        found.map(|it| it.from)
    }

    pub fn data(&self, item: u32) -> Option<Data> {
        let place = self.places.get(&item)?;
        let from = if place.is_inner {
            self.inner
        } else {
            self.file
        };
        let mut bytes = Vec::new();
        let mut wanted = 0_u64;
        for piece in &place.pieces {
            let begin = usize::try_from(piece.start).unwrap_or(usize::MAX);
            let start = begin.min(from.len());
            // A length of 0 goes to the end.
            let end = if piece.is_empty() {
                from.len()
            } else {
                usize::try_from(piece.end).unwrap_or(usize::MAX)
            };
            wanted = wanted.saturating_add(end.saturating_sub(begin) as u64);
            bytes.extend_from_slice(&from[start..end.min(from.len()).max(start)]);
            if bytes.len() > self.file.len() {
                // The same bytes several times are no picture's.
                return None;
            }
        }
        let there = if wanted == 0 {
            0.0
        } else {
            bytes.len() as f64 / wanted as f64
        };
        Some(Data { bytes, there })
    }
}

fn primary(body: &[u8]) -> Option<u32> {
    let mut numbers = Numbers(body);
    match numbers.u32()? >> 24 {
        0 => numbers.u16().map(u32::from),
        _ => numbers.u32(),
    }
}
