//! The connections. hyper's own, without a client's comforts: the generator
//! shares the machine with what it measures.

mod h1;
mod h2;
mod reply;

use std::{io, net::SocketAddr};

use bytes::Bytes;
use clap::ValueEnum;
use http::Request;
use http_body_util::Full;
use serde::{Deserialize, Serialize};
use tokio::{
    net::TcpStream,
    sync::{Semaphore, SemaphorePermit},
};

pub use reply::Reply;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// HTTP/1.1 with keep-alive, one request a connection at a time
    H1,
    /// HTTP/2, up to 100 requests a connection at a time
    H2,
}

#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("cannot connect: {0}")]
    Connect(#[from] io::Error),
    #[error("the connection broke: {0}")]
    Broken(#[from] hyper::Error),
}

impl Failure {
    /// As it is counted.
    pub fn name(&self) -> &'static str {
        match self {
            Failure::Connect(_) => "no_connection",
            Failure::Broken(_) => "connection_broke",
        }
    }
}

/// A service, and so many connections to it at the most. Who finds none free waits; that is a part of the latency.
#[derive(Debug)]
pub struct Client {
    connections: Connections,
}

#[derive(Debug)]
enum Connections {
    H1(h1::Connections),
    H2(h2::Connections),
}

impl Client {
    pub fn new(address: SocketAddr, protocol: Protocol, connections: usize) -> Self {
        let connections = match protocol {
            Protocol::H1 => Connections::H1(h1::Connections::new(address, connections)),
            Protocol::H2 => Connections::H2(h2::Connections::new(address, connections)),
        };
        Self { connections }
    }

    /// From the request to the last byte of its answer.
    pub async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Reply, Failure> {
        match &self.connections {
            Connections::H1(connections) => connections.exchange(request).await,
            Connections::H2(connections) => connections.exchange(request).await,
        }
    }
}

/// Waits for a place among the requests that may be under way.
async fn take_place(places: &Semaphore) -> SemaphorePermit<'_> {
    let place = places.acquire().await;
    place.expect("the semaphore is never closed")
}

pub async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
