//! What is asked of the service, made once and filled in for each request.

use std::num::NonZeroU64;

use anyhow::{Context, ensure};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, Uri,
    header::{AUTHORIZATION, CONTENT_TYPE, HOST},
};
use http_body_util::Full;
use serde_json::json;
use url::Url;

use super::Protocol;

/// Stands for the number of the request in an image's URL.
const NUMBER: &str = "{number}";

/// Where the image comes from.
#[derive(Clone, Debug)]
pub enum Image {
    /// By URL; `{number}` in it becomes the request's number.
    Url(String),
    /// In the request's body, one after the other.
    Body(Vec<Bytes>),
}

#[derive(Clone, Debug)]
pub struct Asked {
    pub image: Image,
    pub caption: bool,
    pub timeout_ms: u32,
    /// Numbers start again after so many, so that images come again.
    pub distinct: Option<NonZeroU64>,
    pub api_key: Option<String>,
}

/// Makes requests, each in a microsecond or so.
#[derive(Debug)]
pub struct Requests {
    uri: Uri,
    headers: HeaderMap,
    body: Body,
    distinct: Option<NonZeroU64>,
}

#[derive(Debug)]
enum Body {
    /// JSON before and behind the number.
    Numbered(String, String),
    Images(Vec<Bytes>),
}

impl Requests {
    pub fn new(service: &Url, protocol: Protocol, asked: &Asked) -> anyhow::Result<Self> {
        let mut headers = HeaderMap::new();
        let authority = service.authority().to_owned();
        if protocol == Protocol::H1 {
            headers.insert(
                HOST,
                HeaderValue::from_str(&authority).context("the service's host")?,
            );
        }
        if let Some(key) = &asked.api_key {
            headers.insert(
                AUTHORIZATION,
                HeaderValue::from_str(&format!("Bearer {key}")).context("the API key")?,
            );
        }
        let content_type = if matches!(asked.image, Image::Url(_)) {
            "application/json"
        } else {
            "image/jpeg"
        };
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        let path = path(asked);
        // HTTP/2 wants all of the URL, HTTP/1.1 the path.
        let uri = if protocol == Protocol::H2 {
            format!("http://{authority}{path}")
        } else {
            path
        };
        let body = body(asked)?;
        Ok(Self {
            uri: uri.parse().context("the service's URL")?,
            headers,
            body,
            distinct: asked.distinct,
        })
    }

    pub fn make(&self, n: u64) -> Request<Full<Bytes>> {
        let n = self.distinct.map_or(n, |distinct| n % distinct);
        let body = match &self.body {
            Body::Numbered(before, behind) => Bytes::from(format!("{before}{n}{behind}")),
            Body::Images(images) => images[n as usize % images.len()].clone(),
        };
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        request
    }
}

fn features(asked: &Asked) -> &'static [&'static str] {
    if asked.caption {
        &["tags", "caption"]
    } else {
        &["tags"]
    }
}

fn path(asked: &Asked) -> String {
    let options = |_: &Vec<Bytes>| {
        format!(
            "?features={}&timeout_ms={}",
            features(asked).join(","),
            asked.timeout_ms
        )
    };
    match &asked.image {
        Image::Url(_) => "/v1/tags".to_owned(),
        Image::Body(images) => format!("/v1/tags{}", options(images)),
    }
}

fn body(asked: &Asked) -> anyhow::Result<Body> {
    match &asked.image {
        Image::Body(images) => {
            ensure!(!images.is_empty(), "there is no image to send");
            Ok(Body::Images(images.clone()))
        }
        Image::Url(url) => {
            let ask =
                json!({"image": {"url": url}, "features": features(asked), "timeout_ms": asked.timeout_ms}).to_string();
            let (before, behind) = ask
                .split_once(NUMBER)
                .with_context(|| format!("`{url}` holds no {NUMBER}"))?;
            Ok(Body::Numbered(before.to_owned(), behind.to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    fn requests(image: Image, protocol: Protocol) -> anyhow::Result<Requests> {
        let asked = Asked {
            image,
            caption: false,
            timeout_ms: 1500,
            distinct: NonZeroU64::new(3),
            api_key: Some("tf_x".into()),
        };
        Requests::new(
            &"http://edge:8080".parse().expect("a URL"),
            protocol,
            &asked,
        )
    }

    #[tokio::test]
    async fn numbers_take_their_place_and_come_again() {
        let requests =
            requests(Image::Url("http://o/{number}.jpg".into()), Protocol::H1).expect("requests");
        let request = requests.make(7);
        assert_eq!(request.uri(), "/v1/tags");
        assert_eq!(request.headers()["host"], "edge:8080");
        assert_eq!(request.headers()["authorization"], "Bearer tf_x");
        let body = request
            .into_body()
            .collect()
            .await
            .expect("in memory")
            .to_bytes();
        let body: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(
            body,
            json!({"image": {"url": "http://o/1.jpg"}, "features": ["tags"], "timeout_ms": 1500})
        );
    }

    #[test]
    fn images_go_as_bodies() {
        let requests = requests(Image::Body(vec![Bytes::from_static(b"jpeg")]), Protocol::H2)
            .expect("requests");
        let request = requests.make(0);
        assert_eq!(
            request.uri(),
            "http://edge:8080/v1/tags?features=tags&timeout_ms=1500"
        );
        assert_eq!(request.headers()["content-type"], "image/jpeg");
    }

    #[test]
    fn a_url_without_a_number_would_ask_for_one_image_alone() {
        assert!(requests(Image::Url("http://o/a.jpg".into()), Protocol::H1).is_err());
    }
}
