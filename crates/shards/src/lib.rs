//! The work on one shard of a batch: its images are fetched, prepared and tagged with low priority, tried again where that may
//! help, and what became of them is written down every now and then. Who has the shard in hand is the migrator's to know.

mod config;
mod extra_slots;
mod image;
mod metrics;
mod run;
mod tagger;
mod targets;
mod tries;

pub use config::ShardConfig;
pub use extra_slots::{ExtraSlot, ExtraSlots};
pub use metrics::describe as describe_metrics;
pub use run::{Ended, Run};
pub use tagger::BulkTagger;
