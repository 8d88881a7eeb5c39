//! Which requests are let in: those that can be answered in time, and batches of tenants that have room for one more.

mod admission;
mod captions;
pub mod foretell;
mod idempotency;
mod metrics;
mod quota;
mod readers;

pub use admission::{Admission, AdmissionPermit, PendingPublish};
pub use captions::{Captions, ShedCaptions};
pub use idempotency::{IdempotencyKey, InFlightKeys, key_of};
pub use identity::Tier;
pub use metrics::describe_metrics;
pub use quota::{Held, OpenStream, Quota, QuotaLimits};
pub use readers::Readers;
