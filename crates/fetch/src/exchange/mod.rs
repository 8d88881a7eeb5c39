//! One HTTP exchange with an origin that is not trusted: the question, and what its answer means.

mod answer;
mod client;

pub use answer::{Answer, Bounds, asked_pause, judge, read};
pub use client::{Clients, Settings};
