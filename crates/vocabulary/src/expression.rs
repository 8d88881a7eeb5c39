//! What a word stands for, and whether it holds of a picture.

use crate::color::Color;

/// What of a picture an expression speaks of.
#[derive(Clone, Debug, PartialEq)]
pub enum Subject {
    /// A tag, by any of its names.
    Tag(String),
    People,
    Faces,
    /// The share of the picture that is of a colour.
    Color(Color),
    Brightness,
    Contrast,
    Sharpness,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Comparison {
    AtLeast(f64),
    AtMost(f64),
    Above(f64),
    Below(f64),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Expression {
    /// A tag that is told, or a count above 0.
    There(Subject),
    Compared(Subject, Comparison),
    Not(Box<Expression>),
    All(Vec<Expression>),
    Any(Vec<Expression>),
}

/// Whether something holds, and how sure that is, 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    pub holds: bool,
    pub confidence: f32,
}

/// A name that is no tag of any model that looked at the picture.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is the name of no tag")]
pub struct UnknownTag(pub String);

/// How sure models are of a tag.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sureness {
    pub confidence: f32,
    /// Whether it is as sure as its model's rules and the caller want a tag to be.
    pub is_told: bool,
    /// Whether it may be more: whoever would see the thing best has not looked.
    pub is_least: bool,
}

impl Sureness {
    /// Returns what two models think together: one that does not tell the tag takes nothing from one that does.
    pub fn joined(self, other: Self) -> Self {
        let confidence = match (self.is_told, other.is_told) {
            // As if they erred independently: wrong only where both are.
            (true, true) => 1.0 - (1.0 - self.confidence) * (1.0 - other.confidence),
            (true, false) => self.confidence,
            (false, true) => other.confidence,
            (false, false) => self.confidence.max(other.confidence),
        };
        Self {
            confidence,
            is_told: self.is_told || other.is_told,
            is_least: self.is_least && other.is_least,
        }
    }

    /// Returns whether the tag is told, as far as that can be known.
    fn told(self) -> Option<Verdict> {
        self.known(self.is_told, self.is_told)
    }

    fn compared(self, comparison: Comparison) -> Option<Verdict> {
        let holds = comparison.holds(f64::from(self.confidence));
        // More would change nothing of what wants much and holds, nor of what wants little and does not hold.
        self.known(holds, holds == comparison.wants_much())
    }

    /// `is_settled`: whether more of it would leave the verdict as it is.
    fn known(self, holds: bool, is_settled: bool) -> Option<Verdict> {
        let verdict = Verdict {
            holds,
            confidence: self.confidence,
        };
        (is_settled || !self.is_least).then_some(verdict)
    }
}

/// What is known of one picture.
pub trait Picture {
    /// Returns how sure the models are of a tag; nothing where none that knows it has looked, and an error where none does.
    fn sureness(&self, tag: &str) -> Result<Option<Sureness>, UnknownTag>;
    /// Returns a count or a measure; nothing where nobody looked for it.
    fn number(&self, subject: &Subject) -> Option<f64>;
}

impl Comparison {
    fn wants_much(self) -> bool {
        matches!(self, Self::AtLeast(_) | Self::Above(_))
    }

    fn holds(self, number: f64) -> bool {
        match self {
            Self::AtLeast(bound) => number >= bound,
            Self::AtMost(bound) => number <= bound,
            Self::Above(bound) => number > bound,
            Self::Below(bound) => number < bound,
        }
    }
}

impl Expression {
    /// Returns nothing where that depends on what nobody looked for.
    pub fn judge(&self, picture: &impl Picture) -> Result<Option<Verdict>, UnknownTag> {
        match self {
            Self::There(Subject::Tag(tag)) => {
                let sureness = picture.sureness(tag)?;
                Ok(sureness.and_then(Sureness::told))
            }
            Self::There(subject) => Ok(counted(picture, subject, Comparison::Above(0.0))),
            Self::Compared(Subject::Tag(tag), comparison) => {
                let sureness = picture.sureness(tag)?;
                Ok(sureness.and_then(|sureness| sureness.compared(*comparison)))
            }
            Self::Compared(subject, comparison) => Ok(counted(picture, subject, *comparison)),
            Self::Not(inner) => Ok(inner.judge(picture)?.map(Verdict::opposite)),
            Self::All(parts) => together(parts, picture, false),
            Self::Any(parts) => together(parts, picture, true),
        }
    }
}

impl Verdict {
    fn opposite(self) -> Self {
        Self {
            holds: !self.holds,
            confidence: 1.0 - self.confidence,
        }
    }
}

/// A count is as it is: whatever holds of it is sure.
fn counted(picture: &impl Picture, subject: &Subject, comparison: Comparison) -> Option<Verdict> {
    let holds = comparison.holds(picture.number(subject)?);
    let confidence = if holds { 1.0 } else { 0.0 };
    Some(Verdict { holds, confidence })
}

/// `decisive`: what one part decides for all. Where no part does and one is not known, nothing is.
fn together(
    parts: &[Expression],
    picture: &impl Picture,
    decisive: bool,
) -> Result<Option<Verdict>, UnknownTag> {
    let mut verdicts = Vec::with_capacity(parts.len());
    for part in parts {
        verdicts.push(part.judge(picture)?);
    }
    let known = verdicts.iter().flatten();
    let decided = known.clone().any(|verdict| verdict.holds == decisive);
    if !decided && verdicts.contains(&None) {
        return Ok(None);
    }
    let confidences = known.map(|verdict| verdict.confidence);
    let confidence = match decisive {
        true => confidences.fold(0.0, f32::max),
        false => confidences.fold(1.0, f32::min),
    };
    let holds = decided == decisive;
    Ok(Some(Verdict { holds, confidence }))
}
