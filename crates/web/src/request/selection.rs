//! Lists of names that choose among an image's tags.

use common::{fault::Fault, wire::Selection};

const MAX_NAMES: usize = 100;
const MAX_NAME_CHARS: usize = 100;

/// Puts together which of the model's tags may be answered. Whether the model knows the names is for a worker to say.
pub fn selection(
    categories: Option<Vec<String>>,
    include: Option<Vec<String>>,
    exclude: Option<Vec<String>>,
) -> Result<Selection, Fault> {
    Ok(Selection {
        categories: checked("categories", categories)?,
        include: checked("include", include)?,
        exclude: checked("exclude", exclude)?,
    })
}

fn checked(list: &str, names: Option<Vec<String>>) -> Result<Vec<String>, Fault> {
    let names = names.unwrap_or_default();
    if names.len() > MAX_NAMES {
        return Err(Fault::invalid(format!(
            "{list} must name {MAX_NAMES} at the most"
        )));
    }
    if names.iter().all(|name| fits(name)) {
        return Ok(names);
    }
    Err(Fault::invalid(format!(
        "each name in {list} must have 1 to {MAX_NAME_CHARS} characters"
    )))
}

fn fits(name: &str) -> bool {
    !name.trim().is_empty() && name.chars().count() <= MAX_NAME_CHARS
}
