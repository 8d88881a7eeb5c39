//! How many requests are worked on at once. Beyond that, a quick no beats a
//! slow yes. Deadlines and drain rates come into this decision later.

use std::sync::Arc;

use common::{
    fault::{Code, Fault},
    stage::Stage,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::metrics::IN_FLIGHT;

#[derive(Debug)]
pub struct Admission {
    permits: Arc<Semaphore>,
}

/// The right to be one of the requests in flight; it is given back when dropped.
#[derive(Debug)]
pub struct AdmissionPermit {
    _permit: OwnedSemaphorePermit,
}

impl Admission {
    pub fn new(max_in_flight: usize) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(max_in_flight)),
        }
    }

    pub fn enter(&self) -> Result<AdmissionPermit, Fault> {
        let permit = self
            .permits
            .clone()
            .try_acquire_owned()
            .map_err(|_| full())?;
        metrics::gauge!(IN_FLIGHT).increment(1.0);
        Ok(AdmissionPermit { _permit: permit })
    }
}

impl Drop for AdmissionPermit {
    fn drop(&mut self) {
        metrics::gauge!(IN_FLIGHT).decrement(1.0);
    }
}

fn full() -> Fault {
    Fault::new(
        Code::Overloaded,
        Stage::Admit,
        "This server works on as many requests as it may; try again shortly.",
    )
}
