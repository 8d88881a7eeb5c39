use std::path::Path;

use tempfile::TempDir;

use super::{BOOT_PATIENCE, Port, group::Group, listening, within};

/// Where Debian keeps the scripts that do not insist on the `rabbitmq` user.
const DEBIAN: &str = "/usr/lib/rabbitmq/bin";

/// A private RabbitMQ with its own Erlang port mapper. A start takes about 9 s:
/// share one among tests that do not kill it.
#[derive(Debug)]
pub struct RabbitMq {
    port: Port,
    /// Hold the ports of the port mapper and of the node among nodes.
    _inner_ports: [Port; 2],
    environment: Vec<(&'static str, String)>,
    group: Group,
    _folder: TempDir,
}

impl RabbitMq {
    pub async fn start() -> Self {
        Self::start_with("").await
    }

    /// Starts one with further lines of `rabbitmq.conf`.
    pub async fn start_with(settings: &str) -> Self {
        let folder = TempDir::new().expect("a temporary folder can be made");
        let port = Port::reserve();
        let inner_ports = [Port::reserve(), Port::reserve()];
        let environment = prepare(
            folder.path(),
            port.number(),
            inner_ports.each_ref().map(Port::number),
            settings,
        );
        let group = launch(&environment);
        let rabbit = Self {
            port,
            _inner_ports: inner_ports,
            group,
            environment,
            _folder: folder,
        };
        rabbit.started().await;
        rabbit
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

    /// Runs rabbitmqctl and returns what it prints.
    pub async fn ctl(&self, arguments: &[&str]) -> String {
        let mut command = tokio::process::Command::new(script("rabbitmqctl"));
        command.arg("--quiet").args(arguments);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let output = command.output().await.expect("rabbitmqctl is installed");
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "rabbitmqctl {arguments:?} failed: {complaint}"
        );
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
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
    std::fs::write(file("rabbitmq.conf"), config).expect("the folder can be written");
    std::fs::write(file("enabled_plugins"), "[].\n").expect("the folder can be written");
    vec![
        ("HOME", folder.display().to_string()),
        ("LANG", "C.UTF-8".to_owned()),
        ("ERL_EPMD_PORT", mapper.to_string()),
        ("ERL_EPMD_ADDRESS", "127.0.0.1".to_owned()),
        ("RABBITMQ_NODENAME", format!("tagfleet{port}@localhost")),
        ("RABBITMQ_DIST_PORT", distribution.to_string()),
        ("RABBITMQ_MNESIA_BASE", file("mnesia")),
        ("RABBITMQ_LOG_BASE", file("log")),
        ("RABBITMQ_PID_FILE", file("pid")),
        ("RABBITMQ_CONFIG_FILE", file("rabbitmq.conf")),
        ("RABBITMQ_CONF_ENV_FILE", file("no-such-file")),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", file("enabled_plugins")),
    ]
}

fn launch(environment: &[(&'static str, String)]) -> Group {
    // The mapper in the foreground of the same group, or it would outlive the broker.
    Group::start(
        &format!("epmd & exec {}", script("rabbitmq-server")),
        environment,
    )
}

fn script(name: &str) -> String {
    let debian = Path::new(DEBIAN).join(name);
    if debian.exists() {
        debian.display().to_string()
    } else {
        name.to_owned()
    }
}
