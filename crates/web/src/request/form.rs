//! What is wrong with a form, in our own words: those of the library speak of its streams and fields.

use multer::Error;

/// A client may name a part as it likes; so much of the name is shown.
const SHOWN_CHARS: usize = 64;

/// Returns why a form cannot be read, as the end of a sentence.
pub fn form_fault(error: &Error) -> String {
    match error {
        Error::IncompleteStream => {
            "its boundaries do not come, or it ends before the last one (`--BOUNDARY--`). Send all of it, with the boundary that the \
             content type names"
                .to_owned()
        }
        Error::IncompleteFieldData { field_name } => {
            let part = part(field_name.as_deref());
            format!(
                "it ends early, within {part}: no boundary comes behind that. Send all of it, with the boundary that the content \
                 type names"
            )
        }
        Error::IncompleteHeaders
        | Error::ReadHeaderFailed(_)
        | Error::DecodeHeaderName { .. }
        | Error::DecodeHeaderValue { .. } => {
            "the headers of a part are broken. Each is a line such as `Content-Disposition: form-data; name=\"image\"`, and an empty \
             line ends them"
                .to_owned()
        }
        _ => "it is not written as `multipart/form-data` is".to_owned(),
    }
}

fn part(name: Option<&str>) -> String {
    match name {
        Some(name) => {
            let shown: String = name.chars().take(SHOWN_CHARS).collect();
            format!("its part `{shown}`")
        }
        None => "a part".to_owned(),
    }
}
