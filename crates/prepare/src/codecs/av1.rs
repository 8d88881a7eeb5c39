//! AV1 through dav1d (BSD), of which only what one still picture needs: one thread, since a confined process may start none, and
//! no last filters, which smooth what a tile is too small to show.
#![allow(unsafe_code, reason = "the library is C")]

use std::{
    ffi::{CStr, c_char, c_int, c_uint, c_void},
    mem, ptr,
};

use super::{Chroma, Cicp, Filters, Picture, Plane, library};

/// Room for what a newer version adds behind the fields that are known: the library fills the whole of its own.
const SPARE_WORDS: usize = 128;

/// `Dav1dSettings`, as it is since 1.0.
#[repr(C)]
struct Settings {
    threads: c_int,
    max_frame_delay: c_int,
    apply_grain: c_int,
    operating_point: c_int,
    all_layers: c_int,
    frame_size_limit: c_uint,
    allocator: [*mut c_void; 3],
    log_cookie: *mut c_void,
    log: *mut c_void,
    strict_std_compliance: c_int,
    output_invisible_frames: c_int,
    inloop_filters: c_uint,
    spare: [u64; SPARE_WORDS],
}

/// `Dav1dData`.
#[repr(C)]
struct Data {
    data: *const u8,
    length: usize,
    rest: [u64; SPARE_WORDS],
}

/// `Dav1dPicture`.
#[repr(C)]
struct Frame {
    sequence: *const Sequence,
    header: *const c_void,
    data: [*const u8; 3],
    stride: [isize; 2],
    width: c_int,
    height: c_int,
    layout: c_uint,
    depth: c_int,
    rest: [u64; SPARE_WORDS],
}

/// The beginning of `Dav1dSequenceHeader`.
#[repr(C)]
struct Sequence {
    profile: c_int,
    max_size: [c_int; 2],
    layout: c_uint,
    primaries: c_uint,
    transfer: c_uint,
    matrix: c_uint,
    chroma_position: c_uint,
    /// Depth and range, as whole numbers before 1.3 and as bytes since.
    depth_and_range: [u8; 8],
}

/// Versions in which numbers of the sequence's header are four bytes long.
const OLD: [&[u8]; 3] = [b"1.0.", b"1.1.", b"1.2."];

library! {
    Dav1d from ["libdav1d.so.7", "libdav1d.so.6"];
    dav1d_version: fn() -> *const c_char;
    dav1d_default_settings: fn(*mut Settings);
    dav1d_open: fn(*mut *mut c_void, *const Settings) -> c_int;
    dav1d_close: fn(*mut *mut c_void);
    dav1d_data_create: fn(*mut Data, usize) -> *mut u8;
    dav1d_data_unref: fn(*mut Data);
    dav1d_send_data: fn(*mut c_void, *mut Data) -> c_int;
    dav1d_get_picture: fn(*mut c_void, *mut Frame) -> c_int;
    dav1d_picture_unref: fn(*mut Frame);
}

/// Closes the decoder.
struct Decoder {
    library: &'static Dav1d,
    context: *mut c_void,
}

impl Drop for Decoder {
    fn drop(&mut self) {
        // SAFETY: it is open, and nothing of it is used after.
        unsafe { (self.library.dav1d_close)(&raw mut self.context) };
    }
}

/// Gives a picture back.
struct Owned {
    library: &'static Dav1d,
    frame: Box<Frame>,
}

impl Drop for Owned {
    fn drop(&mut self) {
        // SAFETY: the picture was got from the library, and is given back once.
        unsafe { (self.library.dav1d_picture_unref)(&raw mut *self.frame) };
    }
}

