//! Private RabbitMQ and Redis processes for tests, and a proxy that misbehaves
//! on command. Each server has its own ports and folder, and ends with the test.

mod folder;
mod group;
mod port;
mod proxy;
mod rabbitmq;
mod redis;

use std::time::Duration;

pub use port::Port;
pub use proxy::{Mode, TcpProxy};
pub use rabbitmq::RabbitMq;
pub use redis::Redis;

/// How long a test waits for what must come: only one that fails waits to the end of it.
pub const PATIENCE: Duration = Duration::from_secs(180);
/// A broker boots in 9 s on an idle machine; on a busy one it takes what it takes.
const BOOT_PATIENCE: Duration = Duration::from_secs(180);

/// Looks until `probe` has something to show. Instead of a sleep: ends as soon
/// as it can, and only a test that would fail anyway waits to the end.
pub async fn eventually<T>(what: &str, probe: impl AsyncFnMut() -> Option<T>) -> T {
    within(PATIENCE, what, probe).await
}

/// The same with a patience of its own.
pub async fn within<T>(
    patience: Duration,
    what: &str,
    mut probe: impl AsyncFnMut() -> Option<T>,
) -> T {
    let looking = async {
        loop {
            if let Some(found) = probe().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    match tokio::time::timeout(patience, looking).await {
        Ok(found) => found,
        Err(_) => panic!("never happened: {what}"),
    }
}

/// A name that no other test of this run has: queues and keys of its own.
pub fn unique(what: &str) -> String {
    format!("{what}-{:016x}", rand::random::<u64>())
}

async fn listening(port: u16) {
    let connect = async || {
        tokio::net::TcpStream::connect(("127.0.0.1", port))
            .await
            .ok()
    };
    within(BOOT_PATIENCE, "the server listens", connect).await;
}
