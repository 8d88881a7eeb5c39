//! A download from its first URL to the file's bytes.

use std::time::Duration;

use bytes::Bytes;
use common::{
    budget::Budget,
    fault::{Code, Fault},
    outside::Outside,
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use tokio::time::{Instant, sleep_until, timeout_at};
use url::Url;

use crate::{
    FetchConfig, World,
    exchange::{self, Answer, Bounds, Clients, Cookies, Freshness, Resume, Validity},
    failure::Failure,
    faults,
    guard::Rules,
    hosts::{Hosts, OpenCircuit, Sent, Tenant, Verdict, Visit},
    metrics::HOSTS_OPEN,
    objects::Objects,
    pacing::UnknownLength,
    robots::{HonourNoai, Purpose, forbids_ai},
};

#[derive(Clone, Debug)]
pub struct Fetcher {
    clients: Clients,
    hosts: Hosts,
    objects: Objects,
    rules: Rules,
    bounds: Bounds,
    max_redirects: u32,
    honour_noai: HonourNoai,
    first_byte: Duration,
    total: Duration,
    has_contact: bool,
}

/// On whose behalf, and what for.
#[derive(Clone, Debug)]
pub struct Requester {
    pub tenant: Tenant,
    pub purpose: Purpose,
}

/// A download.
#[derive(Debug)]
pub struct Fetched {
    pub file: File,
    /// To be told what became of it.
    pub sent: Sent,
    pub validity: Validity,
}

#[derive(Debug)]
pub enum File {
    Came(Bytes),
    /// It is the one that was asked about.
    Unchanged,
}

/// What came of one exchange that led to a file.
#[derive(Debug)]
struct Found {
    file: File,
    validity: Validity,
}

impl Found {
    fn unsaid(bytes: Bytes) -> Self {
        Self {
            file: File::Came(bytes),
            validity: Validity::default(),
        }
    }
}

/// Where a host sends us instead, and for how long that holds.
struct Redirect {
    to: Url,
    fresh: Freshness,
    for_good: bool,
}

/// What an exchange asks for.
#[derive(Clone, Copy)]
struct Request<'a> {
    url: &'a Url,
    /// What is known of the file at this very URL.
    earlier: Option<&'a Validity>,
}

/// Where one exchange has led.
enum Step<What> {
    Arrived(What),
    Onward(Redirect),
}

impl Fetcher {
    /// `images`: where those may lie that come over no HTTP.
    pub fn new(
        config: &FetchConfig,
        world: World,
        images: Outside,
        budget: Budget,
    ) -> anyhow::Result<Self> {
        for origin in &config.fetch_allow_origin {
            tracing::warn!(%origin, "images may be fetched from this origin wherever it lies");
        }
        Ok(Self {
            clients: Clients::new(&world.settings(config)?)?,
            hosts: Hosts::new(config.hosts()),
            objects: Objects::new(images),
            rules: Rules {
                ports: config.fetch_ports.all().to_vec(),
                excused: config.fetch_allow_origin.clone(),
            },
            bounds: Bounds {
                max_bytes: config.fetch_max_bytes,
                idle: Duration::from_millis(config.fetch_idle_timeout_ms),
                budget,
                unknown_length: UnknownLength::new(),
            },
            max_redirects: config.fetch_max_redirects,
            honour_noai: config.fetch_honour_noai,
            first_byte: config.first_byte(),
            total: Duration::from_millis(config.fetch_timeout_ms),
            has_contact: config.fetch_contact.is_some(),
        })
    }

    /// Reads the URL of a tenant's image; what is wrong with it is the client's fault.
    pub fn parse_image(&self, text: &str, tenant: &str) -> Result<Url, Fault> {
        match self.objects.parse(text, tenant) {
            Some(object) => object,
            None => self.parse(text),
        }
    }

    fn parse(&self, text: &str) -> Result<Url, Fault> {
        self.rules.parse(text).map_err(faults::invalid)
    }

    /// The image's bytes, until the request's deadline or the download's own. `earlier`: what the host said of the file that
    /// is known already, which then need not come again.
    pub async fn fetch(
        &self,
        url: Url,
        deadline: Instant,
        requester: &Requester,
        earlier: Option<&Validity>,
    ) -> Result<Fetched, Fault> {
        let begun = Instant::now();
        let until = deadline.min(begun + self.total);
        let first = url.clone();
        let followed = timeout_at(until, self.follow(url, until, requester, earlier)).await;
        let fetched = followed.map_err(|_| self.out_of_time(deadline, begun))?;
        fetched.map_err(|fault| faults::hinted(fault, first.as_str()))
    }

