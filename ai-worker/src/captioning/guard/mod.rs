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
use labels::{Form, forms, words};

const MAX_WORDS: usize = 25;

/// A text within which one of them stands is more than one sentence.
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

/// What a sentence may name: the tags, and what they also are.
struct Given {
    /// The forms of each tag's name.
    tags: Vec<Vec<Form>>,
    parents: Vec<Vec<Form>>,
}

impl Given {
    fn new(tags: &[&Tag]) -> Self {
        Self {
            tags: tags.iter().map(|tag| forms(&tag.name)).collect(),
            parents: tags
                .iter()
                .flat_map(|tag| &tag.parents)
                .map(|parent| forms(parent))
                .collect(),
        }
    }

    fn names(&self) -> Vec<&Form> {
        self.tags.iter().chain(&self.parents).flatten().collect()
    }
}

/// Returns the sentence, tidied, or the rule that it breaks.
pub fn check(text: &str, given: &[&Tag], labels: &Labels) -> Result<String, Rule> {
    let text = text.trim().trim_matches('"').trim();
    let said = words(body(text)?);
    if said.len() < 2 || said.len() > MAX_WORDS {
        return Err(Rule::Length);
    }
    let given = Given::new(given);
    check_words(&said, &given, labels)?;
    Ok(text.to_owned())
}

/// Returns what stands before the full stop, which is to be plain text.
fn body(text: &str) -> Result<&str, Rule> {
    let body = text.strip_suffix('.').ok_or(Rule::NotOneSentence)?;
    if body.contains(ENDS) {
        return Err(Rule::NotOneSentence);
    }
    if body.contains(|c: char| !c.is_alphanumeric() && !" ,'-".contains(c)) {
        return Err(Rule::Characters);
    }
    Ok(body)
}

fn check_words(said: &[String], given: &Given, labels: &Labels) -> Result<(), Rule> {
    let names = given.names();
    if has_wrong_article(said) || counts_a_plural(said, &names) {
        return Err(Rule::Article);
    }
    let times: Vec<usize> = given.tags.iter().map(|tag| times(said, tag)).collect();
    if times.iter().all(|times| *times == 0) {
        return Err(Rule::NamesNoTag);
    }
    if times.iter().any(|times| *times > 1) || repeats(said) {
        return Err(Rule::Repetition);
    }
    if recites(said) {
        return Err(Rule::PromptText);
    }
    if says_more(said, &names) {
        return Err(Rule::OtherWords);
    }
    if names_another(said, &names, labels) {
        return Err(Rule::OtherLabel);
    }
    Ok(())
}

/// Counts how often a tag is named, in any form.
fn times(said: &[String], tag: &[Form]) -> usize {
    tag.iter().map(|form| mentions(said, form).count()).sum()
}

/// Returns whether a word is neither plain nor part of a given name.
fn says_more(said: &[String], names: &[&Form]) -> bool {
    let plain: HashSet<&str> = PLAIN.split(' ').collect();
    let allowed: HashSet<&String> = names.iter().copied().flatten().collect();
    said.iter()
        .any(|word| !allowed.contains(word) && !plain.contains(word.as_str()))
}

/// Returns where `name` stands in a sentence.
fn mentions<'a>(
    said: &'a [String],
    name: &'a [String],
) -> impl Iterator<Item = (usize, usize)> + 'a {
    let runs = said.windows(name.len().max(1)).enumerate();
    runs.filter(move |(_, run)| *run == name)
        .map(|(at, run)| (at, at + run.len()))
}

/// Returns whether a label is named that was not given, by itself or out of the words of several tags:
/// `beer bottle` of a `beer glass` and a `water bottle`. The `dog` in a given `hot dog` is none.
fn names_another(said: &[String], names: &[&Form], labels: &Labels) -> bool {
    let given: Vec<_> = names.iter().flat_map(|name| mentions(said, name)).collect();
    let within =
        |(from, to): (usize, usize)| given.iter().any(|span| span.0 <= from && to <= span.1);
    labels.found_in(said).any(|span| !within(span))
}

/// Finds `an cat` and `a espresso`.
fn has_wrong_article(said: &[String]) -> bool {
    said.windows(2).any(|pair| sounds_wrong(&pair[0], &pair[1]))
}

fn sounds_wrong(article: &str, word: &str) -> bool {
    match article {
        "a" => english::sounds_like_a_vowel(word),
        "an" => !english::sounds_like_a_vowel(word),
        _ => false,
    }
}

/// Finds `a pajamas` and `a cats`.
fn counts_a_plural(said: &[String], names: &[&Form]) -> bool {
    let spans = names.iter().flat_map(|name| mentions(said, name));
    let mut plurals = spans.filter(|(from, to)| english::is_plural(&said[*from..*to].join(" ")));
    plurals.any(|(from, _)| from > 0 && matches!(said[from - 1].as_str(), "a" | "an"))
}

/// Finds the loops into which small models fall: no word twice in a row, no three words twice.
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
