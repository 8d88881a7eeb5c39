//! WebP through libwebp (BSD), which crops and shrinks while it decodes. Without threads.
#![allow(
    unsafe_code,
    non_snake_case,
    reason = "the library is C, and has its own names"
)]

use std::{
    ffi::{c_int, c_void},
    mem, ptr,
};

use super::library;

/// `WEBP_DECODER_ABI_VERSION`; the library refuses another major one.
const ABI: c_int = 0x0209;
const MODE_RGB: c_int = 0;
const MODE_RGBA: c_int = 1;

const OK: c_int = 0;
const OUT_OF_MEMORY: c_int = 1;
const SUSPENDED: c_int = 5;
const NOT_ENOUGH_DATA: c_int = 7;

/// `WebPBitstreamFeatures`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Features {
    width: c_int,
    height: c_int,
    has_alpha: c_int,
    has_animation: c_int,
    format: c_int,
    pad: [u32; 5],
}

/// `WebPDecBuffer`, of RGB or RGBA.
#[repr(C)]
struct Buffer {
    colours: c_int,
    size: [c_int; 2],
    is_external: c_int,
    rgba: *mut u8,
    stride: c_int,
    bytes: usize,
    /// What the same place has for pictures that are not RGB.
    spare: [u64; 7],
    pad: [u32; 4],
    private: *mut u8,
}

/// `WebPDecoderOptions`.
#[repr(C)]
struct Options {
    bypass_filtering: c_int,
    no_fancy_upsampling: c_int,
    use_cropping: c_int,
    crop_left_top: [c_int; 2],
    crop_size: [c_int; 2],
    use_scaling: c_int,
    scaled_size: [c_int; 2],
    use_threads: c_int,
    rest: [c_int; 3],
    pad: [u32; 5],
}

/// `WebPDecoderConfig`.
#[repr(C)]
struct Config {
    input: Features,
    output: Buffer,
    options: Options,
}

library! {
    Webp from ["libwebp.so.7"];
    WebPGetFeaturesInternal: fn(*const u8, usize, *mut Features, c_int) -> c_int;
    WebPInitDecoderConfigInternal: fn(*mut Config, c_int) -> c_int;
    WebPIDecode: fn(*const u8, usize, *mut Config) -> *mut c_void;
    WebPIUpdate: fn(*mut c_void, *const u8, usize) -> c_int;
    WebPIDecGetRGB: fn(*const c_void, *mut c_int, *mut c_int, *mut c_int, *mut c_int) -> *mut u8;
    WebPIDelete: fn(*mut c_void);
}

#[derive(Clone, Copy, Debug)]
pub struct WebpHeader {
    pub width: u32,
    pub height: u32,
    pub has_alpha: bool,
    pub is_animated: bool,
    pub is_lossless: bool,
}

/// The part that is wanted, and the size that it gets.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    pub left: usize,
    pub top: usize,
    pub width: usize,
    pub height: usize,
    pub scaled: (usize, usize),
}

/// Rows from the top that are there; the others are white.
pub struct Decoded {
    pub pixels: Vec<u8>,
    pub rows: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failed {
    Broken,
    TooLarge,
}

impl Webp {
    /// Nothing where the file has no header that the library knows, or ends before it does.
    pub fn header(&self, webp: &[u8]) -> Option<WebpHeader> {
        // SAFETY: zeros are valid features.
        let mut features: Features = unsafe { mem::zeroed() };
        // SAFETY: the library reads so many bytes, and fills the structure.
        let status = unsafe {
            (self.WebPGetFeaturesInternal)(webp.as_ptr(), webp.len(), &raw mut features, ABI)
        };
        (status == OK).then_some(WebpHeader {
            width: u32::try_from(features.width).ok()?,
            height: u32::try_from(features.height).ok()?,
            has_alpha: features.has_alpha != 0,
            is_animated: features.has_animation != 0,
            is_lossless: features.format == 2,
        })
    }

    /// RGB, or RGBA where the file has opacity.
    pub fn decode(&self, webp: &[u8], has_alpha: bool, wanted: &Wanted) -> Result<Decoded, Failed> {
        let channels = if has_alpha { 4 } else { 3 };
        let (width, height) = wanted.scaled;
        let mut pixels = vec![255; width * height * channels];
        // SAFETY: zeros are a valid configuration, which the library then fills.
        let mut config: Config = unsafe { mem::zeroed() };
        // SAFETY: the structure is laid out as the library's of this version.
        if unsafe { (self.WebPInitDecoderConfigInternal)(&raw mut config, ABI) } == 0 {
            return Err(Failed::Broken);
        }
        config.options.use_cropping = 1;
        config.options.crop_left_top = [wanted.left, wanted.top].map(|it| it as c_int);
        config.options.crop_size = [wanted.width, wanted.height].map(|it| it as c_int);
        config.options.use_scaling = c_int::from((wanted.width, wanted.height) != wanted.scaled);
        config.options.scaled_size = [width, height].map(|it| it as c_int);
        config.output.colours = if has_alpha { MODE_RGBA } else { MODE_RGB };
        config.output.is_external = 1;
        config.output.rgba = pixels.as_mut_ptr();
        config.output.stride = (width * channels) as c_int;
        config.output.bytes = pixels.len();
        let rows = self.run(webp, &mut config)?;
        Ok(Decoded {
            pixels,
            rows: rows.min(height),
        })
    }

    fn run(&self, webp: &[u8], config: &mut Config) -> Result<usize, Failed> {
        // SAFETY: configuration and pixels outlive the decoder, which is deleted here; the file is read where it lies.
        unsafe {
            let decoder = (self.WebPIDecode)(ptr::null(), 0, &raw mut *config);
            if decoder.is_null() {
                return Err(Failed::TooLarge);
            }
            let status = (self.WebPIUpdate)(decoder, webp.as_ptr(), webp.len());
            let mut rows = 0;
            let nothing = ptr::null_mut();
            let some = (self.WebPIDecGetRGB)(decoder, &raw mut rows, nothing, nothing, nothing);
            (self.WebPIDelete)(decoder);
            match status {
                OK => Ok(usize::MAX),
                SUSPENDED | NOT_ENOUGH_DATA if some.is_null() => Ok(0),
                SUSPENDED | NOT_ENOUGH_DATA => Ok(rows.max(0) as usize),
                OUT_OF_MEMORY => Err(Failed::TooLarge),
                _ => Err(Failed::Broken),
            }
        }
    }
}
