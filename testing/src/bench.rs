//! How every benchmark ends: one `RESULT` line, and the same as JSON.

use std::{fs, path::PathBuf};

use serde_json::{Map, Value};

/// Median, least and greatest of several runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    pub median: f64,
    pub min: f64,
    pub max: f64,
}

impl Spread {
    /// `runs` is not empty.
    pub fn of(runs: &[f64]) -> Self {
        let mut sorted = runs.to_vec();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        let median = if sorted.len() % 2 == 1 {
            sorted[middle]
        } else {
            (sorted[middle - 1] + sorted[middle]) / 2.0
        };
        Self {
            median,
            min: sorted[0],
            max: sorted[sorted.len() - 1],
        }
    }
}

/// The value that so large a share of them does not exceed, by nearest rank; `sorted` is not empty.
pub fn percentile(sorted: &[f64], share: f64) -> f64 {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted[rank.clamp(1, sorted.len()) - 1]
}

/// Prints `RESULT key=value …` and writes `target/bench/NAME.json` below the
/// workspace's root.
pub fn report(name: &str, figures: &[(&str, f64)]) -> std::io::Result<()> {
    let rounded = |figure: f64| (figure * 1e3).round() / 1e3;
    let line: Vec<String> = figures
        .iter()
        .map(|(key, figure)| format!("{key}={}", rounded(*figure)))
        .collect();
    let json: Map<String, Value> = figures
        .iter()
        .map(|(key, f)| ((*key).to_owned(), rounded(*f).into()))
        .collect();
    let folder = workspace()?.join("target/bench");
    fs::create_dir_all(&folder)?;
    fs::write(
        folder.join(format!("{name}.json")),
        format!("{:#}\n", Value::Object(json)),
    )?;
    println!("RESULT {}", line.join(" "));
    Ok(())
}

/// The nearest folder upwards that holds the lock file: cargo starts a
/// benchmark in its package's folder.
fn workspace() -> std::io::Result<PathBuf> {
    let here = std::env::current_dir()?;
    let root = here
        .ancestors()
        .find(|folder| folder.join("Cargo.lock").exists())
        .unwrap_or(&here);
    Ok(root.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let sorted: Vec<f64> = (1..=200).map(f64::from).collect();
        assert_eq!(
            [0.0, 0.5, 0.99, 1.0].map(|share| percentile(&sorted, share)),
            [1.0, 100.0, 198.0, 200.0]
        );
        assert_eq!(percentile(&[7.0], 0.99), 7.0);
    }

    #[test]
    fn the_median_lies_in_the_middle() {
        assert_eq!(
            Spread::of(&[3.0, 1.0, 2.0]),
            Spread {
                median: 2.0,
                min: 1.0,
                max: 3.0
            }
        );
        assert_eq!(Spread::of(&[4.0, 1.0]).median, 2.5);
    }
}
