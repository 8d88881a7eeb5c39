use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tokio_util::sync::{CancellationToken, DropGuard};

/// What the proxy does with connections, new and old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Forward,
    /// New connections are closed at once.
    Refuse,
    /// Nothing passes in either direction, and nobody is told.
    Hang,
}

/// Stands before a server and misbehaves on command.
#[derive(Debug)]
pub struct TcpProxy {
    address: SocketAddr,
    mode: watch::Sender<Mode>,
    targets: Targets,
    accepted: Arc<AtomicUsize>,
    open: Arc<Mutex<CancellationToken>>,
    _ends: DropGuard,
}

/// Ports that new connections are led to, in turn; one that nobody listens on is passed over.
#[derive(Clone, Debug)]
struct Targets(Arc<Mutex<Vec<u16>>>);

impl Targets {
    fn new(ports: &[u16]) -> Self {
        Self(Arc::new(Mutex::new(ports.to_vec())))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<u16>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn connect(&self) -> io::Result<TcpStream> {
        let mut ports = self.lock().clone();
        self.lock().rotate_left(1);
        let last = ports.pop().expect("there is a target");
        for port in ports {
            if let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await {
                return Ok(server);
            }
        }
        TcpStream::connect(("127.0.0.1", last)).await
    }
}

impl TcpProxy {
    pub async fn start(target_port: u16) -> Self {
        Self::before(&[target_port]).await
    }

    /// Starts one before several servers, as a balancer of connections.
    pub async fn before(ports: &[u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("the loopback has a free port");
        let address = listener.local_addr().expect("it is bound");
        let (mode, watched) = watch::channel(Mode::Forward);
        let ends = CancellationToken::new();
        let open = Arc::new(Mutex::new(ends.child_token()));
        let targets = Targets::new(ports);
        let accepted = Arc::new(AtomicUsize::new(0));
        let proxy = Accepting {
            targets: targets.clone(),
            accepted: accepted.clone(),
            mode: watched,
            open: open.clone(),
        };
        tokio::spawn(
            ends.clone()
                .run_until_cancelled_owned(proxy.accept(listener)),
        );
        Self {
            address,
            mode,
            targets,
            accepted,
            open,
            _ends: ends.drop_guard(),
        }
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    /// Leads connections that come from now on elsewhere; those that are open stay where they are.
    pub fn lead_to(&self, port: u16) {
        *self.targets.lock() = vec![port];
    }

    /// How many connections came so far, with those that were refused.
    pub fn accepted(&self) -> usize {
        self.accepted.load(Relaxed)
    }

    /// Ends every connection that is open now.
    pub fn cut(&self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *open).cancel();
    }
}

/// What a new connection meets.
struct Accepting {
    targets: Targets,
    accepted: Arc<AtomicUsize>,
    mode: watch::Receiver<Mode>,
    open: Arc<Mutex<CancellationToken>>,
}

impl Accepting {
    async fn accept(self, listener: TcpListener) {
        while let Ok((client, _)) = listener.accept().await {
            self.accepted.fetch_add(1, Relaxed);
            if *self.mode.borrow() == Mode::Refuse {
                continue;
            }
            let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            let alive = open.clone();
            drop(open);
            let pass = pass(client, self.targets.clone(), self.mode.clone());
            tokio::spawn(async move { drop(alive.run_until_cancelled(pass).await) });
        }
    }
}

async fn pass(client: TcpStream, targets: Targets, mode: watch::Receiver<Mode>) -> io::Result<()> {
    forwarding(&mut mode.clone()).await;
    let server = targets.connect().await?;
    let (client_in, client_out) = client.into_split();
    let (server_in, server_out) = server.into_split();
    // The first end of either direction ends both.
    tokio::select! {
        done = copy(client_in, server_out, mode.clone()) => done,
        done = copy(server_in, client_out, mode.clone()) => done,
    }
}

async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut mode: watch::Receiver<Mode>,
) -> io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let n = from.read(&mut buffer).await?;
        // After the read: what arrives while it hangs is held back too.
        forwarding(&mut mode).await;
        if n == 0 {
            return Ok(());
        }
        to.write_all(&buffer[..n]).await?;
    }
}

async fn forwarding(mode: &mut watch::Receiver<Mode>) {
    let _ = mode.wait_for(|mode| *mode != Mode::Hang).await;
}
