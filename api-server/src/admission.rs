//! How many requests are worked on at once. Beyond that, a quick no beats a
//! slow yes. Deadlines and drain rates come into this decision later.

use std::sync::Arc;

use common::{
    fault::{Code, Fault},
    stage::Stage,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

#[derive(Debug)]
pub struct Admission {
    places: Arc<Semaphore>,
}

/// A place among the requests in flight, given back when dropped.
#[derive(Debug)]
pub struct Place {
    _permit: OwnedSemaphorePermit,
}

impl Admission {
    pub fn new(max_in_flight: usize) -> Self {
        Self {
            places: Arc::new(Semaphore::new(max_in_flight)),
        }
    }

    pub fn enter(&self) -> Result<Place, Fault> {
        let permit = self
            .places
            .clone()
            .try_acquire_owned()
            .map_err(|_| full())?;
        metrics::gauge!("tagfleet_requests_in_flight").increment(1.0);
        Ok(Place { _permit: permit })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        metrics::gauge!("tagfleet_requests_in_flight").decrement(1.0);
    }
}

fn full() -> Fault {
    Fault::new(
        Code::Overloaded,
        Stage::Admit,
        "This server works on as many requests as it may; try again shortly.",
    )
}

