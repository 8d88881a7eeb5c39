//! How much memory a shard takes while its tags are made.

use common::wire::TagQuery;

/// A table lies there as it came, and some of its rows as they are unpacked.
const TABLE_COPIES: usize = 2;
/// A line without its tags: names, the URL, what is known of the image.
const LINE_BYTES: usize = 1_000;
/// A tag with its category, its parents and a name in another language.
const TAG_BYTES: usize = 200;
/// More tags than a model gives where nobody says how many.
const TAGS: usize = 20;

/// `asked` decides how many tags a line may have.
pub fn needed(table_bytes: usize, rows: usize, asked: &TagQuery) -> usize {
    let words = asked.vocabulary.as_deref().map_or(0, count_lines);
    let tags = asked.limit.map_or(TAGS, usize::from) + words;
    let lines = rows.saturating_mul(LINE_BYTES + tags * TAG_BYTES);
    (table_bytes * TABLE_COPIES).saturating_add(lines)
}

fn count_lines(text: &str) -> usize {
    text.lines().count()
}

#[cfg(test)]
mod tests {
    use common::wire::{Features, Language, Selection};

    use super::*;

    fn asked(limit: Option<u16>, vocabulary: Option<&str>) -> TagQuery {
        TagQuery {
            features: Features::default(),
            limit,
            threshold: None,
            language: Language::default(),
            selection: Selection::default(),
            vocabulary: vocabulary.map(str::to_owned),
            tenant_words: false,
        }
    }

    #[test]
    fn who_asks_for_more_tags_needs_more_room() {
        let of_lines = |asked: TagQuery| needed(1_000, 10_000, &asked) - 2_000;
        assert_eq!(of_lines(asked(Some(5), None)), 10_000 * 2_000);
        assert_eq!(of_lines(asked(Some(100), None)), 10_000 * 21_000);
        assert_eq!(
            of_lines(asked(Some(5), Some("pet = cat\nbed = bed"))),
            10_000 * 2_400
        );
        assert_eq!(of_lines(asked(None, None)), 10_000 * 5_000);
    }
}
