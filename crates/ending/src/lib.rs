//! What happens at the end of a batch, beside the sweep: results go to their
//! owner, a dry run is summed up, whoever wants to know is told.

mod deliver;
mod forecast;
mod webhooks;

pub use deliver::{Results, ResultsDelivery};
pub use forecast::Forecasts;
pub use webhooks::{Due, Webhooks, describe_metrics};
