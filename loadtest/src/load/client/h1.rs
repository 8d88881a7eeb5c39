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

use super::{Failure, Reply, connect, take_place};

/// A server may close a connection that waits for its next request; one that has waited so long is not used again.
const FRESH: Duration = Duration::from_secs(4);

#[derive(Debug)]
pub struct Connections {
    address: SocketAddr,
    places: Semaphore,
    /// The last one used is the next one, so that no more stay open than are needed.
    idle: Mutex<Vec<Idle>>,
}

#[derive(Debug)]
struct Idle {
    connection: Connection,
    since: Instant,
}

type Connection = SendRequest<Full<Bytes>>;

impl Connections {
    pub fn new(address: SocketAddr, connections: usize) -> Self {
        Self {
            address,
            places: Semaphore::new(connections),
            idle: Mutex::default(),
        }
    }

    pub async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Reply, Failure> {
        let _place = take_place(&self.places).await;
        let mut request = request;
        if let Some(mut connection) = self.take_idle().await {
            match connection.try_send_request(request).await {
                Ok(response) => return self.finish(connection, response).await,
                // Not a byte of it was sent: the server had just closed.
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(error.into_error().into()),
                },
            }
        }
        let mut connection = self.open().await?;
        let response = connection.send_request(request).await?;
        self.finish(connection, response).await
    }

    async fn finish(
        &self,
        connection: Connection,
        response: http::Response<hyper::body::Incoming>,
    ) -> Result<Reply, Failure> {
        let reply = Reply::read(response).await?;
        self.idle().push(Idle {
            connection,
            since: Instant::now(),
        });
        Ok(reply)
    }

    async fn take_idle(&self) -> Option<Connection> {
        loop {
            let mut connection = self.newest_idle()?;
            if connection.ready().await.is_ok() {
                return Some(connection);
            }
        }
    }

    fn newest_idle(&self) -> Option<Connection> {
        let mut idle = self.idle();
        let newest = idle.pop()?;
        if newest.since.elapsed() > FRESH {
            // Those below it are older.
            idle.clear();
            return None;
        }
        Some(newest.connection)
    }

    async fn open(&self) -> Result<Connection, Failure> {
        let stream = connect(self.address).await?;
        let (connection, driver) = handshake(TokioIo::new(stream)).await?;
        // It ends with its connection; what breaks it, the exchange tells.
        tokio::spawn(driver);
        Ok(connection)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
