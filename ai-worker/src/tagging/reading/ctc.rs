//! From what a model says of each step of a piece to the symbols in it (connectionist temporal classification).

/// The symbol that stands for none.
const NONE: usize = 0;

/// A symbol in a piece.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Symbol {
    /// Its place in the alphabet.
    pub number: usize,
    pub likely: f32,
    /// Where, in parts of the piece.
    pub at: f32,
}

/// Returns the symbols of a piece from the left to the right. `steps`: for each step the number of the likeliest symbol, and
/// behind them how likely each is. Steps of one symbol that follow each other are one; between two of the same is a step of none.
pub fn decode(steps: &[f32]) -> Vec<Symbol> {
    let (numbers, likely) = steps.split_at(steps.len() / 2);
    let mut symbols = Vec::new();
    let mut before = NONE;
    for (step, (number, likely)) in numbers.iter().zip(likely).enumerate() {
        let number = *number as usize;
        if number != NONE && number != before {
            symbols.push(Symbol {
                number,
                likely: *likely,
                at: (step as f32 + 0.5) / numbers.len() as f32,
            });
        }
        before = number;
    }
    symbols
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_of_one_symbol_are_one_unless_none_is_between() {
        let numbers = [0.0, 3.0, 3.0, 0.0, 3.0, 2.0, 2.0, 0.0];
        let likely = [0.9, 0.8, 0.7, 0.9, 0.6, 0.5, 0.4, 0.9];
        let symbols = decode(&[numbers, likely].concat());
        let told: Vec<_> = symbols
            .iter()
            .map(|it| (it.number, it.likely, it.at))
            .collect();
        assert_eq!(
            told,
            [
                (3, 0.8, 1.5 / 8.0),
                (3, 0.6, 4.5 / 8.0),
                (2, 0.5, 5.5 / 8.0)
            ]
        );
    }

    #[test]
    fn nothing_is_seen_where_nothing_is() {
        assert!(decode(&[0.0, 0.0, 1.0, 1.0]).is_empty());
        assert!(decode(&[]).is_empty());
    }
}
