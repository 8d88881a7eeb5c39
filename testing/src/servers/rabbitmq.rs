use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::Arc,
};

use tempfile::TempDir;

use super::{BOOT_PATIENCE, Port, folder, group::Group, listening, within};

/// Where Debian keeps the scripts that do not insist on the `rabbitmq` user.
const DEBIAN: &str = "/usr/lib/rabbitmq/bin";

const CTL_TRIES: u32 = 5;

/// Lets nodes of one cluster in to each other. Whatever it is, it is a secret of this machine's loopback alone.
const COOKIE: &str = "tagfleet-tests";

/// A private RabbitMQ with its own Erlang port mapper. A start takes about 9 s:
/// share one among tests that do not kill it.
#[derive(Debug)]
pub struct RabbitMq {
    port: Port,
    /// Among nodes.
    _distribution: Port,
    mapper: Arc<Mapper>,
    environment: Vec<(&'static str, String)>,
    group: Group,
    _folder: TempDir,
}

/// Tells nodes each other's ports. Those of a cluster share one, which outlives each of them.
#[derive(Debug)]
struct Mapper {
    port: Port,
    _group: Group,
}

impl Mapper {
    fn start() -> Self {
        let port = Port::reserve();
        let environment = [
            ("ERL_EPMD_PORT", port.number().to_string()),
            ("ERL_EPMD_ADDRESS", "127.0.0.1".to_owned()),
        ];
        let group = Group::start("exec epmd", &environment);
        Self {
            port,
            _group: group,
        }
    }
}

impl RabbitMq {
    pub async fn start() -> Self {
        Self::start_with("").await
    }

    /// Starts one with further lines of `rabbitmq.conf`.
    pub async fn start_with(settings: &str) -> Self {
        Self::node(folder::in_memory(), Arc::new(Mapper::start()), settings).await
    }

    /// Starts one whose messages cost what they cost: for benchmarks.
    pub async fn on_disk() -> Self {
        Self::node(folder::on_disk(), Arc::new(Mapper::start()), "").await
    }

    /// Starts so many nodes that are one broker.
    pub async fn cluster(nodes: usize) -> Vec<Self> {
        let first = Self::start().await;
        let mapper = first.mapper.clone();
        let peer = format!(
            "cluster_formation.peer_discovery_backend = classic_config\n\
             cluster_formation.classic_config.nodes.1 = {}",
            first.name()
        );
        let mut cluster = vec![first];
        while cluster.len() < nodes {
            // One after the other: who joins may not meet another who does.
            cluster.push(Self::node(folder::in_memory(), mapper.clone(), &peer).await);
        }
        let running = cluster[0].ctl(&["eval", "length(rabbit_nodes:all_running())."]);
        assert_eq!(running.await, nodes.to_string(), "nodes in the cluster");
        cluster
    }

    async fn node(folder: TempDir, mapper: Arc<Mapper>, settings: &str) -> Self {
        let port = Port::reserve();
        let distribution = Port::reserve();
        let environment = prepare(
            folder.path(),
            port.number(),
            [mapper.port.number(), distribution.number()],
            settings,
        );
        let group = launch(&environment);
        let rabbit = Self {
            port,
            _distribution: distribution,
            mapper,
            group,
            environment,
            _folder: folder,
        };
        rabbit.started().await;
        rabbit
    }

    fn name(&self) -> String {
        node_name(self.port())
    }

    pub fn url(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}/%2f", self.port())
    }

    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// The process group, for whoever counts what it uses.
    pub fn group(&self) -> u32 {
        self.group.id()
    }

    pub fn kill9(&mut self) {
        self.group.kill9();
    }

    /// On the same port, with what it had on disk.
    pub async fn restart(&mut self) {
        self.kill9();
        self.group = launch(&self.environment);
        self.started().await;
    }

    /// Runs rabbitmqctl and returns what it prints. On a machine that is busy enough, it gives up on a node that is well.
    pub async fn ctl(&self, arguments: &[&str]) -> String {
        let mut left = CTL_TRIES;
        loop {
            match self.try_ctl(arguments).await {
                Ok(printed) => return printed,
                Err(complaint) => {
                    left -= 1;
                    assert!(left > 0, "rabbitmqctl {arguments:?} failed: {complaint}");
                }
            }
        }
    }

    async fn try_ctl(&self, arguments: &[&str]) -> Result<String, String> {
        let mut command = tokio::process::Command::new(script("rabbitmqctl"));
        command.arg("--quiet").args(arguments);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let output = command.output().await.expect("rabbitmqctl is installed");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        match output.status.success() {
            true => Ok(text(&output.stdout)),
            false => Err(text(&output.stderr)),
        }
    }

    async fn started(&self) {
        listening(self.port()).await;
        // The port opens a moment before the broker takes connections.
        within(BOOT_PATIENCE, "the broker speaks", async || {
            use tokio::io::{AsyncReadExt, AsyncWriteExt};
            let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", self.port()))
                .await
                .ok()?;
            stream.write_all(b"AMQP\0\0\x09\x01").await.ok()?;
            stream.read_u8().await.ok().filter(|kind| *kind == 1)
        })
        .await;
    }
}

fn prepare(
    folder: &Path,
    port: u16,
    [mapper, distribution]: [u16; 2],
    settings: &str,
) -> Vec<(&'static str, String)> {
    let file = |name: &str| folder.join(name).display().to_string();
    let config = format!(
        "listeners.tcp.default = 127.0.0.1:{port}\nlog.file = false\ndisk_free_limit.absolute = 10MB\n\
         cluster_formation.randomized_startup_delay_range.min = 0\n\
         cluster_formation.randomized_startup_delay_range.max = 0\n{settings}\n"
    );
    fs::write(file("rabbitmq.conf"), config).expect("the folder can be written");
    fs::write(file("enabled_plugins"), "[].\n").expect("the folder can be written");
    let cookie = file(".erlang.cookie");
    fs::write(&cookie, COOKIE).expect("the folder can be written");
    fs::set_permissions(&cookie, Permissions::from_mode(0o400)).expect("it is ours");
    vec![
        ("HOME", folder.display().to_string()),
        ("LANG", "C.UTF-8".to_owned()),
        // A command whose node's folder is gone would leave its dump in the crate's folder.
        ("ERL_CRASH_DUMP_SECONDS", "0".to_owned()),
        ("ERL_EPMD_PORT", mapper.to_string()),
        ("ERL_EPMD_ADDRESS", "127.0.0.1".to_owned()),
        ("RABBITMQ_NODENAME", node_name(port)),
        ("RABBITMQ_DIST_PORT", distribution.to_string()),
        ("RABBITMQ_MNESIA_BASE", file("mnesia")),
        ("RABBITMQ_LOG_BASE", file("log")),
        ("RABBITMQ_PID_FILE", file("pid")),
        ("RABBITMQ_CONFIG_FILE", file("rabbitmq.conf")),
        ("RABBITMQ_CONF_ENV_FILE", file("no-such-file")),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", file("enabled_plugins")),
    ]
}

fn node_name(port: u16) -> String {
    format!("tagfleet{port}@localhost")
}

fn launch(environment: &[(&'static str, String)]) -> Group {
    Group::start(&format!("exec {}", script("rabbitmq-server")), environment)
}

fn script(name: &str) -> String {
    let debian = Path::new(DEBIAN).join(name);
    if debian.exists() {
        debian.display().to_string()
    } else {
        name.to_owned()
    }
}
