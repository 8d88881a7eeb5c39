//! Which captions somebody else writes: by the priority of a picture, or by language.

use common::{queue::Priority, wire::Language};

use super::CaptionRequest;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    Realtime,
    Bulk,
    Language(Language),
}

impl When {
    pub fn fits(self, asked: CaptionRequest) -> bool {
        match self {
            Self::Realtime => asked.priority == Priority::Realtime,
            Self::Bulk => asked.priority == Priority::Bulk,
            Self::Language(language) => asked.language == language,
        }
    }
}
