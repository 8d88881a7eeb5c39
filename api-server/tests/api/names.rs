//! Names that mean one address now and another one later.

use std::{
    io,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use api_server::Lookup;
use futures_util::future::BoxFuture;

use crate::{
    harness::Harness,
    support::{names::NOWHERE, trap::Trap, worker::Behaviour},
};

/// Public at first, and private ever after.
#[derive(Default)]
struct Rebinding {
    asked: AtomicUsize,
}

impl Lookup for Rebinding {
    fn lookup(&self, _: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let address = if self.asked.fetch_add(1, Ordering::SeqCst) == 0 { NOWHERE } else { "127.0.0.1" };
        Box::pin(async move { Ok(vec![address.parse().expect("an address")]) })
    }
}

#[tokio::test]
async fn a_name_is_looked_up_once_and_connected_to_there() {
    let trap = Trap::start().await;
    let port = trap.port.to_string();
    let names = Arc::<Rebinding>::default();
    let args = ["--fetch-ports", &port, "--fetch-connect-timeout-ms", "300"];
    let api = Harness::with_names(&args, Behaviour::Answer, names.clone()).await;
    api.post_url(&format!("http://cat.example:{port}/")).await.is_problem(422, "source_unreachable");
    assert_eq!(names.asked.load(Ordering::SeqCst), 1);
    assert!(trap.is_untouched().await);
    api.finish().await;
}
