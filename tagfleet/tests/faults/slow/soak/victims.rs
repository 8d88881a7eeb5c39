//! The fleet that suffers, with proxies before its broker and its Redis.

use std::time::Duration;

use testing::servers::{RabbitMq, TcpProxy};

use super::plan::Fault;
use crate::{fleet::Fleet, support::process::Process};

const FROZEN_FOR: Duration = Duration::from_secs(3);
const SLOW_FOR: Duration = Duration::from_secs(3);

pub struct Victims {
    pub fleet: Fleet,
    rabbitmq: RabbitMq,
    before_rabbitmq: TcpProxy,
    before_redis: TcpProxy,
    api: Process,
    migrator: Process,
    workers: [Process; 2],
    /// Who is next.
    turn: usize,
}

impl Victims {
    pub async fn start() -> Self {
        let rabbitmq = RabbitMq::start().await;
        let before_rabbitmq = TcpProxy::start(rabbitmq.port()).await;
        let url = format!(
            "amqp://guest:guest@127.0.0.1:{}/%2f",
            before_rabbitmq.port()
        );
        let mut fleet = Fleet::at(&url).await;
        let before_redis = TcpProxy::start(fleet.redis.port()).await;
        let url = format!("redis://127.0.0.1:{}/0", before_redis.port());
        fleet.set("TAGFLEET_BUS_URL", url);
        // 25 images a second and worker.
        fleet.set("TAGFLEET_ENGINE", "fake:image_ms=40");
        fleet.set("TAGFLEET_MAX_BATCH", "1");
        let workers = [
            fleet.worker("one", &[]).await,
            fleet.worker("two", &[]).await,
        ];
        let api = fleet.api(&[]).await;
        let migrator = fleet.migrator(&[]).await;
        Self {
            fleet,
            rabbitmq,
            before_rabbitmq,
            before_redis,
            api,
            migrator,
            workers,
            turn: 0,
        }
    }

    pub fn base(&self) -> String {
        self.api.base()
    }

    pub fn processes(&self) -> [(&'static str, &Process); 4] {
        let [one, two] = &self.workers;
        [
            ("api", &self.api),
            ("migrator", &self.migrator),
            ("worker one", one),
            ("worker two", two),
        ]
    }

    /// Until the fault is over; what follows from it may not be.
    pub async fn suffer(&mut self, fault: Fault) {
        self.turn = (self.turn + 1) % self.workers.len();
        match fault {
            Fault::WorkerKilled => self.kill_worker().await,
            Fault::WorkerFrozen => {
                let worker = &self.workers[self.turn];
                worker.signal("STOP");
                tokio::time::sleep(FROZEN_FOR).await;
                worker.signal("CONT");
            }
            Fault::RedisRestarted => self.fleet.redis.restart().await,
            Fault::RedisCut => self.before_redis.cut(),
            Fault::BrokerCut => self.before_rabbitmq.cut(),
            Fault::BrokerRestarted => self.rabbitmq.restart().await,
            Fault::OriginSlow => {
                self.fleet.album.is_slow(true);
                tokio::time::sleep(SLOW_FOR).await;
                self.fleet.album.is_slow(false);
            }
        }
    }

    /// Nobody waits until the new one is ready: it has to find its way into a fleet that is ill.
    async fn kill_worker(&mut self) {
        let name = ["one", "two"][self.turn];
        self.workers[self.turn].kill9();
        let named = [("TAGFLEET_WORKER_NAME", name.to_owned())];
        self.workers[self.turn] = Process::begun("worker", &self.fleet.settings(&named));
    }

    pub async fn dead_letters(&self) -> u64 {
        let queue = self.fleet.queue().await;
        queue.dead_letters().await.expect("the broker is there")
    }

    /// Each ends well.
    pub async fn terminate(mut self) {
        for process in [&mut self.api, &mut self.migrator] {
            assert_eq!(process.terminate().await, Some(0));
        }
        for worker in &mut self.workers {
            assert_eq!(worker.terminate().await, Some(0));
        }
    }
}
