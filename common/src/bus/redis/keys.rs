//! Names of keys and channels, and the frame of an announcement.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::bus::ResultKey;

#[derive(Clone, Debug)]
pub struct Keys {
    prefix: String,
}

impl Keys {
    pub fn new(prefix: &str) -> Self {
        Self {
            prefix: prefix.to_owned(),
        }
    }

    pub fn result(&self, key: &ResultKey) -> String {
        format!("{}:result:{}", self.prefix, tenants_own(key))
    }

    pub fn cancelled(&self, key: &ResultKey) -> String {
        format!("{}:cancelled:{}", self.prefix, tenants_own(key))
    }

    pub fn inbox(&self, name: &str) -> String {
        format!("{}:results:{name}", self.prefix)
    }

    pub fn remembered(&self, key: &str) -> String {
        format!("{}:memo:{key}", self.prefix)
    }

    pub fn claim(&self, key: &str) -> String {
        format!("{}:claim:{key}", self.prefix)
    }

    pub fn bucket(&self, key: &str) -> String {
        format!("{}:rate:{key}", self.prefix)
    }

    /// What is stored to see whether anything can be.
    pub fn pulse(&self) -> String {
        format!("{}:pulse", self.prefix)
    }

    pub fn announced(&self, kind: &str) -> String {
        format!("{}:announced:{kind}", self.prefix)
    }
}

/// Without colons in the tenant, no two pairs of tenant and id are written alike.
fn tenants_own(key: &ResultKey) -> String {
    let tenant = key.tenant.replace('%', "%25").replace(':', "%3A");
    format!("{tenant}:{}", key.id)
}

/// What is pushed to an inbox: the result itself, so that the usual way needs no second look.
#[derive(Debug, Serialize, Deserialize)]
pub struct Announcement<'a> {
    tenant: &'a str,
    id: &'a str,
    #[serde(with = "serde_bytes")]
    payload: &'a [u8],
}

impl Announcement<'_> {
    pub fn of(key: &ResultKey, payload: &[u8]) -> Vec<u8> {
        let announcement = Announcement {
            tenant: &key.tenant,
            id: &key.id,
            payload,
        };
        rmp_serde::to_vec(&announcement).expect("strings and bytes always serialise")
    }

    pub fn read(frame: &[u8]) -> Option<(ResultKey, Bytes)> {
        let said: Announcement = rmp_serde::from_slice(frame).ok()?;
        let key = ResultKey {
            tenant: said.tenant.to_owned(),
            id: said.id.to_owned(),
        };
        Some((key, Bytes::copy_from_slice(said.payload)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(tenant: &str, id: &str) -> ResultKey {
        ResultKey {
            tenant: tenant.to_owned(),
            id: id.to_owned(),
        }
    }

    #[test]
    fn an_announcement_survives_the_wire() {
        let frame = Announcement::of(&key("t", "req_1"), b"\x00\xffresult");
        assert_eq!(
            Announcement::read(&frame),
            Some((key("t", "req_1"), Bytes::from_static(b"\x00\xffresult")))
        );
        assert_eq!(Announcement::read(&frame[..5]), None);
    }

    #[test]
    fn tenants_never_share_a_key() {
        let keys = Keys::new("x");
        assert_ne!(keys.result(&key("a:b", "c")), keys.result(&key("a", "b:c")));
        assert_ne!(
            keys.result(&key("a%3Ab", "c")),
            keys.result(&key("a:b", "c"))
        );
    }
}
