//! The file of API keys: hashes, whose they are, and what they may.

use std::{
    collections::{HashMap, HashSet},
    num::NonZeroU32,
    sync::Arc,
};

use common::config::is_name;
use serde::Deserialize;
use subtle::ConstantTimeEq;
use vocabulary::Vocabulary;

use crate::{Caller, Tier, limit::Limit, rate::Rate, tenant::Tenant, token};

const HASH_CHARS: usize = 64;
/// So much of a hash is looked up, the whole is compared afterwards. A map
/// takes the time that a text differs in, which would tell of these digits
/// alone; and they are a hash's, which nobody can choose a key by.
const LOOKED_UP_CHARS: usize = 16;

#[derive(Debug)]
pub struct Book {
    /// As it was read.
    pub text: String,
    keys: HashMap<String, Key>,
    tenants: HashMap<String, Arc<Tenant>>,
}

#[derive(Debug)]
pub struct Key {
    sha256: String,
    pub caller: Caller,
    /// Kept when the file is read again, so that what a server counts for itself goes on.
    pub limit: Arc<Limit>,
    pub revoked: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    key: Vec<Entry>,
    #[serde(default)]
    tenant: Vec<TenantEntry>,
}

/// What all keys of a tenant may together.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TenantEntry {
    name: String,
    requests_per_second: Option<f64>,
    burst: Option<u32>,
    images_per_day: Option<NonZeroU32>,
    max_in_flight: Option<NonZeroU32>,
    /// Words of its own: `word = expression`, a line each.
    vocabulary: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    sha256: String,
    tenant: String,
    requests_per_second: f64,
    burst: Option<u32>,
    #[serde(default)]
    tier: Tier,
    #[serde(default)]
    read_only: bool,
    #[serde(default)]
    revoked: bool,
}

impl Book {
    pub fn read(text: String, before: Option<&Book>) -> Result<Self, String> {
        let file: File = toml::from_str(&text).map_err(|error| told(&text, &error))?;
        let vocabularies = vocabularies(&file.tenant)?;
        let tenants = tenants(file.tenant, before)?;
        let mut keys = HashMap::new();
        let mut ids = HashSet::new();
        for (at, entry) in file.key.into_iter().enumerate() {
            let id = entry.id.clone();
            let at = at + 1;
            let vocabulary = vocabularies.get(&entry.tenant).cloned();
            let key = entry
                .key(vocabulary, before)
                .map_err(|problem| format!("key number {at}: {problem}"))?;
            let same_hash = keys
                .insert(key.sha256[..LOOKED_UP_CHARS].to_owned(), key)
                .is_some();
            if same_hash || !ids.insert(id) {
                return Err(format!(
                    "key number {at}: its id or its sha256 is there twice"
                ));
            }
        }
        Ok(Self {
            text,
            keys,
            tenants,
        })
    }

    pub fn find(&self, key: &str) -> Option<&Key> {
        let hash = token::hash(key);
        let found = self.keys.get(&hash[..LOOKED_UP_CHARS])?;
        bool::from(found.sha256.as_bytes().ct_eq(hash.as_bytes())).then_some(found)
    }

    /// What the tenant's keys may together, where the file says so.
    pub fn tenant(&self, name: &str) -> Option<&Arc<Tenant>> {
        self.tenants.get(name)
    }

    pub fn len(&self) -> usize {
        self.keys.len()
    }
}

/// Returns the words of each tenant that has some of its own, once all can be read.
fn vocabularies(entries: &[TenantEntry]) -> Result<HashMap<String, Arc<str>>, String> {
    let mut vocabularies = HashMap::new();
    for (at, entry) in (1..).zip(entries) {
        let Some(text) = entry.vocabulary.as_deref() else {
            continue;
        };
        Vocabulary::parse(text)
            .map_err(|error| format!("tenant number {at}: vocabulary: {error}"))?;
        if !text.trim().is_empty() {
            vocabularies.insert(entry.name.clone(), text.into());
        }
    }
    Ok(vocabularies)
}

fn tenants(
    entries: Vec<TenantEntry>,
    before: Option<&Book>,
) -> Result<HashMap<String, Arc<Tenant>>, String> {
    let mut tenants = HashMap::new();
    for (at, entry) in entries.into_iter().enumerate() {
        let name = entry.name.clone();
        let told = |problem: &str| format!("tenant number {}: {problem}", at + 1);
        let tenant = entry.tenant().map_err(told)?;
        let old = before.and_then(|book| book.tenants.get(&name));
        let same = old.filter(|old| old.allows_the_same(&tenant)).cloned();
        let tenant = same.unwrap_or_else(|| Arc::new(tenant));
        if tenants.insert(name, tenant).is_some() {
            return Err(told("its name is there twice"));
        }
    }
    Ok(tenants)
}

impl TenantEntry {
    fn tenant(self) -> Result<Tenant, &'static str> {
        if !is_name(&self.name) {
            return Err("name may hold letters, digits, `-`, `_` and `.`, 100 at the most");
        }
        let rate = match (self.requests_per_second, self.burst) {
            (Some(per_second), burst) => Some(Rate::new(per_second, burst)?),
            (None, Some(_)) => return Err("burst wants requests_per_second beside it"),
            (None, None) => None,
        };
        let daily = self.images_per_day.map(Rate::daily);
        Ok(Tenant::new(&self.name, rate, daily, self.max_in_flight))
    }
}

