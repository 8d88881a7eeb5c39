//! What an answer tells beside its tags, in a few words.

use serde_json::Value;

/// A grade from here on is worth a word.
const LIKELY: f64 = 0.5;
const COLORS_SHOWN: usize = 3;
const LINES_SHOWN: usize = 8;

/// Returns nothing where there is nothing to tell.
pub fn in_words(answer: &Value) -> String {
    let parts = [
        people(&answer["people"]),
        most_special(&answer["text"]),
        lines(&answer["text"]["lines"]),
        most_special(&answer["safety"]),
        colors(&answer["colors"]),
        text(&answer["exif"]["taken_at"]),
        text(&answer["exif"]["camera"]),
        missing(&answer["partial"]),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    parts.join("; ")
}

fn people(people: &Value) -> Option<String> {
    match people["count"].as_u64()? {
        0 => None,
        1 => Some("1 person".to_owned()),
        count => Some(format!("{count} people")),
    }
}

/// Returns the last of what is likely: a model names the general first.
fn most_special(graded: &Value) -> Option<String> {
    let grades = graded["grades"].as_array()?;
    let is_likely = |grade: &&Value| grade["score"].as_f64().is_some_and(|score| score >= LIKELY);
    text(&grades.iter().rfind(is_likely)?["id"])
}

/// Returns the first lines of what is written there.
fn lines(lines: &Value) -> Option<String> {
    let lines = lines.as_array()?;
    let mut shown: Vec<&str> = Vec::new();
    for line in lines.iter().take(LINES_SHOWN) {
        shown.extend(line["text"].as_str());
    }
    let more = if lines.len() > LINES_SHOWN {
        " …"
    } else {
        ""
    };
    (!shown.is_empty()).then(|| format!("“{}{more}”", shown.join(" / ")))
}

fn colors(colors: &Value) -> Option<String> {
    let shown = colors.as_array()?.iter().take(COLORS_SHOWN);
    let names: Vec<String> = shown.filter_map(|color| text(&color["name"])).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

fn missing(parts: &Value) -> Option<String> {
    let names: Vec<String> = parts.as_array()?.iter().filter_map(text).collect();
    (!names.is_empty()).then(|| format!("missing: {}", names.join(", ")))
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_is_there_is_told() {
        let answer = json!({
            "people": {"count": 2, "boxes": []},
            "text": {"grades": [{"id": "text", "score": 0.9}, {"id": "document", "score": 0.6}]},
            "safety": {"grades": [{"id": "sexual content", "score": 0.1}]},
            "colors": [{"id": "blue", "name": "파랑"}, {"id": "grey", "name": "회색"}],
            "exif": {"camera": "Canon EOS R5"},
            "partial": ["faces"],
        });
        let told = "2 people; document; 파랑, 회색; Canon EOS R5; missing: faces";
        assert_eq!(in_words(&answer), told);
        let written =
            json!({"text": {"grades": [], "lines": [{"text": "TOTAL"}, {"text": "13.15"}]}});
        assert_eq!(in_words(&written), "“TOTAL / 13.15”");
        let nobody = json!({"people": {"count": 0}, "text": {"grades": []}, "tags": []});
        assert_eq!(in_words(&nobody), "");
        let somebody = json!({"people": {"count": 1}});
        assert_eq!(in_words(&somebody), "1 person");
    }
}