impl Dav1d {
    /// The first picture of a stream. Nothing where the decoder finds none, or one of more pixels than that.
    pub fn decode(
        &'static self,
        stream: &[u8],
        most_pixels: u32,
        filters: Filters,
    ) -> Option<Picture> {
        if stream.is_empty() {
            return None;
        }
        let decoder = self.open(most_pixels, filters)?;
        // SAFETY: zeros are a valid `Data` and a valid `Frame`, of nothing.
        let mut data: Data = unsafe { mem::zeroed() };
        // SAFETY: as above.
        let mut frame: Box<Frame> = Box::new(unsafe { mem::zeroed() });
        // SAFETY: the library allocates so many bytes, or gives none.
        let filled = unsafe {
            let place = (self.dav1d_data_create)(&raw mut data, stream.len());
            if !place.is_null() {
                ptr::copy_nonoverlapping(stream.as_ptr(), place, stream.len());
            }
            !place.is_null()
        };
        if !filled {
            return None;
        }
        // SAFETY: decoder and data are open; without threads, what was sent is decoded when a picture is asked for.
        let failed = unsafe {
            (self.dav1d_send_data)(decoder.context, &raw mut data);
            let mut failed = (self.dav1d_get_picture)(decoder.context, &raw mut *frame);
            if failed != 0 {
                failed = (self.dav1d_get_picture)(decoder.context, &raw mut *frame);
            }
            (self.dav1d_data_unref)(&raw mut data);
            failed
        };
        if failed != 0 {
            return None;
        }
        picture(Owned {
            library: self,
            frame,
        })
    }

    fn range_at(&self) -> usize {
        // SAFETY: the library answers with a text that stays.
        let version = unsafe { CStr::from_ptr((self.dav1d_version)()) }.to_bytes();
        let is_old = OLD.iter().any(|old| version.starts_with(old));
        if is_old { 4 } else { 1 }
    }

    fn open(&'static self, most_pixels: u32, filters: Filters) -> Option<Decoder> {
        // SAFETY: zeros are valid settings, which the library then fills.
        let mut settings: Settings = unsafe { mem::zeroed() };
        let mut context = ptr::null_mut();
        // SAFETY: the structure is larger than any version's, and the log is off.
        let failed = unsafe {
            (self.dav1d_default_settings)(&raw mut settings);
            settings.threads = 1;
            settings.max_frame_delay = 1;
            settings.apply_grain = 0;
            settings.all_layers = 0;
            settings.frame_size_limit = most_pixels;
            if filters == Filters::Off {
                settings.inloop_filters = 0;
            }
            settings.log = ptr::null_mut();
            (self.dav1d_open)(&raw mut context, &raw const settings)
        };
        (failed == 0).then_some(Decoder {
            library: self,
            context,
        })
    }
}

fn picture(owned: Owned) -> Option<Picture> {
    let frame = &owned.frame;
    let depth = u8::try_from(frame.depth)
        .ok()
        .filter(|depth| (8..=12).contains(depth))?;
    let chroma = match frame.layout {
        0 => Chroma::Mono,
        1 => Chroma::Half,
        2 => Chroma::HalfAcross,
        _ => Chroma::Full,
    };
    // SAFETY: every picture has the header that it was decoded by.
    let sequence = unsafe { frame.sequence.as_ref() }?;
    let cicp = Cicp {
        primaries: sequence.primaries as u16,
        transfer: sequence.transfer as u16,
        matrix: sequence.matrix as u16,
        is_full_range: sequence.depth_and_range[owned.library.range_at()] != 0,
    };
    let size = (
        usize::try_from(frame.width).ok()?,
        usize::try_from(frame.height).ok()?,
    );
    let (across, down) = chroma.shifts();
    let coarse = ((size.0 + across) >> across, (size.1 + down) >> down);
    let count = if chroma == Chroma::Mono { 1 } else { 3 };
    let plane = |channel: usize| {
        let (stride, size) = if channel == 0 {
            (frame.stride[0], size)
        } else {
            (frame.stride[1], coarse)
        };
        // SAFETY: the planes are the picture's, and stay until it is given back.
        unsafe { Plane::new(frame.data[channel], stride, size, depth > 8) }
    };
    let planes: Option<Vec<_>> = (0..count).map(plane).collect();
    Some(Picture {
        planes: planes?,
        chroma,
        depth,
        cicp,
        is_damaged: false,
        owner: Box::new(owned),
    })
}
