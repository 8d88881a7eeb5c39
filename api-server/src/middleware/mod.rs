//! The layers around the handlers.

mod auth;
mod cors;
mod edge;
mod linger;

pub use auth::auth;
pub use cors::cors;
pub use edge::edge;
