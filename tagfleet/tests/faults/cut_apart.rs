//! An API server that is cut from the broker, for a while.

use std::time::Duration;

use testing::servers::{Mode, TcpProxy};

use crate::{
    account::Account,
    brokers::shared,
    client::{Load, recovers, tag_many},
    fleet::Fleet,
};

const TIMEOUT_MS: u64 = 20_000;

/// Neither hears of the other for so long. Whoever is refused asks at a server that is not cut off.
pub async fn cut_apart(name: &str, lasts: Duration) {
    let broker = shared().await;
    let fleet = Fleet::at(&broker.url()).await;
    let _worker = fleet.worker("worker", &[]).await;
    let proxy = TcpProxy::start(broker.port()).await;
    let url = format!("amqp://guest:guest@127.0.0.1:{}/%2f", proxy.port());
    let cut = [("TAGFLEET_QUEUE_URL", url)];
    let (api, other) = tokio::join!(fleet.api(&cut), fleet.api(&[]));
    let load = Load::on(&api.base(), 4, 3_000);
    load.goes_on(20).await;
    proxy.set(Mode::Hang);
    tokio::time::sleep(lasts).await;
    proxy.set(Mode::Forward);
    let recovery = recovers(&api.base()).await;
    let seen = load.end().await;
    let refused = seen
        .iter()
        .filter(|seen| seen.as_ref().is_some_and(|answer| answer.status != 200))
        .count();
    assert!(refused > 0, "nobody noticed");
    let again = tag_many(&other.base(), refused, 4, TIMEOUT_MS).await;
    let again = Account::of(&again).saw_only(&["ok"]);
    // A line in which nobody is served is too long for whoever comes: he is told so at once.
    let told = ["ok", "queue_unavailable", "deadline_exceeded", "overloaded"];
    let account = Account::of(&seen).saw_only(&told);
    account.and(again).close(name, 1, recovery);
    fleet.leaves_nothing(0).await;
}
