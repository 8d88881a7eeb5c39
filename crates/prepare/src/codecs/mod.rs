//! Decoders that are libraries of the machine: HEVC (for HEIC), AV1 (for AVIF) and WebP. They are loaded when a process starts,
//! before it gives up opening files. A machine without one reads everything else.

mod av1;
mod hevc;
mod planes;
mod webp;

use std::sync::OnceLock;

pub use av1::Dav1d;
pub use hevc::De265;
pub use planes::{Chroma, Cicp, Picture, Plane};
pub use webp::{Failed, Wanted, Webp, WebpHeader};

/// Declares a struct of a library's functions, and how it is loaded under the first of its names that is there.
macro_rules! library {
    ($name:ident from $files:expr; $($function:ident: fn($($argument:ty),*) $(-> $result:ty)?;)+) => {
        #[derive(Debug)]
        pub struct $name {
            $($function: unsafe extern "C" fn($($argument),*) $(-> $result)?,)+
        }

        impl $name {
            /// Nothing where the machine has no such library, or one that lacks a function.
            pub fn load() -> Option<Self> {
                let files: &[&str] = &$files;
                // SAFETY: these libraries' beginnings do nothing but set up their own tables.
                let library = files
                    .iter()
                    .find_map(|file| unsafe { libloading::Library::new(*file) }.ok())?;
                let loaded = Self {
                    $($function: {
                        // SAFETY: the type is the one of the library's header.
                        let symbol = unsafe { library.get(stringify!($function).as_bytes()) };
                        *symbol.ok()?
                    },)+
                };
                // It stays for as long as the process: its functions are kept above.
                std::mem::forget(library);
                Some(loaded)
            }
        }
    };
}
use library;

/// Whether a codec smooths what it has decoded, as its standard wants it. A tile is too small to show that of a large picture;
/// a small one is enlarged, and then it shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filters {
    On,
    Off,
}

impl Filters {
    /// Pictures of fewer pixels are smoothed; the tiles of a phone's pictures have as many.
    const LEAST_UNFILTERED: usize = 512 * 512;

    pub fn for_size((width, height): (usize, usize)) -> Self {
        match width * height < Self::LEAST_UNFILTERED {
            true => Self::On,
            false => Self::Off,
        }
    }
}

#[derive(Debug)]
pub struct Codecs {
    pub hevc: Option<De265>,
    pub av1: Option<Dav1d>,
    pub webp: Option<Webp>,
}

/// A library of the machine, for whoever asks what is missing.
#[derive(Clone, Copy, Debug)]
pub struct Library {
    pub name: &'static str,
    pub needed_for: &'static str,
    /// Debian's name of it.
    pub package: &'static str,
    pub is_here: bool,
}

pub fn libraries() -> [Library; 3] {
    let codecs = loaded();
    let library = |name, needed_for, package, is_here| Library {
        name,
        needed_for,
        package,
        is_here,
    };
    [
        library("libde265", "HEIC", "libde265-0", codecs.hevc.is_some()),
        library(
            "dav1d",
            "AVIF",
            "libdav1d6 (or libdav1d7)",
            codecs.av1.is_some(),
        ),
        library(
            "libwebp",
            "WebP at full speed",
            "libwebp7",
            codecs.webp.is_some(),
        ),
    ]
}

/// What this machine has. Loaded at the first call, which has to come before a process confines itself.
pub fn loaded() -> &'static Codecs {
    static LOADED: OnceLock<Codecs> = OnceLock::new();
    LOADED.get_or_init(|| Codecs {
        hevc: De265::load(),
        av1: Dav1d::load(),
        webp: Webp::load(),
    })
}
