//! A listener where nobody may ever knock, at every address of this host.

use std::{
    net::{IpAddr, TcpListener as StdListener},
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::net::TcpListener;

#[derive(Clone)]
pub struct Trap {
    pub port: u16,
    /// The addresses that were connected to.
    knocks: Arc<Mutex<Vec<IpAddr>>>,
}

impl Trap {
    pub async fn start() -> Self {
        // Where there is IPv6, this takes IPv4 too.
        let listener = StdListener::bind("[::]:0")
            .or_else(|_| StdListener::bind("0.0.0.0:0"))
            .expect("a free port");
        listener
            .set_nonblocking(true)
            .expect("a socket can be set so");
        let listener = TcpListener::from_std(listener).expect("a runtime");
        let trap = Self {
            port: listener.local_addr().expect("bound").port(),
            knocks: Arc::default(),
        };
        let knocks = trap.knocks.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let target = stream.local_addr().expect("connected").ip().to_canonical();
                knocks.lock().expect("not poisoned").push(target);
            }
        });
        trap
    }

    pub async fn is_untouched(&self) -> bool {
        self.take_knocks().await.is_empty()
    }

    /// The addresses that were connected to since the last look.
    pub async fn take_knocks(&self) -> Vec<IpAddr> {
        // A connection that was made a moment ago is still to be accepted.
        tokio::time::sleep(Duration::from_millis(50)).await;
        std::mem::take(&mut self.knocks.lock().expect("not poisoned"))
    }
}
