//! One request on a connection of its own, for what is no part of the load.

use std::net::SocketAddr;

use anyhow::{Context, ensure};
use bytes::Bytes;
use http::{Request, header::HOST, request::Builder};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use url::Url;

/// A service, and where it is.
#[derive(Clone, Debug)]
pub struct Service {
    pub url: Url,
    pub address: SocketAddr,
    pub api_key: Option<String>,
}

impl Service {
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        self.ask(Request::get(path), Bytes::new()).await
    }

    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        kind: &str,
        body: Bytes,
    ) -> anyhow::Result<T> {
        self.ask(Request::post(path).header("content-type", kind), body)
            .await
    }

    /// Returns an answer that is no JSON.
    pub async fn text(&self, path: &str) -> anyhow::Result<String> {
        let answer = self.exchange(Request::get(path), Bytes::new()).await?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }

    async fn ask<T: DeserializeOwned>(&self, request: Builder, body: Bytes) -> anyhow::Result<T> {
        let answer = self.exchange(request, body).await?;
        serde_json::from_slice(&answer).context("the answer is not what was asked for")
    }

    async fn exchange(&self, request: Builder, body: Bytes) -> anyhow::Result<Bytes> {
        let mut request = request.header(HOST, self.url.authority());
        if let Some(key) = &self.api_key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        let stream = super::client::connect(self.address).await?;
        let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let response = sender
            .send_request(request.body(Full::<Bytes>::from(body))?)
            .await?;
        let status = response.status();
        let answer = response.into_body().collect().await?.to_bytes();
        ensure!(
            status.is_success(),
            "{status}: {}",
            String::from_utf8_lossy(&answer)
        );
        Ok(answer)
    }
}
