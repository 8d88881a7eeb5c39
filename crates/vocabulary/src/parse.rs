//! From text to an expression: `|` or, `&` and, `!` not, parentheses, `>=`, `<=`, `>`, `<`.

use crate::{
    color::Color,
    expression::{Comparison, Expression, Subject},
};

/// Parentheses within each other.
const DEEPEST: usize = 16;

/// What is wrong with an expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    #[error("something is missing after `{0}`")]
    Missing(String),
    #[error("`{0}` is not expected here")]
    Unexpected(String),
    #[error("a parenthesis is not closed")]
    Unclosed,
    #[error("a quotation mark is not closed")]
    Unquoted,
    #[error("more than {DEEPEST} parentheses are within each other")]
    TooDeep,
    #[error("`{0}` is no number")]
    Number(String),
    #[error("`{0}` is no colour; there are {all}", all = Color::names())]
    Color(String),
    #[error("`{0}` is a measure: compare it, as in `{0} >= 0.5`")]
    Measure(String),
}

struct Reader<'a> {
    left: &'a str,
    whole: &'a str,
    depth: usize,
}

pub fn parse(text: &str) -> Result<Expression, Flaw> {
    let mut reader = Reader {
        left: text.trim(),
        whole: text.trim(),
        depth: 0,
    };
    let expression = reader.any()?;
    match reader.left.chars().next() {
        None => Ok(expression),
        Some(next) => Err(Flaw::Unexpected(next.to_string())),
    }
}

impl<'a> Reader<'a> {
    fn any(&mut self) -> Result<Expression, Flaw> {
        let mut parts = vec![self.all()?];
        while self.takes("|") {
            parts.push(self.all()?);
        }
        Ok(alone_or(parts, Expression::Any))
    }

    fn all(&mut self) -> Result<Expression, Flaw> {
        let mut parts = vec![self.one()?];
        while self.takes("&") {
            parts.push(self.one()?);
        }
        Ok(alone_or(parts, Expression::All))
    }

    fn one(&mut self) -> Result<Expression, Flaw> {
        if self.takes("!") {
            let inner = self.within(Self::one)?;
            return Ok(Expression::Not(Box::new(inner)));
        }
        if self.takes("(") {
            let inner = self.within(Self::any)?;
            return match self.takes(")") {
                true => Ok(inner),
                false => Err(Flaw::Unclosed),
            };
        }
        let subject = subject(self.name()?)?;
        match self.comparison()? {
            Some(comparison) => Ok(Expression::Compared(subject, comparison)),
            None => there(subject),
        }
    }

    /// Reads what is one level deeper.
    fn within(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<Expression, Flaw>,
    ) -> Result<Expression, Flaw> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(Flaw::TooDeep);
        }
        let inner = read(self);
        self.depth -= 1;
        inner
    }

    fn name(&mut self) -> Result<&'a str, Flaw> {
        if let Some(quoted) = self.left.strip_prefix('"') {
            let (name, rest) = quoted.split_once('"').ok_or(Flaw::Unquoted)?;
            self.left = rest.trim_start();
            return Ok(name.trim());
        }
        let name = self.until(&['|', '&', '!', '(', ')', '<', '>', '=', '"']);
        if !name.is_empty() {
            return Ok(name);
        }
        match self.left.chars().next() {
            Some(next) => Err(Flaw::Unexpected(next.to_string())),
            None => Err(Flaw::Missing(self.whole.to_owned())),
        }
    }

    fn comparison(&mut self) -> Result<Option<Comparison>, Flaw> {
        let comparison = match () {
            () if self.takes(">=") => Comparison::AtLeast,
            () if self.takes("<=") => Comparison::AtMost,
            () if self.takes(">") => Comparison::Above,
            () if self.takes("<") => Comparison::Below,
            () => return Ok(None),
        };
        let number = self.until(&['|', '&', '!', '(', ')', '<', '>', '=']);
        match number.parse::<f64>() {
            Ok(bound) if bound.is_finite() => Ok(Some(comparison(bound))),
            _ => Err(Flaw::Number(number.to_owned())),
        }
    }

    fn until(&mut self, ends: &[char]) -> &'a str {
        let end = self.left.find(ends).unwrap_or(self.left.len());
        let (taken, rest) = self.left.split_at(end);
        self.left = rest;
        taken.trim()
    }

    fn takes(&mut self, mark: &str) -> bool {
        match self.left.strip_prefix(mark) {
            Some(rest) => {
                self.left = rest.trim_start();
                true
            }
            None => false,
        }
    }
}

fn alone_or(mut parts: Vec<Expression>, all: fn(Vec<Expression>) -> Expression) -> Expression {
    match parts.len() {
        1 => parts.remove(0),
        _ => all(parts),
    }
}

fn subject(name: &str) -> Result<Subject, Flaw> {
    if let Some(color) = name.strip_prefix("color:") {
        let color = color.trim();
        let known = Color::named(color).ok_or_else(|| Flaw::Color(color.to_owned()));
        return known.map(Subject::Color);
    }
    Ok(match name {
        "people" => Subject::People,
        "faces" => Subject::Faces,
        "brightness" => Subject::Brightness,
        "contrast" => Subject::Contrast,
        "sharpness" => Subject::Sharpness,
        tag => Subject::Tag(tag.to_owned()),
    })
}

/// A measure alone says nothing: nobody knows from where on it is meant.
fn there(subject: Subject) -> Result<Expression, Flaw> {
    let measure = match &subject {
        Subject::Brightness => "brightness",
        Subject::Contrast => "contrast",
        Subject::Sharpness => "sharpness",
        _ => return Ok(Expression::There(subject)),
    };
    Err(Flaw::Measure(measure.to_owned()))
}
