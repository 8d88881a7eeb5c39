//! The binary under test, started as a user starts it, ended by process id.

use std::{
    collections::HashMap,
    os::unix::process::ExitStatusExt,
    process::{Child, Command, ExitStatus, Output, Stdio},
};

use tempfile::NamedTempFile;
use testing::servers::{Port, eventually};

use super::samples::{Origin, Tagged};

const BINARY: &str = env!("CARGO_BIN_EXE_tagfleet");

/// SIGABRT
const ABORTED: i32 = 6;

pub struct Process {
    child: Child,
    port: Port,
    log: NamedTempFile,
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
        Self::bare("worker", &[settings, &named].concat()).await
    }

    /// A role with these settings and no others, ready.
    pub async fn bare(role: &str, settings: &[(&str, String)]) -> Self {
        let process = Self::begun(role, settings);
        process.ready().await;
        process
    }

    /// The same, which may never become ready.
    pub fn begun(role: &str, settings: &[(&str, String)]) -> Self {
        let listen = match role {
            "migrator" => "TAGFLEET_MIGRATOR_LISTEN",
            "worker" => "TAGFLEET_WORKER_LISTEN",
            _ => "TAGFLEET_LISTEN",
        };
        Self::start(role, listen, settings)
    }

    fn start(role: &str, listen: &str, settings: &[(&str, String)]) -> Self {
        let mut command = Command::new(BINARY);
        command.arg(role);
        Self::run(command, listen, settings)
    }

    /// All in one, on a disk of its own that holds so much: a tmpfs that this process alone has mounted on `folder`.
    pub async fn serve_on_small_disk(
        folder: &std::path::Path,
        size: &str,
        settings: &[(&str, String)],
    ) -> Self {
        let mut command = Command::new("unshare");
        command
            .args(["--map-root-user", "--mount", "sh", "-c"])
            .arg(r#"mount -t tmpfs -o size="$1" tmpfs "$2" && exec "$0" serve"#)
            .args([BINARY, size])
            .arg(folder);
        let service = Self::run(command, "TAGFLEET_LISTEN", settings);
        service.ready().await;
        service
    }

    /// What a command prints.
    pub async fn command(arguments: &[&str]) -> Output {
        let mut command = tokio::process::Command::new(BINARY);
        let output = command.args(arguments).output();
        output.await.expect("the binary runs")
    }

    fn run(mut command: Command, listen: &str, settings: &[(&str, String)]) -> Self {
        let port = Port::reserve();
        let log = NamedTempFile::new().expect("a temporary file can be made");
        command
            .env(listen, format!("127.0.0.1:{}", port.number()))
            .stdin(Stdio::null());
        // Nobody's home is written to.
        command.env("TAGFLEET_STORE_URL", "memory:");
        // Every request is worked on, unless a test is of the cache.
        command.env("TAGFLEET_CACHE", "off");
        command.envs(settings.iter().map(|(name, value)| (name, value)));
        let output = log.reopen().expect("the file is there");
        command.stdout(output.try_clone().expect("it is open"));
        command.stderr(output);
        Self {
            child: command.spawn().expect("the binary starts"),
            port,
            log,
        }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Where it answers.
    pub fn base(&self) -> String {
        format!("http://127.0.0.1:{}", self.port.number())
    }

    /// What it has logged so far.
    pub fn logged(&self) -> String {
        std::fs::read_to_string(self.log.path()).unwrap_or_default()
    }

    pub async fn get(&self, path: &str) -> Option<String> {
        // The client wants a TLS provider even where none is used.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let response = reqwest::get(format!("{}{path}", self.base())).await.ok()?;
        response.error_for_status().ok()?.text().await.ok()
    }

    /// JSON there and back, also where it is refused.
    pub async fn post(&self, path: &str, body: &serde_json::Value) -> serde_json::Value {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let request = reqwest::Client::new()
            .post(format!("{}{path}", self.base()))
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
            .post(format!("{}{path}", self.base()))
            .bearer_auth(key)
            .json(body);
        let response = request.send().await.expect("an answer");
        response.json().await.expect("JSON")
    }

    pub async fn get_as(&self, key: &str, path: &str) -> Option<serde_json::Value> {
        let request = reqwest::Client::new()
            .get(format!("{}{path}", self.base()))
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
        // Counters begin at zero, before anything has happened.
        Some(counts.filter(|(_, count)| *count > 0).collect())
    }

    /// A metric without labels.
    pub async fn number(&self, metric: &str) -> Option<u64> {
        let metrics = self.get("/metrics").await?;
        let line = metrics
            .lines()
            .find_map(|line| line.strip_prefix(metric)?.strip_prefix(' '))?;
        line.parse().ok()
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
        let url = format!("{}/readyz", self.base());
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
        command.args(["tag", "--json", "--api", &self.base()]);
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
        batch(&self.base(), arguments).await
    }

    /// `tagfleet batch results` or `errors`, line by line.
    pub async fn batch_lines(&self, kind: &str, id: &str) -> Vec<serde_json::Value> {
        batch_lines(&self.base(), kind, id).await
    }

    pub fn rss_mib(&self) -> u64 {
        self.rss_kib().expect("it runs") / 1024
    }

    /// `None` once it has ended.
    pub fn rss_kib(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
        line.split_whitespace().nth(1)?.parse().ok()
    }

    /// Open descriptors; `None` once it has ended.
    pub fn descriptors(&self) -> Option<usize> {
        let listing = std::fs::read_dir(format!("/proc/{}/fd", self.id())).ok()?;
        Some(listing.count())
    }

    pub fn kill9(&mut self) {
        self.child
            .kill()
            .and_then(|()| self.child.wait())
            .expect("it can be killed");
    }

    /// SIGTERM, and the exit code once it has drained.
    pub async fn terminate(&mut self) -> Option<i32> {
        self.signal("TERM");
        self.ended().await.code()
    }

    /// By the name of the signal: `STOP` freezes it, `CONT` lets it go on.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args(["-s", name, &self.id().to_string()])
            .status()
            .expect("kill is there");
        assert!(sent.success(), "it was still running");
    }

    /// How it ended, once it has.
    pub async fn ended(&mut self) -> ExitStatus {
        let ended = async || self.has_ended();
        eventually("the process ends", ended).await
    }

    pub fn has_ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Once it has aborted, as by a bug.
    pub async fn aborted(&mut self) {
        let status = self.ended().await;
        assert_eq!(status.signal(), Some(ABORTED), "{status}");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::env::var_os("TAGFLEET_TEST_OUTPUT").is_some() {
            eprintln!("{}", self.logged());
        }
    }
}

/// `tagfleet batch` through the service that answers there.
async fn batch(base: &str, arguments: &[&str]) -> String {
    let mut command = tokio::process::Command::new(BINARY);
    command.args(["batch", "--api", base]).args(arguments);
    let output = command.output().await.expect("the binary runs");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "tagfleet batch {arguments:?}: {complaint}"
    );
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// `tagfleet batch results` or `errors`, line by line.
pub async fn batch_lines(base: &str, kind: &str, id: &str) -> Vec<serde_json::Value> {
    let text = batch(base, &[kind, id]).await;
    text.lines()
        .map(|line| serde_json::from_str(line).expect("JSON lines"))
        .collect()
}

/// What lets a service fetch from the test's origin and from nowhere else on this machine.
pub fn fetching(origin: &Origin) -> Vec<(&'static str, String)> {
    vec![(
        "TAGFLEET_FETCH_ALLOW_ORIGINS",
        format!("http://127.0.0.1:{}", origin.port()),
    )]
}
