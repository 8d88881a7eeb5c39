//! A list of the longest URLs, and readers of its lines that take their time:
//! what both make a server hold stays small. A server of their own, whose
//! store is a folder.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use libtest_mimic::Trial;
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, net::TcpStream, task::JoinHandle, time::sleep};
use url::Url;

use crate::{
    suite::{Suite, case},
    support::process::Server,
};

const ITEMS: usize = 20_000;
const URL_BYTES: usize = 8_000;
/// The list has 160 MB; ten thousand such items alone would be 80.
const MOST_FOR_THE_LIST_MIB: f64 = 160.0;
const READERS: usize = 60;
const MOST_FOR_READERS_MIB: f64 = 100.0;
/// A stream of HTTP/2 has so much: less than a line. Those of all readers fit into the window of one connection.
const WINDOW_BYTES: u32 = 1_000;
/// Several chunks of them.
const LINES: usize = 1_500;
/// Looks in a row in which memory has not grown.
const QUIET_LOOKS: usize = 20;

pub fn cases() -> Vec<Trial> {
    vec![case("batch/long_urls_and_slow_readers", long_urls)]
}

async fn long_urls(_: &Suite) {
    let folder = tempfile::tempdir().unwrap();
    let server = server(&folder);
    let idle = server.anonymous().server_mib;
    let id = sent(&server).await;
    let path = format!("/v1/batches/{id}");
    let mut peak = 0.0_f64;
    loop {
        peak = peak.max(server.anonymous().server_mib - idle);
        let batch = get(&server, &path).await;
        if batch["status"] == "completed" {
            assert_eq!(batch["request_counts"]["failed"], ITEMS);
            break;
        }
        sleep(Duration::from_millis(50)).await;
    }
    println!("{peak:.0} MiB for a list of {ITEMS} URLs of {URL_BYTES} bytes");
    assert!(peak < MOST_FOR_THE_LIST_MIB, "{peak} MiB");
    server.stop();
    // What a server has once had in memory may stay with its allocator, and hide what is added. So readers have one of their own.
    let server = self::server(&folder);
    readers(&server, &path).await;
    server.stop();
}

fn server(folder: &tempfile::TempDir) -> Server {
    let store = Url::from_directory_path(folder.path()).unwrap();
    let options = [
        ("--listen", "127.0.0.1:0"),
        ("--store-url", store.as_str()),
        ("--migrate-attempts", "1"),
        ("--migrate-items", "256"),
        ("--migrate-per-host", "256"),
        ("--prepare-processes", "1"),
    ];
    let options: Vec<_> = options
        .into_iter()
        .flat_map(|(name, value)| [name.to_owned(), value.to_owned()])
        .collect();
    Server::start(&options, &[])
}

/// Sends the list: addresses that nobody may fetch from.
async fn sent(server: &Server) -> String {
    let line = |number: usize| {
        let url = format!("http://10.0.0.1/{number:0URL_BYTES$}");
        let item = json!({"custom_id": number.to_string(), "url": url});
        Ok::<_, std::io::Error>(format!("{item}\n"))
    };
    let lines = stream::iter((0..ITEMS).map(line));
    let body = reqwest::Body::wrap_stream(lines.map(|line| line.map(Bytes::from)));
    let request = client()
        .post(format!("{}/v1/batches", server.base))
        .header("content-type", "application/x-ndjson");
    let taken = request.body(body).send().await.unwrap();
    assert_eq!(taken.status(), 202);
    let batch: Value = taken.json().await.unwrap();
    batch["id"].as_str().unwrap().to_owned()
}

