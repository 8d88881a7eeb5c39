//! Which tags a caption may speak of: those alone that are sure, since a sentence says nothing of how sure it is.

use common::wire::{Language, Seen, Tag};
use tags::PERSON;

/// Above what a detector tells people from, since a statue or an ape is one to it as well.
const PERSON_SPOKEN: f32 = 0.7;
/// What a detector takes for people now and then.
const ANIMAL: &str = "animal";
/// From two on. More are many.
const COUNTS: [&str; 9] = [
    "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
];

/// Returns what a tagger is sure of, after people, if a detector is sure of some.
pub fn spoken(sure: Vec<Tag>, beside: &[Tag], seen: &Seen, language: Language) -> Vec<Tag> {
    let is_animal = sure.iter().any(|tag| tag.category == ANIMAL);
    let person = beside
        .iter()
        .find(|tag| tag.id() == PERSON && tag.confidence >= PERSON_SPOKEN && !is_animal);
    let people = person.map(|person| counted(person, seen, language));
    people.into_iter().chain(sure).collect()
}

/// Says how many there are, in English, where all that the answer counts are sure. A Korean name is the same for one and for
/// many.
fn counted(person: &Tag, seen: &Seen, language: Language) -> Tag {
    let mut tag = person.clone();
    let told = seen.head_count(0.0);
    if language == Language::En && told > 1 {
        let is_sure = seen.head_count(PERSON_SPOKEN) == told;
        tag.name = match COUNTS.get(told - 2) {
            Some(count) if is_sure => format!("{count} people"),
            None if is_sure => "many people".to_owned(),
            _ => "people".to_owned(),
        };
    }
    tag
}

#[cfg(test)]
mod tests {
    use common::wire::{ModelId, People, Region};

    use super::*;

    fn tag(id: &str, category: &str, confidence: f32) -> Tag {
        Tag {
            id: id.into(),
            name: id.into(),
            confidence,
            category: category.into(),
            category_name: category.into(),
            parents: Vec::new(),
        }
    }

    fn seen(count: usize) -> Seen {
        let region = Region {
            left: 0.0,
            top: 0.0,
            width: 0.1,
            height: 0.1,
            confidence: 0.9,
        };
        let model = ModelId {
            name: "detector".into(),
            version: "1".into(),
        };
        Seen {
            people: Some(People {
                model,
                regions: vec![region; count],
            }),
            ..Seen::default()
        }
    }

    fn names(tags: &[Tag]) -> Vec<&str> {
        tags.iter().map(|tag| tag.name.as_str()).collect()
    }

    #[test]
    fn people_come_first_and_are_counted() {
        let sea = || vec![tag("seashore", "nature", 0.95)];
        for (count, expected) in [
            (1, "person"),
            (2, "two people"),
            (10, "ten people"),
            (11, "many people"),
        ] {
            let person = [tag("person", "person", 0.8)];
            let said = spoken(sea(), &person, &seen(count), Language::En);
            assert_eq!(names(&said), [expected, "seashore"]);
        }
        let korean = spoken(
            sea(),
            &[tag("person", "person", 0.8)],
            &seen(2),
            Language::Ko,
        );
        assert_eq!(names(&korean), ["person", "seashore"]);
    }

    #[test]
    fn no_number_is_said_that_the_answer_does_not_count() {
        let mut seen = seen(3);
        if let Some(people) = &mut seen.people {
            people.regions[2].confidence = 0.56;
        }
        let person = [tag("person", "person", 0.9)];
        let said = spoken(Vec::new(), &person, &seen, Language::En);
        assert_eq!(names(&said), ["people"]);
    }

    #[test]
    fn an_unsure_person_and_an_ape_are_nobody() {
        let unsure = [tag("person", "person", 0.6)];
        assert!(spoken(Vec::new(), &unsure, &seen(1), Language::En).is_empty());
        let ape = vec![tag("gorilla", "animal", 0.99)];
        let person = [tag("person", "person", 0.98)];
        let said = spoken(ape, &person, &seen(1), Language::En);
        assert_eq!(names(&said), ["gorilla"]);
    }
}
