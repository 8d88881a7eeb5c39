//! A list of the longest URLs, and readers of its lines that take their time:
//! what both make a server hold stays small. A server of their own, whose
//! store is a folder.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use libtest_mimic::Trial;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::sleep,
};
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
    let body = reqwest::Body::wrap_stream(lines.map(|line| line.map(bytes::Bytes::from)));
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

async fn readers(server: &Server, path: &str) {
    let idle = server.anonymous().server_mib;
    let address = server.base.trim_start_matches("http://");
    let mut readers = Vec::new();
    for _ in 0..READERS {
        let mut reader = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path}/errors HTTP/1.1\r\nhost: {address}\r\n\r\n");
        reader.write_all(request.as_bytes()).await.unwrap();
        readers.push(reader);
    }
    // Each has had the beginning of its answer, and takes no more for a while.
    for reader in &mut readers {
        let mut head = [0; 15];
        reader.read_exact(&mut head).await.unwrap();
        assert_eq!(&head, b"HTTP/1.1 200 OK");
    }
    let mut peak = 0.0_f64;
    for _ in 0..40 {
        peak = peak.max(server.anonymous().server_mib - idle);
        sleep(Duration::from_millis(50)).await;
    }
    println!("{peak:.0} MiB for {READERS} slow readers");
    assert!(peak < MOST_FOR_READERS_MIB, "{peak} MiB");
    let healthy = get(server, path).await;
    assert_eq!(healthy["status"], "completed");
}
