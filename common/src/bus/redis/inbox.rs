//! An API server's subscription. Pub/sub is at-most-once, so it is only the
//! fast way: after every (re)subscription, and once a second for whoever
//! waits long, the keys themselves are read.

use std::{
    fmt,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use redis::{
    AsyncConnectionConfig, Client, IntoConnectionInfo, ProtocolVersion, PushInfo, PushKind,
    RedisResult, Value, aio::MultiplexedConnection,
};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{ANSWER_WITHIN, Inner, OPEN_WITHIN, keys::Announcement, unavailable};
use crate::{
    backoff::{Backoff, Reminder},
    bus::{BusError, waiters::Waiters},
};

/// What a lost announcement costs at the most.
const LOOK_EVERY: Duration = Duration::from_secs(1);
const KEYS_A_LOOK: usize = 500;

pub struct Subscription {
    pub waiters: Waiters,
    up: Arc<AtomicBool>,
    _ends: DropGuard,
}

/// What the supervising task works with. It holds no `Subscription`, so that
/// the last user's drop ends it.
struct Listener {
    client: Client,
    channel: String,
    waiters: Waiters,
    up: Arc<AtomicBool>,
    bus: Weak<Inner>,
}

impl Subscription {
    /// Returns once Redis has confirmed the subscription.
    pub(super) async fn open(bus: &Arc<Inner>, name: &str) -> Result<Self, BusError> {
        let waiters = Waiters::new(bus.rules);
        let up = Arc::new(AtomicBool::new(false));
        let listener = Listener {
            client: resp3(&bus.client).map_err(unavailable)?,
            channel: bus.keys.inbox(name),
            waiters: waiters.clone(),
            up: up.clone(),
            bus: Arc::downgrade(bus),
        };
        let first = listener.subscribe().await.map_err(unavailable)?;
        let ends = bus.closed.child_token();
        tokio::spawn(
            ends.clone()
                .run_until_cancelled_owned(listener.supervise(first)),
        );
        Ok(Self {
            waiters,
            up,
            _ends: ends.drop_guard(),
        })
    }

    pub fn is_subscribed(&self) -> bool {
        self.up.load(Relaxed)
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("waiters", &self.waiters.len())
            .field("up", &self.up)
            .finish()
    }
}

/// One subscribed connection, and what goes off when it is lost.
struct Subscribed {
    connection: MultiplexedConnection,
    lost: CancellationToken,
}

impl Listener {
    async fn subscribe(&self) -> RedisResult<Subscribed> {
        let lost = CancellationToken::new();
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(OPEN_WITHIN))
            .set_response_timeout(Some(ANSWER_WITHIN))
            .set_push_sender(hear(self.waiters.clone(), lost.clone()));
        let mut connection = self
            .client
            .get_multiplexed_async_connection_with_config(&config)
            .await?;
        connection.subscribe(&self.channel).await?;
        self.up.store(true, Relaxed);
        Ok(Subscribed { connection, lost })
    }

    async fn supervise(self, first: Subscribed) {
        let mut subscribed = first;
        let mut backoff = Backoff::default();
        let mut reminder = Reminder::default();
        loop {
            self.listen(subscribed).await;
            self.up.store(false, Relaxed);
            let server = self.client.get_connection_info().addr().to_string();
            tracing::warn!(server, "lost the subscription to results");
            subscribed = loop {
                backoff.wait().await;
                match self.subscribe().await {
                    Ok(subscribed) => break subscribed,
                    Err(error) if reminder.is_due() => {
                        tracing::warn!(%error, server, "cannot subscribe to results yet");
                    }
                    Err(_) => {}
                }
            };
            tracing::info!("hearing of results again");
            // Whatever was said in between was said to nobody.
            self.look(Duration::ZERO).await;
        }
    }

    /// Until the connection is lost.
    async fn listen(&self, mut subscribed: Subscribed) {
        loop {
            tokio::select! {
                () = subscribed.lost.cancelled() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            // A dead peer closes nothing: ask.
            let ping: RedisResult<Value> = redis::cmd("PING")
                .query_async(&mut subscribed.connection)
                .await;
            if ping.is_err() {
                return;
            }
            self.look(LOOK_EVERY).await;
        }
    }

    /// Reads the keys of those who have waited for at least `age`.
    async fn look(&self, age: Duration) {
        let Some(bus) = self.bus.upgrade() else {
            return;
        };
        for keys in self.waiters.waiting_since(age).chunks(KEYS_A_LOOK) {
            let mut get = redis::cmd("MGET");
            get.arg(
                keys.iter()
                    .map(|key| bus.keys.result(key))
                    .collect::<Vec<_>>(),
            );
            let found: Vec<Option<Vec<u8>>> = match bus.ask(&get).await {
                Ok(found) => found,
                Err(error) => return tracing::debug!(%error, "cannot look for results"),
            };
            for (key, payload) in keys.iter().zip(found) {
                if let Some(payload) = payload {
                    self.waiters.resolve(key, payload.into());
                }
            }
        }
    }
}

/// Called on the connection's own task for every push: no buffer stands
/// between Redis and the waiters, so none can overflow.
fn hear(
    waiters: Waiters,
    lost: CancellationToken,
) -> impl Fn(PushInfo) -> Result<(), redis::aio::SendError> {
    move |push| {
        match push.kind {
            PushKind::Message => {
                if let Some((key, payload)) = frame(&push.data).and_then(Announcement::read) {
                    waiters.resolve(&key, payload);
                }
            }
            PushKind::Disconnection => lost.cancel(),
            _ => {}
        }
        Ok(())
    }
}

/// Returns the frame of `[channel, frame]`.
fn frame(data: &[Value]) -> Option<&[u8]> {
    match data.get(1)? {
        Value::BulkString(frame) => Some(frame),
        _ => None,
    }
}

fn resp3(client: &Client) -> RedisResult<Client> {
    let info = client.get_connection_info().clone();
    let settings = info
        .redis_settings()
        .clone()
        .set_protocol(ProtocolVersion::RESP3);
    Client::open(info.set_redis_settings(settings).into_connection_info()?)
}
