//! A host of photos that counts its downloads.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::{Router, http::header::CONTENT_TYPE};
use bytes::Bytes;
use loadtest::photo;
use tokio::{net::TcpListener, time::sleep};

const SIDE: usize = 256;
/// More than are downloaded while the cache is on, so that no two are alike.
const PHOTOS: u64 = 1_500;
/// Before the first byte.
const DELAY: Duration = Duration::from_millis(50);

pub struct Origin {
    pub url: String,
    pub port: u16,
    downloads: Arc<AtomicUsize>,
}

impl Origin {
    /// Every download is of another photo, whatever its path.
    pub async fn start() -> anyhow::Result<Self> {
        let photos: Arc<Vec<Bytes>> = photo::pictures(PHOTOS, SIDE, SIDE)?.into();
        let downloads = Arc::<AtomicUsize>::default();
        let counted = downloads.clone();
        let serve = move || {
            let photo = photos[counted.fetch_add(1, Relaxed) % photos.len()].clone();
            async move {
                sleep(DELAY).await;
                ([(CONTENT_TYPE, "image/jpeg")], photo)
            }
        };
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(serve)).await });
        Ok(Self {
            url: format!("http://127.0.0.1:{port}/"),
            port,
            downloads,
        })
    }

    pub fn downloads(&self) -> usize {
        self.downloads.load(Relaxed)
    }
}
