//! Who asks, and how often they may. Without a file of keys everybody may.

mod book;
mod limit;
mod new;
mod rate;
mod standing;
mod tenant;
mod token;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use anyhow::Context;
use common::{
    bus::Bus,
    fault::{Code, Fault},
    stage::Stage,
    wire::DEFAULT_TENANT,
};
use http::{HeaderMap, header};
use serde::Deserialize;

use book::{Book, Key};
pub use new::NewKey;
use standing::Left;
pub use standing::Standing;
pub use tenant::Place;
use tenant::Tenant;

/// How soon a revocation takes hold.
const LOOK_EVERY: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub enum Keys {
    Open,
    File(KeyFile),
}

#[derive(Debug)]
pub struct KeyFile {
    path: PathBuf,
    book: RwLock<Arc<Book>>,
}

/// Whose request it is.
#[derive(Clone, Debug)]
pub struct Caller {
    pub tenant: Arc<str>,
    /// The key's id; none where the service is open.
    pub key: Option<Arc<str>>,
    pub tier: Tier,
    /// May look at everything, and begin, change or end nothing.
    pub read_only: bool,
    /// Words of the tenant's own, for what brings none.
    pub vocabulary: Option<Arc<str>>,
}

/// Who is refused first where not all can be served in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    #[default]
    Standard,
    Low,
}

/// A request that may come in.
#[derive(Debug)]
pub struct QuotaGuard {
    /// What its tenant may; none where nothing is said of it.
    tenant: Option<Arc<Tenant>>,
}

/// Says that a request may come in, and what is left to its key.
#[derive(Debug)]
pub struct Admitted {
    pub caller: Caller,
    pub quota_guard: QuotaGuard,
    pub standing: Standing,
}

#[derive(Debug)]
pub struct Refused {
    pub fault: Fault,
    pub caller: Option<Box<Caller>>,
    pub standing: Standing,
}

impl Keys {
    pub fn open(path: Option<&Path>) -> anyhow::Result<Self> {
        let Some(path) = path else {
            return Ok(Self::Open);
        };
        let read = || Book::read(fs::read_to_string(path)?, None).map_err(anyhow::Error::msg);
        let book = read().with_context(|| format!("reading the API keys in {}", path.display()))?;
        tracing::info!(keys = book.len(), "API keys are asked for");
        Ok(Self::File(KeyFile {
            path: path.to_owned(),
            book: RwLock::new(Arc::new(book)),
        }))
    }

    /// Counts a request against all limits of its key and its tenant.
    pub async fn admit(&self, headers: &HeaderMap, bus: &Bus) -> Result<Admitted, Refused> {
        match self {
            Self::Open => Ok(Admitted {
                caller: Caller {
                    tenant: DEFAULT_TENANT.into(),
                    key: None,
                    tier: Tier::Standard,
                    read_only: false,
                    vocabulary: None,
                },
                quota_guard: QuotaGuard { tenant: None },
                standing: Standing::default(),
            }),
            Self::File(file) => file.book().admit(headers, bus).await,
        }
    }

    /// Reads the file again and again, and takes over what is valid.
    pub async fn watch(&self) {
        let Self::File(file) = self else { return };
        let mut told = None;
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let trouble = file.look().await.err();
            if trouble.is_some() && trouble != told {
                tracing::warn!(error = trouble, "the API keys stay as they were");
            }
            told = trouble;
        }
    }
}

impl KeyFile {
    fn book(&self) -> Arc<Book> {
        self.book
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Compares what the file holds, since a file's time may stay the same when it is replaced.
    async fn look(&self) -> Result<(), String> {
        let text = tokio::fs::read_to_string(&self.path)
            .await
            .map_err(|error| error.to_string())?;
        let old = self.book();
        if text != old.text {
            let book = Book::read(text, Some(&old))?;
            tracing::info!(keys = book.len(), "the API keys were read again");
            *self.book.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(book);
        }
        Ok(())
    }
}

impl QuotaGuard {
    /// Takes a place of the tenant's for a request.
    pub fn enter(&self) -> Result<Option<Place>, Fault> {
        self.tenant
            .as_ref()
            .map(|tenant| tenant.enter())
            .transpose()
    }

    /// Counts an image that is going to be worked on.
    pub async fn count_image(&self, bus: &Bus) -> Result<(), Fault> {
        match &self.tenant {
            Some(tenant) => tenant.count_image(bus).await,
            None => Ok(()),
        }
    }
}

impl Book {
    async fn admit(&self, headers: &HeaderMap, bus: &Bus) -> Result<Admitted, Refused> {
        let key = self.known(headers)?;
        let caller = key.caller.clone();
        let mut standing = Standing::default();
        match key.limit.count(bus).await {
            Ok(left) => standing.add(left),
            Err(left) => {
                standing.add(left);
                let fault = too_often("This API key asks", left);
                return Err(refused(fault, caller, standing));
            }
        }
        let tenant = self.tenant(&caller.tenant).cloned();
        let counted = match &tenant {
            Some(tenant) => tenant.count_request(bus).await,
            None => None,
        };
        match counted {
            None => {}
            Some(Ok(left)) => standing.add(left),
            Some(Err(left)) => {
                standing.add(left);
                let fault = too_often("This tenant's keys ask", left);
                return Err(refused(fault, caller, standing));
            }
        }
        Ok(Admitted {
            caller,
            quota_guard: QuotaGuard { tenant },
            standing,
        })
    }

