//! What machines and bytes cost.

use common::config::{Numbers, OutOfRange, SHARE};
use serde::{Deserialize, Serialize};

use super::Figure;

const MONEY: Numbers = Numbers::new(0.0, 1e6);
const CORES: Numbers = Numbers::new(0.1, 1e5);

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
    /// Refuses what no machine has and nobody pays.
    pub fn validate(&self) -> Result<(), OutOfRange> {
        for (key, figure, allowed) in [
            ("core_hour", &self.core_hour, MONEY),
            ("broker_node_hour", &self.broker_node_hour, MONEY),
            ("bus_node_hour", &self.bus_node_hour, MONEY),
            ("spot_part", &self.spot_part, SHARE),
            ("zone_gb", &self.zone_gb, MONEY),
            ("store_gets_million", &self.store_gets_million, MONEY),
            ("store_puts_million", &self.store_puts_million, MONEY),
        ] {
            figure.check(key, allowed)?;
        }
        for machine in &self.machines {
            let device = &machine.device;
            CORES.check(&format!("machine of {device}, cores"), machine.cores)?;
            let hour = format!("machine of {device}, hour");
            machine.hour.check(&hour, MONEY)?;
        }
        Ok(())
    }

    pub fn machine(&self, device: &str) -> Option<&Machine> {
        self.machines
            .iter()
            .find(|machine| machine.device == device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRICES: &str = include_str!("../../profiles/prices.toml");

    /// Returns why prices are refused in which `from` is replaced by `to`.
    fn refused(from: &str, to: &str) -> Option<String> {
        assert!(PRICES.contains(from), "{from}");
        let prices: Prices = toml::from_str(&PRICES.replacen(from, to, 1)).expect(to);
        prices.validate().err().map(|error| error.to_string())
    }

    #[test]
    fn what_no_machine_costs_is_refused_by_its_key() {
        assert_eq!(refused("USD", "EUR"), None);
        for (from, to, why) in [
            (
                "value = 0.526",
                "value = -1.0",
                "machine of t4, hour: -1 is not a number from 0",
            ),
            (
                "value = 0.526",
                "value = nan",
                "machine of t4, hour: NaN is not a number from 0",
            ),
            (
                "cores = 4.0",
                "cores = 0.0",
                "machine of t4, cores: 0 is not a number from 0.1",
            ),
            ("value = 0.0446", "value = -1.0", "core_hour: -1 is not"),
            (
                "value = 0.4,",
                "value = 4.0,",
                "spot_part: 4 is not a number from 0 to 1",
            ),
        ] {
            let said = refused(from, to).expect(to);
            assert!(said.starts_with(why), "{said}");
        }
    }
}
