//! One connection to the broker, watched, and with a way to cut it.

use std::{
    io,
    net::{Shutdown, TcpStream},
    os::fd::AsFd,
    sync::{Arc, OnceLock},
    time::Duration,
};

use futures_util::{Stream, StreamExt};
use lapin::{
    AsyncTcpStream, Connection, ConnectionProperties, ConnectionStatus, Event, uri::AMQPUri,
};
use rustls::ClientConfig;
use tokio::{runtime::Handle, sync::watch, time::timeout};
use tokio_util::sync::CancellationToken;

use super::transport::{self, Transport};

/// From the first packet to an open connection.
const OPEN_WITHIN: Duration = Duration::from_secs(5);
/// For the broker to answer our good-bye.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);
/// Both sides take a silent peer for dead after twice this.
const HEARTBEAT_S: u16 = 10;

pub struct Link {
    connection: Option<Connection>,
    socket: Socket,
    /// Set off when the connection is lost or given up.
    broken: CancellationToken,
    blocked: watch::Receiver<bool>,
}

/// lapin's thread waits for a hung peer for ever; shutting its socket ends it.
#[derive(Clone, Default)]
struct Socket(Arc<OnceLock<TcpStream>>);

impl Link {
    /// Connects over TLS where there is a configuration of it.
    pub async fn open(
        uri: &AMQPUri,
        tls: Option<Arc<ClientConfig>>,
        name: &str,
    ) -> Result<Self, String> {
        let socket = Socket::default();
        let opened = timeout(OPEN_WITHIN, connect(uri, tls, name, socket.clone())).await;
        let connection = match opened {
            Ok(Ok(connection)) => connection,
            Ok(Err(error)) => return Err(error.to_string()),
            Err(_) => {
                socket.cut();
                return Err("the broker does not answer".to_owned());
            }
        };
        let broken = CancellationToken::new();
        let (tell_blocked, blocked) = watch::channel(false);
        let events = connection.events_listener();
        let status = connection.status().clone();
        tokio::spawn(observe(events, status, broken.clone(), tell_blocked));
        Ok(Self {
            connection: Some(connection),
            socket,
            broken,
            blocked,
        })
    }

    pub async fn channel(&self) -> lapin::Result<lapin::Channel> {
        self.connection
            .as_ref()
            .expect("only drop takes it")
            .create_channel()
            .await
    }

    pub fn give_up(&self) {
        self.broken.cancel();
    }

    /// Returns whether lapin takes the connection for a good one.
    pub fn is_connected(&self) -> bool {
        let connection = self.connection.as_ref();
        connection.is_some_and(|connection| connection.status().connected())
    }

    pub fn is_broken(&self) -> bool {
        self.broken.is_cancelled()
    }

    pub async fn broken(&self) {
        self.broken.cancelled().await;
    }

    /// Returns whether the broker takes nothing because it lacks memory or disk.
    pub fn is_blocked(&self) -> bool {
        *self.blocked.borrow()
    }

    pub async fn blocked(&self) {
        if self
            .blocked
            .clone()
            .wait_for(|blocked| *blocked)
            .await
            .is_err()
        {
            // The connection went: others say so.
            std::future::pending().await
        }
    }

    /// For when its state is in doubt: whatever is un-acked goes back at once.
    pub fn cut(&self) {
        self.broken.cancel();
        self.socket.cut();
    }

    pub async fn close(&self) {
        self.broken.cancel();
        if let Some(connection) = &self.connection {
            say_goodbye(connection, &self.socket).await;
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let healthy = !self.broken.is_cancelled();
        self.broken.cancel();
        let Some(connection) = self.connection.take() else {
            return;
        };
        let socket = self.socket.clone();
        match Handle::try_current() {
            Ok(runtime) if healthy => {
                runtime.spawn(async move { say_goodbye(&connection, &socket).await });
            }
            _ => socket.cut(),
        }
    }
}

impl Socket {
    fn hold(&self, socket: &tokio::net::TcpStream) -> io::Result<()> {
        let copy = socket.as_fd().try_clone_to_owned()?;
        let _ = self.0.set(copy.into());
        Ok(())
    }

    fn cut(&self) {
        if let Some(socket) = self.0.get() {
            // It may be closed already.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

async fn say_goodbye(connection: &Connection, socket: &Socket) {
    let _ = timeout(CLOSE_WITHIN, connection.close(200, "bye".into())).await;
    socket.cut();
}

async fn connect(
    uri: &AMQPUri,
    tls: Option<Arc<ClientConfig>>,
    name: &str,
    socket: Socket,
) -> lapin::Result<Connection> {
    let mut uri = uri.clone();
    uri.query.heartbeat.get_or_insert(HEARTBEAT_S);
    let options = ConnectionProperties::default().with_connection_name(name.into());
    Connection::connector(
        uri,
        transport::runtime(),
        async move |uri: AMQPUri, _| {
            let reached = reach(&uri, tls.clone(), &socket).await?;
            Ok(AsyncTcpStream::Plain(reached))
        },
        options,
    )
    .await
}

/// Tries each address of the broker's name.
async fn reach(
    uri: &AMQPUri,
    tls: Option<Arc<ClientConfig>>,
    socket: &Socket,
) -> io::Result<Transport> {
    let host = uri.authority.host.as_str();
    let mut failed = io::Error::other("the broker's name has no address");
    for address in tokio::net::lookup_host((host, uri.authority.port)).await? {
        let tcp = match tokio::net::TcpStream::connect(address).await {
            Ok(tcp) => tcp,
            Err(error) => {
                failed = error;
                continue;
            }
        };
        tcp.set_nodelay(true)?;
        socket.hold(&tcp)?;
        return match tls {
            Some(config) => transport::over_tls(tcp, host, config).await,
            None => Ok(transport::over_tcp(tcp)),
        };
    }
    Err(failed)
}

/// Turns what lapin tells into what others wait for.
async fn observe(
    events: impl Stream<Item = Event>,
    status: ConnectionStatus,
    broken: CancellationToken,
    tell_blocked: watch::Sender<bool>,
) {
    let mut events = std::pin::pin!(events);
    // Should an event be missed, the status still tells.
    let mut look = tokio::time::interval(Duration::from_secs(1));
    while !broken.is_cancelled() {
        tokio::select! {
            event = events.next() => match event {
                Some(Event::ConnectionBlocked(_)) => {
                    tell_blocked.send_replace(true);
                }
                Some(Event::ConnectionUnblocked) => {
                    tell_blocked.send_replace(false);
                }
                None => broken.cancel(),
                // A refused declaration closes its channel alone.
                Some(Event::Error(_)) if !status.connected() => broken.cancel(),
                Some(_) => {}
            },
            _ = look.tick() => if !status.connected() { broken.cancel() },
            () = broken.cancelled() => {}
        }
    }
}
