//! The template's Korean sentences. Which verb is natural depends on what is
//! seen: an animal is there, a palace comes into view, a car is taken a photo of.

use common::wire::Tag;

use super::{
    english::bare,
    particle::{Particle, attach},
};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    Living,
    Food,
    View,
    Thing,
}

impl Sort {
    fn of(category: &str) -> Self {
        match category {
            "animal" | "person" => Self::Living,
            "food" => Self::Food,
            "building" | "nature" | "plant" => Self::View,
            _ => Self::Thing,
        }
    }
}

/// Returns the Korean sentence. `subjects` is not empty.
pub fn sentence(subjects: &[&Tag]) -> String {
    let sort = subjects
        .first()
        .map_or(Sort::Thing, |tag| Sort::of(&tag.category));
    let alike = subjects.iter().all(|tag| Sort::of(&tag.category) == sort);
    let names = listed(subjects);
    let there = attach(&names, Particle::Subject);
    let seen = attach(&names, Particle::Object);
    match (sort, subjects.len() > 1, alike) {
        (_, true, false) => format!("{there} 있는 사진입니다."),
        (Sort::Living, false, _) => format!("{there} 있는 사진입니다."),
        (Sort::Living, true, _) => format!("{there} 함께 있는 사진입니다."),
        (Sort::Food, false, _) => format!("{names} 사진입니다."),
        (Sort::Food, true, _) => format!("{there} 있는 음식 사진입니다."),
        (Sort::View, ..) => format!("{there} 보이는 사진입니다."),
        (Sort::Thing, false, _) => format!("{seen} 찍은 사진입니다."),
        (Sort::Thing, true, _) => format!("{seen} 함께 찍은 사진입니다."),
    }
}

/// Returns `고양이`, `고양이와 개` or `고양이와 개, 그리고 소파`.
fn listed(subjects: &[&Tag]) -> String {
    let names: Vec<&str> = subjects.iter().map(|tag| bare(&tag.name)).collect();
    match names.as_slice() {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first, last] => format!("{} {last}", attach(first, Particle::With)),
        [first, middle @ .., last] => {
            format!(
                "{} {}, 그리고 {last}",
                attach(first, Particle::With),
                middle.join(", ")
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(subjects: &[(&str, &str)]) -> String {
        let tag = |(name, category): &(&str, &str)| Tag {
            id: String::new(),
            name: (*name).into(),
            confidence: 1.0,
            category: (*category).into(),
            category_name: String::new(),
            parents: vec![],
        };
        let tags: Vec<Tag> = subjects.iter().map(tag).collect();
        sentence(&tags.iter().collect::<Vec<_>>())
    }

    #[test]
    fn every_pattern_reads_well() {
        for (subjects, sentence) in [
            (&[("고양이", "animal")][..], "고양이가 있는 사진입니다."),
            (
                &[("고양이", "animal"), ("비글", "animal")],
                "고양이와 비글이 함께 있는 사진입니다.",
            ),
            (&[("에스프레소", "food")], "에스프레소 사진입니다."),
            (
                &[("에스프레소", "food"), ("빵", "food")],
                "에스프레소와 빵이 있는 음식 사진입니다.",
            ),
            (&[("궁전", "building")], "궁전이 보이는 사진입니다."),
            (
                &[("궁전", "building"), ("데이지", "plant")],
                "궁전과 데이지가 보이는 사진입니다.",
            ),
            (&[("모페드", "vehicle")], "모페드를 찍은 사진입니다."),
            (
                &[("모페드", "vehicle"), ("헬멧", "clothing")],
                "모페드와 헬멧을 함께 찍은 사진입니다.",
            ),
            (
                &[("고양이", "animal"), ("안락의자", "furniture")],
                "고양이와 안락의자가 있는 사진입니다.",
            ),
            (
                &[
                    ("고양이", "animal"),
                    ("비글", "animal"),
                    ("소파", "furniture"),
                ],
                "고양이와 비글, 그리고 소파가 있는 사진입니다.",
            ),
            (&[("kite (bird)", "animal")], "kite가 있는 사진입니다."),
        ] {
            assert_eq!(written(subjects), sentence);
        }
    }
}
