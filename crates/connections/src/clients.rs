//! How many connections each client address has. One address must not take all that there are; but an edge or a load
//! balancer is many clients with one address.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use ipnet::IpNet;

/// The part of an IPv6 address that names one client: who has one of these networks has all of its addresses.
const CLIENT_BITS: u32 = 64;

#[derive(Debug)]
pub struct Clients {
    most: usize,
    /// Networks in which one address stands for many clients.
    edges: Vec<IpNet>,
    open: Mutex<HashMap<IpAddr, usize>>,
}

/// One connection. Dropped, it is not counted any more.
#[derive(Debug)]
pub struct Counted {
    /// Nothing for an edge's.
    of: Option<(Arc<Clients>, IpAddr)>,
}

impl Clients {
    pub fn new(most: usize, edges: Vec<IpNet>) -> Arc<Self> {
        Arc::new(Self {
            most,
            edges,
            open: Mutex::default(),
        })
    }

    /// Nothing where the client has as many as it may have.
    pub fn count(self: &Arc<Self>, address: IpAddr) -> Option<Counted> {
        let address = address.to_canonical();
        if self.edges.iter().any(|net| net.contains(&address)) {
            return Some(Counted { of: None });
        }
        let client = client_of(address);
        let mut open = self.open();
        let connections = open.entry(client).or_default();
        if *connections >= self.most {
            return None;
        }
        *connections += 1;
        Some(Counted {
            of: Some((self.clone(), client)),
        })
    }

    fn open(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn client_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => {
            let network = v6.to_bits() >> CLIENT_BITS << CLIENT_BITS;
            Ipv6Addr::from_bits(network).into()
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let Some((clients, client)) = self.of.take() else {
            return;
        };
        let mut open = clients.open();
        if let Some(connections) = open.get_mut(&client) {
            *connections -= 1;
            if *connections == 0 {
                open.remove(&client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn each_address_has_its_own_and_gets_them_back() {
        let clients = Clients::new(2, vec![]);
        let held = ["198.51.100.1", "::ffff:198.51.100.1"].map(|text| clients.count(ip(text)));
        assert!(held.iter().all(Option::is_some));
        assert!(clients.count(ip("198.51.100.1")).is_none());
        assert!(clients.count(ip("198.51.100.2")).is_some());
        drop(held);
        assert!(clients.open().is_empty(), "nobody is remembered");
    }

    #[test]
    fn a_network_of_ipv6_is_one_client() {
        let clients = Clients::new(1, vec![]);
        let _held = clients.count(ip("2001:db8::1"));
        assert!(clients.count(ip("2001:db8::ffff:1")).is_none());
        assert!(clients.count(ip("2001:db8:0:1::1")).is_some());
    }

    #[test]
    fn an_edge_is_many_clients() {
        let clients = Clients::new(1, vec!["10.0.0.0/8".parse().expect("a network")]);
        let held = [(); 3].map(|()| clients.count(ip("10.1.2.3")));
        assert!(held.iter().all(Option::is_some));
    }
}
