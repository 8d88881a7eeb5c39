//! Pictures of nothing, as heavy as photos: JPEG's cost lies in what cannot be
//! foreseen, so there is noise over soft shapes.

use bytes::Bytes;
use rand::{RngExt, SeedableRng, rngs::SmallRng};
use turbojpeg::{Image, PixelFormat, Subsamp};

const QUALITY: i32 = 88;
/// How far a pixel differs from its soft shape: with this, a tile of 224 × 224 has some 20 KB, a photo of 1024 × 768 some 280 KB.
const NOISE: f64 = 22.0;

/// So many different ones.
pub fn pictures(count: u64, width: usize, height: usize) -> turbojpeg::Result<Vec<Bytes>> {
    (0..count)
        .map(|number| picture(width, height, number))
        .collect()
}

/// The same number gives the same picture.
pub fn picture(width: usize, height: usize, number: u64) -> turbojpeg::Result<Bytes> {
    let mut random = SmallRng::seed_from_u64(number);
    let waves: Vec<[f64; 4]> = (0..6)
        .map(|_| wave(&mut random, width.max(height) as f64))
        .collect();
    let mut pixels = Vec::with_capacity(width * height * 3);
    for y in 0..height {
        for x in 0..width {
            let soft = waves.iter().map(|[across, down, phase, height]| {
                (x as f64 * across + y as f64 * down + phase).sin() * height
            });
            let light = 128.0 + soft.sum::<f64>() + (random.random::<f64>() - 0.5) * NOISE;
            let tint = (x * 40 / width) as f64 - (y * 40 / height) as f64;
            pixels.extend(
                [light + tint, light, light - tint].map(|value| value.clamp(0.0, 255.0) as u8),
            );
        }
    }
    let image = Image {
        pixels: pixels.as_slice(),
        width,
        pitch: width * 3,
        height,
        format: PixelFormat::RGB,
    };
    Ok(Bytes::copy_from_slice(&turbojpeg::compress(
        image,
        QUALITY,
        Subsamp::Sub2x2,
    )?))
}

fn wave(random: &mut SmallRng, side: f64) -> [f64; 4] {
    let mut turns = || (random.random::<f64>() - 0.5) * 60.0 / side;
    let across = turns();
    let down = turns();
    [
        across,
        down,
        random.random::<f64>() * 6.0,
        10.0 + random.random::<f64>() * 20.0,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tile_weighs_what_tiles_weigh() {
        let kib = picture(224, 224, 1).expect("a picture").len() / 1024;
        assert!((14..=26).contains(&kib), "{kib} KiB");
    }

    #[test]
    fn numbers_give_different_pictures_and_the_same_again() {
        let of = |number| picture(64, 64, number).expect("a picture");
        assert_ne!(of(1), of(2));
        assert_eq!(of(1), of(1));
    }
}
