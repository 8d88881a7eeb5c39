//! Named points in a process's way where a test can have it abort, sleep or
//! fail. `TAGFLEET_FAIL_POINTS` arms them:
//!
//! ```text
//! worker.before-infer=abort
//! migrator.taken=sleep:3000;intake.stored=error@/tmp/once
//! ```
//!
//! With `@FILE` it happens once: to whoever makes that file. So a process that
//! is started again goes on, and a test sees when the point was reached.

use std::{
    collections::BTreeMap,
    fs::File,
    path::PathBuf,
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use futures_util::{FutureExt, future::BoxFuture};

use crate::config::ConfigError;

const VARIABLE: &str = "TAGFLEET_FAIL_POINTS";

/// Every point that there is. Each stands once in the code, as `fail_point!("name")`.
const NAMES: [&str; 11] = [
    "worker.before-infer",
    "worker.stored",
    "worker.before-ack",
    "migrator.taken",
    "migrator.page-logged",
    "migrator.scores-kept",
    "migrator.closed",
    "migrator.retagged",
    INTAKE_STORED,
    "intake.sealed",
    "dispatch.confirmed",
];
const INTAKE_STORED: &str = "intake.stored";
/// Those that can fail; the others only abort or sleep.
const FALLIBLE: [&str; 1] = [INTAKE_STORED];

/// All that an unarmed process ever looks at.
static ARMED: AtomicBool = AtomicBool::new(false);
static POINTS: OnceLock<Points> = OnceLock::new();

type Points = BTreeMap<String, Point>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Abort,
    Sleep(Duration),
    Error,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Point {
    action: Action,
    /// The file that says that it has happened.
    once: Option<PathBuf>,
}

/// Aborts or sleeps where this point is armed. With a second argument that is done, such as a `return`, where the point
/// is to fail.
#[macro_export]
macro_rules! fail_point {
    ($name:literal) => {
        if $crate::fail_points::is_armed() {
            $crate::fail_points::reach($name).await;
        }
    };
    ($name:literal, $fails:expr) => {
        if $crate::fail_points::is_armed() && $crate::fail_points::reach($name).await {
            $fails
        }
    };
}

/// Reads the environment, once, when the log is there: a process that is going to fail says so.
pub fn arm() -> Result<(), ConfigError> {
    let Ok(text) = std::env::var(VARIABLE) else {
        return Ok(());
    };
    let points = parse(&text).map_err(|problem| ConfigError {
        option: VARIABLE,
        problem,
    })?;
    tracing::error!(
        points = text,
        "FAIL POINTS ARE ARMED: this process will abort, sleep or fail on purpose. Unset {VARIABLE} unless this is a test"
    );
    let is_armed = !points.is_empty();
    let _ = POINTS.set(points);
    ARMED.store(is_armed, Relaxed);
    Ok(())
}

#[inline]
pub fn is_armed() -> bool {
    ARMED.load(Relaxed)
}

/// Returns whether the caller shall fail.
pub fn reach(name: &'static str) -> BoxFuture<'static, bool> {
    async move {
        let point = POINTS.get().and_then(|points| points.get(name));
        let Some(point) = point.filter(|point| point.is_due()) else {
            return false;
        };
        tracing::error!(name, ?point, "fail point reached");
        match point.action {
            Action::Abort => std::process::abort(),
            Action::Sleep(time) => tokio::time::sleep(time).await,
            Action::Error => return true,
        }
        false
    }
    .boxed()
}

impl Point {
    fn is_due(&self) -> bool {
        self.once
            .as_ref()
            .is_none_or(|file| File::create_new(file).is_ok())
    }
}

fn parse(text: &str) -> Result<Points, String> {
    let entries = text.split(';').filter(|entry| !entry.trim().is_empty());
    entries.map(|entry| parse_one(entry.trim())).collect()
}

fn parse_one(entry: &str) -> Result<(String, Point), String> {
    let (name, what) = entry
        .split_once('=')
        .ok_or_else(|| format!("`{entry}` is not of the form name=action"))?;
    if !NAMES.contains(&name) {
        return Err(format!("there is no fail point `{name}`"));
    }
    let (action, once) = match what.split_once('@') {
        Some((action, file)) => (action, Some(PathBuf::from(file))),
        None => (what, None),
    };
    let action = parse_action(action)
        .ok_or_else(|| format!("`{action}` is none of abort, sleep:MILLISECONDS and error"))?;
    if action == Action::Error && !FALLIBLE.contains(&name) {
        return Err(format!("`{name}` cannot fail, only abort or sleep"));
    }
    Ok((name.to_owned(), Point { action, once }))
}

fn parse_action(text: &str) -> Option<Action> {
    match text.split_once(':') {
        None if text == "abort" => Some(Action::Abort),
        None if text == "error" => Some(Action::Error),
        Some(("sleep", ms)) => Some(Action::Sleep(Duration::from_millis(ms.parse().ok()?))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_read_and_nonsense_is_refused() {
        let points = parse("worker.stored=abort@/tmp/x; migrator.taken=sleep:20").expect("points");
        let abort = Point {
            action: Action::Abort,
            once: Some("/tmp/x".into()),
        };
        assert_eq!(points["worker.stored"], abort);
        let sleep = Action::Sleep(Duration::from_millis(20));
        assert_eq!(points["migrator.taken"].action, sleep);
        for wrong in [
            "worker.stored",
            "worker.stored=explode",
            "worker.unheard-of=abort",
            "worker.stored=sleep:long",
            "worker.stored=error",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_happens_once_happens_to_who_makes_the_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let point = Point {
            action: Action::Error,
            once: Some(folder.path().join("once")),
        };
        assert!(point.is_due());
        assert!(!point.is_due(), "the file is there");
    }

    #[tokio::test]
    async fn an_unarmed_process_goes_on() {
        assert!(!is_armed());
        assert!(!reach("worker.stored").await);
    }
}
