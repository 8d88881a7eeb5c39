//! HEVC through libde265 (LGPL), of which only what one still picture needs. Without its threads, which a confined process may
//! not start, and without its last filters: they smooth what a tile is too small to show, and take a fifth of the time.
#![allow(
    unsafe_code,
    non_snake_case,
    reason = "the library is C, and has its own names"
)]

use std::{
    ffi::{c_int, c_void},
    ptr,
};

use super::{Chroma, Cicp, Filters, Picture, Plane, library};

/// The handle of a decoder, and that of a picture.
type Handle = *mut c_void;

library! {
    De265 from ["libde265.so.0"];
    de265_new_decoder: fn() -> Handle;
    de265_free_decoder: fn(Handle) -> c_int;
    de265_set_parameter_bool: fn(Handle, c_int, c_int);
    de265_push_NAL: fn(Handle, *const u8, c_int, i64, *mut c_void) -> c_int;
    de265_flush_data: fn(Handle) -> c_int;
    de265_decode: fn(Handle, *mut c_int) -> c_int;
    de265_get_warning: fn(Handle) -> c_int;
    de265_get_next_picture: fn(Handle) -> Handle;
    de265_get_image_width: fn(Handle, c_int) -> c_int;
    de265_get_image_height: fn(Handle, c_int) -> c_int;
    de265_get_chroma_format: fn(Handle) -> c_int;
    de265_get_bits_per_pixel: fn(Handle, c_int) -> c_int;
    de265_get_image_plane: fn(Handle, c_int, *mut c_int) -> *const u8;
    de265_get_image_full_range_flag: fn(Handle) -> c_int;
    de265_get_image_colour_primaries: fn(Handle) -> c_int;
    de265_get_image_transfer_characteristics: fn(Handle) -> c_int;
    de265_get_image_matrix_coefficients: fn(Handle) -> c_int;
}

const DISABLE_DEBLOCKING: c_int = 7;
const DISABLE_SAO: c_int = 8;
/// The library's warnings that tell of pictures in several threads.
const HARMLESS: [c_int; 3] = [1000, 1001, 1022];
/// A decoder that goes on without a picture is ended: more steps than any still picture takes.
const MOST_STEPS: usize = 100_000;

/// Ends the decoder, and with it the picture.
struct Decoder {
    library: &'static De265,
    handle: Handle,
}

impl Drop for Decoder {
    fn drop(&mut self) {
        // SAFETY: it is open, and nothing of it is used after.
        unsafe { (self.library.de265_free_decoder)(self.handle) };
    }
}

impl De265 {
    /// The picture that the units (NAL) are of. Nothing where the decoder finds none in them.
    pub fn decode<'a>(
        &'static self,
        units: impl Iterator<Item = &'a [u8]>,
        filters: Filters,
    ) -> Option<Picture> {
        // SAFETY: makes a decoder, or none.
        let handle = unsafe { (self.de265_new_decoder)() };
        if handle.is_null() {
            return None;
        }
        let decoder = Decoder {
            library: self,
            handle,
        };
        // SAFETY: the decoder is open; it copies the units.
        unsafe {
            if filters == Filters::Off {
                (self.de265_set_parameter_bool)(handle, DISABLE_DEBLOCKING, 1);
                (self.de265_set_parameter_bool)(handle, DISABLE_SAO, 1);
            }
            for unit in units {
                let length = c_int::try_from(unit.len()).ok()?;
                (self.de265_push_NAL)(handle, unit.as_ptr(), length, 0, ptr::null_mut());
            }
            (self.de265_flush_data)(handle);
        }
        let image = self.next_picture(handle)?;
        self.picture(decoder, image)
    }

    fn next_picture(&self, handle: Handle) -> Option<Handle> {
        for _ in 0..MOST_STEPS {
            let mut more = 0;
            // SAFETY: the decoder is open.
            let (failed, image) = unsafe {
                let failed = (self.de265_decode)(handle, &raw mut more);
                (failed, (self.de265_get_next_picture)(handle))
            };
            if !image.is_null() {
                return Some(image);
            }
            if failed != 0 || more == 0 {
                return None;
            }
        }
        None
    }

    fn picture(&self, decoder: Decoder, image: Handle) -> Option<Picture> {
        // SAFETY: the picture is the decoder's, which is open.
        let (chroma, depth, cicp) = unsafe {
            let cicp = Cicp {
                primaries: (self.de265_get_image_colour_primaries)(image) as u16,
                transfer: (self.de265_get_image_transfer_characteristics)(image) as u16,
                matrix: (self.de265_get_image_matrix_coefficients)(image) as u16,
                is_full_range: (self.de265_get_image_full_range_flag)(image) != 0,
            };
            let chroma = match (self.de265_get_chroma_format)(image) {
                0 => Chroma::Mono,
                1 => Chroma::Half,
                2 => Chroma::HalfAcross,
                _ => Chroma::Full,
            };
            (chroma, (self.de265_get_bits_per_pixel)(image, 0), cicp)
        };
        let depth = u8::try_from(depth)
            .ok()
            .filter(|depth| (8..=16).contains(depth))?;
        let count = if chroma == Chroma::Mono { 1 } else { 3 };
        let planes: Option<Vec<_>> = (0..count)
            .map(|channel| self.plane(image, channel))
            .collect();
        Some(Picture {
            planes: planes?,
            chroma,
            depth,
            cicp,
            is_damaged: self.has_warned(decoder.handle),
            owner: Box::new(decoder),
        })
    }

    fn plane(&self, image: Handle, channel: c_int) -> Option<Plane> {
        let mut stride = 0;
        // SAFETY: the planes are the picture's, and stay until its decoder is freed.
        unsafe {
            let data = (self.de265_get_image_plane)(image, channel, &raw mut stride);
            let width = usize::try_from((self.de265_get_image_width)(image, channel)).ok()?;
            let height = usize::try_from((self.de265_get_image_height)(image, channel)).ok()?;
            let is_wide = (self.de265_get_bits_per_pixel)(image, channel) > 8;
            Plane::new(data, stride as isize, (width, height), is_wide)
        }
    }

    fn has_warned(&self, handle: Handle) -> bool {
        // SAFETY: the decoder is open.
        let next = || unsafe { (self.de265_get_warning)(handle) };
        std::iter::repeat_with(next)
            .take_while(|warning| *warning != 0)
            .take(MOST_STEPS)
            .any(|warning| !HARMLESS.contains(&warning))
    }
}