    fn known(&self, headers: &HeaderMap) -> Result<&Key, Refused> {
        let sent = bearer(headers)
            .ok_or_else(|| stranger("Send an API key: `Authorization: Bearer tf_…`."))?;
        if !token::is_whole(sent) {
            return Err(stranger(
                "This is not a whole API key: a character is missing or wrong.",
            ));
        }
        let key = self
            .find(sent)
            .ok_or_else(|| stranger("This API key is not known here."))?;
        if key.revoked {
            let detail = "This API key was revoked.";
            let fault = Fault::new(Code::KeyRevoked, Stage::Admit, detail);
            return Err(refused(fault, key.caller.clone(), Standing::default()));
        }
        Ok(key)
    }
}

/// `who`: subject and verb of a sentence.
fn too_often(who: &str, left: Left) -> Fault {
    let detail = format!("{who} more often than allowed.");
    let fault = Fault::new(Code::RateLimited, Stage::Admit, detail);
    Fault {
        retry_after: left.retry_after,
        ..fault
    }
}

fn refused(fault: Fault, caller: Caller, standing: Standing) -> Refused {
    Refused {
        fault,
        caller: Some(caller.into()),
        standing,
    }
}

fn stranger(detail: &str) -> Refused {
    Refused {
        fault: Fault::new(Code::Unauthorized, Stage::Admit, detail),
        caller: None,
        standing: Standing::default(),
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, key) = headers
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?
        .split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

#[cfg(test)]
mod tests {
    use common::bus::BusConfig;

    use super::*;

    pub async fn bus() -> Bus {
        let config = BusConfig {
            bus_url: "memory:".to_owned(),
            bus_prefix: "test".to_owned(),
            result_ttl_s: 60,
            max_waiters: 10,
            require_seals: false,
            bus_ca_file: None,
        };
        Bus::connect(&config).await.expect("it is in memory")
    }

    fn with(key: &NewKey) -> HeaderMap {
        let value = format!("Bearer {}", key.key).parse().expect("text");
        HeaderMap::from_iter([(header::AUTHORIZATION, value)])
    }

    fn keys(entries: &[&str]) -> (tempfile::TempDir, Keys) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("keys.toml");
        fs::write(&path, entries.concat()).expect("written");
        let keys = Keys::open(Some(&path)).expect("the keys are read");
        (folder, keys)
    }

    #[tokio::test]
    async fn the_keys_of_a_tenant_share_what_it_may() {
        let one = NewKey::random("shop", 1000.0, None).expect("a key");
        let other = NewKey::random("shop", 1000.0, None).expect("a key");
        let tenant = "[[tenant]]\nname = \"shop\"\nrequests_per_second = 0.01\nburst = 3\n";
        let (_folder, keys) = keys(&[&one.entry, &other.entry, tenant]);
        let bus = bus().await;
        for key in [&one, &other, &one] {
            assert!(keys.admit(&with(key), &bus).await.is_ok());
        }
        let refused = keys.admit(&with(&other), &bus).await;
        let refused = refused.expect_err("one too many");
        assert_eq!(refused.fault.code, Code::RateLimited);
        let mut headers = HeaderMap::new();
        refused.standing.write(&mut headers);
        let left = headers["ratelimit"].to_str().expect("text");
        assert!(left.contains(r#""default";r="#), "{left}");
        assert!(left.contains(r#""tenant";r=0;t=100"#), "{left}");
        let wait = refused.fault.retry_after.expect("it is told");
        assert_eq!(wait.as_secs_f64().ceil(), 100.0);
    }

    #[tokio::test]
    async fn a_tenant_has_so_many_images_a_day_and_so_many_at_once() {
        let key = NewKey::random("shop", 1000.0, None).expect("a key");
        let tenant = "[[tenant]]\nname = \"shop\"\nimages_per_day = 3\nmax_in_flight = 2\n";
        let (_folder, keys) = keys(&[&key.entry, tenant]);
        let bus = bus().await;
        let admitted = keys.admit(&with(&key), &bus).await.expect("a request");
        let quota_guard = admitted.quota_guard;
        let places = [(); 2].map(|()| quota_guard.enter().expect("a place"));
        let third = quota_guard.enter().expect_err("no place");
        assert!(
            third.detail.contains("2 requests of this tenant"),
            "{third}"
        );
        drop(places);
        for _ in 0..3 {
            quota_guard.count_image(&bus).await.expect("one of three");
        }
        let fourth = quota_guard.count_image(&bus).await;
        let fourth = fourth.expect_err("one too many");
        assert_eq!(fourth.code, Code::QuotaExceeded);
        assert!(fourth.detail.contains("3 images a day"), "{fourth}");
        let wait = fourth.retry_after.expect("until midnight");
        assert!(wait > Duration::from_secs(1), "{wait:?}");
    }

    #[tokio::test]
    async fn a_broken_file_changes_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("keys.toml");
        let key = NewKey::random("shop", 1000.0, None).expect("a key");
        fs::write(&path, &key.entry).expect("written");
        let Ok(Keys::File(file)) = Keys::open(Some(&path)) else {
            panic!("the keys are read");
        };
        fs::write(&path, "[[key]]\nid = ").expect("written");
        assert!(file.look().await.is_err());
        assert!(file.book().find(&key.key).is_some());
        let tenant = "[[tenant]]\nname = \"shop\"\nvocabulary = \"pet = cat\\nb = \"\n";
        fs::write(&path, format!("{}{tenant}", key.entry)).expect("written");
        let told = file.look().await.expect_err("no vocabulary");
        assert!(
            told.starts_with("tenant number 1: vocabulary: line 2"),
            "{told}"
        );
        fs::write(&path, format!("{}revoked = true\n", key.entry)).expect("written");
        assert_eq!(file.look().await, Ok(()));
        assert!(file.book().find(&key.key).is_some_and(|key| key.revoked));
    }
}
