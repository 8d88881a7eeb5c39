//! The sample photos behind an origin of the test's own, and what a service
//! says of them.

use axum::{Router, extract::Path, http::StatusCode, routing::get};
use common::model::default_folder;
use serde_json::Value;
use tokio::net::TcpListener;

/// Serves the samples, an HTML page called `.jpg` and a truncated JPEG.
pub struct Origin {
    port: u16,
    names: Vec<String>,
}

impl Origin {
    pub async fn start() -> Self {
        let listing =
            std::fs::read_dir(default_folder().join("samples")).expect("run `make models` first");
        let names = listing.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut names: Vec<String> = names
            .filter(|name| name.ends_with(".png") || name.ends_with(".jpg"))
            .collect();
        names.sort();
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("the loopback has a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let router = Router::new().route("/{name}", get(file));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { port, names }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn samples(&self) -> usize {
        self.names.len()
    }

    pub fn url(&self, name: &str) -> String {
        format!("http://127.0.0.1:{}/{name}", self.port)
    }

    /// Every sample's URL, `times` over.
    pub fn urls(&self, times: usize) -> Vec<String> {
        let once = self.names.iter().map(|name| self.url(name));
        std::iter::repeat_n(once.collect::<Vec<_>>(), times)
            .flatten()
            .collect()
    }
}

async fn file(Path(name): Path<String>) -> Result<Vec<u8>, StatusCode> {
    let sample = |name: &str| {
        std::fs::read(default_folder().join("samples").join(name))
            .map_err(|_| StatusCode::NOT_FOUND)
    };
    match name.as_str() {
        "page.jpg" => Ok(b"<!doctype html><title>Not a photo</title>".to_vec()),
        "truncated.jpg" => sample("palace.jpg").map(|whole| whole[..whole.len() / 2].to_vec()),
        name => sample(name),
    }
}

/// One line of `tagfleet tag --json`.
pub struct Tagged {
    pub source: String,
    pub id: String,
    pub worker: String,
    pub tags: Vec<String>,
    pub caption: Option<String>,
    pub caption_status: String,
    timings: serde_json::Map<String, Value>,
}

impl Tagged {
    pub fn read(line: &str) -> Self {
        let line: Value = serde_json::from_str(line).expect("JSON lines");
        let answer = &line["answer"];
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let tags = answer["tags"]
            .as_array()
            .unwrap_or_else(|| panic!("no tags: {line}"));
        Self {
            source: text(&line["source"]).expect("a source"),
            id: text(&answer["id"]).expect("an id"),
            worker: text(&answer["worker"]).expect("a worker"),
            tags: tags.iter().filter_map(|tag| text(&tag["name"])).collect(),
            caption: text(&answer["caption"]["text"]),
            caption_status: text(&answer["caption"]["status"]).expect("a status"),
            timings: answer["timings_ms"].as_object().expect("timings").clone(),
        }
    }

    pub fn sample(&self) -> &str {
        self.source.rsplit('/').next().unwrap_or_default()
    }

    pub fn stage_sum_and_total(&self) -> (f64, f64) {
        let ms = |value: &Value| value.as_f64().unwrap_or_default();
        let stages = self.timings.iter().filter(|(name, _)| *name != "total");
        (
            stages.map(|(_, value)| ms(value)).sum(),
            ms(&self.timings["total"]),
        )
    }
}
