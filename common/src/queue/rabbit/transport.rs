//! How bytes reach the broker: over TCP, or over TLS on it.
//!
//! TLS is that of all our other connections. lapin's own brings 38 crates for a format of keys that nobody here has.

use std::{
    io::{self, Read, Write},
    net::SocketAddr,
    os::fd::{AsFd, AsRawFd},
    sync::Arc,
    time::{Duration, Instant},
};

use async_rs::{Runtime, Tokio, traits::Reactor, util::RuntimeParts};
use futures_io::{AsyncRead, AsyncWrite};
use futures_util::Stream;
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_util::{
    compat::{Compat, TokioAsyncReadCompatExt as _},
    either::Either,
};

pub type Transport = Compat<Either<TcpStream, TlsStream<TcpStream>>>;
pub type TransportRuntime = RuntimeParts<Tokio, TransportReactor>;

/// What lapin runs on: tokio, whose connections are ours.
pub fn runtime() -> Runtime<TransportRuntime> {
    let tokio = Tokio::current();
    Runtime::new(RuntimeParts::new(tokio.clone(), TransportReactor(tokio)))
}

pub fn over_tcp(tcp: TcpStream) -> Transport {
    Either::Left(tcp).compat()
}

/// Shakes hands with the broker that is known as `host`.
pub async fn over_tls(
    tcp: TcpStream,
    host: &str,
    config: Arc<ClientConfig>,
) -> io::Result<Transport> {
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    let tls = TlsConnector::from(config).connect(name, tcp).await?;
    Ok(Either::Right(tls).compat())
}

/// Does all that tokio's does, but for the type of its connections.
#[derive(Clone, Debug)]
pub struct TransportReactor(Tokio);

impl Reactor for TransportReactor {
    type TcpStream = Transport;
    type Sleep = <Tokio as Reactor>::Sleep;

    fn register<H: Read + Write + AsFd + AsRawFd + Send + 'static>(
        &self,
        socket: H,
    ) -> io::Result<impl AsyncRead + AsyncWrite + Send + Unpin + 'static> {
        self.0.register(socket)
    }

    fn sleep(&self, duration: Duration) -> Self::Sleep {
        self.0.sleep(duration)
    }

    fn interval(&self, period: Duration) -> impl Stream<Item = Instant> + Send + 'static {
        self.0.interval(period)
    }

    #[expect(
        clippy::manual_async_fn,
        reason = "what an `async fn` returns would borrow the reactor"
    )]
    fn tcp_connect_addr(
        &self,
        address: SocketAddr,
    ) -> impl Future<Output = io::Result<Self::TcpStream>> + Send + 'static {
        async move { Ok(over_tcp(TcpStream::connect(address).await?)) }
    }
}
