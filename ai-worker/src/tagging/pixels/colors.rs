//! The colours of a picture, by the names that people search for.

use common::wire::{Color, Language};
use vocabulary::Color as Name;

/// A colour that is on less of the picture is not told.
const LEAST_SHARE: f32 = 0.05;
const MOST_COLORS: usize = 5;

/// With less light than that, any colour is black to the eye.
const DARKEST: f32 = 0.18;
/// Below, a pixel has no colour: the difference between its most and its least light, of 1.
const LEAST_CHROMA: f32 = 0.1;
const LEAST_SATURATION: f32 = 0.15;

/// How much of a picture is of each colour.
#[derive(Clone, Debug)]
pub struct Palette {
    sums: [Sum; Name::ALL.len()],
    pixels: f32,
}

impl Palette {
    /// Counts the pixels of a picture, `[height, width, 3] u8`.
    pub fn of(rgb: &[u8]) -> Self {
        let mut sums = [Sum::default(); Name::ALL.len()];
        for pixel in rgb.chunks_exact(3) {
            let light = [pixel[0], pixel[1], pixel[2]];
            sums[name(light) as usize].add(light);
        }
        Self {
            sums,
            pixels: (rgb.len() / 3).max(1) as f32,
        }
    }

    /// Returns the colours that there is most of.
    pub fn most(&self, language: Language) -> Vec<Color> {
        let named = Name::ALL.into_iter().zip(self.sums);
        let mut found: Vec<Color> = named
            .map(|(name, sum)| sum.color(name, self.pixels, language))
            .filter(|color| color.share >= LEAST_SHARE)
            .collect();
        found.sort_by(|a, b| b.share.total_cmp(&a.share));
        found.truncate(MOST_COLORS);
        found
    }

    /// Returns the share of a colour, however small it is.
    pub fn share(&self, name: Name) -> f32 {
        self.sums[name as usize].pixels as f32 / self.pixels
    }
}

/// All pixels of one name.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    pixels: u32,
    light: [u32; 3],
}

impl Sum {
    fn add(&mut self, light: [u8; 3]) {
        self.pixels += 1;
        for (sum, light) in self.light.iter_mut().zip(light) {
            *sum += u32::from(light);
        }
    }

    fn color(self, name: Name, pixels: f32, language: Language) -> Color {
        let called = match language {
            Language::En => name.english(),
            Language::Ko => name.korean(),
        };
        Color {
            id: name.english().to_owned(),
            name: called.to_owned(),
            share: self.pixels as f32 / pixels,
            rgb: self.light.map(|sum| (sum / self.pixels.max(1)) as u8),
        }
    }
}

fn name(light: [u8; 3]) -> Name {
    let [red, green, blue] = light.map(|light| f32::from(light) / 255.0);
    let most = red.max(green).max(blue);
    let chroma = most - red.min(green).min(blue);
    let saturation = if most > 0.0 { chroma / most } else { 0.0 };
    if most < DARKEST {
        return Name::Black;
    }
    if chroma < LEAST_CHROMA || saturation < LEAST_SATURATION {
        return without_color(most);
    }
    let sixth = if most == red {
        ((green - blue) / chroma).rem_euclid(6.0)
    } else if most == green {
        (blue - red) / chroma + 2.0
    } else {
        (red - green) / chroma + 4.0
    };
    of_hue(60.0 * sixth, saturation, most)
}

fn without_color(most: f32) -> Name {
    match most {
        ..0.25 => Name::Black,
        0.85.. => Name::White,
        _ => Name::Grey,
    }
}

/// `hue`: degrees, from red over green and blue. What is orange in the light is brown in the dark, and pale it is beige.
fn of_hue(hue: f32, saturation: f32, most: f32) -> Name {
    let is_pale = saturation < 0.4;
    let is_soft = saturation < 0.6;
    let is_dark = most < 0.6;
    match hue {
        ..15.0 | 345.0.. if is_pale && !is_dark => Name::Pink,
        ..15.0 | 345.0.. if is_pale => Name::Brown,
        ..15.0 | 345.0.. if is_soft && !is_dark => Name::Pink,
        ..15.0 | 345.0.. => Name::Red,
        15.0..45.0 if is_dark => Name::Brown,
        15.0..60.0 if is_pale => Name::Beige,
        15.0..45.0 => Name::Orange,
        45.0..55.0 if is_dark => Name::Brown,
        55.0..68.0 if is_dark => Name::Green,
        45.0..68.0 => Name::Yellow,
        68.0..165.0 => Name::Green,
        165.0..255.0 => Name::Blue,
        290.0.. if !is_dark => Name::Pink,
        _ => Name::Purple,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(rgb: &[u8]) -> Vec<String> {
        let found = Palette::of(rgb).most(Language::En);
        found.into_iter().map(|color| color.id).collect()
    }

    #[test]
    fn a_colour_has_the_name_that_people_give_it() {
        for (light, expected) in [
            ([10, 10, 12], "black"),
            ([250, 250, 248], "white"),
            ([128, 130, 127], "grey"),
            ([200, 30, 30], "red"),
            ([240, 130, 20], "orange"),
            ([110, 70, 30], "brown"),
            ([225, 200, 165], "beige"),
            ([250, 220, 40], "yellow"),
            ([60, 140, 50], "green"),
            ([40, 200, 140], "green"),
            ([90, 160, 230], "blue"),
            ([60, 190, 200], "blue"),
            ([110, 50, 160], "purple"),
            ([245, 170, 185], "pink"),
            ([230, 60, 160], "pink"),
            ([10, 10, 40], "black"),
            ([250, 128, 114], "pink"),
            ([128, 128, 0], "green"),
        ] {
            assert_eq!(ids(&light), [expected], "{light:?}");
        }
    }

    #[test]
    fn the_largest_colours_come_first_and_the_least_are_left_out() {
        let sky = [[90, 160, 230]; 60].concat();
        let meadow = [[60, 140, 50]; 37].concat();
        let flower = [[200, 30, 30]; 3].concat();
        let picture = [meadow, sky, flower].concat();
        let palette = Palette::of(&picture);
        assert_eq!(palette.share(Name::Red), 0.03, "too little to be told");
        let found = palette.most(Language::Ko);
        let told: Vec<_> = found
            .iter()
            .map(|color| (color.id.as_str(), color.name.as_str(), color.share))
            .collect();
        assert_eq!(told, [("blue", "파랑", 0.6), ("green", "초록", 0.37)]);
        assert_eq!(found[0].rgb, [90, 160, 230]);
        assert!(Palette::of(&[]).most(Language::En).is_empty());
    }
}
