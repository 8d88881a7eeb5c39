//! The downloads from one host at once, shared between tenants. A place that comes free goes to whoever of those that wait
//! has the fewest. And a tenant with next to none need not wait at all: the others' downloads may last as long as any.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;

pub type Tenant = Arc<str>;

#[derive(Debug)]
pub struct Places {
    most: usize,
    /// So many a tenant has even where others have all.
    own: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    taken: usize,
    /// No tenant that neither has a place nor waits for one.
    tenants: HashMap<Tenant, Share>,
}

#[derive(Debug, Default)]
struct Share {
    taken: usize,
    waiting: VecDeque<oneshot::Sender<Place>>,
}

/// Dropped, it is the next one's.
#[derive(Debug)]
pub struct Place {
    /// Nothing once it is given back.
    of: Option<(Arc<Places>, Tenant)>,
}

impl Places {
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            own: (most / 8).max(1),
            state: Mutex::default(),
        })
    }

    /// Waits for as long as it takes. Dropped meanwhile, it takes no place.
    pub async fn take(self: &Arc<Self>, tenant: &Tenant) -> Place {
        let turn = {
            let mut state = self.state();
            let share = state.tenants.entry(tenant.clone()).or_default();
            let (give, take) = oneshot::channel();
            share.waiting.push_back(give);
            self.hand_out(&mut state);
            take
        };
        turn.await.expect("a place is given to each that waits")
    }

    fn hand_out(self: &Arc<Self>, state: &mut State) {
        while let Some(tenant) = self.next(state) {
            let share = state.tenants.get_mut(&tenant).expect("it waits");
            let turn = share.waiting.pop_front().expect("it waits");
            let place = Place {
                of: Some((self.clone(), tenant.clone())),
            };
            match turn.send(place) {
                Ok(()) => {
                    share.taken += 1;
                    state.taken += 1;
                }
                // It waits no longer. The place was never taken, and must not be given back.
                Err(mut place) => place.of = None,
            }
            forget_if_idle(state, &tenant);
        }
    }

    /// Returns whose turn it is.
    fn next(&self, state: &State) -> Option<Tenant> {
        let waiting = state
            .tenants
            .iter()
            .filter(|(_, share)| !share.waiting.is_empty());
        let (tenant, share) = waiting.min_by_key(|(_, share)| share.taken)?;
        let may = state.taken < self.most || share.taken < self.own;
        may.then(|| tenant.clone())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn forget_if_idle(state: &mut State, tenant: &Tenant) {
    let is_idle = |share: &Share| share.taken == 0 && share.waiting.is_empty();
    if state.tenants.get(tenant).is_some_and(is_idle) {
        state.tenants.remove(tenant);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some((places, tenant)) = self.of.take() else {
            return;
        };
        let mut state = places.state();
        state.taken -= 1;
        if let Some(share) = state.tenants.get_mut(&tenant) {
            share.taken -= 1;
        }
        forget_if_idle(&mut state, &tenant);
        places.hand_out(&mut state);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn tenant(name: &str) -> Tenant {
        name.into()
    }

    fn now(places: &Arc<Places>, name: &str) -> Option<Place> {
        places.take(&tenant(name)).now_or_never()
    }

    #[test]
    fn one_tenant_has_all_and_no_more() {
        let places = Places::new(2);
        let held = [now(&places, "a"), now(&places, "a")];
        assert!(held.iter().all(Option::is_some) && now(&places, "a").is_none());
        drop(held);
        assert!(now(&places, "a").is_some());
        assert!(places.state().tenants.is_empty(), "nobody is remembered");
    }

    #[test]
    fn who_has_none_waits_for_nobody_elses() {
        let places = Places::new(16);
        let _held: Vec<_> = (0..16).map(|_| now(&places, "a")).collect();
        let own = [now(&places, "b"), now(&places, "b")];
        assert!(own.iter().all(Option::is_some), "an eighth");
        assert!(now(&places, "b").is_none());
        assert!(now(&places, "c").is_some(), "each has as many");
    }

    #[tokio::test]
    async fn a_place_goes_to_the_tenant_with_the_fewest() {
        let places = Places::new(2);
        let mut held = vec![now(&places, "a"), now(&places, "a"), now(&places, "b")];
        let [first, second] = [tenant("a"), tenant("b")];
        let mut waiting = [places.take(&first), places.take(&second)].map(Box::pin);
        assert!(waiting.iter_mut().all(|turn| turn.now_or_never().is_none()));
        // Two are left of two places: nobody's turn yet.
        held.remove(0);
        assert!(waiting.iter_mut().all(|turn| turn.now_or_never().is_none()));
        held.remove(1);
        let [turn_of_a, turn_of_b] = &mut waiting;
        let given = turn_of_b.now_or_never();
        assert!(given.is_some(), "it has none");
        assert!(turn_of_a.now_or_never().is_none());
    }

    #[test]
    fn who_waits_no_longer_takes_no_place() {
        let places = Places::new(1);
        let held = now(&places, "a");
        assert!(now(&places, "a").is_none() && now(&places, "a").is_none());
        drop(held);
        assert_eq!(places.state().taken, 0);
        assert!(places.state().tenants.is_empty());
    }
}