impl Entry {
    fn key(self, vocabulary: Option<Arc<str>>, before: Option<&Book>) -> Result<Key, &'static str> {
        if !is_name(&self.id) || !is_name(&self.tenant) {
            return Err(
                "id and tenant may hold letters, digits, `-`, `_` and `.`, 100 at the most",
            );
        }
        let sha256 = self.sha256.to_ascii_lowercase();
        if sha256.len() != HASH_CHARS || !sha256.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err("sha256 must be 64 hexadecimal digits");
        }
        let rate = Rate::new(self.requests_per_second, self.burst)?;
        let old = before.and_then(|book| book.keys.get(&sha256[..LOOKED_UP_CHARS]));
        let limit = old
            .filter(|old| old.limit.rate == rate)
            .map(|old| old.limit.clone());
        // The bucket is the key's own, since its id may be changed.
        let owner = format!("key:{}", &sha256[..LOOKED_UP_CHARS]);
        Ok(Key {
            sha256,
            caller: Caller {
                tenant: self.tenant.into(),
                key: Some(self.id.into()),
                tier: self.tier,
                read_only: self.read_only,
                vocabulary,
            },
            limit: limit.unwrap_or_else(|| Arc::new(Limit::new(&owner, "default", rate))),
            revoked: self.revoked,
        })
    }
}

/// Returns what is wrong, and in which line; without the line itself, and without a
/// value that may be a key put in the wrong place.
fn told(text: &str, error: &toml::de::Error) -> String {
    let line = error
        .span()
        .map_or(1, |span| text[..span.start].matches('\n').count() + 1);
    let message = Some(error.message()).filter(|message| !token::may_hold_one(message));
    format!(
        "line {line}: {}",
        message.unwrap_or("a value of the wrong type")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::bus;

    fn entry(id: &str, key: &str, more: &str) -> String {
        let sha256 = token::hash(key);
        format!(
            "[[key]]\nid = \"{id}\"\nsha256 = \"{sha256}\"\ntenant = \"shop\"\nrequests_per_second = 5\n{more}\n"
        )
    }

    #[test]
    fn keys_are_found_by_themselves_alone() {
        let text = entry("one", "tf_a", "")
            + &entry("two", "tf_b", "burst = 9\ntier = \"low\"\nrevoked = true");
        let book = Book::read(text, None).expect("a book");
        assert_eq!(book.len(), 2);
        assert_eq!(
            book.find("tf_a").expect("the first").caller.key.as_deref(),
            Some("one")
        );
        let second = book.find("tf_b").expect("the second");
        assert!(second.revoked);
        assert_eq!(second.caller.tier, Tier::Low);
        assert!(book.find("tf_c").is_none() && book.find("").is_none());
    }

    #[tokio::test]
    async fn what_was_used_up_stays_so_when_the_file_is_read_again() {
        let bus = bus().await;
        let before = Book::read(entry("one", "tf_a", "burst = 1"), None).expect("a book");
        assert!(
            before
                .find("tf_a")
                .expect("a key")
                .limit
                .count(&bus)
                .await
                .is_ok()
        );
        let renamed =
            Book::read(entry("other", "tf_a", "burst = 1"), Some(&before)).expect("a book");
        assert!(
            renamed
                .find("tf_a")
                .expect("a key")
                .limit
                .count(&bus)
                .await
                .is_err()
        );
        let widened = Book::read(entry("one", "tf_a", "burst = 2"), Some(&before)).expect("a book");
        assert!(
            widened
                .find("tf_a")
                .expect("a key")
                .limit
                .count(&bus)
                .await
                .is_ok()
        );
    }

    #[test]
    fn a_broken_file_is_told_of_without_what_it_holds() {
        let good = entry("one", "tf_a", "");
        for (text, problem) in [
            (String::new(), "line 1: missing field `key`"),
            ("key = 1".into(), "line 1: "),
            (
                good.replace("tenant", "tennant"),
                "line 4: unknown field `tennant`",
            ),
            (good.replace("shop", "a:b"), "key number 1: id and tenant"),
            (
                good.replace("= 5", "= 0"),
                "key number 1: requests_per_second",
            ),
            (
                good.replace("= 5", "= \"tf_secret\""),
                "line 5: a value of the wrong type",
            ),
            (
                good.replace(&token::hash("tf_a"), "tf_secret"),
                "key number 1: sha256 must be",
            ),
            (
                good.clone() + &entry("one", "tf_b", ""),
                "key number 2: its id or its sha256",
            ),
            (
                good.clone() + &entry("two", "tf_a", ""),
                "key number 2: its id or its sha256",
            ),
        ] {
            let error = Book::read(text.clone(), None).expect_err(&text);
            assert!(
                error.starts_with(problem) && !error.contains("secret"),
                "{error}"
            );
        }
    }
}
