//! A service of one binary: all in one process, or the roles apart.

use std::ffi::OsStr;

use url::Url;

use super::support::{Process, brokers::Brokers, knows_workers, spent::Parts};

/// What answers requests, ended with its value.
pub struct Stand<'a> {
    front: Process,
    /// Where the roles are apart.
    behind: Option<(Process, &'a Brokers)>,
}

const ENGINE: [(&str, &str); 2] = [("--engine", "fake:service_ms=1"), ("--captioner", "off")];

impl<'a> Stand<'a> {
    pub async fn serve(program: &OsStr, origin: &Process) -> Self {
        let mut words = words(&ENGINE);
        words.extend(may_fetch_from(origin));
        words.extend(self::words(&[("--store-url", "memory:")]));
        let role = ("serve", "--listen");
        Self {
            front: Process::role_of(program, role, &words, "/readyz").await,
            behind: None,
        }
    }

    pub async fn fleet(program: &OsStr, origin: &Process, brokers: &'a Brokers) -> Self {
        let queue = brokers.rabbitmq.url();
        let bus = brokers.redis.url();
        let shared = words(&[("--queue-url", &queue), ("--bus-url", &bus)]);
        let worker = [shared.clone(), words(&ENGINE)].concat();
        let role = ("worker", "--worker-listen");
        let worker = Process::role_of(program, role, &worker, "/readyz").await;
        let api = [shared, may_fetch_from(origin)].concat();
        let front = Process::role_of(program, ("api", "--listen"), &api, "/readyz").await;
        knows_workers(&front, 1).await;
        Self {
            front,
            behind: Some((worker, brokers)),
        }
    }

    pub fn url(&self) -> Url {
        self.front.url()
    }

    pub fn kind(&self) -> &'static str {
        match self.behind {
            None => "one process",
            Some(_) => "a fleet",
        }
    }

    pub fn parts(&self) -> Parts {
        let api = self.front.id();
        let mut parts = Parts {
            alone: vec![("server", api)],
            descendants: vec![("decoders", api)],
            groups: Vec::new(),
        };
        if let Some((worker, brokers)) = &self.behind {
            parts.alone.push(("worker", worker.id()));
            parts.groups.push(("rabbitmq", brokers.rabbitmq.group()));
            parts.groups.push(("redis", brokers.redis.group()));
        }
        parts
    }
}

fn may_fetch_from(origin: &Process) -> Vec<String> {
    let source = origin.url();
    words(&[
        (
            "--fetch-allow-origin",
            source.as_str().trim_end_matches('/'),
        ),
        ("--fetch-ports", &origin.port.to_string()),
        ("--fetch-max-per-host", "1000"),
    ])
}

fn words(options: &[(&str, &str)]) -> Vec<String> {
    let words = options.iter().flat_map(|(name, value)| [name, value]);
    words.map(|word| (*word).to_owned()).collect()
}
