//! The boxes that HEIC and AVIF consist of: a length, a name, a body, which may hold further boxes.

/// A box's name and its body. A body that is cut off is as long as what is there.
pub type Boxed<'a> = (&'a [u8; 4], &'a [u8]);

/// More boxes than any file has at one place.
const MOST_BOXES: usize = 20_000;

pub fn boxes(bytes: &[u8]) -> impl Iterator<Item = Boxed<'_>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let (name, after) = after.split_first_chunk::<4>()?;
        let (body, length) = match u32::from_be_bytes(*length) {
            0 => (after, after.len()),
            1 => {
                let (long, body) = after.split_first_chunk::<8>()?;
                let length = usize::try_from(u64::from_be_bytes(*long)).ok()?;
                (body, length.checked_sub(16)?)
            }
            short => (after, (short as usize).checked_sub(8)?),
        };
        let length = length.min(body.len());
        rest = &body[length..];
        Some((name, &body[..length]))
    })
    .take(MOST_BOXES)
}

/// Returns whether the last box claims more bytes than there are.
pub fn is_cut(file: &[u8]) -> bool {
    let Some((_, last)) = boxes(file).last() else {
        return true;
    };
    let end = last.as_ptr_range().end.addr() - file.as_ptr().addr();
    let head = end.saturating_sub(last.len() + 8);
    let claimed = file.get(head..).and_then(|it| it.first_chunk());
    claimed.is_some_and(|claimed| u32::from_be_bytes(*claimed) as usize > last.len() + 8)
}

pub fn find<'a>(bytes: &'a [u8], wanted: &[u8; 4]) -> Option<&'a [u8]> {
    boxes(bytes)
        .find(|(name, _)| *name == wanted)
        .map(|(_, body)| body)
}

/// Numbers one after the other, of any length.
#[derive(Clone, Copy)]
pub struct Numbers<'a>(pub &'a [u8]);

impl Numbers<'_> {
    /// A number of up to eight bytes; of none it is 0.
    pub fn take(&mut self, bytes: usize) -> Option<u64> {
        let (number, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest;
        Some(
            number
                .iter()
                .fold(0, |number, byte| number << 8 | u64::from(*byte)),
        )
    }

    pub fn u8(&mut self) -> Option<u8> {
        self.take(1).map(|number| number as u8)
    }

    pub fn u16(&mut self) -> Option<u16> {
        self.take(2).map(|number| number as u16)
    }

    pub fn u32(&mut self) -> Option<u32> {
        self.take(4).map(|number| number as u32)
    }
}
