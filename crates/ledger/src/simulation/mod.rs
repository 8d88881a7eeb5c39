//! What several processes decide through objects that are written once, under thousands of schedules of their requests.

mod calls;
mod lease;

use std::sync::Arc;

use common::store::Store;
use testing::simulation::{Schedule, SlowObjects};

use crate::{BatchKey, Ledger};

fn ledger(schedule: &Schedule) -> Ledger {
    Ledger::new(Store::over(Arc::new(SlowObjects::seeded(schedule.seed()))))
}

fn batch() -> BatchKey {
    BatchKey::new("shop", "batch_1")
}
