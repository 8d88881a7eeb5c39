//! One HTTP exchange with an origin that is not trusted.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use common::fault::Fault;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use reqwest::{Certificate, Client, RequestBuilder, Response, redirect::Policy};
use tokio::time::timeout;
use url::Url;

use crate::{
    failure::Failure,
    faults,
    guard::Guard,
    resolver::{Names, Resolver},
};

/// How long a connection waits for another image of the same origin.
const IDLE_CONNECTION: Duration = Duration::from_secs(3);

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
    guarded: Client,
    excused: Client,
    guard: Arc<Guard>,
    names: Names,
    first_byte: Duration,
}

impl Clients {
    pub fn new(settings: &Settings) -> Result<Self, reqwest::Error> {
        let guard = settings.guard.clone();
        let (guarded, excused) = (
            client(settings, Some(guard.clone()))?,
            client(settings, None)?,
        );
        Ok(Self {
            guarded,
            excused,
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
        let client = self.client_for(&url, excused)?;
        let post = headers
            .iter()
            .fold(client.post(url), |post, (name, value)| {
                post.header(*name, value)
            })
            .body(body);
        Ok(self.answer(post).await?.status())
    }

    /// The head of the answer. The time-out holds for all that comes before
    /// the end of it: heads that drip, and 1xx answers without end.
    pub async fn get(&self, url: Url, excused: bool) -> Result<Response, Failure> {
        let client = self.client_for(&url, excused)?;
        self.answer(client.get(url)).await
    }

    async fn answer(&self, request: RequestBuilder) -> Result<Response, Failure> {
        let answer = timeout(self.first_byte, request.send())
            .await
            .map_err(|_| faults::too_slow())?;
        answer.map_err(|error| {
            let fault = faults::unreachable();
            if error.is_connect() {
                Failure::from(fault)
            } else {
                Failure::no_answer(fault)
            }
        })
    }

    fn client_for(&self, url: &Url, excused: bool) -> Result<&Client, Fault> {
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

fn client(settings: &Settings, guard: Option<Arc<Guard>>) -> Result<Client, reqwest::Error> {
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
        .pool_max_idle_per_host(2)
        .pool_idle_timeout(IDLE_CONNECTION)
        .http2_max_header_list_size(32 * 1024)
        .build()
}

fn headers() -> HeaderMap {
    let identity = (
        header::ACCEPT_ENCODING,
        HeaderValue::from_static("identity"),
    );
    HeaderMap::from_iter([
        (
            header::ACCEPT,
            HeaderValue::from_static("image/*,*/*;q=0.5"),
        ),
        identity,
    ])
}

/// Returns who asks, and whom a site's owner may ask about it.
fn user_agent(contact: Option<&Url>) -> String {
    let name = concat!("Tagfleet/", env!("CARGO_PKG_VERSION"));
    contact.map_or_else(|| name.to_owned(), |url| format!("{name} (+{url})"))
}
