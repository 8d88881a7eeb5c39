//! As much of S3 as the service asks for: whole objects and parts of them, on
//! condition, new ones if there is none of that name yet, listings, removals.
//! It misbehaves on command.

mod answer;
mod xml;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use axum::{Router, body::Bytes, routing::any};
use tokio::net::TcpListener;

/// How it does what it is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Manner {
    #[default]
    Well,
    /// The first new object of each name is refused with 409, and not stored: as S3 does while another request for that
    /// name is under way.
    Conflicts,
    /// Everything is answered 503.
    Unavailable,
    Slow(Duration),
    /// What is there is written over, whatever the condition.
    Overwrites,
}

#[derive(Clone, Default)]
pub struct Bucket {
    shared: Arc<Shared>,
    port: u16,
}

#[derive(Default)]
struct Shared {
    objects: Mutex<BTreeMap<String, Object>>,
    manner: Mutex<Manner>,
    /// Names that were refused without need.
    conflicts: Mutex<BTreeSet<String>>,
    hung: Mutex<bool>,
    /// How often somebody wanted to write over an object.
    refused: Mutex<usize>,
}

#[derive(Clone)]
struct Object {
    bytes: Bytes,
    modified: SystemTime,
}

impl Bucket {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("the loopback has a free port");
        let bucket = Self {
            port: listener.local_addr().expect("it is bound").port(),
            ..Self::default()
        };
        let router = Router::new()
            .route("/{bucket}", any(answer::to_bucket))
            .route("/{bucket}/{*key}", any(answer::to_object))
            .with_state(bucket.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        bucket
    }

    /// What leads a process to it.
    pub fn settings(&self) -> [(&'static str, String); 5] {
        [
            ("AWS_ENDPOINT", format!("http://127.0.0.1:{}", self.port)),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
            ("AWS_REGION", "eu-west-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", "id".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "secret".to_owned()),
        ]
    }

    pub fn behave(&self, manner: Manner) {
        *self.shared.manner.lock().expect("not poisoned") = manner;
    }

    /// Names that were refused with 409 although nothing was there.
    pub fn conflicts(&self) -> usize {
        self.shared.conflicts.lock().expect("not poisoned").len()
    }

    pub fn put(&self, name: &str, bytes: impl Into<Bytes>) {
        let object = Object {
            bytes: bytes.into(),
            modified: SystemTime::now(),
        };
        self.objects().insert(name.to_owned(), object);
    }

    pub fn has_hung(&self) -> bool {
        *self.shared.hung.lock().expect("not poisoned")
    }

    /// How often somebody wanted to write over an object.
    pub fn refused(&self) -> usize {
        *self.shared.refused.lock().expect("not poisoned")
    }

    /// Names and texts below a folder.
    pub fn below(&self, folder: &str) -> BTreeMap<String, String> {
        let objects = self.objects();
        let below = objects
            .iter()
            .filter_map(|(name, object)| Some((name.strip_prefix(folder)?, &object.bytes)));
        below
            .map(|(name, bytes)| (name.to_owned(), String::from_utf8_lossy(bytes).into_owned()))
            .collect()
    }

    fn manner(&self) -> Manner {
        *self.shared.manner.lock().expect("not poisoned")
    }

    fn objects(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Object>> {
        self.shared.objects.lock().expect("not poisoned")
    }
}
