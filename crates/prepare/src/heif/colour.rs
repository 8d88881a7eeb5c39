//! From brightness and two colours to RGB, at the size that is kept.

use moxcms::ColorProfile;

use crate::codecs::{Chroma, Cicp};

/// H.273's numbers.
const IDENTITY: u16 = 0;
const BT709: u16 = 1;
const YCGCO: u16 = 8;
const BT2020: [u16; 2] = [9, 10];
const DISPLAY_P3: u16 = 12;

/// Shares of red and of blue in brightness.
fn shares(matrix: u16) -> (f32, f32) {
    match matrix {
        BT709 => (0.2126, 0.0722),
        matrix if BT2020.contains(&matrix) => (0.2627, 0.0593),
        // Where nothing is said, too.
        _ => (0.299, 0.114),
    }
}

/// RGB of planes of one size, in eight bits; one plane alone is grey.
pub fn to_rgb(planes: &[Vec<u8>], chroma: Chroma, cicp: Cicp) -> Vec<u8> {
    let range = if cicp.is_full_range { 255.0 } else { 219.0 };
    let black = if cicp.is_full_range { 0.0 } else { 16.0 };
    let bright = |value: u8| (f32::from(value) - black) * 255.0 / range;
    let [luma, blue, red] = planes else {
        return planes[0]
            .iter()
            .flat_map(|value| [bright(*value) as u8; 3])
            .collect();
    };
    if cicp.matrix == IDENTITY && chroma == Chroma::Full {
        let pixels = luma.iter().zip(blue).zip(red);
        return pixels
            .flat_map(|((g, b), r)| [*r, *g, *b].map(|value| bright(value) as u8))
            .collect();
    }
    let colour_range = if cicp.is_full_range { 255.0 } else { 224.0 };
    let colour = |value: u8| (f32::from(value) - 128.0) * 255.0 / colour_range;
    if cicp.matrix == YCGCO {
        let pixels = luma.iter().zip(blue).zip(red);
        let pixels = pixels.flat_map(|((y, cg), co)| {
            let y = bright(*y) + 0.5;
            let green = colour(*cg);
            let orange = colour(*co);
            [
                (y - green + orange) as u8,
                (y + green) as u8,
                (y - green - orange) as u8,
            ]
        });
        return pixels.collect();
    }
    let (share_red, share_blue) = shares(cicp.matrix);
    let share_green = 1.0 - share_red - share_blue;
    let pixels = luma.iter().zip(blue).zip(red);
    pixels
        .flat_map(|((y, cb), cr)| {
            let y = bright(*y) + 0.5;
            let red = 2.0 * (1.0 - share_red) * colour(*cr);
            let blue = 2.0 * (1.0 - share_blue) * colour(*cb);
            let green = -(share_red * red + share_blue * blue) / share_green;
            // The conversion stays within 0 and 255.
            [(y + red) as u8, (y + green) as u8, (y + blue) as u8]
        })
        .collect()
}

/// The profile of colours that are not those of sRGB. What is meant for brighter screens (PQ, HLG) is taken as if it were not.
pub fn profile(cicp: Cicp) -> Option<Vec<u8>> {
    match cicp.primaries {
        DISPLAY_P3 => ColorProfile::new_display_p3().encode().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn green_and_orange_become_colours() {
        let cicp = Cicp {
            primaries: 1,
            transfer: 1,
            matrix: YCGCO,
            is_full_range: true,
        };
        // 200, 40, 120: brightness is half the green and a quarter of both others.
        let planes = [vec![100], vec![128 - 60], vec![128 + 40]];
        assert_eq!(to_rgb(&planes, Chroma::Full, cicp), [200, 40, 120]);
    }
}
