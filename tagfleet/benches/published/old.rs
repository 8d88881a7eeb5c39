//! The old design: one process that downloads, infers and answers. Either one
//! request at a time from its first byte to its last, or with a pool for
//! downloads and the engine alone one at a time.

use std::{convert::Infallible, fmt, str::FromStr, sync::Arc, time::Duration};

use anyhow::{Context, bail};
use bytes::Bytes;
use common::model::{Fit, TileSpec};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use prepare::Limits;
use tokio::{
    net::TcpListener,
    sync::{Mutex, Semaphore},
    time::Instant,
};

use crate::contender::{IMAGE_MS, SERVICE_MS};

const TILE: TileSpec = TileSpec {
    width: 224,
    height: 224,
    fit: Fit::Crop,
};
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Downloads {
    OneByOne,
    Pool(usize),
}

impl fmt::Display for Downloads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Downloads::OneByOne => f.write_str("1"),
            Downloads::Pool(threads) => threads.fmt(f),
        }
    }
}

impl FromStr for Downloads {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text.parse()? {
            0 | 1 => Downloads::OneByOne,
            threads => Downloads::Pool(threads),
        })
    }
}

struct Server {
    /// All of it, where one request is worked on at a time.
    whole: Option<Mutex<()>>,
    threads: Semaphore,
    engine: Mutex<()>,
    client: reqwest::Client,
}

pub async fn serve(listener: TcpListener, downloads: Downloads) -> anyhow::Result<()> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (whole, threads) = match downloads {
        Downloads::OneByOne => (Some(Mutex::default()), 1),
        Downloads::Pool(threads) => (None, threads),
    };
    let threads = Semaphore::new(threads);
    let engine = Mutex::default();
    let server = Arc::new(Server {
        whole,
        threads,
        engine,
        client: reqwest::Client::new(),
    });
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let server = server.clone();
        let service = service_fn(move |request| answer(server.clone(), request));
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn answer(
    server: Arc<Server>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.uri().path() != "/v1/tags" {
        return Ok(Response::new(Full::default()));
    }
    let answered = server.tag(request).await;
    let status = if answered.is_ok() {
        StatusCode::OK
    } else {
        StatusCode::INTERNAL_SERVER_ERROR
    };
    let stages = answered.unwrap_or_else(|error| error.to_string());
    let mut response = Response::new(Full::new(Bytes::from_static(
        b"{\"tags\":[{\"name\":\"fake\"}]}",
    )));
    *response.status_mut() = status;
    if let Ok(stages) = stages.parse() {
        response.headers_mut().insert("server-timing", stages);
    }
    Ok(response)
}

impl Server {
    /// The times of the stages.
    async fn tag(&self, request: Request<Incoming>) -> anyhow::Result<String> {
        let body = request.into_body().collect().await?.to_bytes();
        let asked: serde_json::Value = serde_json::from_slice(&body)?;
        let url = asked["image"]["url"].as_str().context("no URL")?.to_owned();
        let begun = Instant::now();
        let _alone = match &self.whole {
            Some(whole) => Some(whole.lock().await),
            None => None,
        };
        let thread = self.threads.acquire().await?;
        let taken = Instant::now();
        let photo = self
            .client
            .get(url)
            .send()
            .await?
            .error_for_status()?
            .bytes()
            .await?;
        let fetched = Instant::now();
        prepared(photo).await?;
        drop(thread);
        let ready = Instant::now();
        let _engine = self.engine.lock().await;
        let started = Instant::now();
        tokio::time::sleep(Duration::from_millis((SERVICE_MS + IMAGE_MS).into())).await;
        let ms = |from: Instant, to: Instant| (to - from).as_secs_f64() * 1e3;
        Ok(format!(
            "queue;dur={:.3}, fetch;dur={:.3}, prepare;dur={:.3}, batch_wait;dur={:.3}, infer;dur={:.3}",
            ms(begun, taken),
            ms(taken, fetched),
            ms(fetched, ready),
            ms(ready, started),
            ms(started, Instant::now())
        ))
    }
}

/// The same work on a photo as in the fleet.
async fn prepared(photo: Bytes) -> anyhow::Result<()> {
    let work = tokio::task::spawn_blocking(move || prepare::tile(&photo, TILE, &Limits::STANDARD));
    match work.await? {
        Ok(_) => Ok(()),
        Err(fault) => bail!("{fault:?}"),
    }
}
