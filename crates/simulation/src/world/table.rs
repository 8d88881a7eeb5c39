//! The jobs under way.

use dispatch::{QueueEntry, Slot};
use fetch::breaker::Entry;

use crate::{parts::JobId, time::Nanos};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is not published yet.
    Coming,
    /// At the broker, or with a worker.
    Out,
    /// Its result is on the way back.
    Done,
}

/// A request and its job.
#[derive(Debug)]
pub struct Job {
    pub state: State,
    pub arrived: Nanos,
    pub deadline: Nanos,
    pub counted: bool,
    /// `usize::MAX` for a job of a batch.
    pub server: usize,
    pub host: usize,
    pub fetch_s: f64,
    pub prepare_cpu_s: f64,
    pub cached_by_bytes: bool,
    pub caption: bool,
    pub caption_cached: bool,
    pub is_coming: bool,
    /// A worker had it, and is gone.
    pub is_tried_again: bool,
    pub visit: Option<Entry>,
    pub at_decoders: Option<QueueEntry>,
    pub at_workers: Option<QueueEntry>,
    /// Its place in the share of a batch, given back when the job ends.
    pub _slot: Option<Slot>,
    pub marks: Marks,
}

/// When its stages ended.
#[derive(Clone, Copy, Debug, Default)]
pub struct Marks {
    pub began: Nanos,
    pub fetched: Nanos,
    pub prepared: Nanos,
    pub delivered: Nanos,
    pub started: Nanos,
    pub finished: Nanos,
}

#[derive(Debug, Default)]
pub struct Table {
    places: Vec<Place>,
    free: Vec<u32>,
    live: usize,
}

#[derive(Debug)]
struct Place {
    tenancy: u32,
    job: Option<Job>,
}

impl Table {
    pub fn insert(&mut self, job: Job) -> JobId {
        self.live += 1;
        let place = match self.free.pop() {
            Some(place) => place,
            None => {
                self.places.push(Place {
                    tenancy: 0,
                    job: None,
                });
                self.places.len() as u32 - 1
            }
        };
        let tenant = &mut self.places[place as usize];
        tenant.job = Some(job);
        JobId {
            place,
            tenancy: tenant.tenancy,
        }
    }

    pub fn get_mut(&mut self, id: JobId) -> Option<&mut Job> {
        let place = &mut self.places[id.place as usize];
        place.job.as_mut().filter(|_| place.tenancy == id.tenancy)
    }

    pub fn holds(&self, id: JobId) -> bool {
        let place = &self.places[id.place as usize];
        place.tenancy == id.tenancy && place.job.is_some()
    }

    pub fn remove(&mut self, id: JobId) -> Option<Job> {
        if !self.holds(id) {
            return None;
        }
        let place = &mut self.places[id.place as usize];
        place.tenancy = place.tenancy.wrapping_add(1);
        self.free.push(id.place);
        self.live -= 1;
        place.job.take()
    }

    pub fn live(&self) -> usize {
        self.live
    }

    /// Returns all jobs, the longest-standing place first.
    pub fn all(&self) -> Vec<JobId> {
        let ids = self.places.iter().enumerate();
        ids.filter(|(_, place)| place.job.is_some())
            .map(|(number, place)| JobId {
                place: number as u32,
                tenancy: place.tenancy,
            })
            .collect()
    }
}
