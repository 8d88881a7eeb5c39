//! What every route shares: the edge around it, one request's story, bodies and options read within bounds, and problems.

pub mod context;
mod cors;
mod edge;
mod etag;
mod linger;
mod metrics;
pub mod request;

pub use cors::cors;
pub use edge::edge;
pub use etag::is_known;
pub use metrics::describe_metrics;
