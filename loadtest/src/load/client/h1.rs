use std::{
    net::SocketAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::sync::Semaphore;

use super::{Failure, Reply, connect};

/// A server may close a connection that waits for its next request; one that has waited so long is not used again.
const FRESH: Duration = Duration::from_secs(4);

#[derive(Debug)]
pub struct Lines {
    address: SocketAddr,
    places: Semaphore,
    /// The last one used is the next one, so that no more stay open than are needed.
    idle: Mutex<Vec<Idle>>,
}

#[derive(Debug)]
struct Idle {
    line: Line,
    since: Instant,
}

type Line = SendRequest<Full<Bytes>>;

impl Lines {
    pub fn new(address: SocketAddr, connections: usize) -> Self {
        Self {
            address,
            places: Semaphore::new(connections),
            idle: Mutex::default(),
        }
    }

    pub async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Reply, Failure> {
        let _place = self
            .places
            .acquire()
            .await
            .expect("the semaphore is never closed");
        let mut request = request;
        if let Some(mut line) = self.take_idle().await {
            match line.try_send_request(request).await {
                Ok(response) => return self.finish(line, response).await,
                // Not a byte of it was sent: the server had just closed.
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(error.into_error().into()),
                },
            }
        }
        let mut line = self.open().await?;
        let response = line.send_request(request).await?;
        self.finish(line, response).await
    }

    async fn finish(
        &self,
        line: Line,
        response: http::Response<hyper::body::Incoming>,
    ) -> Result<Reply, Failure> {
        let reply = Reply::read(response).await?;
        self.idle().push(Idle {
            line,
            since: Instant::now(),
        });
        Ok(reply)
    }

    async fn take_idle(&self) -> Option<Line> {
        loop {
            let mut line = self.newest_idle()?;
            if line.ready().await.is_ok() {
                return Some(line);
            }
        }
    }

    fn newest_idle(&self) -> Option<Line> {
        let mut idle = self.idle();
        let newest = idle.pop()?;
        if newest.since.elapsed() > FRESH {
            // Those below it are older.
            idle.clear();
            return None;
        }
        Some(newest.line)
    }

    async fn open(&self) -> Result<Line, Failure> {
        let stream = connect(self.address).await?;
        let (line, connection) = handshake(TokioIo::new(stream)).await?;
        // It ends with its line; what breaks it, the exchange tells.
        tokio::spawn(async move { drop(connection.await) });
        Ok(line)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
