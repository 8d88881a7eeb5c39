//! Load for a fleet under test. So far: tiles straight into the queue, for
//! measuring a worker without the API server before it.

mod saturate;

pub use saturate::{LoadError, Saturated, saturate};
