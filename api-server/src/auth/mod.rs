//! Who asks, and how often they may. Without a file of keys everybody may.

mod book;
mod new;
mod rate;
mod token;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use anyhow::Context;
use axum::http::{HeaderMap, header};
use common::{
    fault::{Code, Fault},
    stage::Stage,
    wire::DEFAULT_TENANT,
};

use book::Book;
pub use new::NewKey;
pub use rate::Standing;

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
}

/// Says that a request may come in, and what is left to its key.
#[derive(Debug)]
pub struct Admitted {
    pub caller: Caller,
    pub standing: Option<Standing>,
}

#[derive(Debug)]
pub struct Refused {
    pub fault: Fault,
    pub caller: Option<Caller>,
    pub standing: Option<Standing>,
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

    pub fn admit(&self, headers: &HeaderMap) -> Result<Admitted, Refused> {
        match self {
            Self::Open => Ok(Admitted {
                caller: Caller {
                    tenant: DEFAULT_TENANT.into(),
                    key: None,
                },
                standing: None,
            }),
            Self::File(file) => file.book().admit(headers),
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

impl Book {
    fn admit(&self, headers: &HeaderMap) -> Result<Admitted, Refused> {
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
        let caller = key.caller.clone();
        let refuse = |code, detail, standing| {
            let fault = Fault::new(code, Stage::Admit, detail);
            Refused {
                fault,
                caller: Some(key.caller.clone()),
                standing,
            }
        };
        if key.revoked {
            return Err(refuse(Code::KeyRevoked, "This API key was revoked.", None));
        }
        match key.limit.count() {
            Ok(standing) => Ok(Admitted {
                caller,
                standing: Some(standing),
            }),
            Err(standing) => Err(refuse(
                Code::RateLimited,
                "This API key asks more often than it may.",
                Some(standing),
            )),
        }
    }
}

fn stranger(detail: &str) -> Refused {
    Refused {
        fault: Fault::new(Code::Unauthorized, Stage::Admit, detail),
        caller: None,
        standing: None,
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
    use super::*;

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
        fs::write(&path, format!("{}revoked = true\n", key.entry)).expect("written");
        assert_eq!(file.look().await, Ok(()));
        assert!(file.book().find(&key.key).is_some_and(|key| key.revoked));
    }
}
