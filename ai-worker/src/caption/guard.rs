//! No sentence of the language model reaches a user unread. It must be one
//! short sentence, about the tags, and about nothing else that has a name here.

use std::collections::HashSet;

use common::wire::Tag;

use crate::tags::Taxonomy;

const MAX_WORDS: usize = 25;
/// The longest name in words that is looked for.
const MAX_NAME_WORDS: usize = 4;

/// Shorter words of a name (`of`, `sea`, `red`) stand in innocent sentences, too.
const MIN_NAME_WORD: usize = 4;

/// The rule that a sentence broke; the label `rule` of `tagfleet_caption_refused_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    NotOneSentence,
    Length,
    Characters,
    Repetition,
    NamesNoTag,
    NamesOther,
}

impl Rule {
    pub fn name(self) -> &'static str {
        match self {
            Rule::NotOneSentence => "not_one_sentence",
            Rule::Length => "length",
            Rule::Characters => "characters",
            Rule::Repetition => "repetition",
            Rule::NamesNoTag => "names_no_tag",
            Rule::NamesOther => "names_other",
        }
    }
}

#[derive(Debug)]
pub struct Guard {
    /// Every name of the taxonomy, in the form that `words` gives.
    names: HashSet<String>,
    /// Every longer word of these names: who says `table` where no table was
    /// given invents one, even if only `dining table` is a name.
    name_words: HashSet<String>,
}

impl Guard {
    pub fn new(taxonomy: &Taxonomy) -> Self {
        let name_words = taxonomy.names().flat_map(words).filter(|word| word.len() >= MIN_NAME_WORD);
        Self { names: taxonomy.names().map(|name| words(name).join(" ")).collect(), name_words: name_words.collect() }
    }

    /// The sentence, tidied, or the rule that it breaks.
    pub fn check(&self, text: &str, given: &[&Tag]) -> Result<String, Rule> {
        let text = text.trim().trim_matches('"').trim();
        let body = text.strip_suffix('.').ok_or(Rule::NotOneSentence)?;
        if body.contains(['.', '!', '?', '\n', ':']) {
            return Err(Rule::NotOneSentence);
        }
        if !text.chars().all(|c| c.is_ascii_alphanumeric() || " ,.'-".contains(c)) {
            return Err(Rule::Characters);
        }
        let words = words(body);
        if words.len() < 2 || words.len() > MAX_WORDS {
            return Err(Rule::Length);
        }
        if repeats(&words) {
            return Err(Rule::Repetition);
        }
        self.check_names(&words, given)?;
        Ok(text.to_owned())
    }

    fn check_names(&self, sentence: &[String], given: &[&Tag]) -> Result<(), Rule> {
        let phrase = |name: &String| words(name).join(" ");
        let tags: HashSet<String> = given.iter().map(|tag| phrase(&tag.name)).collect();
        let allowed: HashSet<String> = given.iter().flat_map(|tag| &tag.parents).map(phrase).chain(tags.clone()).collect();
        let mut said = HashSet::new();
        let mut at = 0;
        while at < sentence.len() {
            let Some((name, length)) = self.name_at(&sentence[at..], &allowed) else {
                at += 1;
                continue;
            };
            if !allowed.contains(&name) {
                return Err(Rule::NamesOther);
            }
            if !said.insert(name) {
                return Err(Rule::Repetition);
            }
            at += length;
        }
        if tags.is_disjoint(&said) { Err(Rule::NamesNoTag) } else { Ok(()) }
    }

    /// The name with which `words` begin, and its length. The longest wins:
    /// `bell tower` is no `tower`.
    fn name_at(&self, words: &[String], allowed: &HashSet<String>) -> Option<(String, usize)> {
        let longest = MAX_NAME_WORDS.min(words.len());
        let found = (1..=longest).rev().find_map(|length| {
            let phrase = words[..length].join(" ");
            (allowed.contains(&phrase) || self.names.contains(&phrase)).then_some((phrase, length))
        });
        found.or_else(|| self.name_words.contains(&words[0]).then(|| (words[0].clone(), 1)))
    }
}

/// Lower-case words without punctuation, the last `s` of a plural dropped, so
/// that `two cats` names a `cat`. What stands in brackets only tells two
/// names apart, and is dropped.
fn words(text: &str) -> Vec<String> {
    let text = text.split('(').next().unwrap_or(text).to_lowercase();
    let word = |word: &str| match word.strip_suffix('s') {
        Some(singular) if singular.len() > 2 && !singular.ends_with('s') => singular.to_owned(),
        _ => word.to_owned(),
    };
    text.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty()).map(word).collect()
}

/// Small models fall into loops: a run of three words must not come twice.
fn repeats(words: &[String]) -> bool {
    let mut seen = HashSet::new();
    let doubled = words.windows(2).any(|pair| pair[0] == pair[1]);
    doubled || words.windows(3).any(|run| !seen.insert(run))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard() -> Guard {
        let labels = r#"{"classes":[
            {"name":"tabby","category":"animal","parents":["cat"]},
            {"name":"palace","category":"building","parents":["building"]},
            {"name":"bell tower","category":"building","parents":["building"]},
            {"name":"tower","category":"building","parents":["building"]},
            {"name":"dining table","category":"furniture","parents":[]}],
            "parents":{"cat":{"category":"animal"},"building":{"category":"building"}}}"#;
        Guard::new(&Taxonomy::from_json(labels.as_bytes()).expect("valid labels"))
    }

    fn check(text: &str, given: &[(&str, &[&str])]) -> Result<String, Rule> {
        let tags: Vec<Tag> = given
            .iter()
            .map(|(name, parents)| Tag {
                name: (*name).into(),
                confidence: 0.9,
                category: String::new(),
                parents: parents.iter().map(|parent| (*parent).into()).collect(),
            })
            .collect();
        guard().check(text, &tags.iter().collect::<Vec<_>>())
    }

    const PALACE: (&str, &[&str]) = ("palace", &["building"]);
    const BELL_TOWER: (&str, &[&str]) = ("bell tower", &["building"]);

    #[test]
    fn true_sentences_pass() {
        let text = "A palace and a bell tower by the water.";
        assert_eq!(check(text, &[PALACE, BELL_TOWER]).as_deref(), Ok(text));
        assert!(check("\"Two palaces by the water.\"", &[PALACE]).is_ok());
    }

    #[test]
    fn every_rule_refuses() {
        assert_eq!(check("A palace", &[PALACE]), Err(Rule::NotOneSentence));
        assert_eq!(check("A palace. A tower.", &[PALACE]), Err(Rule::NotOneSentence));
        assert_eq!(check("A <b>palace</b>.", &[PALACE]), Err(Rule::Characters));
        assert_eq!(check("Palace.", &[PALACE]), Err(Rule::Length));
        assert_eq!(check(&format!("A palace{}.", " so grand, yes".repeat(9)), &[PALACE]), Err(Rule::Length));
        assert_eq!(check("A palace by a lake by a lake by a lake.", &[PALACE]), Err(Rule::Repetition));
        assert_eq!(check("A fine view of a building.", &[PALACE]), Err(Rule::NamesNoTag));
        assert_eq!(check("A palace with a tabby.", &[PALACE]), Err(Rule::NamesOther));
        assert_eq!(check("A palace with a tower.", &[PALACE, BELL_TOWER]), Err(Rule::NamesOther));
        assert_eq!(check("A palace on a table.", &[PALACE]), Err(Rule::NamesOther));
        assert_eq!(check("A palace leans against the palace.", &[PALACE]), Err(Rule::Repetition));
    }
}
