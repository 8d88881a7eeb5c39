//! RabbitMQ takes 10 s to start, so rows share one, and those that harm it take turns with another.

use testing::servers::RabbitMq;
use tokio::sync::{Mutex, MutexGuard, OnceCell};

/// For rows that leave it alone.
pub async fn shared() -> &'static RabbitMq {
    static BROKER: OnceCell<RabbitMq> = OnceCell::const_new();
    BROKER.get_or_init(RabbitMq::start).await
}

/// For rows that harm it and heal it again, one at a time.
pub async fn victim() -> MutexGuard<'static, RabbitMq> {
    static BROKER: OnceCell<Mutex<RabbitMq>> = OnceCell::const_new();
    BROKER
        .get_or_init(async || Mutex::new(RabbitMq::start().await))
        .await
        .lock()
        .await
}
