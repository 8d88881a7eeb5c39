//! How much of results may lie in memory on its way to readers, who may be slow.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use common::budget::Budget;

/// One tenant has this part of what all have, so that its slow readers do not stop another tenant's.
const TENANTS_PART: usize = 2;

#[derive(Debug)]
pub struct Readers {
    all: Budget,
    tenants: Mutex<HashMap<String, Budget>>,
}

impl Readers {
    pub fn new(max_bytes: usize) -> Self {
        Self {
            all: Budget::new(max_bytes),
            tenants: Mutex::default(),
        }
    }

    /// Returns what a tenant's readers may hold.
    pub fn of(&self, tenant: &str) -> Budget {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        let share = || self.all.share(self.all.max_bytes() / TENANTS_PART);
        tenants
            .entry(tenant.to_owned())
            .or_insert_with(share)
            .clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_tenants_readers_leave_room_to_anothers() {
        let readers = Readers::new(1 << 20);
        let slow = readers.of("slow").hold(1 << 19).expect("room");
        assert!(readers.of("slow").hold(1 << 10).is_none());
        assert!(readers.of("another").hold(1 << 19).is_some());
        drop(slow);
        assert!(readers.of("slow").hold(1 << 19).is_some());
    }
}
