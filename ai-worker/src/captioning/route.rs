//! Which captions are somebody else's: by the priority of a picture, or by language.

use common::{queue::Priority, wire::Language};

use super::Asked;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    Realtime,
    Bulk,
    Language(Language),
}

impl When {
    pub fn fits(self, asked: Asked) -> bool {
        match self {
            Self::Realtime => asked.priority == Priority::Realtime,
            Self::Bulk => asked.priority == Priority::Bulk,
            Self::Language(language) => asked.language == language,
        }
    }
}

#[cfg(test)]
mod tests {
    use common::wire::{CaptionStatus, Tag};

    use super::*;
    use crate::caption::Captioner;

    fn tag() -> Tag {
        let own = String::from;
        let (id, category) = (own("cat"), own("animal"));
        Tag {
            id,
            name: own("고양이"),
            confidence: 0.9,
            category,
            category_name: own("동물"),
            parents: Vec::new(),
        }
    }

    #[tokio::test]
    async fn the_first_rule_that_fits_says_who_writes() {
        let captioner = Captioner::template()
            .routed(When::Language(Language::Ko), Captioner::template())
            .routed(When::Bulk, Captioner::off());
        let later = std::time::Instant::now() + std::time::Duration::from_secs(60);
        for (priority, language, expected) in [
            (Priority::Realtime, Language::En, CaptionStatus::Template),
            (Priority::Bulk, Language::En, CaptionStatus::Disabled),
            (Priority::Bulk, Language::Ko, CaptionStatus::Template),
        ] {
            let asked = Asked { priority, language };
            let captioned = captioner.caption(true, &[tag()], asked, later).await;
            assert_eq!(captioned.caption.status, expected, "{asked:?}");
        }
    }
}
