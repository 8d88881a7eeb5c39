//! The connections. axum's own `serve` installs no timer, so that a client
//! that sends its headers byte by byte would hold a connection for ever.

use std::{pin::pin, sync::Arc, time::Duration};

use axum::{Router, extract::Request};
use common::shutdown::Shutdown;
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{
        conn::auto::Builder,
        graceful::{GracefulShutdown, Watcher},
    },
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Notify, Semaphore},
    time,
};
use tower::ServiceExt;

use crate::ApiConfig;

/// Longest head of a request; beyond, hyper answers 431.
const MAX_HEAD_BYTES: usize = 32 * 1024;

/// Accepts until `shutdown`, then waits for open requests up to the drain timeout.
pub async fn serve(router: Router, config: &ApiConfig, listener: TcpListener, shutdown: Shutdown) {
    let header_timeout = Duration::from_millis(config.header_timeout_ms);
    let builder = builder(header_timeout);
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(config.max_connections));
    while let Some(stream) = shutdown.run_until_cancelled(accept(&listener, &places)).await {
        let (stream, place) = stream;
        let connection = connection(builder.clone(), router.clone(), stream, graceful.watcher(), header_timeout);
        tokio::spawn(async move {
            connection.await;
            drop(place);
        });
    }
    drop(listener);
    let drain = Duration::from_millis(config.api_drain_timeout_ms);
    if time::timeout(drain, graceful.shutdown()).await.is_err() {
        tracing::warn!(?drain, "requests were still open after the drain timeout");
    }
}

fn builder(header_timeout: Duration) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(header_timeout).max_buf_size(MAX_HEAD_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(MAX_HEAD_BYTES as u32)
        .max_concurrent_streams(128)
        .keep_alive_interval(Duration::from_secs(20));
    builder
}

async fn accept(listener: &TcpListener, places: &Arc<Semaphore>) -> (TcpStream, tokio::sync::OwnedSemaphorePermit) {
    loop {
        let place = places.clone().acquire_owned().await.expect("the semaphore is never closed");
        match listener.accept().await {
            Ok((stream, _)) => return (stream, place),
            Err(error) => {
                // Out of file descriptors, most likely: some will come back.
                tracing::warn!(%error, "cannot accept a connection");
                time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn connection(
    builder: Builder<TokioExecutor>,
    router: Router,
    stream: TcpStream,
    watcher: Watcher,
    first: Duration,
) {
    let _ = stream.set_nodelay(true);
    let begun = Arc::new(Notify::new());
    let seen = begun.clone();
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        seen.notify_one();
        router.clone().oneshot(request)
    });
    let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
    let mut connection = pin!(watcher.watch(connection));
    // hyper's header timeout starts once it knows the protocol; a client that
    // sends nothing never gets there.
    tokio::select! {
        // A broken connection is the client's affair.
        _ = &mut connection => return,
        () = begun.notified() => {}
        () = time::sleep(first) => return,
    }
    let _ = connection.await;
}
