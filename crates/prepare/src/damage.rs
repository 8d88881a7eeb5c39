//! How much of a picture may be missing. Little of it changes no tag; what is tagged all the same says so in its answer.

use common::{
    fault::{Code, Fault},
    image::Warning,
};

use crate::fault;

/// The share that has to be there.
const ENOUGH: f64 = 0.9;

/// Returns whether a picture of which such a share is there is refused.
pub fn is_too_little(there: f64) -> bool {
    there < ENOUGH
}

/// Judges a picture whose first rows came.
pub fn of_rows(done: u32, all: u32, warning: Warning) -> Result<Vec<Warning>, Fault> {
    of_share(f64::from(done) / f64::from(all.max(1)), warning, "image")
}

/// Judges a picture of which such a share is there.
pub fn of_share(there: f64, warning: Warning, what: &str) -> Result<Vec<Warning>, Fault> {
    match warning {
        _ if there >= ENOUGH => Ok(vec![warning]),
        Warning::Truncated => Err(truncated(what, Some(there))),
        Warning::Damaged => {
            let detail = format!("The {what} is damaged: its data is broken{}.", after(there));
            Err(fault(Code::ImageInvalid, detail))
        }
    }
}

pub fn truncated(what: &str, there: Option<f64>) -> Fault {
    let detail = match there {
        Some(there) => format!(
            "The {what} ends early: {} % of the picture is there.",
            percent(there)
        ),
        None => format!("The {what} ends before its last pixel."),
    };
    fault(Code::ImageTruncated, detail)
}

/// For the end of a sentence.
pub fn after(there: f64) -> String {
    format!(", after {} % of the picture", percent(there))
}

fn percent(share: f64) -> u32 {
    // Not rounded up: a picture that lacks something is not all there.
    (share * 100.0).clamp(0.0, 100.0) as u32
}
