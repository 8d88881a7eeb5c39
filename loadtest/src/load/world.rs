//! Who answers: a figure without its model would be worth nothing, and one of a fake engine less.

use std::net::SocketAddr;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use url::Url;

#[derive(Deserialize)]
struct Models {
    models: Vec<Model>,
    workers: Vec<Worker>,
}

#[derive(Deserialize)]
struct Model {
    name: String,
    version: String,
}

#[derive(Deserialize)]
struct Worker {
    device: String,
    models: Vec<String>,
}

/// Of `/v1/models`; empty where the service has none, as an old or another one may.
pub async fn served_by(service: &Url, address: SocketAddr) -> Vec<String> {
    match ask(service, address).await {
        Some(models) => models.models.iter().map(|model| shown(model, &models.workers)).collect(),
        None => Vec::new(),
    }
}

fn shown(model: &Model, workers: &[Worker]) -> String {
    let of = |worker: &&Worker| worker.models.contains(&model.name);
    let mut devices: Vec<&str> = workers.iter().filter(of).map(|worker| worker.device.as_str()).collect();
    let count = devices.len();
    devices.sort_unstable();
    devices.dedup();
    format!("{} {} on {} ({count} workers)", model.name, model.version, devices.join(", "))
}

async fn ask(service: &Url, address: SocketAddr) -> Option<Models> {
    let stream = super::client::connect(address).await.ok()?;
    let (mut line, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.ok()?;
    tokio::spawn(async move { drop(connection.await) });
    let request = Request::get("/v1/models").header("host", service.authority()).body(Full::<Bytes>::default());
    let response = line.send_request(request.ok()?).await.ok()?;
    let body = response.into_body().collect().await.ok()?.to_bytes();
    serde_json::from_slice(&body).ok()
}
