//! What happens at the end of a batch, beside the sweep: results go to their
//! owner, a dry run is summed up, whoever wants to know is told.

mod deliver;
mod forecast;
mod webhooks;

pub use deliver::{ResultsDelivery, deliver};
pub use forecast::forecast;
pub use webhooks::{Due, due, tell};
