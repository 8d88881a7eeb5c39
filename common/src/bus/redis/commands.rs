//! The connection for commands. It is rebuilt when it is lost, and left when its server stores nothing any more.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use redis::{
    Client, RedisError, RedisResult, ServerError, ServerErrorKind,
    aio::{ConnectionManager, ConnectionManagerConfig},
};
use tokio::time::Instant;

use super::{ANSWER_WITHIN, OPEN_WITHIN};

/// Commands on their way at once; further callers wait for their turn.
const PIPELINE: usize = 512;
/// Between two connections of which the first was left: a failover takes seconds.
const RECONNECT_EVERY: Duration = Duration::from_secs(1);

pub struct Commands {
    client: Client,
    current: Mutex<Current>,
}

struct Current {
    connection: ConnectionManager,
    since: Instant,
}

impl Commands {
    pub fn new(client: Client, connection: ConnectionManager) -> Self {
        let since = Instant::now();
        Self {
            client,
            current: Mutex::new(Current { connection, since }),
        }
    }

    pub fn current(&self) -> ConnectionManager {
        self.lock().connection.clone()
    }

    /// Leaves the connection, and asks again where the server's name leads to.
    pub fn reconnect(&self) {
        let mut current = self.lock();
        if current.since.elapsed() < RECONNECT_EVERY {
            return;
        }
        current.since = Instant::now();
        match ConnectionManager::new_lazy_with_config(self.client.clone(), config()) {
            Ok(connection) => {
                current.connection = connection;
                tracing::warn!("Redis stores nothing any more; connecting anew");
            }
            Err(error) => tracing::warn!(%error, "no other connection to Redis can be made"),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells a server that answers, but takes nothing that is to be stored: it became a replica, has lost its replicas, is
/// loading, or its disk or memory is full.
pub fn stores_nothing(error: &RedisError) -> bool {
    // Several commands that were sent together tell an error each.
    let told = error.clone().into_server_errors();
    told.is_some_and(|told| told.iter().any(|(_, error)| is_of_storing(error)))
}

fn is_of_storing(error: &ServerError) -> bool {
    let kind = matches!(
        error.kind(),
        Some(
            ServerErrorKind::ReadOnly
                | ServerErrorKind::MasterDown
                | ServerErrorKind::BusyLoading
                // What a transaction says of any of these.
                | ServerErrorKind::ExecAbort
        )
    );
    kind || matches!(error.code(), "NOREPLICAS" | "MISCONF" | "OOM")
}

pub async fn connect(client: &Client) -> RedisResult<ConnectionManager> {
    ConnectionManager::new_with_config(client.clone(), config()).await
}

fn config() -> ConnectionManagerConfig {
    ConnectionManagerConfig::new()
        .set_connection_timeout(Some(OPEN_WITHIN))
        .set_response_timeout(Some(ANSWER_WITHIN))
        .set_pipeline_buffer_size(PIPELINE)
        // One try for each command that finds no connection; the clock asks every second anyway.
        .set_number_of_retries(1)
        .set_max_delay(Duration::from_secs(1))
}
