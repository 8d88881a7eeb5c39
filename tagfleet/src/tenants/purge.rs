//! All that the ledger holds of a tenant, and how it goes.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use anyhow::bail;
use ledger::{BatchKey, Ledger, LedgerError};
use tokio::time::{Instant, sleep};

/// Between two looks at what migrators still have in hand.
const PAUSE: Duration = Duration::from_millis(500);
/// Whoever was writing just then writes again after what it wrote before is gone.
const ROUNDS: usize = 5;
/// Every key that stands for a batch, however late it was used last.
const ANY_TIME_S: u64 = i64::MAX as u64;

#[derive(Debug, PartialEq, Eq)]
pub struct Belongings {
    pub batches: usize,
    pub open: usize,
}

impl Belongings {
    pub async fn of(ledger: &Ledger, tenant: &str) -> Result<Self, LedgerError> {
        Ok(Self {
            batches: ledger.batches(tenant).await?.len(),
            open: ledger.open_batches_of(tenant).await?,
        })
    }

    fn is_nothing(&self) -> bool {
        self.batches == 0 && self.open == 0
    }
}

impl fmt::Display for Belongings {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} batches, {} of them open", self.batches, self.open)
    }
}

/// Ends what is open, waits for those who work on it, and deletes all.
pub async fn purge(ledger: &Ledger, tenant: &str, wait: Duration) -> anyhow::Result<()> {
    cancel(ledger, tenant).await?;
    until_ended(ledger, tenant, wait).await?;
    for _ in 0..ROUNDS {
        delete(ledger, tenant).await?;
        sleep(PAUSE).await;
        if Belongings::of(ledger, tenant).await?.is_nothing() {
            return Ok(());
        }
    }
    bail!("something still writes batches of {tenant}: take its keys away, and try again");
}

async fn open(ledger: &Ledger, tenant: &str) -> Result<Vec<BatchKey>, LedgerError> {
    let mut keys = ledger.open_batches().await?;
    keys.retain(|key| key.tenant == tenant);
    Ok(keys)
}

async fn cancel(ledger: &Ledger, tenant: &str) -> anyhow::Result<()> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now_s = now.unwrap_or_default().as_secs();
    for key in open(ledger, tenant).await? {
        ledger.cancel(&key, now_s).await?;
    }
    Ok(())
}

/// Where there is no migrator, nobody ends them, and nobody works on them either.
async fn until_ended(ledger: &Ledger, tenant: &str, wait: Duration) -> anyhow::Result<()> {
    let begun = Instant::now();
    while begun.elapsed() < wait && !open(ledger, tenant).await?.is_empty() {
        sleep(PAUSE).await;
    }
    Ok(())
}

async fn delete(ledger: &Ledger, tenant: &str) -> Result<(), LedgerError> {
    for id in ledger.batches(tenant).await? {
        ledger.forget(&BatchKey::new(tenant, &id)).await?;
    }
    // One that was opened and never begun has no folder.
    for key in open(ledger, tenant).await? {
        ledger.close(&key).await?;
    }
    ledger.forget_claims(tenant, ANY_TIME_S).await
}
