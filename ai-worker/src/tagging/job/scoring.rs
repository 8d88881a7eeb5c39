//! A picture's way through one model.

use std::{sync::Arc, time::Instant};

use common::{
    fault::{Code, Fault},
    queue::Priority,
    stage::Stage,
};

use crate::tagging::{
    batching::{BatchError, Scored},
    decode::Picture,
    served::{Served, Version},
};

pub async fn score(
    served: &Served,
    priority: Priority,
    picture: Picture,
    deadline: Instant,
) -> Result<(Scored, Arc<Version>), Fault> {
    match served.score(priority, picture, deadline).await {
        Ok(scored) => Ok(scored),
        // The engine broke under this batch, and the worker ends with it. Waiting
        // here lets this task be dropped, and with it the job goes back un-acked.
        Err(BatchError::Stopped) => std::future::pending().await,
        Err(error) => Err(batch_fault(&error)),
    }
}

/// Makes pixels of a tile on a blocking thread, unless it is made of them already.
pub async fn decode(picture: Picture) -> Result<(), Fault> {
    if !picture.is_encoded() {
        return make_pixels(&picture).map_err(no_tile);
    }
    let decoding = tokio::task::spawn_blocking(move || make_pixels(&picture));
    match decoding.await {
        Ok(decoded) => decoded.map_err(no_tile),
        Err(panicked) => Err(no_tile(panicked.to_string())),
    }
}

fn make_pixels(picture: &Picture) -> Result<(), String> {
    match picture.pixels() {
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

pub fn no_tile(detail: String) -> Fault {
    Fault::new(Code::Internal, Stage::Decode, detail).retryable(false)
}

/// A model that looks beside a tagger is not waited for.
pub fn too_late() -> Fault {
    Fault::new(
        Code::DeadlineExceeded,
        Stage::Infer,
        "It would have made the whole answer late.",
    )
}

fn batch_fault(error: &BatchError) -> Fault {
    let (code, stage) = match error {
        BatchError::Tile(detail) => return no_tile(detail.clone()),
        BatchError::Expired => (Code::DeadlineExceeded, Stage::BatchWait),
        BatchError::Full | BatchError::Retired | BatchError::Stopped => {
            (Code::Overloaded, Stage::BatchWait)
        }
        BatchError::Engine(_) => (Code::InferenceFailed, Stage::Infer),
    };
    Fault::new(code, stage, error.to_string())
}
