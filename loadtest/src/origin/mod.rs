//! A host of photos that behaves as the internet does. What becomes of a path
//! follows from the path and the seed alone: every contender of a comparison
//! meets the same delays.

mod body;
mod delay;

use std::{
    convert::Infallible,
    hash::{DefaultHasher, Hash, Hasher},
    str::FromStr,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use common::shutdown::Shutdown;
use http::{Request, Response, StatusCode, header::CONTENT_TYPE};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use rand::{RngExt, SeedableRng, rngs::SmallRng};
use tokio::net::{TcpListener, TcpStream};

pub use body::Body;
pub use delay::Delay;

/// How a share of the photos comes: `0.05:2000` is one of twenty, at 2,000 bytes a second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Drip {
    pub share: f64,
    pub bytes_per_s: u32,
}

#[derive(Clone, Debug)]
pub struct Behaviour {
    /// Before the first byte.
    pub delay: Delay,
    pub drip: Option<Drip>,
    /// So large a part is answered 503.
    pub fail: f64,
    /// So large a part ends half-way.
    pub cut: f64,
    pub seed: u64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Served,
    Dripped { bytes_per_s: u32 },
    Cut,
    Failed,
}

#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no share and bytes a second, such as 0.05:2000")]
pub struct DripError(String);

impl FromStr for Drip {
    type Err = DripError;

    fn from_str(text: &str) -> Result<Self, DripError> {
        let read = || {
            let (share, bytes_per_s) = text.split_once(':')?;
            let share = share.parse().ok()?;
            let bytes_per_s = bytes_per_s.parse().ok()?;
            ((0.0..=1.0).contains(&share) && bytes_per_s > 0).then_some(Drip { share, bytes_per_s })
        };
        read().ok_or_else(|| DripError(text.to_owned()))
    }
}

impl Behaviour {
    /// Returns when a path's photo begins to come, and how.
    fn of(&self, path: &str) -> (Duration, Fate) {
        let mut hasher = DefaultHasher::new();
        (self.seed, path).hash(&mut hasher);
        let mut random = SmallRng::seed_from_u64(hasher.finish());
        let delay = self.delay.sample(&mut random);
        let drip = self.drip.unwrap_or(Drip {
            share: 0.0,
            bytes_per_s: 1,
        });
        let lot = random.random::<f64>();
        let fate = match lot {
            lot if lot < self.fail => Fate::Failed,
            lot if lot < self.fail + self.cut => Fate::Cut,
            lot if lot < self.fail + self.cut + drip.share => Fate::Dripped {
                bytes_per_s: drip.bytes_per_s,
            },
            _ => Fate::Served,
        };
        (delay, fate)
    }
}

/// Serves until `shutdown`. Any path has a photo.
pub async fn serve(
    listener: TcpListener,
    behaviour: Behaviour,
    photos: Vec<Bytes>,
    shutdown: Shutdown,
) {
    let origin = Arc::new(Origin { behaviour, photos });
    while let Some(accepted) = shutdown.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((stream, _)) => {
                let connection = connection(origin.clone(), stream);
                tokio::spawn(shutdown.clone().run_until_cancelled_owned(connection));
            }
            // Out of file descriptors, most likely: some will come back.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

struct Origin {
    behaviour: Behaviour,
    photos: Vec<Bytes>,
}

async fn connection(origin: Arc<Origin>, stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| answer(origin.clone(), request));
    // Whoever hangs up has reasons of his own.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(
    origin: Arc<Origin>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let path = request.uri().path();
    let (delay, fate) = origin.behaviour.of(path);
    let photo = origin.photo(path);
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    let body = match fate {
        Fate::Served => Body::all(photo),
        Fate::Dripped { bytes_per_s } => Body::dripped(photo, bytes_per_s),
        Fate::Cut => Body::cut(photo),
        Fate::Failed => {
            let mut refusal = Response::new(Body::all(Bytes::from_static(b"out of order\n")));
            *refusal.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            return Ok(refusal);
        }
    };
    let mut response = Response::new(body);
    response
        .headers_mut()
        .insert(CONTENT_TYPE, http::HeaderValue::from_static("image/jpeg"));
    Ok(response)
}

impl Origin {
    fn photo(&self, path: &str) -> Bytes {
        let mut hasher = DefaultHasher::new();
        path.hash(&mut hasher);
        self.photos[(hasher.finish() % self.photos.len() as u64) as usize].clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn behaviour() -> Behaviour {
        let drip = "0.25:1000".parse().ok();
        Behaviour {
            delay: "lognormal:80,1".parse().expect("a delay"),
            drip,
            fail: 0.1,
            cut: 0.05,
            seed: 1,
        }
    }

    #[test]
    fn a_path_is_always_as_slow() {
        assert_eq!(behaviour().of("/a.jpg"), behaviour().of("/a.jpg"));
        assert_ne!(behaviour().of("/a.jpg").0, behaviour().of("/b.jpg").0);
    }

    #[test]
    fn shares_are_what_was_asked_for() {
        let of = |wanted: fn(&Fate) -> bool| {
            (0..10_000)
                .filter(|n| wanted(&behaviour().of(&format!("/{n}.jpg")).1))
                .count() as f64
                / 1e4
        };
        for (share, wanted) in [
            (0.1, of(|fate| *fate == Fate::Failed)),
            (0.05, of(|fate| *fate == Fate::Cut)),
            (0.25, of(|fate| matches!(fate, Fate::Dripped { .. }))),
            (0.6, of(|fate| *fate == Fate::Served)),
        ] {
            assert!((share - wanted).abs() < 0.02, "{wanted} instead of {share}");
        }
    }
}
