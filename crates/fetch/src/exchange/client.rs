//! One HTTP exchange with an origin that is not trusted.

use std::{
    error::Error,
    io::{
        self,
        ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof},
    },
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use common::fault::Fault;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use reqwest::{Certificate, Client, RequestBuilder, Response, redirect::Policy};
use tokio::time::{Instant, error::Elapsed, timeout_at};
use url::Url;

use super::{
    accept::ACCEPT,
    cause::Causes,
    connects::{NoteConnects, noted},
};
use crate::{
    failure::Failure,
    faults,
    guard::Guard,
    metrics::RETRIED,
    resolver::{Names, Resolver},
};

/// How long a connection waits for another image of the same origin.
const IDLE_CONNECTION: Duration = Duration::from_secs(3);

/// Idle ones of one host. A burst of downloads leaves as many, and the next one finds them; a new one costs two round trips and,
/// with TLS, more processor time than all else of a small image.
const KEPT_CONNECTIONS: usize = 8;

/// Some hosts send a policy for each of their partners.
const MOST_HEADERS: usize = 256;

/// What both clients share.
pub struct Settings {
    pub names: Names,
    pub guard: Arc<Guard>,
    pub roots: Vec<Certificate>,
    pub contact: Option<Url>,
    /// The longest that look-up, connect and TLS take together.
    pub connect: Duration,
    /// The longest that all that and the answer's head take.
    pub first_byte: Duration,
}

/// Two clients, so that a connection to an origin that was vouched for can
/// never be reused for one that was not.
#[derive(Clone, Debug)]
pub struct Clients {
    guarded: Pair,
    excused: Pair,
    guard: Arc<Guard>,
    names: Names,
    first_byte: Duration,
    causes: Causes,
}

/// One that keeps connections for the next image, and one whose every connection is new.
#[derive(Clone, Debug)]
struct Pair {
    kept: Client,
    fresh: Client,
}

impl Pair {
    fn new(settings: &Settings, guard: Option<&Arc<Guard>>) -> Result<Self, reqwest::Error> {
        Ok(Self {
            kept: client(settings, guard.cloned(), KEPT_CONNECTIONS)?,
            fresh: client(settings, guard.cloned(), 0)?,
        })
    }
}

impl Clients {
    pub fn new(settings: &Settings) -> Result<Self, reqwest::Error> {
        let guard = settings.guard.clone();
        Ok(Self {
            guarded: Pair::new(settings, Some(&guard))?,
            excused: Pair::new(settings, None)?,
            causes: Causes::new(),
            guard,
            names: settings.names.clone(),
            first_byte: settings.first_byte,
        })
    }

    /// Returns whether a URL leads where it may.
    pub async fn reaches(&self, url: &Url) -> bool {
        match url.domain() {
            None => self.guard.allows_host(url),
            Some(name) => self
                .names
                .find(name)
                .await
                .is_ok_and(|found| self.guard.allows(&found)),
        }
    }

