//! Everything that the tagging models can name, as a sentence may say it.

use std::collections::HashSet;

use crate::captioning::template::english;

/// A name, or its plural, as lower-case words.
pub type Form = Vec<String>;

#[derive(Clone, Debug, Default)]
pub struct Labels {
    forms: HashSet<Form>,
    longest: usize,
}

impl Labels {
    /// Makes them of all names that the models have for classes and their parents.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        names.into_iter().flat_map(forms).collect()
    }

    /// Returns where labels stand in a sentence, from one word to before another.
    pub fn found_in<'a>(&'a self, said: &'a [String]) -> impl Iterator<Item = (usize, usize)> + 'a {
        let ends = |from: usize| from + 1..=said.len().min(from + self.longest);
        let spans = (0..said.len()).flat_map(move |from| ends(from).map(move |to| (from, to)));
        spans.filter(|(from, to)| self.forms.contains(&said[*from..*to]))
    }
}

impl FromIterator<Form> for Labels {
    fn from_iter<T: IntoIterator<Item = Form>>(forms: T) -> Self {
        let forms: HashSet<Form> = forms.into_iter().filter(|form| !form.is_empty()).collect();
        let longest = forms.iter().map(Vec::len).max().unwrap_or(0);
        Self { forms, longest }
    }
}

/// Returns a name as it stands, and in the plural if it is none: `two cats` names a
/// `cat`, but there is no `pajama` in `pajamas`.
pub fn forms(name: &str) -> Vec<Form> {
    let name = english::bare(name);
    let said = words(name);
    let Some((last, first)) = said.split_last() else {
        return Vec::new();
    };
    let plural = [first, &[english::plural(last)]].concat();
    if english::is_plural(name) {
        vec![said]
    } else {
        vec![said, plural]
    }
}

/// Returns lower-case words without punctuation.
pub fn words(text: &str) -> Vec<String> {
    let text = text.to_lowercase();
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .collect()
}
