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

use super::{Failure, Reply, connect, take_place};

/// Requests of one connection at a time; servers allow some 100.
const STREAMS: usize = 100;

#[derive(Debug)]
pub struct Connections {
    address: SocketAddr,
    places: Semaphore,
    slots: Vec<Mutex<Option<Connection>>>,
    next: AtomicUsize,
}

type Connection = SendRequest<Full<Bytes>>;

impl Connections {
    pub fn new(address: SocketAddr, connections: usize) -> Self {
        let slots = (0..connections).map(|_| Mutex::default()).collect();
        Self {
            address,
            places: Semaphore::new(connections * STREAMS),
            slots,
            next: AtomicUsize::new(0),
        }
    }

    pub async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Reply, Failure> {
        let _place = take_place(&self.places).await;
        let mut connection = self.connection().await?;
        connection.ready().await?;
        let response = connection.send_request(request).await?;
        Ok(Reply::read(response).await?)
    }

    /// In turn; whoever comes first opens it.
    async fn connection(&self) -> Result<Connection, Failure> {
        let turn = self.next.fetch_add(1, Relaxed) % self.slots.len();
        let mut connection = self.slots[turn].lock().await;
        match &*connection {
            Some(open) if !open.is_closed() => Ok(open.clone()),
            _ => Ok(connection.insert(self.open().await?).clone()),
        }
    }

    async fn open(&self) -> Result<Connection, Failure> {
        let io = TokioIo::new(connect(self.address).await?);
        let (connection, driver) = Builder::new(TokioExecutor::new()).handshake(io).await?;
        tokio::spawn(driver);
        Ok(connection)
    }
}
