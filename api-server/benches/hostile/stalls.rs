//! When the sentinels of generator and server were woken too late.

use std::{
    fmt,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use serde_json::Value;

use super::support::{process::Server, sentinel};

/// Shown at the most; all are counted.
const SHOWN: usize = 5;

/// As they come, in the order of time.
#[derive(Clone, Default)]
pub struct Stalls(Vec<String>);

impl Stalls {
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Those that came after `earlier`.
    pub fn since(&self, earlier: &Self) -> Self {
        Self(self.0[earlier.count()..].to_vec())
    }

    /// All that the server's sentinel wrote into its log.
    pub fn of(server: &Server) -> Self {
        let lines = server.log();
        let lines = lines.lines().filter(|line| line.contains("woken late"));
        let stalls = lines.filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let told = |line: Value| {
            format!(
                "{} ms before {}",
                line["late_ms"],
                line["timestamp"].as_str().unwrap_or("?")
            )
        };
        Self(stalls.map(told).collect())
    }
}

impl fmt::Display for Stalls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: Vec<_> = self.0.iter().take(SHOWN).map(String::as_str).collect();
        write!(f, "{} ({})", self.count(), shown.join(", "))
    }
}

/// This process's.
pub struct Watched(Arc<Mutex<Stalls>>);

impl Watched {
    pub fn begin() -> Self {
        let stalls = Arc::<Mutex<Stalls>>::default();
        let seen = stalls.clone();
        sentinel::watch(move |late| seen.lock().expect("not poisoned").0.push(told(late)));
        Self(stalls)
    }

    pub fn stalls(&self) -> Stalls {
        self.0.lock().expect("not poisoned").clone()
    }
}

fn told(late: Duration) -> String {
    format!(
        "{} ms before {}",
        late.as_millis(),
        humantime::format_rfc3339_millis(SystemTime::now())
    )
}
