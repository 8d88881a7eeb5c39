//! The connections. axum's own `serve` installs no timer, so that a client
//! that sends its headers byte by byte would hold a connection for ever.

mod activity;
mod clients;
mod config;
mod head;

use std::{convert::Infallible, pin::pin, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{Response, Uri},
};
use common::{shutdown::Shutdown, telemetry};
use http_body_util::BodyExt;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use metrics::describe_counter;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time,
};
use tokio_util::{io::InspectReader, task::TaskTracker};
use tower::ServiceExt;

pub use config::ConnectionConfig;

use activity::Activity;
use clients::{Clients, Counted};
use head::Head;

/// Longest head of a request; beyond, hyper answers 431.
const MAX_HEAD_BYTES: usize = 32 * 1024;
/// How long a connection that is given up has to say goodbye.
const GOODBYE: Duration = Duration::from_secs(1);
/// How long open connections are still answered once nothing listens any more: an edge has noticed by then, and sends nobody over
/// them. Closed sooner, a request that is on its way breaks.
const NOTICED_WITHIN: Duration = Duration::from_millis(2_000);

const CONNECTIONS_REFUSED: &str = "tagfleet_connections_refused_total";

pub fn describe_metrics() {
    describe_counter!(
        CONNECTIONS_REFUSED,
        "Connections closed because their client had as many as it may have"
    );
    telemetry::begin_at_zero(&[CONNECTIONS_REFUSED]);
}

/// Accepts until `shutdown`, then waits for open requests up to the drain timeout.
pub async fn serve(
    router: Router,
    config: &ConnectionConfig,
    listener: TcpListener,
    shutdown: Shutdown,
) {
    let server = Arc::new(Server::new(router, config, shutdown.clone()));
    let connections = TaskTracker::new();
    let acceptor = Acceptor {
        listener,
        places: Arc::new(Semaphore::new(config.max_connections)),
        clients: Clients::new(config.max_connections_per_client, config.edge_nets.clone()),
    };
    while let Some(accepted) = shutdown.run_until_cancelled(acceptor.accept()).await {
        let server = server.clone();
        connections.spawn(async move {
            let Accepted {
                stream,
                place: _place,
                counted: _counted,
            } = accepted;
            server.connection(stream).await;
        });
    }
    drop(acceptor);
    connections.close();
    let drain = Duration::from_millis(config.api_drain_timeout_ms);
    if time::timeout(drain, connections.wait()).await.is_err() {
        tracing::warn!(?drain, "requests were still open after the drain timeout");
    }
}

struct Acceptor {
    listener: TcpListener,
    places: Arc<Semaphore>,
    clients: Arc<Clients>,
}

/// A connection, and what it takes up as long as it is open.
struct Accepted {
    stream: TcpStream,
    place: OwnedSemaphorePermit,
    counted: Counted,
}

impl Acceptor {
    async fn accept(&self) -> Accepted {
        let place = self.places.clone().acquire_owned().await;
        let place = place.expect("the semaphore is never closed");
        loop {
            match self.listener.accept().await {
                Ok((stream, from)) => match self.clients.count(from.ip()) {
                    Some(counted) => {
                        return Accepted {
                            stream,
                            place,
                            counted,
                        };
                    }
                    None => metrics::counter!(CONNECTIONS_REFUSED).increment(1),
                },
                Err(error) => {
                    // Out of file descriptors, most likely: some will come back.
                    tracing::warn!(%error, "cannot accept a connection");
                    time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }
}

struct Server {
    router: Router,
    builder: Builder<TokioExecutor>,
    header_timeout: Duration,
    idle_timeout: Duration,
    shutdown: Shutdown,
}

impl Server {
    fn new(router: Router, config: &ConnectionConfig, shutdown: Shutdown) -> Self {
        let header_timeout = Duration::from_millis(config.header_timeout_ms);
        let mut builder = Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(header_timeout)
            .max_buf_size(MAX_HEAD_BYTES);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_header_list_size(MAX_HEAD_BYTES as u32)
            .max_concurrent_streams(128)
            .keep_alive_interval(Duration::from_secs(20));
        let idle_timeout = Duration::from_millis(config.idle_timeout_ms);
        Self {
            router,
            builder,
            header_timeout,
            idle_timeout,
            shutdown,
        }
    }

    async fn connection(&self, stream: TcpStream) {
        let _ = stream.set_nodelay(true);
        // hyper's header timeout starts once it knows the protocol; a client
        // that sends nothing never gets there.
        let activity = Activity::begin(self.header_timeout, self.idle_timeout);
        let head = Head::default();
        let seen = head.clone();
        let stream = TokioIo::new(InspectReader::new(stream, move |bytes: &[u8]| {
            seen.saw(bytes)
        }));
        let service = service_fn(|request| self.answer(request, activity.clone(), head.clone()));
        let mut connection = pin!(self.builder.serve_connection(stream, service));
        tokio::select! {
            // A broken connection is the client's affair.
            _ = &mut connection => return,
            () = activity.ends() => {
                connection.as_mut().graceful_shutdown();
                let _ = time::timeout(GOODBYE, connection).await;
                return;
            }
            () = self.shutdown.cancelled() => {}
        }
        if time::timeout(NOTICED_WITHIN, &mut connection).await.is_ok() {
            return;
        }
        connection.as_mut().graceful_shutdown();
        let _ = connection.await;
    }

    fn answer(
        &self,
        mut request: Request<Incoming>,
        activity: Activity,
        head: Head,
    ) -> impl Future<Output = Result<Response<Body>, Infallible>> + 'static + use<> {
        let open = activity.open();
        if let Some(fault) = head.judge(&request) {
            request.extensions_mut().insert(fault);
        }
        if let Some(uri) = without_final_slash(request.uri()) {
            *request.uri_mut() = uri;
        }
        let answer = self.router.clone().oneshot(request);
        async move {
            let answer = answer.await?;
            head.answered();
            drop(open);
            let taken = move |frame| {
                activity.saw_progress();
                frame
            };
            Ok(answer.map(|body| Body::new(body.map_frame(taken))))
        }
    }
}

/// `/v1/tags/` is `/v1/tags`. The pages of the reference are a folder, and stay one: tower-http's `NormalizePathLayer` knows no
/// exception, and `/docs`, which leads to `/docs/`, would lead to itself.
fn without_final_slash(uri: &Uri) -> Option<Uri> {
    let path = uri.path();
    let short = path.trim_end_matches('/');
    if short.len() == path.len() || short.is_empty() || short == "/docs" {
        return None;
    }
    let whole = match uri.query() {
        Some(query) => format!("{short}?{query}"),
        None => short.to_owned(),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(whole.parse().ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slash_at_the_end_makes_no_other_path() {
        for (from, to) in [
            ("/v1/tags/", Some("/v1/tags")),
            ("/v1/tags//?limit=5", Some("/v1/tags?limit=5")),
            (
                "http://a.example/v1/models/",
                Some("http://a.example/v1/models"),
            ),
            ("/v1/tags", None),
            ("/", None),
            ("//", None),
            ("/docs/", None),
        ] {
            let uri = from.parse().expect("a URI");
            let short = without_final_slash(&uri).map(|uri| uri.to_string());
            assert_eq!(short.as_deref(), to, "{from}");
        }
    }
}
