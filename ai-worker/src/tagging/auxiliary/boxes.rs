//! What a detector answers: boxes, and how sure each is of each class.

use common::{image::Part, wire::Region};

/// Numbers before the classes of each box: top, left, bottom, right, in parts of the picture.
pub const COORDINATES: usize = 4;
/// Two boxes that share more than this of both are of the same thing.
const SAME: f32 = 0.5;
/// Beyond, boxes are no people any more but a crowd.
const MOST: usize = 50;

/// `[boxes, 4 + classes] f32`
#[derive(Clone, Copy, Debug)]
pub struct Boxes<'a> {
    rows: &'a [f32],
    classes: usize,
}

impl<'a> Boxes<'a> {
    pub fn new(rows: &'a [f32], classes: usize) -> Self {
        Self { rows, classes }
    }

    fn rows(&self) -> impl Iterator<Item = (&'a [f32], &'a [f32])> {
        let rows = self.rows.chunks_exact(COORDINATES + self.classes);
        rows.map(|row| row.split_at(COORDINATES))
    }

    /// Returns how sure the surest box is of each class.
    pub fn surest(&self) -> Vec<f32> {
        let mut surest = vec![0.0_f32; self.classes];
        for (_, scores) in self.rows() {
            for (most, score) in surest.iter_mut().zip(scores) {
                *most = most.max(*score);
            }
        }
        surest
    }

    /// Returns where things of a class are, each once, the surest first.
    /// `shown`: what of the picture the boxes' tile shows.
    pub fn regions(&self, class: usize, least: f32, shown: Part) -> Vec<Region> {
        let mut found: Vec<Region> = self
            .rows()
            .filter(|(_, scores)| scores[class] >= least)
            .filter_map(|(corners, scores)| region(corners, scores[class], shown))
            .collect();
        found.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
        let mut told: Vec<Region> = Vec::new();
        for region in found {
            let is_new = told.iter().all(|other| overlap(&region, other) <= SAME);
            if is_new && told.len() < MOST {
                told.push(region);
            }
        }
        told
    }
}

/// What lies within the picture of a box; nothing where that is nothing.
fn region(corners: &[f32], confidence: f32, shown: Part) -> Option<Region> {
    let [top, bottom] = [0, 2].map(|at| shown.down(corners[at]));
    let [left, right] = [1, 3].map(|at| shown.across(corners[at]));
    let has_area = bottom > top && right > left;
    has_area.then_some(Region {
        left,
        top,
        width: right - left,
        height: bottom - top,
        confidence,
    })
}

/// Intersection over union.
fn overlap(a: &Region, b: &Region) -> f32 {
    let shared = |start_a: f32, length_a: f32, start_b: f32, length_b: f32| {
        let end = (start_a + length_a).min(start_b + length_b);
        (end - start_a.max(start_b)).max(0.0)
    };
    let both = shared(a.left, a.width, b.left, b.width) * shared(a.top, a.height, b.top, b.height);
    let either = a.width * a.height + b.width * b.height - both;
    if either > 0.0 { both / either } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two people, one of them in two boxes, and something else.
    const ROWS: [f32; 24] = [
        0.1, 0.1, 0.5, 0.3, 0.9, 0.0, // a person
        0.12, 0.1, 0.52, 0.3, 0.7, 0.0, // the same
        0.1, 0.6, 0.5, 1.2, 0.6, 0.1, // another, at the edge
        0.0, 0.0, 1.0, 1.0, 0.1, 0.8, // a sofa
    ];

    #[test]
    fn a_thing_in_two_boxes_is_counted_once() {
        let boxes = Boxes::new(&ROWS, 2);
        let people = boxes.regions(0, 0.5, Part::WHOLE);
        let told: Vec<_> = people.iter().map(|it| (it.confidence, it.left)).collect();
        assert_eq!(told, [(0.9, 0.1), (0.6, 0.6)]);
        assert!((people[1].width - 0.4).abs() < 1e-6, "within the picture");
    }

    #[test]
    fn a_class_is_as_sure_as_its_surest_box() {
        assert_eq!(Boxes::new(&ROWS, 2).surest(), [0.9, 0.8]);
        assert_eq!(Boxes::new(&[], 2).surest(), [0.0, 0.0]);
    }

    #[test]
    fn a_box_outside_is_none() {
        let outside = [1.1, 1.1, 1.2, 1.2, 0.9];
        let boxes = Boxes::new(&outside, 1);
        assert!(boxes.regions(0, 0.5, Part::WHOLE).is_empty());
    }

    /// A wide picture between two bars, each a quarter of the tile.
    #[test]
    fn boxes_are_told_in_parts_of_the_picture_whatever_the_tile_shows() {
        let shown = Part {
            left: 0.0,
            top: -0.5,
            width: 1.0,
            height: 2.0,
        };
        let person = [0.375, 0.25, 0.625, 0.5, 0.9];
        let [region] = Boxes::new(&person, 1).regions(0, 0.5, shown)[..] else {
            panic!("one person");
        };
        let corners = [region.left, region.top, region.width, region.height];
        assert_eq!(corners, [0.25, 0.25, 0.25, 0.5]);
    }
}
