//! The lines of a picture while they are read, and what is told of them in the end.

use common::{
    image::Part,
    model::TileSpec,
    wire::{Line, ModelId, Reading, Region},
};

use super::{LineBox, Transcript};

/// Lines of a picture that are read.
const MOST_LINES: usize = 100;
/// Bytes of text that are told of a picture.
const MOST_BYTES: usize = 4_096;

/// Letters to a line's height are more than this in any script. Where fewer are seen, the rest of the line was not.
const LEAST_LETTERS: f32 = 0.8;

/// What a reader makes of a line.
#[derive(Clone, Debug)]
pub struct Candidate {
    pub transcript: Transcript,
    /// How sure it has to be, by its own measure.
    pub least: f32,
    pub reader: ModelId,
}

/// Lines in the order of reading, with the surest that was made of each.
#[derive(Debug)]
pub struct Page {
    lines: Vec<(LineBox, Option<Candidate>)>,
    tile: TileSpec,
    /// What of the picture the tile shows, in pixels of which lines are placed.
    shown: Part,
    cut: bool,
    late: bool,
}

impl Page {
    pub fn new(places: Vec<LineBox>, tile: TileSpec, shown: Part) -> Self {
        let cut = places.len() > MOST_LINES;
        let places = places.into_iter().take(MOST_LINES);
        Self {
            lines: places.map(|place| (place, None)).collect(),
            tile,
            shown,
            cut,
            late: false,
        }
    }

    /// Returns whether nobody has made anything of any line yet.
    pub fn is_unread(&self) -> bool {
        self.lines.iter().all(|(_, best)| best.is_none())
    }

    /// Notes that not all lines are read; `late`: since the time is over.
    pub fn cut_short(&mut self, late: bool) {
        self.cut = true;
        self.late |= late;
    }

    /// Returns the lines of which nobody is so sure yet, by their numbers.
    pub fn less_sure_than(&self, sure: f32) -> Vec<(usize, LineBox)> {
        let lines = self.lines.iter().enumerate();
        let unsure = lines.filter(|(_, (_, best))| confidence(best) < sure);
        unsure
            .map(|(number, (place, _))| (number, *place))
            .collect()
    }

    /// Takes what a reader makes of a line, if it is surer than others. One that knows the digits of a line alone is sure of
    /// those, and not of the line.
    pub fn offer(&mut self, line: usize, mut candidate: Candidate) {
        let (place, best) = &mut self.lines[line];
        candidate.transcript.confidence *= seen_share(place, &candidate.transcript.text);
        if best.is_none() || candidate.transcript.confidence > confidence(best) {
            *best = Some(candidate);
        }
    }

    pub fn reading(self) -> Reading {
        let mut reading = Reading {
            cut: self.cut,
            late: self.late,
            ..Reading::default()
        };
        let mut bytes = 0;
        for (place, best) in &self.lines {
            let Some(Candidate {
                transcript, reader, ..
            }) = best.as_ref().filter(|best| best.is_sure())
            else {
                continue;
            };
            bytes += transcript.text.len();
            if bytes > MOST_BYTES {
                reading.cut = true;
                break;
            }
            if !reading.readers.contains(reader) {
                reading.readers.push(reader.clone());
            }
            reading.lines.push(Line {
                text: transcript.text.clone(),
                region: self.region(place, transcript.confidence),
            });
        }
        reading
    }

    fn region(&self, place: &LineBox, confidence: f32) -> Region {
        let [left, top, right, bottom] = place.bounds();
        let across = |x: f32| self.shown.across(x / f32::from(self.tile.width));
        let down = |y: f32| self.shown.down(y / f32::from(self.tile.height));
        Region {
            left: across(left),
            top: down(top),
            width: across(right) - across(left),
            height: down(bottom) - down(top),
            confidence,
        }
    }
}

impl Candidate {
    fn is_sure(&self) -> bool {
        !self.transcript.text.is_empty() && self.transcript.confidence >= self.least
    }
}

/// Returns how much of a line its letters account for, 0 to 1.
fn seen_share(place: &LineBox, text: &str) -> f32 {
    let letters = text
        .chars()
        .filter(|letter| !letter.is_whitespace())
        .count();
    let least = LEAST_LETTERS * place.width / place.height.max(1.0);
    (letters as f32 / least.max(1.0)).min(1.0)
}

fn confidence(best: &Option<Candidate>) -> f32 {
    best.as_ref().map_or(0.0, |best| best.transcript.confidence)
}

#[cfg(test)]
mod tests {
    use common::model::Fit;

    use super::*;

    fn page(lines: usize) -> Page {
        let tile = TileSpec {
            width: 100,
            height: 100,
            fit: Fit::Pad,
        };
        let place = LineBox {
            x: 50.0,
            y: 50.0,
            width: 40.0,
            height: 10.0,
            angle: 0.0,
        };
        // A wide picture between two bars, each a quarter of the tile.
        let shown = Part {
            left: 0.0,
            top: -0.5,
            width: 1.0,
            height: 2.0,
        };
        Page::new(vec![place; lines], tile, shown)
    }

    fn candidate(text: &str, confidence: f32, reader: &str) -> Candidate {
        Candidate {
            transcript: Transcript {
                text: text.into(),
                confidence,
            },
            least: 0.5,
            reader: ModelId {
                name: reader.into(),
                version: "1".into(),
            },
        }
    }

    #[test]
    fn each_line_is_told_by_its_surest_reader() {
        let mut page = page(4);
        page.offer(0, candidate("Total", 0.95, "latin"));
        // The line has room for four letters and more.
        page.offer(1, candidate("01", 1.0, "latin"));
        page.offer(2, candidate("????", 0.3, "latin"));
        let unsure = page.less_sure_than(0.9).into_iter();
        assert_eq!(
            unsure.map(|(number, _)| number).collect::<Vec<_>>(),
            [1, 2, 3]
        );
        page.offer(1, candidate("합계 01", 0.8, "korean"));
        page.offer(2, candidate("!!!!", 0.2, "korean"));
        let reading = page.reading();
        let texts: Vec<_> = reading
            .lines
            .iter()
            .map(|line| line.text.as_str())
            .collect();
        assert_eq!(texts, ["Total", "합계 01"]);
        let readers: Vec<_> = reading.readers.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(readers, ["latin", "korean"]);
        assert!(!reading.cut);
    }

    #[test]
    fn places_are_told_in_parts_of_the_picture() {
        let mut page = page(1);
        page.offer(0, candidate("abcd", 0.9, "latin"));
        let region = page.reading().lines[0].region;
        let corners = [region.left, region.top, region.width, region.height];
        let expected = [0.3, 0.4, 0.4, 0.2];
        assert!(
            corners
                .iter()
                .zip(expected)
                .all(|(a, b)| (a - b).abs() < 1e-5),
            "{corners:?}"
        );
        assert_eq!(region.confidence, 0.9);
    }

    #[test]
    fn what_is_told_is_bounded_and_says_so() {
        let many = page(MOST_LINES + 1);
        assert_eq!(many.less_sure_than(1.0).len(), MOST_LINES);
        assert!(many.reading().cut);
        let mut long = page(3);
        for line in 0..3 {
            long.offer(line, candidate(&"x".repeat(MOST_BYTES / 2), 0.9, "latin"));
        }
        let reading = long.reading();
        assert_eq!((reading.lines.len(), reading.cut), (2, true));
    }
}
