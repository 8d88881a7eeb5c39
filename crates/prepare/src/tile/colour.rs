//! From the file's colours to sRGB, at the tile's size: a few thousand pixels
//! instead of millions. A profile that cannot be used is as good as none.

use std::cell::RefCell;

use moxcms::{ColorProfile, DataColorSpace, Layout, TransformExecutor, TransformOptions};

use crate::Channels;

/// Beyond this, a profile is a table of a scanner's or a hiding place.
const MAX_PROFILE_BYTES: usize = 4 << 20;

/// So many profiles are remembered: those of a few cameras and programs, whose photos come in turns.
const REMEMBERED: usize = 4;

/// A printer's table, which is remembered alone: a process has memory for one image.
const LARGE_PROFILE_BYTES: usize = 64 << 10;

type Transform = std::sync::Arc<dyn TransformExecutor<u8> + Send + Sync>;

thread_local! {
    /// Photos come in rows from a few cameras and programs: a profile of late is often the next one's too. The latest comes first.
    static LATEST: RefCell<Vec<Known>> = const { RefCell::new(Vec::new()) };
}

struct Known {
    profile: Vec<u8>,
    channels: Channels,
    /// None for a profile that cannot be used.
    transform: Option<Transform>,
}

/// RGB stays RGB, CMYK becomes RGB.
pub fn to_srgb(pixels: Vec<u8>, channels: Channels, profile: Option<&[u8]>) -> Vec<u8> {
    let transform = profile.and_then(|profile| cached(profile, channels));
    let converted = transform.and_then(|transform| {
        let count = pixels.len() / if channels == Channels::Cmyk { 4 } else { 3 };
        let mut rgb = vec![0; count * 3];
        transform.transform(&pixels, &mut rgb).ok().map(|()| rgb)
    });
    match (converted, channels) {
        (Some(rgb), _) => rgb,
        (None, Channels::Cmyk) => cmyk_to_rgb(&pixels),
        (None, _) => pixels,
    }
}

fn cached(profile: &[u8], channels: Channels) -> Option<Transform> {
    LATEST.with_borrow_mut(|latest| {
        let is_it = |known: &Known| known.profile == profile && known.channels == channels;
        let known = match latest.iter().position(is_it) {
            Some(at) => latest.remove(at),
            None => Known {
                profile: profile.to_owned(),
                channels,
                transform: transform(profile, channels),
            },
        };
        let transform = known.transform.clone();
        if profile.len() > LARGE_PROFILE_BYTES {
            latest.clear();
        }
        latest.insert(0, known);
        latest.truncate(REMEMBERED);
        transform
    })
}

fn transform(profile: &[u8], channels: Channels) -> Option<Transform> {
    if profile.len() > MAX_PROFILE_BYTES {
        return None;
    }
    let source = ColorProfile::new_from_slice(profile).ok()?;
    // The third is how the library names four channels of any kind.
    let (space, layout) = match channels {
        Channels::Cmyk => (DataColorSpace::Cmyk, Layout::Rgba),
        Channels::Rgb => (DataColorSpace::Rgb, Layout::Rgb),
    };
    if source.color_space != space {
        return None;
    }
    let srgb = ColorProfile::new_srgb();
    source
        .create_transform_8bit(layout, &srgb, Layout::Rgb, TransformOptions::default())
        .ok()
}

/// Without a profile: each ink takes its share of the light. As near as it gets.
fn cmyk_to_rgb(cmyk: &[u8]) -> Vec<u8> {
    let (inks, _) = cmyk.as_chunks::<4>();
    let light = |ink: u8, black: u8| {
        (((255 - u16::from(ink)) * (255 - u16::from(black)) + 127) / 255) as u8
    };
    inks.iter()
        .flat_map(|&[c, m, y, k]| [light(c, k), light(m, k), light(y, k)])
        .collect()
}
