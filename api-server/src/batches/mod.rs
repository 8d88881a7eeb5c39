//! Batches over HTTP, in the shape of OpenAI's: a list of images of any
//! length comes in, is cut into shards, and what becomes of it can be read at
//! any time. The work itself is the migrator's.

mod cancel;
mod create;
mod events;
mod get;
mod lines;
mod list;
mod named;
mod reply;
mod retag;
mod retry;
mod source;

pub use cancel::{__path_cancel_batch, cancel_batch};
pub use create::{__path_create_batch, create_batch};
pub use events::{__path_batch_events, batch_events};
pub use get::{__path_get_batch, get_batch};
pub use lines::{__path_batch_errors, __path_batch_results, batch_errors, batch_results};
pub use list::{__path_list_batches, list_batches};
pub use retry::{__path_retry_batch, retry_batch};
