//! Rebuilds the connection for publishing whenever it is lost.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use super::{Session, Shared, State};
use crate::{
    backoff::{Backoff, Reminder},
    queue::QueueError,
};

pub async fn supervise(shared: Arc<Shared>, mut session: Arc<Session>, closed: CancellationToken) {
    let mut backoff = Backoff::default();
    loop {
        tokio::select! {
            () = session.link.broken() => {}
            () = closed.cancelled() => {
                shared.state.send_replace(State::Down("closed".to_owned()));
                return session.link.close().await;
            }
        }
        let server = shared.broker.server();
        tracing::warn!(server, "lost the broker's connection for publishing");
        shared
            .state
            .send_replace(State::Down("reconnecting".to_owned()));
        session = tokio::select! {
            again = reconnect(&shared, &mut backoff) => Arc::new(again),
            () = closed.cancelled() => return,
        };
        tracing::info!(server, "publishing to the broker again");
        shared.state.send_replace(State::Up(session.clone()));
    }
}

async fn reconnect(shared: &Shared, backoff: &mut Backoff) -> Session {
    let mut reminder = Reminder::default();
    loop {
        backoff.wait().await;
        match shared.open().await {
            Ok(session) => return session,
            Err(error) => {
                if reminder.is_due() {
                    tracing::warn!(%error, "the broker is still away");
                }
                shared.state.send_replace(State::Down(reason(error)));
            }
        }
    }
}

fn reason(error: QueueError) -> String {
    match error {
        QueueError::Unavailable(reason) => reason,
        other => other.to_string(),
    }
}

/// Returns once nobody could publish for so long.
pub async fn lost_for(shared: &Shared, time: Duration) {
    let mut state = shared.state.subscribe();
    loop {
        // Where nobody tells any more, nothing is to be had.
        let _ = state.wait_for(State::is_down).await;
        let back = state.wait_for(|state| !state.is_down());
        if tokio::time::timeout(time, back).await.is_err() {
            return;
        }
    }
}