async fn get(server: &Server, path: &str) -> Value {
    let answer = client().get(format!("{}{path}", server.base)).send().await;
    answer.unwrap().json().await.unwrap()
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// Readers that take next to nothing of their answer, for a while.
async fn readers(server: &Server, path: &str) {
    let idle = server.anonymous().server_mib;
    let errors = format!("{path}/errors");
    let one_line = format!("{errors}?limit=1&after=0-9");
    let address = server.base.trim_start_matches("http://");

    let mut held = Vec::new();
    for _ in 0..READERS {
        held.push(read_nothing(address, &errors).await);
    }
    stays_small(server, idle, "connections").await;
    drop(held);

    for (connections, streams, asked, what) in [
        (READERS, 1, &errors, "connections of HTTP/2"),
        (1, READERS, &errors, "streams of one connection"),
        (1, READERS, &one_line, "streams for one line each"),
    ] {
        let mut held = Vec::new();
        for _ in 0..connections {
            held.push(TinyWindow::open(address, asked, streams).await);
        }
        stays_small(server, idle, what).await;
    }
    reads_to_the_end(address, &format!("{errors}?limit={LINES}")).await;
    let held = TinyWindow::open(address, &errors, READERS).await;
    stays_small(server, idle, "streams while another one asks").await;
    is_told_to_come_back(server, &errors).await;
    drop(held);
    let healthy = get(server, path).await;
    assert_eq!(healthy["status"], "completed");
}

/// Chunk after chunk over one stream of HTTP/2: what others held was given back.
async fn reads_to_the_end(address: &str, asked: &str) {
    let client = reqwest::Client::builder().no_proxy();
    let client = client.http2_prior_knowledge().build().unwrap();
    let answer = client.get(format!("http://{address}{asked}")).send().await;
    let text = answer.unwrap().text().await.unwrap();
    assert_eq!(text.lines().count(), LINES);
}

/// Looks until nothing was added for a while.
async fn stays_small(server: &Server, idle: f64, what: &str) {
    let mut peak = 0.0_f64;
    let mut quiet = 0;
    while quiet < QUIET_LOOKS {
        let grown = server.anonymous().server_mib - idle;
        quiet = if grown > peak + 0.1 { 0 } else { quiet + 1 };
        peak = peak.max(grown);
        sleep(Duration::from_millis(50)).await;
    }
    println!("{peak:.0} MiB for {READERS} slow readers: {what}");
    assert!(peak < MOST_FOR_READERS_MIB, "{what}: {peak} MiB");
}

async fn read_nothing(address: &str, asked: &str) -> TcpStream {
    let mut reader = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {asked} HTTP/1.1\r\nhost: {address}\r\n\r\n");
    reader.write_all(request.as_bytes()).await.unwrap();
    reader
}

/// Who finds no room beside slow readers learns it soon, and does not wait as long as they like.
async fn is_told_to_come_back(server: &Server, asked: &str) {
    let answer = client().get(format!("{}{asked}", server.base)).send().await;
    let answer = answer.unwrap();
    assert_eq!(answer.status(), 429);
    let problem: Value = answer.json().await.unwrap();
    assert_eq!(problem["code"], "overloaded");
}

/// A connection of HTTP/2 whose streams may be sent next to nothing, and whose windows stay shut.
struct TinyWindow {
    _answers: Vec<h2::client::ResponseFuture>,
    connection: JoinHandle<Result<(), h2::Error>>,
}

impl TinyWindow {
    async fn open(address: &str, asked: &str, streams: usize) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        let mut builder = h2::client::Builder::new();
        builder.initial_window_size(WINDOW_BYTES);
        let (mut sender, connection) = builder.handshake::<_, Bytes>(stream).await.unwrap();
        let connection = tokio::spawn(connection);
        let mut answers = Vec::new();
        for _ in 0..streams {
            sender = sender.ready().await.unwrap();
            let request = http::Request::get(format!("http://{address}{asked}"));
            let request = request.body(()).unwrap();
            let (answer, _) = sender.send_request(request, true).unwrap();
            answers.push(answer);
        }
        Self {
            _answers: answers,
            connection,
        }
    }
}

impl Drop for TinyWindow {
    fn drop(&mut self) {
        self.connection.abort();
    }
}
