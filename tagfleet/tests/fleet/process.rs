//! The binary under test, started as a user starts it, ended by process id.

use std::{
    collections::HashMap,
    fs::File,
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use testing::servers::{Port, eventually};

use crate::samples::{Origin, Tagged};

const BINARY: &str = env!("CARGO_BIN_EXE_tagfleet");

pub struct Process {
    child: Child,
    port: Port,
}

impl Process {
    /// All in one, ready.
    pub async fn serve(origin: &Origin, settings: &[(&str, String)]) -> Self {
        let service = Self::start(
            "serve",
            "TAGFLEET_LISTEN",
            &[settings, &fetching(origin)].concat(),
        );
        service.ready().await;
        service
    }

    pub async fn api(origin: &Origin, settings: &[(&str, String)]) -> Self {
        let api = Self::start(
            "api",
            "TAGFLEET_LISTEN",
            &[settings, &fetching(origin)].concat(),
        );
        api.ready().await;
        api
    }

    pub async fn worker(name: &str, settings: &[(&str, String)]) -> Self {
        let named = [("TAGFLEET_WORKER_NAME", name.to_owned())];
        let worker = Self::start(
            "worker",
            "TAGFLEET_WORKER_LISTEN",
            &[settings, &named].concat(),
        );
        worker.ready().await;
        worker
    }

    /// A role with these settings and no others, ready.
    pub async fn bare(role: &str, settings: &[(&str, String)]) -> Self {
        let listen = if role == "migrator" {
            "TAGFLEET_MIGRATOR_LISTEN"
        } else {
            "TAGFLEET_LISTEN"
        };
        let process = Self::start(role, listen, settings);
        process.ready().await;
        process
    }

    /// A role whose log is `log`, perhaps not ready yet.
    pub fn logged(role: &str, settings: &[(&str, String)], log: &Path) -> Self {
        let listen = match role {
            "migrator" => "TAGFLEET_MIGRATOR_LISTEN",
            "worker" => "TAGFLEET_WORKER_LISTEN",
            _ => "TAGFLEET_LISTEN",
        };
        let port = Port::reserve();
        let mut command = command(role, listen, &port, settings);
        let (out, err) = log_file(log);
        command.stdout(out).stderr(err);
        Self {
            child: command.spawn().expect("the binary starts"),
            port,
        }
    }

    /// Runs a command to its end, and returns its exit code.
    pub async fn run(role: &str, settings: &[(&str, String)], log: &Path) -> Option<i32> {
        let mut process = Self::logged(role, settings, log);
        let ended = async || process.child.try_wait().ok().flatten();
        eventually("the process ends", ended).await.code()
    }

    /// What a command prints.
    pub async fn command(arguments: &[&str]) -> Output {
        let mut command = tokio::process::Command::new(BINARY);
        command
            .args(arguments)
            .output()
            .await
            .expect("the binary runs")
    }

    fn start(role: &str, listen: &str, settings: &[(&str, String)]) -> Self {
        let port = Port::reserve();
        let mut command = command(role, listen, &port, settings);
        if std::env::var_os("TAGFLEET_TEST_OUTPUT").is_none() {
            command.stderr(Stdio::null());
        }
        Self {
            child: command.spawn().expect("the binary starts"),
            port,
        }
    }

    pub async fn get(&self, path: &str) -> Option<String> {
        // The client wants a TLS provider even where none is used.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let response = reqwest::get(format!("http://127.0.0.1:{}{path}", self.port.number()))
            .await
            .ok()?;
        response.error_for_status().ok()?.text().await.ok()
    }

    /// JSON there and back, also where it is refused.
    pub async fn post(&self, path: &str, body: &serde_json::Value) -> serde_json::Value {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let request = reqwest::Client::new()
            .post(format!("http://127.0.0.1:{}{path}", self.port.number()))
            .json(body);
        request
            .send()
            .await
            .expect("an answer")
            .json()
            .await
            .expect("JSON")
    }

    /// JSON there and back with an API key.
    pub async fn post_as(
        &self,
        key: &str,
        path: &str,
        body: &serde_json::Value,
    ) -> serde_json::Value {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let request = reqwest::Client::new()
            .post(format!("http://127.0.0.1:{}{path}", self.port.number()))
            .bearer_auth(key)
            .json(body);
        let response = request.send().await.expect("an answer");
        response.json().await.expect("JSON")
    }

    pub async fn get_as(&self, key: &str, path: &str) -> Option<serde_json::Value> {
        let request = reqwest::Client::new()
            .get(format!("http://127.0.0.1:{}{path}", self.port.number()))
            .bearer_auth(key);
        request.send().await.ok()?.json().await.ok()
    }

    /// A counter's values, by the text of its labels.
    pub async fn counts(&self, counter: &str) -> Option<HashMap<String, u64>> {
        let metrics = self.get("/metrics").await?;
        let lines = metrics
            .lines()
            .filter_map(|line| line.strip_prefix(counter)?.strip_prefix('{'));
        let counts = lines.filter_map(|line| {
            let (labels, value) = line.split_once("} ")?;
            Some((labels.to_owned(), value.parse().ok()?))
        });
        Some(counts.collect())
    }

    pub async fn ready(&self) {
        eventually("the process is ready", async || self.get("/readyz").await).await;
    }

    pub async fn knows_workers(&self, wanted: usize) {
        let known = async || {
            let known: serde_json::Value =
                serde_json::from_str(&self.get("/v1/models").await?).ok()?;
            (known["workers"].as_array()?.len() >= wanted).then_some(())
        };
        eventually("the API knows the workers", known).await;
    }

    /// Whether `tagfleet health` calls it well.
    pub async fn is_healthy(&self) -> bool {
        let url = format!("http://127.0.0.1:{}/readyz", self.port.number());
        let status = tokio::process::Command::new(BINARY)
            .args(["health", &url])
            .stderr(Stdio::null())
            .status()
            .await;
        status.expect("the binary runs").success()
    }

    /// Jobs that this worker has finished.
    pub async fn jobs_done(&self) -> Option<u64> {
        self.counts("tagfleet_jobs_total")
            .await
            .map(|counts| counts.values().sum())
    }

    /// `tagfleet tag` through this service; every image must succeed.
    pub async fn tag(&self, urls: &[String], options: &[&str]) -> Vec<Tagged> {
        let lines = self.run_tag(urls, options).await;
        lines.iter().map(|line| Tagged::read(line)).collect()
    }

    /// One image at a time, so that several such runs share the workers.
    pub async fn tag_slowly(&self, urls: &[String]) -> Vec<Tagged> {
        self.tag(urls, &["--concurrency", "1"]).await
    }

    /// The code with which `url` is refused.
    pub async fn refusal(&self, url: &str) -> String {
        let lines = self.run_tag(&[url.to_owned()], &[]).await;
        let line: serde_json::Value = serde_json::from_str(&lines[0]).expect("JSON lines");
        line["error"]["code"]
            .as_str()
            .unwrap_or("tagged")
            .to_owned()
    }

    async fn run_tag(&self, urls: &[String], options: &[&str]) -> Vec<String> {
        let mut command = tokio::process::Command::new(BINARY);
        command.args([
            "tag",
            "--json",
            "--api",
            &format!("http://127.0.0.1:{}", self.port.number()),
        ]);
        let output = command
            .args(options)
            .args(urls)
            .output()
            .await
            .expect("the binary runs");
        String::from_utf8(output.stdout)
            .expect("UTF-8")
            .lines()
            .map(str::to_owned)
            .collect()
    }

    /// What `tagfleet batch` prints when it talks to this service.
    pub async fn batch(&self, arguments: &[&str]) -> String {
        let mut command = tokio::process::Command::new(BINARY);
        command
            .args([
                "batch",
                "--api",
                &format!("http://127.0.0.1:{}", self.port.number()),
            ])
            .args(arguments);
        let output = command.output().await.expect("the binary runs");
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "tagfleet batch {arguments:?}: {complaint}"
        );
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// `tagfleet batch results` or `errors`, line by line.
    pub async fn batch_lines(&self, kind: &str, id: &str) -> Vec<serde_json::Value> {
        let text = self.batch(&[kind, id]).await;
        text.lines()
            .map(|line| serde_json::from_str(line).expect("JSON lines"))
            .collect()
    }

    pub fn rss_mib(&self) -> u64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .expect("Linux says so");
        let kib: u64 = line
            .split_whitespace()
            .nth(1)
            .and_then(|kib| kib.parse().ok())
            .expect("a number");
        kib / 1024
    }

    pub fn kill9(&mut self) {
        self.child
            .kill()
            .and_then(|()| self.child.wait())
            .expect("it can be killed");
    }

    /// SIGTERM, and the exit code once it has drained.
    pub async fn terminate(&mut self) -> Option<i32> {
        let killed = Command::new("kill")
            .arg(self.child.id().to_string())
            .status()
            .expect("kill is there");
        assert!(killed.success(), "it was still running");
        let ended = async || self.child.try_wait().ok().flatten();
        eventually("the process ends", ended).await.code()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(role: &str, listen: &str, port: &Port, settings: &[(&str, String)]) -> Command {
    let mut command = Command::new(BINARY);
    command
        .arg(role)
        .env(listen, format!("127.0.0.1:{}", port.number()))
        .stdin(Stdio::null());
    // Nobody's home is written to.
    command.env("TAGFLEET_STORE_URL", "memory:");
    command.envs(settings.iter().map(|(name, value)| (name, value)));
    command
}

/// Opens a file for both outputs.
fn log_file(log: &Path) -> (File, File) {
    let file = File::create(log).expect("the folder can be written");
    (file.try_clone().expect("it is open"), file)
}

/// What lets a service fetch from the test's origin and from nowhere else on this machine.
pub fn fetching(origin: &Origin) -> Vec<(&'static str, String)> {
    vec![(
        "TAGFLEET_FETCH_ALLOW_ORIGINS",
        format!("http://127.0.0.1:{}", origin.port()),
    )]
}
