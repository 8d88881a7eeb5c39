//! The lines of images that were tagged, as they are written for any batch.

use dispatch::answer::{TagView, rounded};
use scores::Row;
use tags::Said;

use crate::labels::{TagText, TagTexts};

/// Writes the line of an image, as `ledger::outcome` does of an answer without a caption. `id`: that of the item.
/// `words`: the caller's own, which come first.
pub fn write(
    line: &mut Vec<u8>,
    id: &str,
    row: &Row<'_>,
    words: &[TagView],
    said: &[Said<'_>],
    texts: &TagTexts,
) {
    line.extend_from_slice(b"{\"custom_id\":");
    text(line, row.custom_id);
    line.extend_from_slice(b",\"error\":null,\"id\":");
    text(line, id);
    line.extend_from_slice(b",\"line\":");
    json(line, &row.line);
    line.extend_from_slice(
        b",\"response\":{\"body\":{\"caption\":{\"model\":null,\"status\":\"disabled\",\"text\":null},\"image\":",
    );
    line.extend_from_slice(row.image.as_bytes());
    line.extend_from_slice(b",\"model\":{\"name\":");
    text(line, row.model);
    line.extend_from_slice(b",\"version\":");
    text(line, row.version);
    line.extend_from_slice(b"},\"tags\":[");
    for word in words {
        begin_tag(line);
        json(line, word);
    }
    for said in said {
        begin_tag(line);
        let TagText { before, after } = texts.of(said.node);
        line.extend_from_slice(before.as_bytes());
        json(line, &rounded(said.confidence));
        line.extend_from_slice(after.as_bytes());
    }
    line.extend_from_slice(b"]},\"status_code\":200},\"url\":");
    text(line, row.url);
    line.extend_from_slice(b"}\n");
}

/// Parts a tag from the one before.
fn begin_tag(line: &mut Vec<u8>) {
    if line.last() != Some(&b'[') {
        line.push(b',');
    }
}

fn text(line: &mut Vec<u8>, text: &str) {
    json(line, text);
}

fn json<T: serde::Serialize + ?Sized>(line: &mut Vec<u8>, value: &T) {
    serde_json::to_writer(line, value).expect("memory takes what is written");
}

#[cfg(test)]
mod tests {
    use common::{
        image::{Exif, Facts, Format},
        wire::{Caption, CaptionStatus, Language, ModelId, Tagged},
    };
    use dispatch::answer::Answer;
    use ledger::{Item, outcome};
    use tags::{Believed, Choice, Filter, Taxonomy, select};

    use super::*;

    const LABELS: &str = r#"{"classes":[
        {"name":"tabby \"cat\"","category":"animal","parents":["animal"],"ko":"\"confidence\":0.5 고양이"},
        {"name":"espresso","category":"food","parents":[]}],
        "parents":{"animal":{"category":"animal","ko":"동물"}}, "categories":{"animal":{"ko":"동물"}}}"#;

    fn facts() -> Facts {
        Facts {
            width: 3,
            height: 2,
            frames: 1,
            format: Format::Png,
            bytes: 9,
            sha256: "ab".into(),
            exif: Exif::default(),
            warnings: vec![],
        }
    }

    /// A worker's answer, and its line as that of any batch.
    fn as_ever(item: &Item, tags: Vec<common::wire::Tag>) -> (String, Vec<u8>) {
        let caption = Caption {
            text: None,
            status: CaptionStatus::Disabled,
            model: None,
            unsure: false,
        };
        let model = ModelId {
            name: "lite".into(),
            version: "3".into(),
        };
        let tagged = Tagged {
            model,
            tags,
            caption,
            seen: Box::default(),
            scores: None,
        };
        let answer = serde_json::json!(Answer::new(facts(), tagged, None));
        let mut line = outcome("row_1", item, 6, Ok(&answer), None).json;
        line.push(b'\n');
        (answer["image"].to_string(), line)
    }

    #[test]
    fn a_line_is_byte_for_byte_that_of_any_batch() {
        let taxonomy = Taxonomy::from_json(LABELS.as_bytes()).expect("valid labels");
        for language in [Language::En, Language::Ko] {
            let texts = TagTexts::new(&taxonomy, language);
            for scores in [
                [1.0, 0.0],
                [0.65432, 0.12345],
                [0.00005, 0.33333],
                [0.0, 0.0],
            ] {
                let choice = Choice {
                    threshold: 0.0,
                    limit: 10,
                    filter: Filter::default(),
                    language,
                };
                let believed = Believed::plainly(scores);
                let kind = common::model::ModelKind::Softmax;
                let said = select(&taxonomy, kind, &believed, &choice);
                let tags = said.iter().map(|it| it.tag(&taxonomy, language)).collect();
                let item = Item::new("사진 \"7\"\n", "http://a.example/7");
                let (image, expected) = as_ever(&item, tags);
                let row = Row {
                    place: 6,
                    line: 7,
                    custom_id: &item.custom_id,
                    url: &item.url,
                    image: &image,
                    model: "lite",
                    version: "3",
                    classes: 0,
                    scores: &[],
                };
                let mut line = Vec::new();
                write(&mut line, "row_1", &row, &[], &said, &texts);
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                assert_eq!(text(&line), text(&expected));
            }
        }
    }
}
