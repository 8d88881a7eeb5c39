//! Passwords reach a process in files: an environment is read by more people
//! than a file is, and orchestrators hand secrets out as files.

/// A URL as it was written, or, of `file:/run/secrets/queue-url`, the first line of that file.
pub fn url(written: &str) -> Result<String, String> {
    let Some(path) = written.strip_prefix("file:") else {
        return Ok(written.to_owned());
    };
    let text = std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    match text.lines().next().map(str::trim) {
        Some(url) if !url.is_empty() => Ok(url.to_owned()),
        _ => Err(format!("{path}: the first line is empty")),
    }
}

/// Returns what of a URL may stand in a message: its scheme alone, since the rest may hold a password.
pub fn scheme_of(url: &str) -> String {
    match url.split_once(':') {
        None => "no scheme".to_owned(),
        Some((scheme, _)) => format!("{scheme}:…"),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::url;

    fn from_file(text: &str) -> Result<String, String> {
        let mut file =
            tempfile::NamedTempFile::new().expect("there is a folder for temporary files");
        file.write_all(text.as_bytes()).expect("it can be written");
        url(&format!("file:{}", file.path().display()))
    }

    #[test]
    fn a_url_stands_for_itself() {
        assert_eq!(url("amqp://a:b@c/%2f").as_deref(), Ok("amqp://a:b@c/%2f"));
        assert_eq!(url("memory:").as_deref(), Ok("memory:"));
    }

    #[test]
    fn a_file_stands_for_its_first_line() {
        assert_eq!(
            from_file("redis://:secret@redis/0\n").as_deref(),
            Ok("redis://:secret@redis/0")
        );
        assert_eq!(
            from_file(" redis://redis/0 \nmore").as_deref(),
            Ok("redis://redis/0")
        );
    }

    #[test]
    fn an_empty_or_missing_file_is_an_error_that_names_it() {
        assert!(from_file("\n").is_err_and(|error| error.contains("first line is empty")));
        assert!(
            url("file:/nowhere/at-all").is_err_and(|error| error.starts_with("/nowhere/at-all: "))
        );
    }
}
