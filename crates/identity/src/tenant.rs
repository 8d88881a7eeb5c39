//! What all keys of a tenant may together.

use std::{num::NonZeroU32, sync::Arc};

use common::{
    bus::Bus,
    fault::{Code, Fault},
    stage::Stage,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{limit::Limit, rate::Rate, standing::Left};

#[derive(Debug)]
pub struct Tenant {
    requests: Option<Limit>,
    images: Option<Limit>,
    in_flight: Option<InFlight>,
}

#[derive(Debug)]
struct InFlight {
    most: NonZeroU32,
    places: Arc<Semaphore>,
}

/// One request under way. Dropped, another one may come.
#[derive(Debug)]
pub struct Place {
    _permit: Option<OwnedSemaphorePermit>,
}

impl Tenant {
    pub fn new(
        name: &str,
        requests: Option<Rate>,
        images: Option<Rate>,
        in_flight: Option<NonZeroU32>,
    ) -> Self {
        let owner = format!("tenant:{name}");
        Self {
            requests: requests.map(|rate| Limit::new(&owner, "tenant", rate)),
            images: images.map(|rate| Limit::new(&owner, "images", rate)),
            in_flight: in_flight.map(|most| InFlight {
                most,
                places: Arc::new(Semaphore::new(most.get() as usize)),
            }),
        }
    }

    /// Returns whether the file says the same of both, so that what is counted of one goes on.
    pub fn allows_the_same(&self, other: &Self) -> bool {
        let rates = |tenant: &Self| {
            let requests = tenant.requests.as_ref().map(|limit| limit.rate);
            let images = tenant.images.as_ref().map(|limit| limit.rate);
            let in_flight = tenant.in_flight.as_ref().map(|places| places.most);
            (requests, images, in_flight)
        };
        rates(self) == rates(other)
    }

    /// Counts a request, whatever it asks for; nothing where there is no limit.
    pub async fn count_request(&self, bus: &Bus) -> Option<Result<Left, Left>> {
        let limit = self.requests.as_ref()?;
        Some(limit.count(bus).await)
    }

    /// Counts an image of a request.
    pub async fn count_image(&self, bus: &Bus) -> Result<(), Fault> {
        let Some(limit) = &self.images else {
            return Ok(());
        };
        let Err(left) = limit.count(bus).await else {
            return Ok(());
        };
        let most = left.rate.burst();
        let detail = format!("{most} images a day may be sent by this tenant.");
        let fault = Fault::new(Code::QuotaExceeded, Stage::Admit, detail);
        Err(Fault {
            retry_after: left.retry_after,
            ..fault
        })
    }

    /// Takes one of the places that the tenant has at this server.
    pub fn enter(&self) -> Result<Place, Fault> {
        let Some(in_flight) = &self.in_flight else {
            return Ok(Place { _permit: None });
        };
        match in_flight.places.clone().try_acquire_owned() {
            Ok(permit) => Ok(Place {
                _permit: Some(permit),
            }),
            Err(_) => {
                let most = in_flight.most;
                let detail =
                    format!("{most} requests of this tenant may be under way at one server.");
                Err(Fault::new(Code::QuotaExceeded, Stage::Admit, detail))
            }
        }
    }
}
