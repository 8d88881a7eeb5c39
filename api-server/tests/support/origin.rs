//! A web server of plain bytes, good and bad.

use std::{collections::HashMap, net::TcpListener as StdListener, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

#[derive(Clone)]
pub enum Page {
    /// Sent as it is, then the connection is closed.
    Bytes(Vec<u8>),
    /// Says nothing until its client hangs up.
    Silent,
    /// A head, then one byte at a time, for ever.
    Drip(Duration),
    /// Chunks without end.
    Endless,
}

pub struct Origin {
    pub base: String,
}

impl Origin {
    pub async fn start(pages: impl IntoIterator<Item = (&'static str, Page)>) -> Self {
        Self::on(StdListener::bind("127.0.0.1:0").expect("a free port"), pages)
    }

    /// On a port that a server was told of before.
    pub fn on(listener: StdListener, pages: impl IntoIterator<Item = (&'static str, Page)>) -> Self {
        let pages: Arc<HashMap<_, _>> = Arc::new(pages.into_iter().collect());
        listener.set_nonblocking(true).expect("a socket can be set so");
        let listener = TcpListener::from_std(listener).expect("a runtime");
        let base = format!("http://{}", listener.local_addr().expect("bound"));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, pages.clone()));
            }
        });
        Self { base }
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }
}

async fn serve(mut stream: TcpStream, pages: Arc<HashMap<&'static str, Page>>) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_buf(&mut head).await.ok().filter(|bytes| *bytes > 0)?;
    }
    let head = String::from_utf8(head).ok()?;
    assert!(head.to_lowercase().contains("accept-encoding: identity"), "{head}");
    assert!(head.contains("Tagfleet/"), "{head}");
    let path = head.split(' ').nth(1)?;
    match pages.get(path).cloned().unwrap_or_else(|| Page::Bytes(status(404, ""))) {
        Page::Bytes(bytes) => stream.write_all(&bytes).await.ok()?,
        Page::Silent => drop(stream.read_u8().await),
        Page::Drip(pause) => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n").await.ok()?;
            loop {
                stream.write_all(b"x").await.ok()?;
                tokio::time::sleep(pause).await;
            }
        }
        Page::Endless => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await.ok()?;
            let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
            loop {
                stream.write_all(chunk.as_bytes()).await.ok()?;
            }
        }
    }
    stream.shutdown().await.ok()
}

pub fn ok(body: &[u8]) -> Page {
    with_headers("Content-Type: image/jpeg\r\n", body)
}

pub fn with_headers(headers: &str, body: &[u8]) -> Page {
    let head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
    Page::Bytes([head.as_bytes(), body].concat())
}

pub fn redirect(to: &str) -> Page {
    Page::Bytes(status(302, &format!("Location: {to}\r\n")))
}

pub fn status(status: u16, headers: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: 0\r\n{headers}\r\n").into_bytes()
}
