//! The way into one queue. It is opened when its first message comes; what goes wrong with it harms no other queue.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use lapin::{Channel, options::ConfirmSelectOptions};
use tokio::time::{Instant, sleep_until};

use super::room::{self, Room};
use crate::queue::{
    QueueError,
    rabbit::{Link, QueueRole, topology::Topology},
};

/// Between two looks at a full queue, for all who wait to be let in or refused.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

pub struct Outlet {
    place: QueueRole,
    open: tokio::sync::Mutex<Option<Arc<Open>>>,
}

pub struct Open {
    place: QueueRole,
    /// The queue has a channel to itself: lapin hands a returned message to whichever confirm of its channel comes next.
    pub channel: Channel,
    /// For looks, which wait behind no message.
    looks: Channel,
    room: Mutex<Room>,
    /// One look at a time.
    turn: tokio::sync::Mutex<()>,
}

/// Room in a queue for one message. Dropped without a confirm, it is free again.
pub struct Held {
    open: Arc<Open>,
    is_confirmed: bool,
}

impl Outlet {
    pub fn new(place: QueueRole) -> Self {
        Self {
            place,
            open: tokio::sync::Mutex::default(),
        }
    }

    /// Opens it where it is not open, and makes the queue where there is none. `most`: messages that it takes.
    pub async fn open(
        &self,
        link: &Link,
        topology: &Topology,
        most: u64,
    ) -> Result<Arc<Open>, QueueError> {
        let mut open = self.open.lock().await;
        if let Some(open) = &*open
            && open.channel.status().connected()
        {
            return Ok(open.clone());
        }
        let found = topology.ensure(link, self.place).await?;
        let channel = link.channel().await?;
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await?;
        let room = Room::new(most, found.messages, Instant::now().into_std());
        let opened = Arc::new(Open {
            place: self.place,
            channel,
            looks: link.channel().await?,
            room: Mutex::new(room),
            turn: tokio::sync::Mutex::default(),
        });
        *open = Some(opened.clone());
        Ok(opened)
    }

    /// Leaves it: the next message opens it again, and looks for its queue.
    pub async fn leave(&self, left: &Arc<Open>) {
        let mut open = self.open.lock().await;
        if open.as_ref().is_some_and(|open| Arc::ptr_eq(open, left)) {
            *open = None;
        }
    }
}

impl Open {
    /// Returns room for one message. That there is none is said by the broker alone, not by what we reckon.
    pub async fn take_room(self: &Arc<Self>, topology: &Topology) -> Result<Held, QueueError> {
        let came = Instant::now();
        if let Some(held) = self.try_take(topology) {
            return Ok(held);
        }
        let turn = self.turn.lock().await;
        let looked = Instant::from_std(self.room().looked());
        // Unless somebody has looked while we waited for our turn.
        if looked < came {
            sleep_until(looked + LOOK_AGAIN).await;
            self.look(topology).await?;
        }
        drop(turn);
        self.try_take(topology).ok_or(QueueError::Full)
    }

    fn try_take(self: &Arc<Self>, topology: &Topology) -> Option<Held> {
        let taken = self.room().take(Instant::now().into_std());
        match taken {
            room::QueueRole::None => return None,
            room::QueueRole::Taken => {}
            room::QueueRole::TakenAndDue => {
                tokio::spawn(self.clone().look_by_the_way(topology.clone()));
            }
        }
        Some(Held {
            open: self.clone(),
            is_confirmed: false,
        })
    }

    async fn look_by_the_way(self: Arc<Self>, topology: Topology) {
        // Whoever has the turn looks.
        let Ok(_turn) = self.turn.try_lock() else {
            return;
        };
        if let Err(error) = self.look(&topology).await {
            tracing::debug!(%error, "cannot look at how long a queue is");
        }
    }

    async fn look(&self, topology: &Topology) -> Result<(), QueueError> {
        let look = self.room().begin_look(Instant::now().into_std());
        let found = topology.depth(&self.looks, self.place).await?;
        self.room().end_look(&look, found.messages);
        Ok(())
    }

    fn room(&self) -> MutexGuard<'_, Room> {
        self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    pub fn confirm(mut self) {
        self.is_confirmed = true;
        self.open.room().confirm();
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if !self.is_confirmed {
            self.open.room().give_up();
        }
    }
}
