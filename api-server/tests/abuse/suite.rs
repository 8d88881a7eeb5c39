//! The server under attack, and the means to attack it and to see what it does.

use std::{
    io::Write,
    net::{IpAddr, TcpListener},
    sync::{Mutex, OnceLock},
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use identity::NewKey;
use image::ImageFormat;
use libtest_mimic::Trial;
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use testing::pictures;
use tokio::runtime::{self, Runtime};

use crate::{
    support::{
        form,
        origin::{Origin, Page, ok},
        process::Server,
        reply::Reply,
        secure::Authority,
        trap::Trap,
    },
    world::World,
};

/// More than cases that need one.
const ORIGINS: usize = 200;
const MOST_GROWTH_MIB: f64 = 64.0;

/// How long the circuit of a host that fails is open, at first.
pub const PAUSE: Duration = Duration::from_secs(1);

static SUITE: OnceLock<Suite> = OnceLock::new();

pub struct Suite {
    pub server: Server,
    pub world: World,
    pub trap: Trap,
    pub keys: Keys,
    pub authority: Authority,
    /// Has a good key.
    client: reqwest::Client,
    runtime: Runtime,
    /// Ports that the server may fetch from, each for one case: what a host has done is remembered.
    ports: Mutex<Vec<TcpListener>>,
    /// The one answer for whatever cannot be reached.
    unreachable: OnceLock<Value>,
    resident_mib: OnceLock<f64>,
}

pub fn case(
    name: impl Into<String>,
    run: impl AsyncFnOnce(&'static Suite) + Send + 'static,
) -> Trial {
    Trial::test(name, || {
        let suite = SUITE.get().expect("started");
        suite.runtime.block_on(run(suite));
        assert!(
            suite.server.runs(),
            "the server ended:\n{}",
            suite.server.last_words()
        );
        Ok(())
    })
}

/// What the server is told of; the file that tells of them lasts as long.
pub struct Keys {
    pub good: String,
    pub revoked: String,
    /// Two requests at once, and one in ten seconds.
    pub hasty: String,
    /// Another tenant's.
    pub other: String,
    file: NamedTempFile,
}

impl Keys {
    fn new() -> Self {
        let key = |tenant, rate, burst| NewKey::random(tenant, rate, burst).expect("a key");
        let good = key("abuse", 1e6, None);
        let revoked = key("gone", 1e6, None);
        let hasty = key("hasty", 0.1, Some(2));
        let other = key("other", 1e6, None);
        let mut file = NamedTempFile::new().expect("a temporary file");
        let entries = [
            good.entry,
            revoked.entry,
            "revoked = true\n".to_owned(),
            hasty.entry,
            other.entry,
        ];
        file.write_all(entries.concat().as_bytes())
            .expect("written");
        Self {
            good: good.key,
            revoked: revoked.key,
            hasty: hasty.key,
            other: other.key,
            file,
        }
    }
}

pub fn start(world: World) -> &'static Suite {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let trap = runtime.block_on(Trap::start());
    let ports: Vec<_> = (0..ORIGINS)
        .map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port"))
        .collect();
    let keys = Keys::new();
    let authority = Authority::new();
    let mut root = NamedTempFile::new().expect("a temporary file");
    root.write_all(&authority.root).expect("written");
    let suite = Suite {
        server: Server::start(&options(&trap, &ports, &keys, &root), &proxies(&trap)),
        world,
        trap,
        client: client(&keys.good),
        keys,
        authority,
        runtime,
        ports: ports.into(),
        unreachable: OnceLock::new(),
        resident_mib: OnceLock::new(),
    };
    let suite = SUITE.get_or_init(|| suite);
    suite.runtime.block_on(suite.warm_up());
    suite
}

fn client(key: &str) -> reqwest::Client {
    let bearer = format!("Bearer {key}").parse().expect("letters and digits");
    let headers = http::HeaderMap::from_iter([(http::header::AUTHORIZATION, bearer)]);
    reqwest::Client::builder()
        .no_proxy()
        .default_headers(headers)
        .build()
        .expect("a client")
}

/// As in production but for what is excused, and for shorter patience.
fn options(trap: &Trap, ports: &[TcpListener], keys: &Keys, root: &NamedTempFile) -> Vec<String> {
    let ports = ports
        .iter()
        .map(|listener| listener.local_addr().expect("bound").port());
    let bases = |port| {
        [
            "http://127.0.0.1",
            "https://127.0.0.1",
            "https://cat.example",
        ]
        .map(|base| format!("{base}:{port}"))
    };
    let origins: Vec<_> = ports.flat_map(bases).collect();
    // Its own port may be fetched from, as in production: it is the address that forbids it.
    let own = TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a free port");
    let options = [
        ("--listen", own.to_string()),
        ("--api-keys", keys.file.path().display().to_string()),
        ("--extra-root", root.path().display().to_string()),
        ("--fetch-allow-origin", origins.join(",")),
        (
            "--fetch-ports",
            format!("80,443,8080,8443,{},{}", trap.port, own.port()),
        ),
        // The network's own NAT64, which looks public.
        ("--fetch-refuse-nets", "2a02:64::/96".to_owned()),
        ("--fetch-connect-timeout-ms", "500".to_owned()),
        ("--fetch-first-byte-timeout-ms", "1000".to_owned()),
        ("--fetch-timeout-ms", "3000".to_owned()),
        ("--fetch-host-pause-ms", PAUSE.as_millis().to_string()),
        ("--header-timeout-ms", "500".to_owned()),
        ("--prepare-processes", "2".to_owned()),
        ("--migrate-attempts", "1".to_owned()),
        (
            "--webhook-secrets",
            "a secret of the abuse suite".to_owned(),
        ),
        ("--prepare-timeout-ms", "2000".to_owned()),
        // Other tests beside it would else leave hardly any time to files that are to take too much of it.
        ("--prepare-slow-niceness", "0".to_owned()),
    ];
    options
        .into_iter()
        .flat_map(|(name, value)| [name.to_owned(), value])
        .collect()
}

/// Where an operator's environment would send the downloads: a proxy connects to whatever it is asked for, so that no
/// address is judged any more. The trap shall not hear of a single one.
fn proxies(trap: &Trap) -> Vec<(&'static str, String)> {
    let names = [
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "http_proxy",
        "https_proxy",
        "all_proxy",
    ];
    names
        .map(|name| (name, format!("http://127.0.0.1:{}", trap.port)))
        .into()
}

impl Suite {
    /// Good requests of every kind, so many that the server is as large as they make it.
    async fn warm_up(&self) {
        let photos = [pictures::photo(640, 480), pictures::photo(4000, 3000)];
        let formats = [
            ImageFormat::Png,
            ImageFormat::WebP,
            ImageFormat::Gif,
            ImageFormat::Tiff,
            ImageFormat::Bmp,
        ];
        let others = formats.map(|format| pictures::encoded(pictures::gradient(1024, 768), format));
        for _ in 0..3 {
            for file in photos.iter().chain(&others) {
                self.is_tagged(file).await;
            }
        }
        assert!(self.trap.is_untouched().await, "no proxy is asked");
        self.resident_mib.get_or_init(|| self.server.resident_mib());
    }

    /// In every way that a file can come, and all are one.
    pub async fn is_tagged(&self, file: &[u8]) {
        for (way, reply) in self.post_file(file).await {
            assert_eq!(reply.status, 200, "{way}: {}", reply.json);
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.server.base)
    }

    pub fn request(&self, method: http::Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, self.url(path))
    }

    pub async fn post(&self, path: &str, kind: &str, body: impl Into<reqwest::Body>) -> Reply {
        let request = self
            .request(http::Method::POST, path)
            .header("content-type", kind)
            .body(body);
        Reply::read(request.send().await.expect("an answer")).await
    }

    pub async fn post_json(&self, body: Value) -> Reply {
        self.post("/v1/tags", "application/json", body.to_string())
            .await
    }

    pub async fn post_url(&self, url: &str) -> Reply {
        self.post_json(json!({"image": {"url": url}})).await
    }

    pub async fn post_bytes(&self, file: &[u8]) -> Reply {
        self.post("/v1/tags", "application/octet-stream", file.to_vec())
            .await
    }

    pub async fn post_file(&self, file: &[u8]) -> [(&'static str, Reply); 4] {
        let base64 = BASE64_STANDARD.encode(file);
        let origin = self.origin([("/file.jpg", ok(file))]);
        // Longer than any decoder may take on a busy machine: its own limit is to decide, not the request's.
        let path = "/v1/tags?timeout_ms=20000";
        let content = json!({"image": {"content": base64}, "timeout_ms": 20_000});
        let form = form::form(&[form::image(file)]);
        let url = json!({"image": {"url": origin.url("/file.jpg")}, "timeout_ms": 20_000});
        [
            (
                "as bytes",
                self.post(path, "application/octet-stream", file.to_vec())
                    .await,
            ),
            ("as base64", self.post_json(content).await),
            ("in a form", self.post(path, form::KIND, form).await),
            ("by URL", self.post_json(url).await),
        ]
    }

    /// A web server that may be fetched from, on a port that no case has used before.
    pub fn origin(&self, pages: impl IntoIterator<Item = (&'static str, Page)>) -> Origin {
        let _inside = self.runtime.enter();
        Origin::on(self.port(), pages)
    }

    pub fn port(&self) -> TcpListener {
        let port = self.ports.lock().unwrap().pop();
        port.expect("enough ports")
    }

    /// The URL leads to the one answer, the same for all, and to no connection.
    pub async fn leads_nowhere(&self, url: &str) {
        let reply = self.post_url(url).await;
        self.is_unreachable(reply);
        assert_eq!(
            self.trap.take_knocks().await,
            [] as [IpAddr; 0],
            "connections to these"
        );
    }

    #[track_caller]
    pub fn is_unreachable(&self, reply: Reply) {
        reply.is_problem(422, "source_unreachable");
        let mut said = reply.json;
        said.as_object_mut().unwrap().remove("request_id");
        let first = self.unreachable.get_or_init(|| said.clone());
        assert_eq!(&said, first, "all alike, so that nothing is learnt");
    }

    /// The trap heard of nothing but this address, and not even that of it elsewhere.
    pub async fn only_knocked_at(&self, address: &str) {
        let address: IpAddr = address.parse().unwrap();
        let elsewhere: Vec<_> = self
            .trap
            .take_knocks()
            .await
            .into_iter()
            .filter(|knock| *knock != address)
            .collect();
        assert!(elsewhere.is_empty(), "connections to {elsewhere:?}");
    }

    /// What must hold after all cases together.
    pub fn finish(&self) {
        self.runtime
            .block_on(self.is_tagged(&pictures::photo(640, 480)));
        assert!(
            self.runtime.block_on(self.trap.is_untouched()),
            "no proxy is asked"
        );
        let before = self.resident_mib.get().expect("warm");
        let after = self.server.resident_mib();
        println!(
            "server {}: {before:.0} MiB before, {after:.0} MiB after, and it still tags",
            self.server.pid
        );
        assert!(after - before < MOST_GROWTH_MIB, "it has grown");
        let log = self.server.log();
        let foreign: Vec<_> = log.lines().filter(|line| !line.starts_with('{')).collect();
        assert!(
            foreign.is_empty(),
            "all that the server says is JSON, unless it panics: {foreign:#?}"
        );
        assert!(self.server.stop().success(), "{}", self.server.last_words());
    }
}
