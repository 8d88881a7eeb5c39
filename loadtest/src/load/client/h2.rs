use std::{
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::sync::{Mutex, Semaphore};

use super::{Failure, Reply, connect};

/// Requests of one connection at a time; servers allow some 100.
const STREAMS: usize = 100;

#[derive(Debug)]
pub struct Lines {
    address: SocketAddr,
    places: Semaphore,
    lines: Vec<Mutex<Option<Line>>>,
    next: AtomicUsize,
}

type Line = SendRequest<Full<Bytes>>;

impl Lines {
    pub fn new(address: SocketAddr, connections: usize) -> Self {
        let lines = (0..connections).map(|_| Mutex::default()).collect();
        Self {
            address,
            places: Semaphore::new(connections * STREAMS),
            lines,
            next: AtomicUsize::new(0),
        }
    }

    pub async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Reply, Failure> {
        let _place = self
            .places
            .acquire()
            .await
            .expect("the semaphore is never closed");
        let mut line = self.line().await?;
        line.ready().await?;
        let response = line.send_request(request).await?;
        Ok(Reply::read(response).await?)
    }

    /// In turn; whoever comes first opens it.
    async fn line(&self) -> Result<Line, Failure> {
        let turn = self.next.fetch_add(1, Relaxed) % self.lines.len();
        let mut line = self.lines[turn].lock().await;
        match &*line {
            Some(open) if !open.is_closed() => Ok(open.clone()),
            _ => Ok(line.insert(self.open().await?).clone()),
        }
    }

    async fn open(&self) -> Result<Line, Failure> {
        let io = TokioIo::new(connect(self.address).await?);
        let (line, connection) = Builder::new(TokioExecutor::new()).handshake(io).await?;
        tokio::spawn(async move { drop(connection.await) });
        Ok(line)
    }
}
