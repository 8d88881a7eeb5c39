//! Guarded download of an image by its URL. Every hop is parsed, classified
//! and connected to under the same rules.

mod classify;
mod client;
mod resolve;
mod target;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use common::{
    fault::{Code, Fault},
    stage::Stage,
};
use reqwest::Response;
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::{FetchConfig, admit::Budget};
use client::{Answer, Clients};
pub use resolve::{Lookup, SystemLookup};
pub use target::Origin;
use target::Rules;

#[derive(Clone, Debug)]
pub struct Fetcher {
    clients: Clients,
    rules: Rules,
    budget: Budget,
    max_bytes: usize,
    max_redirects: u32,
    first_byte: Duration,
    idle: Duration,
    total: Duration,
}

impl Fetcher {
    pub fn new(config: &FetchConfig, names: Arc<dyn Lookup>, budget: Budget) -> Result<Self, reqwest::Error> {
        let connect = Duration::from_millis(config.fetch_connect_timeout_ms);
        for origin in &config.fetch_allow_origin {
            tracing::warn!(%origin, "images may be fetched from this origin wherever it lies");
        }
        Ok(Self {
            clients: Clients::new(resolve::Resolver { names, timeout: connect, guarded: true })?,
            rules: Rules { ports: config.fetch_ports.clone(), excused: config.fetch_allow_origin.clone() },
            budget,
            max_bytes: config.fetch_max_bytes,
            max_redirects: config.fetch_max_redirects,
            first_byte: Duration::from_millis(config.fetch_first_byte_timeout_ms),
            idle: Duration::from_millis(config.fetch_idle_timeout_ms),
            total: Duration::from_millis(config.fetch_timeout_ms),
        })
    }

    /// Reads a client's URL; what is wrong with it is the client's fault.
    pub fn parse(&self, text: &str) -> Result<Url, Fault> {
        let refused = |reason| Fault::new(Code::InvalidUrl, Stage::Admit, format!("image.url {reason}."));
        self.rules.parse(text).map_err(refused)
    }

    /// The image's bytes, until the request's deadline or the download's own.
    pub async fn fetch(&self, url: Url, deadline: Instant) -> Result<Bytes, Fault> {
        let until = deadline.min(Instant::now() + self.total);
        timeout_at(until, self.follow(url)).await.map_err(|_| client::too_slow())?
    }

    async fn follow(&self, mut url: Url) -> Result<Bytes, Fault> {
        for _ in 0..=self.max_redirects {
            match self.clients.get(url.clone(), &self.rules, self.first_byte).await? {
                Answer::Found(response) => return self.read(response).await,
                Answer::Redirect(location) => url = self.next_hop(&url, location.as_deref())?,
            }
        }
        let detail = format!("At most {} redirects are followed.", self.max_redirects);
        Err(Fault::new(Code::TooManyRedirects, Stage::Fetch, detail))
    }

    async fn read(&self, response: Response) -> Result<Bytes, Fault> {
        let announced = response.content_length().and_then(|length| usize::try_from(length).ok());
        let held =
            self.budget.take(announced.map_or(self.max_bytes, |length| length.min(self.max_bytes)), Stage::Fetch)?;
        Ok(held.with(client::read(response, self.max_bytes, self.idle).await?))
    }

    /// A redirect to what would be no valid URL is a host that leads nowhere.
    fn next_hop(&self, from: &Url, location: Option<&str>) -> Result<Url, Fault> {
        let next = location.and_then(|location| from.join(location).ok()).ok_or_else(client::unreachable)?;
        self.rules.check(&next).map_err(|_| client::unreachable())?;
        Ok(next)
    }
}
