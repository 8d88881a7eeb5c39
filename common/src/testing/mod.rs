//! Private RabbitMQ and Redis processes for tests, and a proxy that misbehaves
//! on command. Each server has its own ports and folder, and ends with the test.

mod group;
mod proxy;
mod rabbitmq;
mod redis;

use std::{net::TcpListener, time::Duration};

pub use proxy::{Mode, TcpProxy};
pub use rabbitmq::RabbitMq;
pub use redis::Redis;

/// Looks until `probe` has something to show. Instead of a sleep: ends as soon
/// as it can, and only a test that would fail anyway waits to the end.
pub async fn eventually<T>(what: &str, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let patient = async {
        loop {
            if let Some(found) = probe().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    match tokio::time::timeout(Duration::from_secs(40), patient).await {
        Ok(found) => found,
        Err(_) => panic!("never happened: {what}"),
    }
}

/// A name that no other test of this run has: queues and keys of its own.
pub fn unique(what: &str) -> String {
    format!("{what}-{:016x}", rand::random::<u64>())
}

/// Free a moment ago; good enough for a server that is started at once.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("the loopback has a free port");
    listener.local_addr().expect("it is bound").port()
}

async fn listening(port: u16) {
    eventually("the server listens", async || tokio::net::TcpStream::connect(("127.0.0.1", port)).await.ok()).await;
}
