//! From names to addresses that may be connected to. The client connects to
//! what this returns and to nothing else, so a name that changes its answer
//! between the check and the connect gains nothing.

mod names;
mod system;

use std::{io, net::SocketAddr, sync::Arc};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::{faults, guard::Guard};

pub use names::{Found, Lookup, Names, NotFound, SHORTEST_TTL};
pub use system::SystemLookup;

/// The resolver of a client that serves origins which nobody vouched for, or
/// (without a guard) of the one for origins that the operator vouched for.
#[derive(Clone)]
pub struct Resolver {
    pub names: Names,
    pub guard: Option<Arc<Guard>>,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let Self { names, guard } = self.clone();
        Box::pin(async move {
            let found = names.find(name.as_str()).await?;
            if guard.is_some_and(|guard| !guard.allows(&found)) {
                faults::refused("address");
                return Err(io::Error::other(NotFound("address")).into());
            }
            let addresses: Vec<_> = found.iter().map(|ip| SocketAddr::new(*ip, 0)).collect();
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}
