use crate::{Color, Flaw, InvalidVocabulary, Picture, Subject, Sureness, UnknownTag, Vocabulary};

/// A cat on a beach with three people, of which nobody measured the light.
struct Beach;

impl Picture for Beach {
    fn sureness(&self, tag: &str) -> Result<Option<Sureness>, UnknownTag> {
        let confidence = match tag {
            "cat" => 0.9,
            "beach" => 0.6,
            "dog" => 0.05,
            "sea lion" | "바다" => 0.3,
            "person" => return Ok(None),
            "man" => 0.9,
            "woman" => 0.2,
            other => return Err(UnknownTag(other.to_owned())),
        };
        Ok(Some(Sureness {
            confidence,
            is_told: confidence >= 0.1 && tag != "woman",
            is_least: matches!(tag, "man" | "woman"),
        }))
    }

    fn number(&self, subject: &Subject) -> Option<f64> {
        match subject {
            Subject::People => Some(3.0),
            Subject::Faces => Some(0.0),
            Subject::Color(color) => Some(if *color == Color::Blue { 0.4 } else { 0.0 }),
            _ => None,
        }
    }
}

/// Returns how sure a word is, if it holds.
fn judged(expression: &str) -> Option<f32> {
    let text = format!("word = {expression}");
    let vocabulary = Vocabulary::parse(&text).expect("an expression");
    let held = vocabulary.held(&Beach).expect("known tags");
    held.first().map(|held| held.confidence)
}

#[test]
fn words_hold_where_their_tags_and_counts_do() {
    assert_eq!(judged("cat | dog"), Some(0.9));
    assert_eq!(judged("cat & dog"), None, "a dog is not told");
    assert_eq!(judged("beach & people >= 3"), Some(0.6));
    assert_eq!(judged("beach & people > 3"), None);
    assert_eq!(judged("cat & !dog"), Some(0.9));
    assert_eq!(judged("!cat"), None);
    assert_eq!(judged("cat >= 0.95 | beach >= 0.5"), Some(0.9));
    assert_eq!(judged("cat >= 0.95"), None);
    assert_eq!(judged("people"), Some(1.0));
    assert_eq!(judged("faces"), None);
    assert_eq!(judged("color:blue >= 0.3 & sea lion"), Some(0.3));
    assert_eq!(judged("color:파랑 >= 0.3"), Some(1.0));
    assert_eq!(judged("color:gray >= 0.1"), None);
    assert_eq!(judged("바다"), Some(0.3));
    assert_eq!(judged("\"sea lion\""), Some(0.3));
}

/// Who would see men and women best has not looked.
#[test]
fn what_may_be_more_is_never_denied() {
    assert_eq!(judged("man"), Some(0.9));
    assert_eq!(judged("man >= 0.5"), Some(0.9));
    assert_eq!(judged("woman >= 0.1"), Some(0.2));
    assert_eq!(judged("!(man < 0.5)").map(|sure| sure.round()), Some(0.0));
    assert_eq!(judged("cat | !woman"), Some(0.9));
    for unknown in [
        "woman",
        "!woman",
        "woman < 0.5",
        "woman >= 0.5",
        "!(woman >= 0.5)",
        "cat & !woman",
        "man <= 0.95",
    ] {
        assert_eq!(judged(unknown), None, "{unknown}");
    }
}

#[test]
fn and_binds_closer_than_or_and_parentheses_closest() {
    assert_eq!(judged("dog & cat | beach"), Some(0.6));
    assert_eq!(judged("dog & (cat | beach)"), None);
    assert_eq!(judged("!(dog | faces) & cat"), Some(0.9));
}

#[test]
fn what_nobody_looked_for_holds_nowhere_unless_the_rest_decides() {
    assert_eq!(judged("brightness < 0.2"), None);
    assert_eq!(judged("!(brightness < 0.2)"), None);
    assert_eq!(judged("person"), None);
    assert_eq!(judged("!person"), None);
    assert_eq!(judged("brightness < 0.2 | cat"), Some(0.9));
    assert_eq!(judged("!(brightness < 0.2 & dog)"), Some(0.95));
}

#[test]
fn a_text_has_words_comments_and_empty_lines() {
    let text = "# mine\n\npet = cat | dog # both\n  beach party =beach&people>=3\n";
    let vocabulary = Vocabulary::parse(text).expect("a vocabulary");
    let held = vocabulary.held(&Beach).expect("known tags");
    let words: Vec<&str> = held.iter().map(|held| held.word).collect();
    assert_eq!(words, ["pet", "beach party"]);
    let empty = Vocabulary::parse("").expect("an empty one");
    assert!(empty.held(&Beach).expect("nothing").is_empty());
}

#[test]
fn what_is_wrong_is_said_with_its_line() {
    let flaw = |line, flaw| InvalidVocabulary::Expression { line, flaw };
    for (text, expected) in [
        ("pet", InvalidVocabulary::Line(1)),
        ("\n= cat", InvalidVocabulary::Word(2)),
        ("a = cat\na = dog", InvalidVocabulary::Twice(2)),
        ("a =", flaw(1, Flaw::Missing(String::new()))),
        ("a = cat |", flaw(1, Flaw::Missing("cat |".into()))),
        ("a = | cat", flaw(1, Flaw::Unexpected("|".into()))),
        ("a = (cat", flaw(1, Flaw::Unclosed)),
        ("a = cat)", flaw(1, Flaw::Unexpected(")".into()))),
        ("a = \"cat", flaw(1, Flaw::Unquoted)),
        ("a = people >= many", flaw(1, Flaw::Number("many".into()))),
        ("a = cat == 1", flaw(1, Flaw::Unexpected("=".into()))),
        ("a = color:teal >= 0.1", flaw(1, Flaw::Color("teal".into()))),
        (
            "a = brightness",
            flaw(1, Flaw::Measure("brightness".into())),
        ),
    ] {
        assert_eq!(Vocabulary::parse(text), Err(expected), "{text}");
    }
    let deep = format!("a = {}cat{}", "(".repeat(17), ")".repeat(17));
    assert_eq!(Vocabulary::parse(&deep), Err(flaw(1, Flaw::TooDeep)));
    let deep = format!("a = {}cat", "!".repeat(4_000));
    assert_eq!(Vocabulary::parse(&deep), Err(flaw(1, Flaw::TooDeep)));
    let long = "#".repeat(5_000);
    assert_eq!(Vocabulary::parse(&long), Err(InvalidVocabulary::TooLarge));
    let many: String = (0..101).map(|n| format!("w{n}=cat\n")).collect();
    assert_eq!(Vocabulary::parse(&many), Err(InvalidVocabulary::TooLarge));
}

#[test]
fn an_unknown_tag_is_named_with_its_line() {
    let vocabulary = Vocabulary::parse("pet = cat\nb = catt").expect("a vocabulary");
    let unknown = vocabulary.held(&Beach).expect_err("no such tag");
    assert_eq!((unknown.line, unknown.unknown.0.as_str()), (2, "catt"));
}

#[test]
fn models_that_both_tell_a_tag_are_surer_and_one_that_does_not_takes_nothing_away() {
    let sure = |confidence, is_told| Sureness {
        confidence,
        is_told,
        is_least: false,
    };
    assert_eq!(sure(0.5, true).joined(sure(0.5, true)), sure(0.75, true));
    assert_eq!(sure(0.2, true).joined(sure(0.6, false)), sure(0.2, true));
    assert_eq!(sure(0.6, false).joined(sure(0.2, true)), sure(0.2, true));
    assert_eq!(sure(0.2, false).joined(sure(0.6, false)), sure(0.6, false));
}
