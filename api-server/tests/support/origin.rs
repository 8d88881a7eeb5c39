//! A web server of plain bytes, good and bad.

use std::{
    collections::HashMap,
    net::TcpListener as StdListener,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use testing::servers::eventually;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

#[derive(Clone)]
pub enum Page {
    /// Sent as it is, then the connection is closed.
    Bytes(Vec<u8>),
    /// Sent as it is, and the connection waits for the next request.
    Kept(Vec<u8>),
    /// As `Bytes`, unless the request's head holds this text: then 304 with these headers.
    Unless {
        known: &'static str,
        headers: &'static str,
        bytes: Vec<u8>,
    },
    /// As `Bytes`, after a while.
    Late(Duration, Vec<u8>),
    /// Says nothing until its client hangs up.
    Silent,
    /// A head that announces so many bytes, then one after each pause, for ever.
    Drip(usize, Duration),
    /// Not even the head comes to its end.
    DripHead,
    /// 1xx answers without end, as fast as they are taken.
    Informs,
    /// Chunks without end.
    Endless,
}

/// Between two bytes, where no test waits for a pause of its own.
pub const BRISK: Duration = Duration::from_millis(30);

#[derive(Clone)]
pub struct Origin {
    pub base: String,
    pages: Arc<HashMap<&'static str, Page>>,
    /// Heads of the requests that came.
    pub heads: Arc<Mutex<Vec<String>>>,
    open: Arc<AtomicUsize>,
    /// Most requests that were open at once.
    pub peak: Arc<AtomicUsize>,
}

impl Origin {
    pub async fn start(pages: impl IntoIterator<Item = (&'static str, Page)>) -> Self {
        Self::on(
            StdListener::bind("127.0.0.1:0").expect("a free port"),
            pages,
        )
    }

    /// On a port that a server was told of before.
    pub fn on(
        listener: StdListener,
        pages: impl IntoIterator<Item = (&'static str, Page)>,
    ) -> Self {
        listener
            .set_nonblocking(true)
            .expect("a socket can be set so");
        let listener = TcpListener::from_std(listener).expect("a runtime");
        let origin = Self {
            base: format!("http://{}", listener.local_addr().expect("bound")),
            pages: Arc::new(pages.into_iter().collect()),
            heads: Arc::default(),
            open: Arc::default(),
            peak: Arc::default(),
        };
        let serving = origin.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serving.clone().serve(stream));
            }
        });
        origin
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    pub fn port(&self) -> &str {
        self.base.rsplit(':').next().expect("a port")
    }

    /// Requests that came.
    pub fn hits(&self) -> usize {
        self.heads.lock().expect("not poisoned").len()
    }

    pub async fn until_hit(&self, times: usize) {
        eventually("the requests come", async || {
            (self.hits() >= times).then_some(())
        })
        .await;
    }

    async fn serve(self, mut stream: TcpStream) -> Option<()> {
        while self.answer(&mut stream).await? {}
        stream.shutdown().await.ok()
    }

    /// Whether there may be another request.
    async fn answer(&self, stream: &mut TcpStream) -> Option<bool> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            stream
                .read_buf(&mut head)
                .await
                .ok()
                .filter(|bytes| *bytes > 0)?;
        }
        let head = String::from_utf8(head).ok()?;
        assert!(
            head.to_lowercase().contains("accept-encoding: identity"),
            "{head}"
        );
        assert!(head.contains("Tagfleet/"), "{head}");
        let page = head
            .split(' ')
            .nth(1)
            .and_then(|path| self.pages.get(path))
            .cloned();
        let page = match page {
            Some(Page::Unless {
                known,
                headers,
                bytes,
            }) => Some(Page::Bytes(match head.contains(known) {
                true => status(304, headers),
                false => bytes,
            })),
            page => page,
        };
        self.heads.lock().expect("not poisoned").push(head);
        self.peak.fetch_max(
            self.open.fetch_add(1, Ordering::SeqCst) + 1,
            Ordering::SeqCst,
        );
        let page = page.unwrap_or_else(|| Page::Bytes(status(404, "")));
        let is_kept = matches!(page, Page::Kept(_));
        let done = send(stream, page).await;
        self.open.fetch_sub(1, Ordering::SeqCst);
        done.map(|()| is_kept)
    }
}

async fn send(stream: &mut TcpStream, page: Page) -> Option<()> {
    match page {
        Page::Bytes(bytes) | Page::Kept(bytes) | Page::Unless { bytes, .. } => {
            stream.write_all(&bytes).await.ok()
        }
        Page::Late(delay, bytes) => {
            tokio::time::sleep(delay).await;
            stream.write_all(&bytes).await.ok()
        }
        Page::Silent => {
            let _ = stream.read_u8().await;
            Some(())
        }
        Page::Drip(announced, pause) => {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {announced}\r\n\r\n");
            stream.write_all(head.as_bytes()).await.ok()?;
            drip(stream, pause).await
        }
        Page::DripHead => {
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nX-Padding: ")
                .await
                .ok()?;
            drip(stream, BRISK).await
        }
        Page::Informs => {
            repeat(
                stream,
                &b"HTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\n".repeat(100),
            )
            .await
        }
        Page::Endless => {
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                .await
                .ok()?;
            repeat(
                stream,
                format!("10000\r\n{}\r\n", "x".repeat(0x10000)).as_bytes(),
            )
            .await
        }
    }
}

async fn drip(stream: &mut TcpStream, pause: Duration) -> Option<()> {
    loop {
        stream.write_all(b"x").await.ok()?;
        tokio::time::sleep(pause).await;
    }
}

async fn repeat(stream: &mut TcpStream, bytes: &[u8]) -> Option<()> {
    loop {
        stream.write_all(bytes).await.ok()?;
        // A client that keeps up would leave the others of this thread no turn.
        tokio::task::yield_now().await;
    }
}

/// On a connection that stays.
pub fn kept(body: &[u8]) -> Page {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    Page::Kept([head.as_bytes(), body].concat())
}

pub fn ok(body: &[u8]) -> Page {
    with_headers("Content-Type: image/jpeg\r\n", body)
}

pub fn with_headers(headers: &str, body: &[u8]) -> Page {
    let head = format!(
        "HTTP/1.1 200 OK\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n",
        body.len()
    );
    Page::Bytes([head.as_bytes(), body].concat())
}

/// A file that its host knows by a tag, and lets be kept as `control` says.
pub fn tagged(etag: &'static str, headers: &'static str, body: &[u8]) -> Page {
    let Page::Bytes(bytes) = with_headers(headers, body) else {
        unreachable!("it is bytes")
    };
    Page::Unless {
        known: etag,
        headers,
        bytes,
    }
}

pub fn redirect(to: &str) -> Page {
    Page::Bytes(status(302, &format!("Location: {to}\r\n")))
}

pub fn status(status: u16, headers: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: 0\r\n{headers}\r\n")
        .into_bytes()
}
