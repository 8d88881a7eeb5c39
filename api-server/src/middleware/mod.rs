//! The layers around the handlers.

mod auth;
mod edge;
mod linger;

pub use auth::auth;
pub use edge::edge;
