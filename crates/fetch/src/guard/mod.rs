//! May this server connect to an address that somebody else chose? The one
//! judge for literals in URLs, resolvers' answers and redirects, and for
//! whatever else will connect to a user's URL.

mod classify;
mod rules;

use std::{collections::HashSet, net::IpAddr, sync::Arc, time::Duration};

use ipnet::IpNet;
use moka::sync::Cache;
use url::{Host, Url};

use classify::is_global;

/// How old the list of this host's own addresses may be.
const OWN_FOR: Duration = Duration::from_secs(60);

pub use rules::{Origin, Rules};

type Own = fn() -> HashSet<IpAddr>;

#[derive(Debug)]
pub struct Guard {
    /// Public, and the operator's own: the fleet behind its load balancer, say.
    refused: Vec<IpNet>,
    read_own: Own,
    own: Cache<(), Arc<HashSet<IpAddr>>>,
}

impl Guard {
    pub fn new(refused: Vec<IpNet>) -> Self {
        Self::with_own(refused, interfaces)
    }

    fn with_own(refused: Vec<IpNet>, read_own: Own) -> Self {
        Self {
            refused,
            read_own,
            own: Cache::builder()
                .max_capacity(1)
                .time_to_live(OWN_FOR)
                .build(),
        }
    }

    /// Returns whether all of a name's addresses are allowed, and there is one. A name
    /// that has allowed and other addresses is a trick, or a split horizon that
    /// must not be probed from here.
    pub fn allows(&self, addresses: &[IpAddr]) -> bool {
        let own = self.own.get_with((), || Arc::new((self.read_own)()));
        let allowed = |address: &IpAddr| {
            is_global(*address)
                && !own.contains(address)
                && !self.refused.iter().any(|net| net.contains(address))
        };
        !addresses.is_empty() && addresses.iter().all(allowed)
    }

    /// A literal is judged here, because it never meets a resolver; a name passes, because it will.
    pub fn allows_host(&self, url: &Url) -> bool {
        match url.host() {
            Some(Host::Ipv4(v4)) => self.allows(&[v4.into()]),
            Some(Host::Ipv6(v6)) => self.allows(&[v6.into()]),
            Some(Host::Domain(_)) => true,
            None => false,
        }
    }
}

/// The addresses of this host's interfaces. Public ones would lead to services
/// that were meant to be reached from here alone.
fn interfaces() -> HashSet<IpAddr> {
    match if_addrs::get_if_addrs() {
        Ok(found) => found.iter().map(if_addrs::Interface::ip).collect(),
        Err(error) => {
            tracing::warn!(%error, "this host's own addresses are not known, so they are not refused");
            HashSet::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard() -> Guard {
        let refused = ["9.9.9.0/24", "2620:fe::/48"].map(|net| net.parse().expect("a net"));
        Guard::with_own(refused.into(), || {
            HashSet::from([IpAddr::from([1, 1, 1, 1])])
        })
    }

    #[test]
    fn every_address_must_be_allowed() {
        let cases: [(&[&str], bool); 10] = [
            (&["8.8.8.8"], true),
            (&["8.8.8.8", "2606:4700::1111"], true),
            (&[], false),
            (&["10.0.0.1"], false),
            (&["8.8.8.8", "10.0.0.1"], false),
            (&["1.1.1.1"], false),
            (&["8.8.8.8", "1.1.1.1"], false),
            (&["9.9.9.9"], false),
            (&["2620:fe::fe"], false),
            (&["::ffff:8.8.8.8"], false),
        ];
        for (addresses, allowed) in cases {
            let parsed: Vec<IpAddr> = addresses
                .iter()
                .map(|text| text.parse().expect("an address"))
                .collect();
            assert_eq!(guard().allows(&parsed), allowed, "{addresses:?}");
        }
    }

    #[test]
    fn literals_are_judged_and_names_are_left_to_the_resolver() {
        let cases = [
            ("http://8.8.8.8/", true),
            ("http://1.1.1.1/", false),
            ("http://9.9.9.9/", false),
            ("http://[::1]/", false),
            ("http://0x7f.1/", false),
            ("http://localhost/", true),
        ];
        for (url, allowed) in cases {
            assert_eq!(
                guard().allows_host(&url.parse().expect("a URL")),
                allowed,
                "{url}"
            );
        }
    }

    /// The last four bytes of an address below such a prefix are an IPv4 address. Nobody but the operator knows which prefix it is.
    #[test]
    fn a_nat64_prefix_of_the_networks_own_is_refused_where_it_is_named() {
        let guard = |nets: &[&str]| {
            let nets = nets.iter().map(|net| net.parse().expect("a net"));
            Guard::with_own(nets.collect(), HashSet::new)
        };
        let allowed = |guard: &Guard| {
            let addresses = [
                "2a02:64::10.0.0.1",
                "2a02:64::169.254.169.254",
                "2a02:64::8.8.8.8",
                "2a02:65::1",
            ];
            addresses.map(|text| {
                let address: IpAddr = text.parse().expect("an address");
                let url = format!("http://[{address}]/").parse().expect("a URL");
                let is_allowed = guard.allows(&[address]);
                assert_eq!(guard.allows_host(&url), is_allowed, "{text}");
                is_allowed
            })
        };
        assert_eq!(allowed(&guard(&[])), [true; 4], "they look public");
        let whole = guard(&["2a02:64::/96"]);
        assert_eq!(allowed(&whole), [false, false, false, true]);
        // Where images are to be had through it, its private parts are named.
        let parts = guard(&["2a02:64::10.0.0.0/104", "2a02:64::169.254.0.0/112"]);
        assert_eq!(allowed(&parts), [false, false, true, true]);
    }

    #[test]
    fn the_addresses_of_this_host_are_found() {
        assert!(
            interfaces().iter().any(IpAddr::is_loopback),
            "there is a loopback interface"
        );
    }
}
