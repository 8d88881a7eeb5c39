//! Batches over HTTP, in the shape of OpenAI's: a list of images of any
//! length comes in, is cut into shards, and what becomes of it can be read at
//! any time. The work itself is the migrator's.

mod cancel;
mod config;
mod create;
mod elsewhere;
mod events;
mod get;
mod intake;
mod lines;
mod list;
mod named;
mod once;
mod options;
mod parts;
mod reply;
mod sampler;
mod source;
mod upload;
mod view;

use std::sync::Arc;

use common::{
    fault::{Code, Fault},
    stage::Stage,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::ledger::{BatchKey, Ledger, LedgerError, Request};

pub use cancel::{__path_cancel_batch, cancel_batch};
pub use config::BatchConfig;
pub use create::{__path_create_batch, create_batch};
pub use elsewhere::Elsewhere;
pub use events::{__path_batch_events, batch_events};
pub use get::{__path_get_batch, get_batch};
pub use lines::{__path_batch_errors, __path_batch_results, batch_errors, batch_results};
pub use list::{__path_list_batches, list_batches};
pub use upload::Stopped;
pub use view::BatchView;

#[derive(Debug)]
pub struct Batches {
    pub ledger: Ledger,
    uploads: Arc<Semaphore>,
    once: once::InFlight,
}

impl Batches {
    pub fn new(ledger: Ledger, config: &BatchConfig) -> Self {
        Self {
            ledger,
            uploads: Arc::new(Semaphore::new(config.batch_max_uploads)),
            once: once::InFlight::default(),
        }
    }

    fn enter(&self) -> Result<OwnedSemaphorePermit, Fault> {
        let full = |_| {
            Fault::new(
                Code::Overloaded,
                Stage::Admit,
                "As many batches are coming in as may; try again.",
            )
        };
        self.uploads.clone().try_acquire_owned().map_err(full)
    }

    /// A tenant's batch; another tenant's is none.
    async fn find(&self, tenant: &str, id: &str) -> Result<Request, Fault> {
        let missing = || {
            Fault::new(
                Code::NotFound,
                Stage::Admit,
                "There is no batch of this id.",
            )
        };
        if !BatchKey::is_id(id) {
            return Err(missing());
        }
        let found = self
            .ledger
            .request(&BatchKey::new(tenant, id))
            .await
            .map_err(|error| unavailable(&error))?;
        found.ok_or_else(missing)
    }
}

fn unavailable(error: &LedgerError) -> Fault {
    tracing::warn!(%error, "the ledger of batches failed");
    Fault::new(
        Code::StoreUnavailable,
        Stage::Admit,
        "The store of batches cannot be used at present.",
    )
}

fn invalid(detail: impl Into<String>) -> Fault {
    Fault::new(Code::InvalidRequest, Stage::Admit, detail)
}
