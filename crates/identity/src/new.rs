//! A new key, for `tagfleet keys new`.

use common::config::is_name;

use crate::{rate::Rate, token};

/// A key and the entry that lets it in. The key is nowhere else: whoever
/// loses it makes another one.
pub struct NewKey {
    pub key: String,
    /// To be appended to the file of keys; holds the hash alone.
    pub entry: String,
}

impl NewKey {
    pub fn random(
        tenant: &str,
        requests_per_second: f64,
        burst: Option<u32>,
    ) -> anyhow::Result<Self> {
        anyhow::ensure!(
            is_name(tenant),
            "a tenant may hold letters, digits, `-`, `_` and `.`, 100 at the most"
        );
        Rate::new(requests_per_second, burst).map_err(anyhow::Error::msg)?;
        let key = token::random();
        let id = format!("key_{:08x}", rand::random::<u32>());
        let sha256 = token::hash(&key);
        let mut entry = format!(
            "[[key]]\nid = \"{id}\"\nsha256 = \"{sha256}\"\ntenant = \"{tenant}\"\n\
             requests_per_second = {requests_per_second:?}\n"
        );
        if let Some(burst) = burst {
            entry += &format!("burst = {burst}\n");
        }
        Ok(Self { key, entry })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::Book;

    #[test]
    fn its_entry_lets_it_in() {
        for (rate, burst) in [(10.0, None), (0.5, Some(3)), (1e6, Some(1))] {
            let new = NewKey::random("shop.eu", rate, burst).expect("a key");
            assert!(token::is_whole(&new.key) && !new.entry.contains(&new.key));
            let book = Book::read(new.entry, None).expect("an entry");
            assert_eq!(
                &*book.find(&new.key).expect("found").caller.tenant,
                "shop.eu"
            );
        }
        assert!(NewKey::random("two words", 1.0, None).is_err());
        assert!(NewKey::random("shop", 0.0, None).is_err());
    }
}
