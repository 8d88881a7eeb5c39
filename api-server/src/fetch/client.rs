//! One HTTP exchange with an origin that is not trusted.

use std::{net::IpAddr, time::Duration};

use bytes::{Bytes, BytesMut};
use common::{
    fault::{Code, Fault},
    stage::Stage,
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use reqwest::{Client, Response, redirect::Policy};
use tokio::time::timeout;
use url::{Host, Url};

use super::{classify::is_global, resolve::Resolver, target::Rules};

/// How long a connection waits for another image of the same origin.
const IDLE_CONNECTION: Duration = Duration::from_secs(3);

/// Two clients, so that a connection to an origin that was vouched for can
/// never be reused for one that was not.
#[derive(Clone, Debug)]
pub struct Clients {
    guarded: Client,
    excused: Client,
}

/// What an origin answered.
pub enum Answer {
    Found(Response),
    /// Where to look instead, not yet checked.
    Redirect(Option<String>),
}

impl Clients {
    pub fn new(resolver: Resolver) -> Result<Self, reqwest::Error> {
        let excused = Resolver { guarded: false, ..resolver.clone() };
        Ok(Self { guarded: client(resolver)?, excused: client(excused)? })
    }

    /// The head of the answer. IP literals never meet the resolver, so they
    /// are classified here.
    pub async fn get(&self, url: Url, rules: &Rules, first_byte: Duration) -> Result<Answer, Fault> {
        let excused = rules.excuses(&url);
        if !excused && literal(&url).is_some_and(|address| !is_global(address)) {
            return Err(unreachable());
        }
        let client = if excused { &self.excused } else { &self.guarded };
        let answer = timeout(first_byte, client.get(url).send()).await.map_err(|_| too_slow())?;
        // Whatever went wrong below HTTP is one answer: the difference would
        // tell which hosts and ports there are.
        let response = answer.map_err(|_| unreachable())?;
        judge(response)
    }
}

fn client(resolver: Resolver) -> Result<Client, reqwest::Error> {
    // ring rather than aws-lc, which takes minutes to build. A process that has chosen keeps its choice.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT, HeaderValue::from_static("image/*,*/*;q=0.5"));
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    Client::builder()
        .user_agent(concat!("Tagfleet/", env!("CARGO_PKG_VERSION")))
        .default_headers(headers)
        .connect_timeout(resolver.timeout)
        .dns_resolver(resolver)
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

fn literal(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Ipv4(v4) => Some(v4.into()),
        Host::Ipv6(v6) => Some(v6.into()),
        Host::Domain(_) => None,
    }
}

fn judge(response: Response) -> Result<Answer, Fault> {
    let status = response.status();
    if matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        let location = response.headers().get(header::LOCATION);
        return Ok(Answer::Redirect(location.and_then(|value| value.to_str().ok()).map(str::to_owned)));
    }
    if !status.is_success() {
        let passing = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
        let detail = format!("The image's host answered {}.", status.as_u16());
        return Err(Fault::new(Code::SourceHttpError, Stage::Fetch, detail).retryable(passing));
    }
    let encoding = response.headers().get(header::CONTENT_ENCODING);
    if encoding.is_some_and(|value| !value.is_empty() && !value.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(Fault::new(Code::UnsupportedEncoding, Stage::Fetch, "`identity` was asked for."));
    }
    Ok(Answer::Found(response))
}

/// The whole body, if it is no longer than `max_bytes` and never pauses for
/// longer than `idle`. Announced lengths only ever refuse early.
pub async fn read(mut response: Response, max_bytes: usize, idle: Duration) -> Result<Bytes, Fault> {
    let announced = response.content_length().unwrap_or(0);
    if announced > max_bytes as u64 {
        return Err(too_large(max_bytes));
    }
    let mut body = BytesMut::with_capacity(announced.min(1 << 20) as usize);
    while let Some(chunk) = next(&mut response, idle).await? {
        if body.len() + chunk.len() > max_bytes {
            return Err(too_large(max_bytes));
        }
        body.extend_from_slice(&chunk);
    }
    if body.is_empty() {
        return Err(Fault::new(Code::EmptyImage, Stage::Fetch, "The image's host sent no bytes."));
    }
    Ok(body.freeze())
}

async fn next(response: &mut Response, idle: Duration) -> Result<Option<Bytes>, Fault> {
    let chunk = timeout(idle, response.chunk()).await.map_err(|_| too_slow())?;
    chunk.map_err(|_| Fault::new(Code::SourceIncomplete, Stage::Fetch, "The download broke off."))
}

fn too_large(max_bytes: usize) -> Fault {
    Fault::new(Code::SourceTooLarge, Stage::Fetch, format!("At most {max_bytes} bytes are downloaded."))
}

pub fn too_slow() -> Fault {
    Fault::new(Code::SourceTimeout, Stage::Fetch, "The image did not arrive in time.")
}

/// The one answer for a name that does not resolve, an address that is not
/// public, a refused connection and bad TLS.
pub fn unreachable() -> Fault {
    Fault::new(Code::SourceUnreachable, Stage::Fetch, "No connection could be made to the image's host.")
}
