//! What is known of the hosts that images come from: how many downloads are
//! under way from each, and which have an open circuit because they keep failing.
//!
//! Who cannot be connected to has one circuit for all. What a host sends is a
//! tenant's own choice of its pages, so that has a circuit for each tenant: bad
//! files on a shared host close it to nobody else.

pub mod breaker;
mod circuits;
mod places;
#[cfg(test)]
mod simulation;
mod visit;

use std::{sync::Arc, time::Duration};

use common::fault::{Code, Fault};
use moka::{policy::EvictionPolicy, sync::Cache};
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::{faults, guard::Origin};
pub use breaker::{LONGEST_PAUSE, Limits, OpenCircuit, Verdict};
use circuits::{Circuit, Circuits};
use places::Places;
pub use places::Tenant;
pub use visit::{Sent, Visit};

/// Hosts that are remembered, and pairs of a host and a tenant. Who makes us forget one by naming ten thousand
/// others gains little: its count of failures and of places begins anew.
const MOST_HOSTS: u64 = 10_000;
/// Longer than any pause, so that none is forgotten before it is over.
const KEPT: Duration = Duration::from_secs(1_800);

#[derive(Clone, Debug)]
pub struct Hosts {
    hosts: Cache<Origin, Arc<Host>>,
    tenants: Cache<(Origin, Tenant), Arc<Circuit>>,
    settings: Settings,
}

#[derive(Clone, Copy, Debug)]
pub struct Settings {
    pub places: usize,
    pub limits: Limits,
    /// A visit that is given up earlier than this says nothing about the host:
    /// a caller in a hurry must not make others wait.
    pub patience: Duration,
}

/// What all tenants share of a host.
#[derive(Debug)]
struct Host {
    places: Arc<Places>,
    /// Open where no connection can be made.
    circuit: Arc<Circuit>,
}

impl Hosts {
    pub fn new(settings: Settings) -> Self {
        Self {
            hosts: Cache::builder()
                .max_capacity(MOST_HOSTS)
                .eviction_policy(EvictionPolicy::lru())
                .time_to_idle(KEPT)
                .build(),
            tenants: Cache::builder()
                .max_capacity(MOST_HOSTS)
                .eviction_policy(EvictionPolicy::lru())
                .time_to_idle(KEPT)
                .build(),
            settings,
        }
    }

    /// Returns how long a host must have had before a visit says anything of it.
    pub fn patience(&self) -> Duration {
        self.settings.patience
    }

    /// Waits for a place until `until`, unless the host's circuit is open.
    pub async fn enter(&self, url: &Url, tenant: &Tenant, until: Instant) -> Result<Visit, Fault> {
        let origin = origin(url).ok_or_else(faults::unreachable)?;
        let host = self.host(&origin);
        let circuits = Circuits {
            everyones: host.circuit.clone(),
            tenants: self.tenants_circuit(&origin, tenant),
        };
        if let Some(code) = circuits.refuse(Instant::now()) {
            return Err(faults::circuit_open(code));
        }
        let place = timeout_at(until, host.places.take(tenant))
            .await
            .map_err(|_| faults::busy())?;
        // Others may have failed meanwhile.
        let begun = Instant::now();
        let guard = circuits.enter(begun).map_err(faults::circuit_open)?;
        Ok(Visit::new(guard, begun, self.settings.patience, place))
    }

    /// Counts a failure that shows only after the visit, such as a chain of redirects without an end.
    pub fn blame(&self, url: &Url, tenant: &Tenant, code: Code) {
        if let Some(origin) = origin(url) {
            self.tenants_circuit(&origin, tenant).blame(code);
        }
    }

    /// Leaves a host alone that asked for it.
    pub fn back_off(&self, url: &Url, tenant: &Tenant, pause: Duration) {
        if let Some(origin) = origin(url) {
            self.tenants_circuit(&origin, tenant).back_off(pause);
        }
    }

    /// Returns how long a host's circuit stays open to a tenant, if it is open.
    pub fn open_circuit(&self, url: &Url, tenant: &Tenant) -> Option<OpenCircuit> {
        let origin = origin(url)?;
        let now = Instant::now();
        let everyones = self
            .hosts
            .get(&origin)
            .and_then(|host| host.circuit.open_circuit(now));
        let tenants = self
            .tenants
            .get(&(origin, tenant.clone()))
            .and_then(|circuit| circuit.open_circuit(now));
        [everyones, tenants]
            .into_iter()
            .flatten()
            .max_by_key(|circuit| circuit.left)
    }

    /// Returns how many circuits are open.
    pub fn open_circuits(&self) -> usize {
        let now = Instant::now();
        let everyones = self.hosts.iter().map(|(_, host)| host.circuit.clone());
        let tenants = self.tenants.iter().map(|(_, circuit)| circuit);
        everyones
            .chain(tenants)
            .filter(|circuit| circuit.refuses(now).is_some())
            .count()
    }

    fn host(&self, origin: &Origin) -> Arc<Host> {
        self.hosts.get_with_by_ref(origin, || {
            Arc::new(Host {
                places: Places::new(self.settings.places),
                circuit: Circuit::new(origin.clone(), self.settings.limits),
            })
        })
    }

    fn tenants_circuit(&self, origin: &Origin, tenant: &Tenant) -> Arc<Circuit> {
        let key = (origin.clone(), tenant.clone());
        self.tenants
            .get_with(key, || Circuit::new(origin.clone(), self.settings.limits))
    }
}

fn origin(url: &Url) -> Option<Origin> {
    Some(Origin::of(url)?.without_final_dot())
}
