//! What the settings of every role share: how they are checked, names, numbers, and secrets that stand in files.

mod identity;
mod number;
mod secret;

pub use identity::{is_name, unique_name};
pub use number::{MILLISECONDS, Numbers, OutOfRange, RATE, SECONDS, SHARE, Whole};
pub use secret::{scheme_of, url};

/// A setting that cannot be used. Settings are checked once, at the start.
#[derive(Debug, thiserror::Error, PartialEq)]
#[error("{option}: {problem}")]
pub struct ConfigError {
    pub option: &'static str,
    pub problem: String,
}

/// Refuses zero: it is never taken for another number.
pub fn positive<T: Default + PartialOrd>(
    option: &'static str,
    value: T,
) -> Result<(), ConfigError> {
    if value > T::default() {
        Ok(())
    } else {
        refuse(option, "must be more than 0")
    }
}

pub fn refuse(option: &'static str, problem: impl Into<String>) -> Result<(), ConfigError> {
    Err(ConfigError {
        option,
        problem: problem.into(),
    })
}

/// Checks where a server is: in this process, or at a URL of a scheme with or without TLS.
pub fn check_server_url(
    option: &'static str,
    [plain, tls]: [&str; 2],
    url: &str,
) -> Result<(), ConfigError> {
    let is_of = |scheme| {
        url.strip_prefix(scheme)
            .is_some_and(|rest| rest.starts_with("://"))
    };
    if url == "memory:" || is_of(plain) || is_of(tls) {
        return Ok(());
    }
    let scheme = scheme_of(url);
    refuse(
        option,
        format!("is one of memory:, {plain}://… and {tls}://…, not {scheme}"),
    )
}

/// Checks a name that becomes a part of keys, queues and log lines.
pub fn check_name(option: &'static str, name: Option<&str>) -> Result<(), ConfigError> {
    if name.is_none_or(is_name) {
        Ok(())
    } else {
        refuse(
            option,
            "may hold letters, digits, `-`, `_` and `.`, 100 at the most",
        )
    }
}
