//! Whether a request had a connection of its own, or one that was kept from an earlier request: an origin may close that one
//! in the very moment in which the request leaves.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll},
};

use tower_layer::Layer;
use tower_service::Service;

tokio::task_local! {
    static MADE: Arc<AtomicBool>;
}

/// Returns what `request` comes to, and whether a connection was asked for on its way.
pub async fn noted<T>(request: impl Future<Output = T>) -> (T, bool) {
    let made = Arc::<AtomicBool>::default();
    let done = MADE.scope(made.clone(), request).await;
    (done, made.load(Relaxed))
}

/// Notes that a connection is made.
#[derive(Clone, Copy, Debug)]
pub struct NoteConnects;

#[derive(Clone, Debug)]
pub struct Noting<S>(S);

impl<S> Layer<S> for NoteConnects {
    type Service = Noting<S>;

    fn layer(&self, connector: S) -> Noting<S> {
        Noting(connector)
    }
}

impl<S: Service<R>, R> Service<R> for Noting<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, to: R) -> S::Future {
        // A connection that is made for nobody in particular is none of a request's.
        let _ = MADE.try_with(|made| made.store(true, Relaxed));
        self.0.call(to)
    }
}