    /// Returns the answer's status.
    pub async fn post(
        &self,
        url: Url,
        excused: bool,
        headers: &[(&'static str, String)],
        body: Bytes,
    ) -> Result<StatusCode, Failure> {
        let pair = self.pair_for(&url, excused)?;
        let post = headers
            .iter()
            .fold(pair.kept.post(url.clone()), |post, (name, value)| {
                post.header(*name, value)
            })
            .body(body);
        let until = Instant::now() + self.first_byte;
        let (answer, _) = answer(post, until).await;
        Ok(self.judged(&url, answer)?.status())
    }

    /// The head of the answer. The time-out holds for all that comes before
    /// the end of it: heads that drip, and 1xx answers without end.
    ///
    /// A connection that was kept may be closed by the origin in the very moment in which the request leaves, with a 408 or
    /// without a word. Then the request is made once more, with a connection of its own.
    pub async fn get(
        &self,
        url: &Url,
        excused: bool,
        headers: &HeaderMap,
    ) -> Result<Response, Failure> {
        let pair = self.pair_for(url, excused)?;
        let get = |client: &Client| client.get(url.clone()).headers(headers.clone());
        let until = Instant::now() + self.first_byte;
        let (mut answered, is_connection_new) = answer(get(&pair.kept), until).await;
        if !is_connection_new && (has_died(&answered) || was_idle(&answered)) {
            metrics::counter!(RETRIED).increment(1);
            (answered, _) = answer(get(&pair.fresh), until).await;
        }
        self.judged(url, answered)
    }

    fn judged(&self, url: &Url, answer: Answered) -> Result<Response, Failure> {
        let error = match answer {
            Ok(Ok(response)) => return Ok(response),
            Err(_) => return Err(faults::too_slow().into()),
            Ok(Err(error)) => error,
        };
        self.causes.note(url, &error);
        match error.is_connect() {
            true => Err(faults::unreachable().into()),
            false if is_closed(&error) => Err(faults::no_answer().into()),
            false => Err(Failure::no_answer(faults::unreachable())),
        }
    }

    fn pair_for(&self, url: &Url, excused: bool) -> Result<&Pair, Fault> {
        if excused {
            return Ok(&self.excused);
        }
        if !self.guard.allows_host(url) {
            faults::refused("address");
            return Err(faults::unreachable());
        }
        Ok(&self.guarded)
    }
}

/// A response or why there is none, unless the time was over.
type Answered = Result<reqwest::Result<Response>, Elapsed>;

/// Returns the head of the answer, and whether a connection was made for it.
async fn answer(request: RequestBuilder, until: Instant) -> (Answered, bool) {
    noted(timeout_at(until, request.send())).await
}

/// The connection is gone, and nothing was answered.
fn has_died(answered: &Answered) -> bool {
    matches!(answered, Ok(Err(error)) if error.is_request() && !error.is_connect() && !error.is_timeout())
}

/// The origin has closed a connection on which nothing had come for too long, and says so to the request that has come at last
/// (RFC 9110, 15.5.9).
fn was_idle(answered: &Answered) -> bool {
    matches!(answered, Ok(Ok(response)) if response.status() == StatusCode::REQUEST_TIMEOUT)
}

/// Whether the host closed the connection before it had answered. It was connected to, so it is no secret.
fn is_closed(error: &reqwest::Error) -> bool {
    let mut next = error.source();
    while let Some(cause) = next {
        let by_http = cause
            .downcast_ref::<hyper::Error>()
            .is_some_and(|error| error.is_incomplete_message() || error.is_closed());
        let by_system = cause.downcast_ref::<io::Error>().is_some_and(|error| {
            matches!(error.kind(), ConnectionReset | BrokenPipe | UnexpectedEof)
        });
        if by_http || by_system {
            return true;
        }
        next = cause.source();
    }
    false
}

fn client(
    settings: &Settings,
    guard: Option<Arc<Guard>>,
    kept_connections: usize,
) -> Result<Client, reqwest::Error> {
    // ring rather than aws-lc, which takes minutes to build. A process that has chosen keeps its choice.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .user_agent(user_agent(settings.contact.as_ref()))
        .default_headers(headers())
        .connect_timeout(settings.connect)
        .dns_resolver(Resolver {
            names: settings.names.clone(),
            guard,
        })
        .tls_certs_merge(settings.roots.iter().cloned())
        .no_proxy()
        .redirect(Policy::none())
        .referer(false)
        .retry(reqwest::retry::never())
        // Per host is all that can be bounded, and hosts are as many as clients
        // name: so an idle connection goes soon, and few are kept at all.
        .pool_max_idle_per_host(kept_connections)
        .pool_idle_timeout(IDLE_CONNECTION)
        .http2_max_header_list_size(32 * 1024)
        // What browsers overlook: a header that is folded, has a blank before its colon, or is none at all.
        .http1_allow_obsolete_multiline_headers_in_responses(true)
        .http1_allow_spaces_after_header_name_in_responses(true)
        .http1_ignore_invalid_headers_in_responses(true)
        .http1_max_headers(MOST_HEADERS)
        .connector_layer(NoteConnects)
        .build()
}

fn headers() -> HeaderMap {
    let identity = (
        header::ACCEPT_ENCODING,
        HeaderValue::from_static("identity"),
    );
    HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(ACCEPT)), identity])
}

/// Returns who asks, and whom a site's owner may ask about it.
fn user_agent(contact: Option<&Url>) -> String {
    let name = concat!("Tagfleet/", env!("CARGO_PKG_VERSION"));
    contact.map_or_else(|| name.to_owned(), |url| format!("{name} (+{url})"))
}
