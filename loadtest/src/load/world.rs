//! Who answers: a figure without its model would be worth nothing, and one of a fake engine less.

use serde::Deserialize;

use super::once::Service;

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

/// Returns the names of `/v1/models`; none where the service has none, as an old or another one may.
pub async fn served_by(service: &Service) -> Vec<String> {
    match service.get::<Models>("/v1/models").await {
        Ok(models) => models
            .models
            .iter()
            .map(|model| shown(model, &models.workers))
            .collect(),
        Err(_) => Vec::new(),
    }
}

fn shown(model: &Model, workers: &[Worker]) -> String {
    let of = |worker: &&Worker| worker.models.contains(&model.name);
    let mut devices: Vec<&str> = workers
        .iter()
        .filter(of)
        .map(|worker| worker.device.as_str())
        .collect();
    let count = devices.len();
    devices.sort_unstable();
    devices.dedup();
    format!(
        "{} {} on {} ({count} workers)",
        model.name,
        model.version,
        devices.join(", ")
    )
}
