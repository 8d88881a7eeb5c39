//! RabbitMQ and Redis of a benchmark's own.

use testing::servers::{RabbitMq, Redis};

pub struct Brokers {
    pub rabbitmq: RabbitMq,
    pub redis: Redis,
}

impl Brokers {
    pub async fn start() -> Self {
        let (rabbitmq, redis) = tokio::join!(RabbitMq::on_disk(), Redis::start());
        Self { rabbitmq, redis }
    }
}
