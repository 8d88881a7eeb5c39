//! What machines and bytes cost.

use serde::{Deserialize, Serialize};

use super::Figure;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prices {
    pub currency: String,
    /// What API servers, brokers and captioners run on.
    pub core_hour: Figure,
    pub broker_node_hour: Figure,
    pub bus_node_hour: Figure,
    /// The part of its price that a spot machine costs.
    pub spot_part: Figure,
    /// A gigabyte from one zone to another.
    pub zone_gb: Figure,
    pub store_gets_million: Figure,
    pub store_puts_million: Figure,
    #[serde(rename = "machine")]
    pub machines: Vec<Machine>,
}

/// What one worker of a device runs on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    pub device: String,
    pub name: String,
    pub cores: f64,
    pub hour: Figure,
}

impl Prices {
    pub fn machine(&self, device: &str) -> Option<&Machine> {
        self.machines
            .iter()
            .find(|machine| machine.device == device)
    }
}