    /// A host is blamed once it has had the time after which its circuit blames it.
    fn out_of_time(&self, deadline: Instant, begun: Instant) -> Fault {
        let is_hurried = deadline.saturating_duration_since(begun) < self.hosts.patience();
        match is_hurried && deadline < begun + self.total {
            true => faults::hurried(),
            false => faults::too_slow(),
        }
    }

    /// Returns whether something may be posted to a URL, by its form and by where its name leads now. Where it leads when that is
    /// done is judged then. Like a download, it takes its time to say no.
    pub async fn may_post(&self, text: &str) -> bool {
        let Ok(url) = self.rules.parse(text) else {
            // By its form alone, which tells nothing of what there is.
            return false;
        };
        let earliest = Instant::now() + floor();
        let may = self.rules.excuses(&url) || self.clients.reaches(&url).await;
        if !may {
            sleep_until(earliest).await;
        }
        may
    }

    /// Posts to a stranger's server and tells the status of its answer. Redirects are not followed. It takes one of the
    /// host's places, and its circuit has to be closed, as for a download.
    pub async fn post(
        &self,
        text: &str,
        tenant: &Tenant,
        headers: &[(&'static str, String)],
        body: Bytes,
    ) -> Result<u16, Fault> {
        let url = self.parse(text)?;
        let excused = self.rules.excuses(&url);
        let until = Instant::now() + self.first_byte;
        let visit = self.hosts.enter(&url, tenant, until).await?;
        match self.clients.post(url, excused, headers, body).await {
            Ok(status) => {
                visit.end(Verdict::of_status(status));
                Ok(status.as_u16())
            }
            Err(failure) => {
                visit.end(failure.verdict);
                Err(failure.fault)
            }
        }
    }

    /// Returns how long the circuit of the URL's host stays open to a tenant, if it is open.
    pub fn open_circuit(&self, url: &str, tenant: &Tenant) -> Option<OpenCircuit> {
        self.hosts.open_circuit(&Url::parse(url).ok()?, tenant)
    }

    /// Sets the gauges; to be called now and then.
    pub fn gauge(&self) {
        metrics::gauge!(HOSTS_OPEN).set(self.hosts.open_circuits() as f64);
    }

    async fn follow(
        &self,
        first: Url,
        until: Instant,
        requester: &Requester,
        earlier: Option<&Validity>,
    ) -> Result<Fetched, Fault> {
        let mut url = first.clone();
        let mut cookies = Cookies::default();
        let mut redirects: Vec<(Freshness, bool)> = Vec::new();
        for _ in 0..=self.max_redirects {
            let asked = Request {
                url: &url,
                earlier: earlier.filter(|earlier| earlier.url == url.as_str()),
            };
            match self.hop(asked, until, requester, &mut cookies).await? {
                Step::Arrived(mut fetched) => {
                    let fresh = &mut fetched.validity.fresh;
                    for (redirect, for_good) in redirects {
                        *fresh = fresh.behind(redirect, for_good);
                    }
                    return Ok(fetched);
                }
                Step::Onward(redirect) => {
                    redirects.push((redirect.fresh, redirect.for_good));
                    url = redirect.to;
                }
            }
        }
        // Not the last host: anyone may redirect to it, however well it behaves.
        self.hosts
            .blame(&first, &requester.tenant, Code::TooManyRedirects);
        Err(faults::too_many_redirects(self.max_redirects))
    }

    async fn hop(
        &self,
        asked: Request<'_>,
        until: Instant,
        requester: &Requester,
        cookies: &mut Cookies,
    ) -> Result<Step<Fetched>, Fault> {
        let url = asked.url;
        let entered_by = until.min(Instant::now() + self.first_byte);
        let visit = self.hosts.enter(url, &requester.tenant, entered_by).await?;
        let begun = Instant::now();
        let outcome = self.exchange(asked, until, requester, cookies).await;
        let is_silent = outcome.as_ref().is_err_and(|failure| {
            failure.is(Code::SourceUnreachable) || failure.is(Code::SourceIncomplete)
        });
        let step = leave(visit, outcome);
        // How long it took would tell what is there.
        if is_silent {
            sleep_until(until.min(begun + floor())).await;
        }
        step
    }

    async fn exchange(
        &self,
        asked: Request<'_>,
        until: Instant,
        requester: &Requester,
        cookies: &mut Cookies,
    ) -> Result<Step<Found>, Failure> {
        let Request { url, earlier } = asked;
        let Requester { tenant, purpose } = requester;
        if Objects::holds(url) {
            let file = self.objects.read(url, tenant, &self.bounds).await;
            return file.map(|bytes| Step::Arrived(Found::unsaid(bytes)));
        }
        let excused = self.rules.excuses(url);
        let cookie = cookies.header(url);
        let headers = headers(cookie.clone(), earlier);
        let response = self.clients.get(url, excused, &headers).await?;
        let validity = self.validity(url, &response, earlier);
        let status = response.status();
        let for_good = matches!(status.as_u16(), 301 | 308);
        cookies.take(response.headers(), url);
        if let (Purpose::Bulk, Some(pause)) = (purpose, exchange::asked_pause(&response)) {
            self.hosts.back_off(url, tenant, pause);
        }
        let honours_noai = self.honour_noai.applies_to(*purpose);
        match exchange::judge(response, earlier.is_some(), honours_noai, self.has_contact)? {
            Answer::Redirect(location) => Ok(Step::Onward(Redirect {
                to: self.next_hop(url, status, location.as_deref())?,
                fresh: validity.fresh,
                for_good,
            })),
            Answer::Unchanged => Ok(Step::Arrived(Found {
                file: File::Unchanged,
                validity,
            })),
            Answer::Found(response) => {
                let resume = Resume::new(&self.clients, url, excused, cookie);
                let file = exchange::read(response, &self.bounds, until, resume).await;
                let file = File::Came(file?);
                Ok(Step::Arrived(Found { file, validity }))
            }
        }
    }

    fn validity(
        &self,
        url: &Url,
        response: &reqwest::Response,
        earlier: Option<&Validity>,
    ) -> Validity {
        let headers = response.headers();
        let mut validity = match (response.status(), earlier) {
            (StatusCode::NOT_MODIFIED, Some(earlier)) => {
                Validity::of_unchanged(url.as_str(), headers.clone(), earlier)
            }
            _ => Validity::of(url.as_str(), headers),
        };
        // One may be shown what another may not: both have to ask the host.
        if self.honour_noai != HonourNoai::Never && forbids_ai(headers) {
            validity.fresh = Freshness::NotKept;
        }
        validity
    }

    /// A redirect to what would be no valid URL is a host that leads nowhere. A place that may not be asked is one that cannot
    /// be reached.
    fn next_hop(
        &self,
        from: &Url,
        status: StatusCode,
        location: Option<&str>,
    ) -> Result<Url, Failure> {
        let next = location.and_then(|location| from.join(location).ok());
        let next = next.ok_or_else(|| Failure::no_answer(faults::nowhere(status, location)))?;
        match self.rules.check(&next) {
            Ok(()) => Ok(next),
            Err(_) => Err(Failure::no_answer(faults::unreachable())),
        }
    }
}

fn headers(cookie: Option<HeaderValue>, earlier: Option<&Validity>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.extend(cookie.map(|cookie| (header::COOKIE, cookie)));
    if let Some(earlier) = earlier {
        earlier.condition(&mut headers);
    }
    headers
}

/// The least time after which a host is said to be unreachable. A guarded
/// address is refused in microseconds, an unknown name or a closed port nearby
/// in a few milliseconds, and that difference would tell which private names
/// and addresses there are. It costs a place among the requests in flight, but
/// no thread, no bytes of the budget and no place at the host. What takes
/// longer, a port that swallows packets, tells nothing: it is a public address,
/// which anyone can try for himself.
fn floor() -> Duration {
    Duration::from_millis(rand::random_range(50..100))
}

/// Ends the visit with what the exchange says of the host.
fn leave(visit: Visit, outcome: Result<Step<Found>, Failure>) -> Result<Step<Fetched>, Fault> {
    match outcome {
        Ok(Step::Arrived(found)) => Ok(Step::Arrived(Fetched {
            file: found.file,
            validity: found.validity,
            sent: visit.brought(),
        })),
        Ok(Step::Onward(redirect)) => {
            visit.end(Verdict::Moved);
            Ok(Step::Onward(redirect))
        }
        Err(failure) => {
            visit.end(failure.verdict);
            Err(failure.fault)
        }
    }
}
