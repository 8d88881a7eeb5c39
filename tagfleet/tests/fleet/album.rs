//! An origin for lists: good photos, dead links, broken files, and hosts that drip.

use std::{collections::BTreeMap, time::Duration};

use axum::{Router, extract::Path, http::StatusCode, routing::get};
use common::model::default_folder;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// Hosts that send a byte a second.
const DRIPPING: usize = 2;

pub struct Album {
    bases: Vec<String>,
}

impl Album {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("the loopback has a free port");
        let mut bases = vec![base(&listener)];
        let photo = std::fs::read(default_folder().join("samples/palace.jpg"))
            .expect("run `make models` first");
        let photo = small(&photo);
        let router = Router::new().route(
            "/{name}",
            get(async move |Path(name): Path<String>| image(&photo, &name)),
        );
        tokio::spawn(async move { axum::serve(listener, router).await });
        for _ in 0..DRIPPING {
            let listener = TcpListener::bind("127.0.0.1:0")
                .await
                .expect("the loopback has a free port");
            bases.push(base(&listener));
            tokio::spawn(drip(listener));
        }
        Self { bases }
    }

    pub fn origins(&self) -> String {
        self.bases.join(",")
    }

    /// A list of so many items, and how each must end: 5 % dead links, 2 % broken files, a few at hosts that drip.
    pub fn list(&self, items: usize) -> (String, BTreeMap<String, &'static str>) {
        let (mut list, mut planted) = (String::new(), BTreeMap::new());
        for n in 0..items {
            let (host, name, code) = match n % 100 {
                3 | 23 | 43 | 63 | 83 => (0, "dead", "source_http_error"),
                11 | 61 => (0, "broken", "image_truncated"),
                37 if n < 1_000 => (1 + n / 100 % DRIPPING, "drip", "source_timeout"),
                _ => (0, "good", "ok"),
            };
            let url = format!("{}/{name}-{n}.jpg", self.bases[host]);
            list += &format!(
                "{}\n",
                json!({"custom_id": format!("item {n}"), "url": url})
            );
            planted.insert(format!("item {n}"), code);
        }
        (list, planted)
    }
}

fn base(listener: &TcpListener) -> String {
    format!("http://{}", listener.local_addr().expect("it is bound"))
}

/// So that the test's time goes into what it tests.
fn small(photo: &[u8]) -> Vec<u8> {
    let image = image::load_from_memory(photo)
        .expect("a photo")
        .thumbnail(256, 256)
        .to_rgb8();
    let (width, height) = image.dimensions();
    let pixels = turbojpeg::Image {
        pixels: image.as_raw().as_slice(),
        width: width as usize,
        pitch: width as usize * 3,
        height: height as usize,
        format: turbojpeg::PixelFormat::RGB,
    };
    turbojpeg::compress(pixels, 90, turbojpeg::Subsamp::Sub2x2)
        .expect("a JPEG")
        .to_vec()
}

fn image(photo: &[u8], name: &str) -> (StatusCode, Vec<u8>) {
    match name.split('-').next().unwrap_or_default() {
        "dead" => (StatusCode::NOT_FOUND, vec![]),
        "broken" => (StatusCode::OK, photo[..photo.len() / 2].to_vec()),
        _ => (StatusCode::OK, photo.to_vec()),
    }
}

async fn drip(listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(drip_on(stream));
    }
}

async fn drip_on(mut stream: TcpStream) -> std::io::Result<()> {
    let _ = stream.read(&mut [0; 4096]).await?;
    stream
        .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n")
        .await?;
    loop {
        stream.write_all(b"x").await?;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
