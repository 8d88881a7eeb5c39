//! What the load meets: one process, or two API servers behind an edge.

use testing::servers::{RabbitMq, Redis};
use url::Url;

use crate::{
    row::Row,
    support::{
        Process,
        edge::{Balance, Edge},
        from_environment, knows_workers,
        memory::resident_mib,
    },
};

pub struct Stand {
    pub name: &'static str,
    /// Before its figures' names.
    prefix: &'static str,
    edge: Option<Edge>,
    servers: Vec<Process>,
    _worker: Option<Process>,
    _brokers: Option<(RabbitMq, Redis)>,
}

/// Milliseconds of a run of the fake engine.
pub fn service_ms() -> f64 {
    from_environment("OVERLOAD_SERVICE_MS", 10.0)
}

impl Stand {
    pub async fn one_process(origin: &Process) -> Self {
        let words = [engine(), fetching(origin)].concat();
        Self {
            name: "one process",
            prefix: "",
            edge: None,
            servers: vec![Process::role("serve", "--listen", &words).await],
            _worker: None,
            _brokers: None,
        }
    }

    pub async fn two_servers(origin: &Process) -> Self {
        let (rabbitmq, redis) = tokio::join!(RabbitMq::on_disk(), Redis::start());
        let shared = words(&[("--queue-url", rabbitmq.url()), ("--bus-url", redis.url())]);
        let worker = [shared.clone(), engine()].concat();
        let worker = Process::role("worker", "--worker-listen", &worker).await;
        let api = [shared, fetching(origin)].concat();
        let servers = vec![
            Process::role("api", "--listen", &api).await,
            Process::role("api", "--listen", &api).await,
        ];
        for server in &servers {
            knows_workers(server, 1).await;
        }
        let behind: Vec<_> = servers.iter().collect();
        let edge = Edge::start(Balance::LeastConnections, &behind).await;
        Self {
            name: "two API servers, RabbitMQ, Redis, least connections",
            prefix: "two_",
            edge: Some(edge),
            servers,
            _worker: Some(worker),
            _brokers: Some((rabbitmq, redis)),
        }
    }

    pub fn service(&self) -> Url {
        match &self.edge {
            Some(edge) => edge.process.url(),
            None => self.servers[0].url(),
        }
    }

    pub fn memory_mib(&self) -> f64 {
        self.servers
            .iter()
            .map(|server| resident_mib(server.id()))
            .sum()
    }

    pub fn named(&self, figure: &str) -> String {
        format!("{}{figure}", self.prefix)
    }

    pub fn figures(&self, highest: f64, rows: &[Row]) -> Vec<(String, f64)> {
        let mut figures = vec![(self.named("highest_per_s"), highest)];
        for row in rows.iter().filter(|row| row.multiple > 1.0) {
            let times = row.multiple;
            let mut add = |name: &str, figure| {
                figures.push((self.named(&format!("{name}_{times}x")), figure));
            };
            add("goodput", row.goodput);
            add("in_time", row.in_time);
            add("p50_ms", row.p50_ms);
            add("refusal_p99_ms", row.refusal_p99_ms);
            add("settled_ms", row.settled_ms);
        }
        if let Some(last) = rows.last() {
            figures.push((self.named("goodput_after"), last.goodput / last.multiple));
        }
        figures
    }
}

fn engine() -> Vec<String> {
    words(&[
        ("--engine", format!("fake:service_ms={}", service_ms())),
        ("--engine-threads", "1".into()),
        ("--max-batch", "1".into()),
        ("--captioner", "off".into()),
    ])
}

fn fetching(origin: &Process) -> Vec<String> {
    let allowed = origin.url().as_str().trim_end_matches('/').to_owned();
    words(&[
        ("--fetch-allow-origin", allowed),
        ("--fetch-ports", origin.port.to_string()),
        ("--fetch-max-per-host", "1000".into()),
    ])
}

fn words(options: &[(&str, String)]) -> Vec<String> {
    options
        .iter()
        .flat_map(|(option, value)| [(*option).to_owned(), value.clone()])
        .collect()
}
