//! No sentence of a language model reaches a user unread. It must be one short
//! sentence that names the tags and says nothing else: every word comes from
//! the tags, from what they also are, or from a list of plain words, and
//! together they make up no other label. All rules stand here.

mod labels;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

use common::wire::Tag;

use super::{prompt, template::english};
pub use labels::Labels;
use labels::{forms, words};

const MAX_WORDS: usize = 25;

/// Where one of them stands within a text, it is more than one sentence.
const ENDS: [char; 4] = ['.', '!', '?', '\n'];

/// So many words of the instruction in a row are no accident.
const PROMPT_RUN: usize = 4;

/// Words that claim nothing about a photo that its tags do not say already.
/// A word that is missing here costs a template; one too many, a lie.
const PLAIN: &str = "a an the this that these it there here one and or with of in on at by to near next beside \
    alongside together both also another some is are be seen see shows show shown showing feature features \
    featuring depict depicts depicting capture captures captured picture pictures pictured photo photos photograph \
    image images view views scene scenes shot close up kind kinds type types";

/// The rule that a sentence broke; the label `rule` of `tagfleet_caption_refused_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    NotOneSentence,
    Characters,
    Length,
    Repetition,
    Article,
    NamesNoTag,
    PromptText,
    OtherWords,
    OtherLabel,
}

impl Rule {
    pub fn name(self) -> &'static str {
        match self {
            Rule::NotOneSentence => "not_one_sentence",
            Rule::Characters => "characters",
            Rule::Length => "length",
            Rule::Repetition => "repetition",
            Rule::Article => "article",
            Rule::NamesNoTag => "names_no_tag",
            Rule::PromptText => "prompt_text",
            Rule::OtherWords => "other_words",
            Rule::OtherLabel => "other_label",
        }
    }
}

/// The sentence, tidied, or the rule that it breaks.
pub fn check(text: &str, given: &[&Tag], labels: &Labels) -> Result<String, Rule> {
    let text = text.trim().trim_matches('"').trim();
    let body = text.strip_suffix('.').ok_or(Rule::NotOneSentence)?;
    if body.contains(ENDS) {
        return Err(Rule::NotOneSentence);
    }
    if body.contains(|c: char| !c.is_alphanumeric() && !" ,'-".contains(c)) {
        return Err(Rule::Characters);
    }
    let said = words(body);
    if said.len() < 2 || said.len() > MAX_WORDS {
        return Err(Rule::Length);
    }
    let tags: Vec<_> = given.iter().map(|tag| forms(&tag.name)).collect();
    let parents: Vec<_> = given
        .iter()
        .flat_map(|tag| &tag.parents)
        .map(|parent| forms(parent))
        .collect();
    let names: Vec<&Vec<String>> = tags.iter().chain(&parents).flatten().collect();
    if said.windows(2).any(|pair| sounds_wrong(&pair[0], &pair[1]))
        || counts_a_plural(&said, &names)
    {
        return Err(Rule::Article);
    }
    let times = |tag: &Vec<Vec<String>>| {
        tag.iter()
            .map(|form| mentions(&said, form).count())
            .sum::<usize>()
    };
    if tags.iter().all(|tag| times(tag) == 0) {
        return Err(Rule::NamesNoTag);
    }
    if tags.iter().any(|tag| times(tag) > 1) || repeats(&said) {
        return Err(Rule::Repetition);
    }
    if recites(&said) {
        return Err(Rule::PromptText);
    }
    let plain: HashSet<&str> = PLAIN.split(' ').collect();
    let allowed: HashSet<&String> = names.iter().copied().flatten().collect();
    if !said
        .iter()
        .all(|word| allowed.contains(word) || plain.contains(word.as_str()))
    {
        return Err(Rule::OtherWords);
    }
    if names_another(&said, &names, labels) {
        Err(Rule::OtherLabel)
    } else {
        Ok(text.to_owned())
    }
}

/// Where `name` stands in a sentence.
fn mentions<'a>(
    said: &'a [String],
    name: &'a [String],
) -> impl Iterator<Item = (usize, usize)> + 'a {
    let runs = said.windows(name.len().max(1)).enumerate();
    runs.filter(move |(_, run)| *run == name)
        .map(|(at, run)| (at, at + run.len()))
}

/// A label that was not given, by itself or out of the words of several tags:
/// `beer bottle` of a `beer glass` and a `water bottle`. The `dog` in a given `hot dog` is none.
fn names_another(said: &[String], names: &[&Vec<String>], labels: &Labels) -> bool {
    let given: Vec<_> = names.iter().flat_map(|name| mentions(said, name)).collect();
    let within =
        |(from, to): (usize, usize)| given.iter().any(|span| span.0 <= from && to <= span.1);
    labels.found_in(said).any(|span| !within(span))
}

/// `an cat`, `a espresso`.
fn sounds_wrong(article: &str, word: &str) -> bool {
    match article {
        "a" => english::sounds_like_a_vowel(word),
        "an" => !english::sounds_like_a_vowel(word),
        _ => false,
    }
}

/// `a pajamas`, `a cats`.
fn counts_a_plural(said: &[String], names: &[&Vec<String>]) -> bool {
    let spans = names.iter().flat_map(|name| mentions(said, name));
    let mut plurals = spans.filter(|(from, to)| english::is_plural(&said[*from..*to].join(" ")));
    plurals.any(|(from, _)| from > 0 && matches!(said[from - 1].as_str(), "a" | "an"))
}

/// Small models fall into loops: no word twice in a row, no three words twice.
fn repeats(said: &[String]) -> bool {
    let mut seen = HashSet::new();
    let doubled = said.windows(2).any(|pair| pair[0] == pair[1]);
    doubled || said.windows(3).any(|run| !seen.insert(run))
}

fn recites(said: &[String]) -> bool {
    let instruction = words(prompt::SYSTEM);
    said.windows(PROMPT_RUN)
        .any(|run| mentions(&instruction, run).next().is_some())
}
