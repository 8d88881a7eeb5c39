//! Somebody who starts a process again when it ends, as Kubernetes does.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::task::JoinHandle;

use crate::{fleet::Settings, support::process::Process};

pub struct Supervised {
    deaths: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Supervised {
    pub async fn worker(name: &'static str, settings: Settings) -> Self {
        let named = [("TAGFLEET_WORKER_NAME", name.to_owned())];
        let settings = [settings, named.to_vec()].concat();
        let first = Process::bare("worker", &settings).await;
        let deaths = Arc::new(AtomicUsize::new(0));
        let counted = deaths.clone();
        let task = tokio::spawn(async move {
            let mut process = first;
            loop {
                while process.has_ended().is_none() {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                counted.fetch_add(1, Relaxed);
                process = Process::begun("worker", &settings);
            }
        });
        Self { deaths, task }
    }

    pub fn deaths(&self) -> usize {
        self.deaths.load(Relaxed)
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        self.task.abort();
    }
}
