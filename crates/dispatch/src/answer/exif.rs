//! What is told of what a camera wrote down.

use std::cmp::Ordering;

use common::image::{Exif, Facts, GeoPoint};
use serde::Serialize;
use utoipa::ToSchema;

/// How much of what a camera wrote down is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExifRule {
    /// Digits of a degree, of places.
    pub place_digits: u8,
}

/// What a camera wrote down beside its picture. What it did not is absent.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExifView {
    /// By the camera's clock; with its zone where it says so.
    #[schema(example = "2024-05-01T12:33:10+09:00")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taken_at: Option<String>,
    #[schema(example = "Canon EOS R5")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub camera: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<PlaceView>,
    /// `landscape`, `portrait` or `square`: of the picture as it is seen.
    #[schema(example = "landscape")]
    pub orientation: &'static str,
}

/// Where it was taken, rounded as the service is told to (`--exif-place-digits`): two digits are a kilometre.
#[derive(Debug, Serialize, ToSchema)]
pub struct PlaceView {
    /// Degrees to the north.
    #[schema(example = 37.57)]
    pub latitude: f64,
    /// Degrees to the east.
    #[schema(example = 126.98)]
    pub longitude: f64,
}

impl ExifView {
    pub(super) fn new(facts: &Facts, rule: ExifRule) -> Self {
        let Exif {
            taken_at,
            camera,
            place,
        } = facts.exif.clone();
        let orientation = match facts.width.cmp(&facts.height) {
            Ordering::Greater => "landscape",
            Ordering::Equal => "square",
            Ordering::Less => "portrait",
        };
        let view = |GeoPoint {
                        latitude,
                        longitude,
                    }| PlaceView {
            latitude,
            longitude,
        };
        Self {
            taken_at,
            camera,
            place: place
                .map(|place| place.rounded(rule.place_digits))
                .map(view),
            orientation,
        }
    }
}
