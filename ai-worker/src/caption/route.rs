//! Which captions are somebody else's: by the lane of a picture, or by language.

use common::wire::Language;

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
            Self::Realtime => !asked.lane.is_bulk(),
            Self::Bulk => asked.lane.is_bulk(),
            Self::Language(language) => asked.language == language,
        }
    }
}

#[cfg(test)]
mod tests {
    use common::{
        queue::Lane,
        wire::{CaptionStatus, Tag},
    };

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
        for (lane, language, expected) in [
            (Lane::Realtime, Language::En, CaptionStatus::Template),
            (Lane::Bulk, Language::En, CaptionStatus::Disabled),
            (Lane::CaptionsBulk, Language::En, CaptionStatus::Disabled),
            (Lane::Captions, Language::En, CaptionStatus::Template),
            (Lane::Bulk, Language::Ko, CaptionStatus::Template),
        ] {
            let asked = Asked { lane, language };
            let captioned = captioner.caption(true, &[tag()], asked, later).await;
            assert_eq!(captioned.caption.status, expected, "{asked:?}");
        }
    }
}
