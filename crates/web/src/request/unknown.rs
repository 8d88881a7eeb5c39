//! Names that nobody knows: which one is meant, and which ones there are.

/// Says that there is no such name, which one is meant if one is like it, and which ones there are.
pub fn unknown(name: &str, known: &[&str]) -> String {
    /// Names that are listed.
    const NAMED: usize = 40;
    let listed: Vec<_> = known
        .iter()
        .take(NAMED)
        .map(|name| format!("`{name}`"))
        .collect();
    let listed = match listed.is_empty() {
        true => "nothing".to_owned(),
        false => listed.join(", "),
    };
    let meant = match like(name, known) {
        Some(meant) => format!("; maybe `{meant}` is meant"),
        None => String::new(),
    };
    let name: String = name.chars().take(64).collect();
    format!("There is no `{name}` here{meant}; there is {listed}")
}

/// Two signs may be wrong, as in `treshold`; of a short name one.
fn like<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    if name.len() > 64 {
        return None;
    }
    let lower = name.to_lowercase().replace('-', "_");
    let distances = known
        .iter()
        .map(|known| (strsim::damerau_levenshtein(&lower, known), *known));
    let (distance, nearest) = distances.min_by_key(|(distance, _)| *distance)?;
    let most = if nearest.len() > 5 { 2 } else { 1 };
    (distance <= most).then_some(nearest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_like_another_is_taken_for_a_slip() {
        let known = ["threshold", "limit", "image"];
        for (name, meant) in [
            ("treshold", Some("threshold")),
            ("Limit", Some("limit")),
            ("images", Some("image")),
            ("url", None),
        ] {
            assert_eq!(like(name, &known), meant, "{name}");
        }
    }
}
