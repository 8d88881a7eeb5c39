//! Processes of a fleet on free ports of this machine, ended by id.

// Each benchmark uses what it needs.
#![allow(dead_code, reason = "each benchmark uses a part of it")]

pub mod brokers;
pub mod edge;
pub mod memory;
pub mod photos;
pub mod probe;
pub mod spent;
pub mod sustained;

use std::{
    ffi::OsStr,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    process::{Child, Command, Stdio},
    time::Duration,
};

use loadtest::outcome::Outcome;
use testing::servers::eventually;
use url::Url;

/// One process, ended with its value.
#[derive(Debug)]
pub struct Process {
    child: Child,
    pub port: u16,
}

impl Process {
    /// A role of the binary, ready; `listen` is its option for the address.
    pub async fn role(role: &str, listen: &str, arguments: &[String]) -> Self {
        Self::role_once(role, listen, arguments, "/readyz").await
    }

    /// `path` tells when: an API server is not ready before there is a worker.
    pub async fn role_once(role: &str, listen: &str, arguments: &[String], path: &str) -> Self {
        let other = std::env::var_os("TAGFLEET_BENCH_BINARY");
        let program = other.unwrap_or_else(|| env!("CARGO_BIN_EXE_tagfleet").into());
        Self::role_of(&program, (role, listen), arguments, path).await
    }

    /// The same of another program than the one that was built here.
    pub async fn role_of(
        program: &OsStr,
        (role, listen): (&str, &str),
        arguments: &[String],
        path: &str,
    ) -> Self {
        let port = free_port();
        let mut command = Command::new(program);
        // Photos come again and again, and each is to be worked on.
        command
            .env("TAGFLEET_CACHE", "off")
            .args([role, listen, &address(port).to_string()])
            .args(arguments);
        Self::ready(command, port, path).await
    }

    /// This program again, in a part of its own.
    pub async fn part(part: &str, arguments: &[String]) -> Self {
        let port = free_port();
        let mut command = Command::new(std::env::current_exe().expect("this program has a path"));
        command
            .env("TAGFLEET_CACHE", "off")
            .args(["--part", part, &address(port).to_string()])
            .args(arguments);
        Self::ready(command, port, "/readyz").await
    }

    pub async fn ready(mut command: Command, port: u16, path: &str) -> Self {
        command.stdin(Stdio::null());
        if std::env::var_os("TAGFLEET_TEST_OUTPUT").is_none() {
            command.stdout(Stdio::null()).stderr(Stdio::null());
        }
        let process = Self {
            child: command.spawn().expect("the program starts"),
            port,
        };
        let ready = async || {
            probe::get(address(port), path)
                .await
                .filter(|answer| answer.contains(" 200 "))
        };
        eventually("the process is ready", ready).await;
        process
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn url(&self) -> Url {
        format!("http://{}", address(self.port))
            .parse()
            .expect("a URL")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Until an API server knows so many workers.
pub async fn knows_workers(api: &Process, wanted: usize) {
    let known = async || {
        let answer = probe::get(address(api.port), "/v1/models").await?;
        (answer.matches("\"captioner\"").count() >= wanted).then_some(())
    };
    eventually("the API server knows the workers", known).await;
}

pub fn address(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("the loopback has a free port");
    listener.local_addr().expect("it is bound").port()
}

/// One line of a search.
pub fn tell(outcome: &Outcome) {
    let missed = outcome.missed();
    let verdict = if missed.is_empty() {
        "met".to_owned()
    } else {
        missed.join(", ")
    };
    let rate = outcome.offered_per_s;
    let good = outcome.goodput_per_s;
    println!(
        "  {rate:>8.1}/s offered {good:>8.1}/s in time, p99 {:>7.1} ms: {verdict}",
        outcome.latency.p99_ms
    );
}

pub fn from_environment<T: std::str::FromStr>(name: &str, default: T) -> T {
    std::env::var(name)
        .ok()
        .and_then(|value| value.parse().ok())
        .unwrap_or(default)
}

pub fn seconds(name: &str, default: u64) -> Duration {
    Duration::from_secs(from_environment(name, default))
}
