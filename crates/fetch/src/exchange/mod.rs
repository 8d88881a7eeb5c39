//! One HTTP exchange with an origin that is not trusted: the question, and what its answer means.

mod accept;
mod answer;
mod cause;
mod client;
mod connects;
mod cookies;
mod encoding;
mod length;
mod resume;
mod validity;

pub use accept::ACCEPT;
pub use answer::{Answer, Bounds, asked_pause, judge, read};
pub use client::{Clients, Settings};
pub use cookies::Cookies;
pub use resume::Resume;
pub use validity::{Freshness, Validity};
