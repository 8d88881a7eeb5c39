//! Settings of the connections. `--help` is their reference.

use clap::Args;
use common::config::{ConfigError, positive};
use ipnet::IpNet;

const PRIVATE_NETS: &str = "127.0.0.0/8,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,100.64.0.0/10,\
    169.254.0.0/16,::1/128,fc00::/7,fe80::/10";

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Connections")]
pub struct ConnectionConfig {
    /// Open client connections; further ones wait in the kernel's backlog
    #[arg(long, env = "TAGFLEET_MAX_CONNECTIONS", default_value_t = 4_096)]
    pub max_connections: usize,

    /// Open connections of one client address, or of one IPv6 network of 64 bits; further ones are closed at once
    #[arg(
        long,
        env = "TAGFLEET_MAX_CONNECTIONS_PER_CLIENT",
        default_value_t = 512
    )]
    pub max_connections_per_client: usize,

    /// Networks of edges and load balancers: each address in them is many clients, and has no bound of its own. Private
    /// networks by default, where edges lie
    #[arg(
        long,
        env = "TAGFLEET_EDGE_NETS",
        value_delimiter = ',',
        default_value = PRIVATE_NETS
    )]
    pub edge_nets: Vec<IpNet>,

    /// Longest wait for a request's headers, milliseconds; then the connection is closed
    #[arg(long, env = "TAGFLEET_HEADER_TIMEOUT_MS", default_value_t = 10_000)]
    pub header_timeout_ms: u64,

    /// Longest time that a connection may be open without a request being worked on or an answer being taken,
    /// milliseconds. Between two requests of HTTP/1.1 the wait for headers is the shorter one
    #[arg(long, env = "TAGFLEET_IDLE_TIMEOUT_MS", default_value_t = 60_000)]
    pub idle_timeout_ms: u64,

    /// Longest wait for open requests at shutdown, milliseconds; no less than the longest `timeout_ms`
    #[arg(long, env = "TAGFLEET_API_DRAIN_TIMEOUT_MS", default_value_t = 65_000)]
    pub api_drain_timeout_ms: u64,
}

impl ConnectionConfig {
    /// Checked once, at start: what passes here is not checked again.
    pub fn validate(&self) -> Result<(), ConfigError> {
        positive("--max-connections", self.max_connections)?;
        positive(
            "--max-connections-per-client",
            self.max_connections_per_client,
        )?;
        positive("--header-timeout-ms", self.header_timeout_ms)?;
        positive("--idle-timeout-ms", self.idle_timeout_ms)
    }
}
