//! What every route shares: the edge around it, one request's story, bodies and options read within bounds, and problems.

pub mod audit;
pub mod context;
mod cors;
mod etag;
mod linger;
mod metrics;
pub mod request;
mod request_layer;

pub use cors::cors;
pub use etag::is_known;
pub use metrics::describe_metrics;
pub use request_layer::request_layer;
