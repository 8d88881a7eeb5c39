//! What a detector takes for people, and a tagger for an animal.

use common::wire::{People, Region, Seen, Tag};
use tags::PERSON;

/// Two of 156 things are faces to the detector, at 0.60 and 0.65. Each of six photos of groups has a face above this.
const SURE_ALONE: f32 = 0.7;

/// Takes back people whom a detector saw in place of the animal that the tagger is sure of: an ape, or a penguin's face. To be
/// called where the detector sees no animal itself: else people stand beside it. And who has a body and a face is a person.
pub fn without_apes(others: &mut Vec<Tag>, seen: &mut Seen) {
    if seen.people.is_none() {
        return;
    }
    let bodies = regions(&seen.people);
    let faces = regions(&seen.faces);
    if let Some(people) = &mut seen.people {
        let has_face = |body: &Region| faces.iter().any(|face| body.holds(face));
        people.regions.retain(has_face);
    }
    if let Some(found) = &mut seen.faces {
        let has_body = |face: &Region| bodies.iter().any(|body| body.holds(face));
        found.regions.retain(has_body);
    }
    if seen.head_count(0.0) == 0 {
        others.retain(|tag| tag.id() != PERSON);
    }
}

/// Takes back faces that are not sure where nobody else is to be seen: a penguin's, or a fly's. In company an unsure face is
/// somebody's who looks away.
pub fn without_doubtful_faces(others: &mut Vec<Tag>, seen: &mut Seen) {
    let Some(people) = &seen.people else {
        return;
    };
    let Some(faces) = &mut seen.faces else {
        return;
    };
    let is_sure = |face: &Region| face.confidence >= SURE_ALONE;
    if people.regions.is_empty() && !faces.regions.iter().any(is_sure) {
        faces.regions.clear();
        others.retain(|tag| tag.id() != PERSON);
    }
}

fn regions(found: &Option<People>) -> Vec<Region> {
    let regions = found.iter().flat_map(|found| &found.regions);
    regions.copied().collect()
}

#[cfg(test)]
mod tests {
    use common::wire::ModelId;

    use super::*;

    fn tag(id: &str, category: &str) -> Tag {
        Tag {
            id: id.into(),
            name: id.into(),
            confidence: 0.95,
            category: category.into(),
            category_name: category.into(),
            parents: Vec::new(),
        }
    }

    fn at(left: f32, width: f32) -> Region {
        Region {
            left,
            top: 0.0,
            width,
            height: width,
            confidence: 0.9,
        }
    }

    fn seen(bodies: &[Region], faces: &[Region]) -> Seen {
        let model = ModelId {
            name: "detector".into(),
            version: "1".into(),
        };
        let found = |regions: &[Region]| {
            Some(People {
                model: model.clone(),
                regions: regions.to_vec(),
            })
        };
        Seen {
            people: found(bodies),
            faces: found(faces),
            ..Seen::default()
        }
    }

    /// How many people are left, and which tags.
    fn left(mut seen: Seen) -> (usize, Vec<String>) {
        let mut others = vec![tag(PERSON, PERSON)];
        without_apes(&mut others, &mut seen);
        let names = others.iter().map(|tag| tag.id().to_owned());
        (seen.head_count(0.0), names.collect())
    }

    #[test]
    fn an_unsure_face_is_believed_in_company() {
        let face = |confidence| Region {
            confidence,
            ..at(0.1, 0.1)
        };
        let count = |bodies: &[Region], faces: &[Region]| {
            let mut others = vec![tag(PERSON, PERSON)];
            let mut seen = seen(bodies, faces);
            without_doubtful_faces(&mut others, &mut seen);
            (seen.head_count(0.0), others.len())
        };
        assert_eq!(count(&[], &[face(0.65)]), (0, 0));
        assert_eq!(count(&[], &[face(0.75)]), (1, 1));
        assert_eq!(count(&[], &[face(0.75), face(0.65)]), (2, 1));
        assert_eq!(count(&[at(0.5, 0.4)], &[face(0.65)]), (2, 1));
    }

    #[test]
    fn an_ape_is_nobody_and_who_has_a_body_and_a_face_is_somebody() {
        let body = at(0.0, 0.6);
        let nobody = (0, Vec::new());
        assert_eq!(left(seen(&[body], &[])), nobody);
        // A penguin's face, and no body.
        assert_eq!(left(seen(&[], &[at(0.1, 0.1)])), nobody);
        let somebody = (1, vec![PERSON.to_owned()]);
        assert_eq!(left(seen(&[body], &[at(0.2, 0.1)])), somebody);
        // The other detector did not look, so that it cannot gainsay.
        let by_face_alone = Seen {
            people: None,
            ..seen(&[], &[at(0.1, 0.1)])
        };
        assert_eq!(left(by_face_alone), somebody);
    }
}
