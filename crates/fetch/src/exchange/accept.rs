//! What an origin is told that is read here. A host that chooses by it sends what this names, so it names no more.

/// In the order of preference: what decodes fast and whole comes first. Anything else is taken as well, since many hosts know
/// one format and answer 406 to who does not name it.
pub const ACCEPT: &str = "image/jpeg,image/webp;q=0.9,image/png;q=0.9,image/gif;q=0.8,image/bmp;q=0.7,image/tiff;q=0.7,*/*;q=0.1";
