//! What a name needs in an English sentence: an article or none, and its plural.

/// A last word that counts nothing: `food`, never `a food`.
const UNCOUNTED: &[&str] = &[
    "armor",
    "bedding",
    "bread",
    "broccoli",
    "cattle",
    "clothing",
    "cookware",
    "corn",
    "crockery",
    "cutlery",
    "equipment",
    "food",
    "footwear",
    "furniture",
    "guacamole",
    "headwear",
    "hosiery",
    "jewelry",
    "makeup",
    "nightwear",
    "outerwear",
    "swine",
    "tableware",
    "tissue",
    "transport",
    "underwear",
    "wine",
    "workwear",
];

/// Looks like a plural and is none.
const SINGULAR: &[&str] = &["bouvier des flandres", "great pyrenees"];

/// Returns the name without what stands in brackets, which only tells two names apart.
pub fn bare(name: &str) -> &str {
    name.split(" (").next().unwrap_or(name)
}

pub fn with_article(name: &str) -> String {
    let last = last_word(head(name));
    let uncounted = UNCOUNTED.contains(&last) || last == "people";
    match (uncounted || is_plural(name), sounds_like_a_vowel(name)) {
        (true, _) => name.to_owned(),
        (false, true) => format!("an {name}"),
        (false, false) => format!("a {name}"),
    }
}

pub fn is_plural(name: &str) -> bool {
    let head = head(name);
    head.ends_with('s')
        && !["ss", "us", "is", "ops"]
            .iter()
            .any(|ending| head.ends_with(ending))
        && !SINGULAR.contains(&head)
}

/// Returns `cats`, `boxes` or `daisies`.
pub fn plural(word: &str) -> String {
    let hisses = ["s", "x", "z", "ch", "sh"]
        .iter()
        .any(|ending| word.ends_with(ending));
    match word
        .strip_suffix('y')
        .filter(|stem| !stem.is_empty() && !stem.ends_with(|c| "aeiou".contains(c)))
    {
        Some(stem) => format!("{stem}ies"),
        None if hisses => format!("{word}es"),
        None => format!("{word}s"),
    }
}

/// Tells `an hourglass` from `a unicycle`: the sound decides, not the letter.
pub fn sounds_like_a_vowel(word: &str) -> bool {
    let word = word.to_lowercase();
    let begins = |with: &[&str]| with.iter().any(|beginning| word.starts_with(beginning));
    match () {
        () if begins(&["hour", "honest", "heir"]) => true,
        () if begins(&["uni", "euro", "use", "one", "ukulele"]) => false,
        () => word.starts_with(|c| "aeiou".contains(c)),
    }
}

/// Returns the `chest` of a `chest of drawers`.
fn head(name: &str) -> &str {
    name.split(" of ").next().unwrap_or(name)
}

fn last_word(name: &str) -> &str {
    name.rsplit(' ').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_get_the_article_that_they_need() {
        for (name, said) in [
            ("espresso", "an espresso"),
            ("hourglass", "an hourglass"),
            ("unicycle", "a unicycle"),
            ("sunglasses", "sunglasses"),
            ("chest of drawers", "a chest of drawers"),
            ("bird of prey", "a bird of prey"),
            ("praying mantis", "a praying mantis"),
            ("great pyrenees", "a great pyrenees"),
            ("sports equipment", "sports equipment"),
            ("bus", "a bus"),
        ] {
            assert_eq!(with_article(name), said);
        }
    }

    #[test]
    fn plurals() {
        assert_eq!(
            ["cat", "box", "daisy", "toy"].map(plural),
            ["cats", "boxes", "daisies", "toys"]
        );
    }
}
