//! A name server of the tests' making, in the server's own process.

use std::{
    io,
    net::IpAddr,
    sync::atomic::{AtomicUsize, Ordering},
};

use api_server::{Lookup, SystemLookup};
use futures_util::future::BoxFuture;

/// Looks public and leads nowhere: routable by its prefix, handed out to nobody.
pub const NOWHERE: &str = "2000::1";

/// Other names are looked up as ever.
#[derive(Default)]
pub struct Table {
    rebinds: AtomicUsize,
}

impl Table {
    fn addresses(&self, name: &str) -> Option<Vec<&'static str>> {
        Some(match name.trim_end_matches('.') {
            "private.example" => vec!["127.0.0.1"],
            "private-v6.example" => vec!["::1"],
            "mapped.example" => vec!["::ffff:127.0.0.1"],
            "mixed.example" => vec!["8.8.8.8", "127.0.0.1"],
            "mixed-v6.example" => vec!["::1", "2606:4700::1111"],
            "metadata.google.internal" => vec!["169.254.169.254"],
            // Public when it is looked at, private ever after.
            "rebinding.example" if self.rebinds.fetch_add(1, Ordering::SeqCst) == 0 => vec![NOWHERE],
            "rebinding.example" => vec!["127.0.0.1"],
            "empty.example" => vec![],
            "unknown.example" => return None,
            _ => return None,
        })
    }
}

impl Lookup for Table {
    fn lookup(&self, name: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let Some(found) = self.addresses(&name) else { return SystemLookup.lookup(name) };
        let found = found.iter().map(|text| text.parse().expect("an address")).collect();
        Box::pin(async move { Ok(found) })
    }
}
