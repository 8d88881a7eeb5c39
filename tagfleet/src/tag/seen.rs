//! What an answer tells beside its tags, in a few words.

use serde_json::Value;

/// A grade from here on is worth a word.
const LIKELY: f64 = 0.5;
const COLORS_SHOWN: usize = 3;
const LINES_SHOWN: usize = 8;

/// Returns nothing where nothing beside tags was asked for. What was asked for is told, also where there is nothing of it.
pub fn in_words(answer: &Value) -> String {
    let parts = [
        people(&answer["people"]),
        graded(&answer["text"], "no text"),
        lines(&answer["text"]["lines"]),
        graded(&answer["safety"], "fit for everybody"),
        colors(&answer["colors"]),
        quality(&answer["quality"]),
        exif(&answer["exif"]),
        embedding(&answer["embedding"]),
        missing(&answer["partial"]),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    parts.join("; ")
}

fn people(people: &Value) -> Option<String> {
    Some(match people["count"].as_u64()? {
        0 => "nobody".to_owned(),
        1 => "1 person".to_owned(),
        count => format!("{count} people"),
    })
}

/// Returns the last of what is likely, since a model names the general first, or what it means that nothing is.
fn graded(graded: &Value, nothing: &str) -> Option<String> {
    let grades = graded["grades"].as_array()?;
    let is_likely = |grade: &&Value| grade["score"].as_f64().is_some_and(|score| score >= LIKELY);
    match grades.iter().rfind(is_likely) {
        Some(grade) => text(&grade["id"]),
        None => Some(nothing.to_owned()),
    }
}

fn quality(quality: &Value) -> Option<String> {
    let measures = ["brightness", "contrast", "sharpness"];
    let told = measures.map(|name| Some(format!("{name} {:.2}", quality[name].as_f64()?)));
    let told: Vec<String> = told.into_iter().flatten().collect();
    (!told.is_empty()).then(|| told.join(", "))
}

fn exif(exif: &Value) -> Option<String> {
    exif.as_object()?;
    let place = &exif["place"];
    let place = match (place["latitude"].as_f64(), place["longitude"].as_f64()) {
        (Some(latitude), Some(longitude)) => Some(format!("at {latitude}, {longitude}")),
        _ => None,
    };
    let told = [
        text(&exif["taken_at"]),
        text(&exif["camera"]),
        place,
        text(&exif["orientation"]),
    ];
    let told: Vec<String> = told.into_iter().flatten().collect();
    Some(match told.is_empty() {
        true => "no Exif".to_owned(),
        false => told.join(", "),
    })
}

/// The numbers themselves are for programs: `--json` has them.
fn embedding(embedding: &Value) -> Option<String> {
    let numbers = embedding["dimension"].as_u64()?;
    Some(format!("embedding of {numbers} numbers"))
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
    fn what_was_asked_for_is_told_and_nothing_else() {
        let answer = json!({
            "people": {"count": 2, "boxes": []},
            "text": {"grades": [{"id": "text", "score": 0.9}, {"id": "document", "score": 0.6}]},
            "safety": {"grades": [{"id": "sexual content", "score": 0.7}]},
            "colors": [{"id": "blue", "name": "파랑"}, {"id": "grey", "name": "회색"}],
            "exif": {"camera": "Canon EOS R5", "place": {"latitude": 37.57, "longitude": 126.98}},
            "partial": ["faces"],
        });
        let told = "2 people; document; sexual content; 파랑, 회색; Canon EOS R5, at 37.57, 126.98; missing: faces";
        assert_eq!(in_words(&answer), told);
        let written =
            json!({"text": {"grades": [], "lines": [{"text": "TOTAL"}, {"text": "13.15"}]}});
        assert_eq!(in_words(&written), "no text; “TOTAL / 13.15”");
        let somebody = json!({"people": {"count": 1}});
        assert_eq!(in_words(&somebody), "1 person");
        assert_eq!(in_words(&json!({"tags": []})), "");
    }

    #[test]
    fn nothing_that_was_found_is_told_too() {
        let nothing = json!({
            "people": {"count": 0},
            "text": {"grades": []},
            "safety": {"grades": [{"id": "sexual content", "score": 0.1}]},
            "quality": {"brightness": 0.5, "contrast": 0.25, "sharpness": 1.0},
            "exif": {},
            "embedding": {"dimension": 1280, "encoding": "float16", "data": "DR5Q"},
        });
        let told = "nobody; no text; fit for everybody; brightness 0.50, contrast 0.25, sharpness 1.00; no Exif; \
                    embedding of 1280 numbers";
        assert_eq!(in_words(&nothing), told);
    }
}
