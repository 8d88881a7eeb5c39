//! The symbols that a reader of lines tells apart.

use serde::Deserialize;

#[derive(Debug, thiserror::Error)]
pub enum AlphabetError {
    #[error("the alphabet is not valid: {0}")]
    Json(#[from] serde_json::Error),
    #[error("symbol {0} of the alphabet is a control character")]
    Control(usize),
    #[error("the alphabet has {0} symbols, while it takes the first one for none and others")]
    Short(usize),
}

#[derive(Debug, Deserialize)]
struct File {
    symbols: Vec<String>,
}

/// Texts by the numbers that a model answers. A Korean one's are letters of which syllables are made.
#[derive(Debug)]
pub struct Alphabet {
    symbols: Vec<String>,
}

impl Alphabet {
    /// Reads `alphabet.json`. Texts end on screens and in logs: no symbol may steer those.
    pub fn from_json(bytes: &[u8]) -> Result<Self, AlphabetError> {
        let File { symbols } = serde_json::from_slice(bytes)?;
        if symbols.len() < 2 {
            return Err(AlphabetError::Short(symbols.len()));
        }
        let steers = |symbol: &String| symbol.chars().any(char::is_control);
        match symbols.iter().position(steers) {
            Some(at) => Err(AlphabetError::Control(at)),
            None => Ok(Self { symbols }),
        }
    }

    /// Returns how many symbols there are, the one that stands for nothing included.
    pub fn symbols(&self) -> usize {
        self.symbols.len()
    }

    /// Returns a symbol's text; nothing of a number that stands for none.
    pub fn text(&self, symbol: usize) -> &str {
        self.symbols.get(symbol).map_or("", String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_symbol_that_steers_a_screen_is_refused() {
        let alphabet =
            |symbols: &str| Alphabet::from_json(format!("{{\"symbols\": {symbols}}}").as_bytes());
        assert_eq!(alphabet(r#"["", "a", "漢"]"#).expect("valid").text(2), "漢");
        assert_eq!(alphabet(r#"["", "a"]"#).expect("valid").text(7), "");
        assert!(matches!(
            alphabet(r#"["", "\u001b"]"#),
            Err(AlphabetError::Control(1))
        ));
        assert!(matches!(alphabet(r#"[""]"#), Err(AlphabetError::Short(1))));
    }
}
