use std::{fmt::Write, fs, process::Command};

use tempfile::TempDir;

use super::{Process, address, free_port};

/// How the edge picks a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Balance {
    RoundRobin,
    LeastConnections,
}

impl Balance {
    fn name(self) -> &'static str {
        match self {
            Balance::RoundRobin => "roundrobin",
            Balance::LeastConnections => "leastconn",
        }
    }
}

/// HAProxy before so many servers.
#[derive(Debug)]
pub struct Edge {
    pub process: Process,
    _folder: TempDir,
}

impl Edge {
    pub async fn start(balance: Balance, servers: &[&Process]) -> Self {
        let port = free_port();
        let folder = TempDir::new().expect("a temporary folder can be made");
        let mut config = format!(
            "global\n  maxconn 8000\n  nbthread 1\ndefaults\n  mode http\n  balance {}\n  timeout connect 2s\n  \
             timeout client 60s\n  timeout server 60s\n  timeout queue 60s\nfrontend edge\n  bind {}\n  \
             default_backend servers\nbackend servers\n",
            balance.name(),
            address(port)
        );
        for (number, server) in servers.iter().enumerate() {
            let _ = writeln!(config, "  server s{number} {}", address(server.port));
        }
        let path = folder.path().join("haproxy.cfg");
        fs::write(&path, config).expect("the folder can be written");
        let program = ["/usr/sbin/haproxy", "haproxy"]
            .into_iter()
            .find(|path| std::path::Path::new(path).exists());
        let mut command = Command::new(program.unwrap_or("haproxy"));
        command.arg("-db").arg("-f").arg(&path);
        Self {
            process: Process::ready(command, port, "/readyz").await,
            _folder: folder,
        }
    }
}
