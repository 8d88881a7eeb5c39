//! Which models look at a picture beside its tagger.

use common::{
    fault::{Code, Fault},
    model::{ModelKind, Subject},
    stage::Stage,
    wire::{Features, ModelInfo},
};

/// Returns one model for each thing that is asked and that `own` does not look for itself. Behind them come the readers of
/// lines, for which no tile is made.
pub fn choose<'a>(
    own: &ModelInfo,
    asked: Features,
    models: impl Iterator<Item = &'a ModelInfo> + Clone,
) -> Result<Vec<ModelInfo>, Fault> {
    if asked.embedding && own.embedding.is_none() {
        return Err(gives_none(own));
    }
    let mut chosen = Vec::new();
    let mut readers = Vec::new();
    if asked.reading {
        readers = all_readers(models.clone())?;
    }
    for subject in subjects(asked) {
        if own.subject() == Some(subject) {
            continue;
        }
        let able = models
            .clone()
            .filter(|model| model.subject() == Some(subject));
        match able.min_by_key(|model| &model.id.name) {
            Some(model) => chosen.push(model.clone()),
            // They make the count of people better, and there is one without.
            None if subject == Subject::Faces => {}
            None => return Err(nobody_looks(subject)),
        }
    }
    chosen.extend(readers);
    Ok(chosen)
}

/// Returns those who read what another one finds, each once. They are shown no picture, but an answer depends on them.
fn all_readers<'a>(models: impl Iterator<Item = &'a ModelInfo>) -> Result<Vec<ModelInfo>, Fault> {
    let mut readers: Vec<ModelInfo> = models
        .filter(|model| model.kind == ModelKind::Text)
        .cloned()
        .collect();
    readers.sort_by(|a, b| (&a.id.name, &a.id.version).cmp(&(&b.id.name, &b.id.version)));
    readers.dedup_by(|a, b| a.id == b.id);
    if readers.is_empty() {
        return Err(nobody_looks(Subject::Reading));
    }
    Ok(readers)
}

fn subjects(asked: Features) -> impl Iterator<Item = Subject> {
    let all = [
        (asked.people, Subject::People),
        (asked.people, Subject::Faces),
        (asked.safety, Subject::Safety),
        (asked.text, Subject::Text),
        (asked.reading, Subject::Reading),
    ];
    all.into_iter()
        .filter_map(|(is_asked, subject)| is_asked.then_some(subject))
}

fn gives_none(model: &ModelInfo) -> Fault {
    let detail = format!(
        "Model {} gives no embedding. `efficientnet-lite0` does, and each whose manifest says `[embedding]`.",
        model.id.name
    );
    Fault::new(Code::ModelNotFound, Stage::Lookup, detail)
}

fn nobody_looks(subject: Subject) -> Fault {
    let model = match subject {
        Subject::People | Subject::Other => "coco-ssd",
        Subject::Faces => "blazeface",
        Subject::Safety => "open-nsfw",
        Subject::Text => "ppocr-text",
        Subject::Reading => "ppocr-lines,ppocr-reader",
    };
    let detail = format!(
        "No worker has a model that looks for {}. Workers have one with `--model efficientnet-lite0,{model}`.",
        subject.name()
    );
    Fault::new(Code::ModelNotFound, Stage::Lookup, detail)
}

#[cfg(test)]
mod tests {
    use common::{
        model::{Fit, TileSpec},
        wire::ModelId,
    };

    use super::*;

    fn model(name: &str, kind: ModelKind, looks_for: Option<Subject>) -> ModelInfo {
        ModelInfo {
            id: ModelId {
                name: name.into(),
                version: "1".into(),
            },
            kind,
            looks_for,
            licence: String::new(),
            source: String::new(),
            tile: TileSpec {
                width: 8,
                height: 8,
                fit: Fit::Crop,
            },
            default_limit: 10,
            default_threshold: 0.1,
            classes: 1,
            embedding: None,
        }
    }

    fn names(chosen: &Result<Vec<ModelInfo>, Fault>) -> Vec<&str> {
        let chosen = chosen.as_ref().expect("there is one for each");
        chosen.iter().map(|model| model.id.name.as_str()).collect()
    }

    const NOTHING: Features = Features {
        tags: true,
        caption: true,
        people: false,
        safety: false,
        text: false,
        reading: false,
        colors: true,
        quality: true,
        embedding: false,
        scores: false,
        exif: true,
    };
    const PEOPLE: Features = Features {
        people: true,
        ..NOTHING
    };

    #[test]
    fn who_asks_for_people_gets_faces_where_there_is_a_model() {
        let tagger = model("tagger", ModelKind::Softmax, None);
        // A worker of before says of no detector what it looks for.
        let bodies = model("bodies", ModelKind::Detector, None);
        let faces = model("faces", ModelKind::Detector, Some(Subject::Faces));
        let both = [tagger.clone(), faces, bodies.clone()];
        assert_eq!(
            names(&choose(&tagger, PEOPLE, both.iter())),
            ["bodies", "faces"]
        );
        let one = [tagger.clone(), bodies.clone()];
        assert_eq!(names(&choose(&tagger, PEOPLE, one.iter())), ["bodies"]);
        assert!(
            names(&choose(&bodies, PEOPLE, one.iter())).is_empty(),
            "its own affair"
        );
        assert!(names(&choose(&tagger, NOTHING, both.iter())).is_empty());
    }

    #[test]
    fn what_nobody_looks_for_is_said_with_what_would() {
        let tagger = model("tagger", ModelKind::Softmax, None);
        for (asked, model) in [
            (PEOPLE, "coco-ssd"),
            (
                Features {
                    safety: true,
                    ..NOTHING
                },
                "open-nsfw",
            ),
            (
                Features {
                    text: true,
                    ..NOTHING
                },
                "ppocr-text",
            ),
        ] {
            let fault = choose(&tagger, asked, [tagger.clone()].iter()).expect_err("nobody does");
            assert_eq!(fault.code, Code::ModelNotFound);
            assert!(fault.detail.contains(model), "{}", fault.detail);
        }
    }
}
