//! The metrics of dispatching.

use common::telemetry;
use metrics::{describe_counter, describe_gauge};

pub const CANCELLED: &str = "tagfleet_jobs_cancelled_total";
/// The name of [`CANCELLED`] before; it is kept for one version.
pub const CALLED_OFF: &str = "tagfleet_jobs_called_off_total";

pub const SHARE: &str = "tagfleet_migrate_share";

pub fn describe() {
    describe_counter!(
        CANCELLED,
        "Real-time jobs whose client hung up before the answer"
    );
    describe_counter!(
        CALLED_OFF,
        "The same as tagfleet_jobs_cancelled_total, its new name"
    );
    describe_gauge!(
        SHARE,
        "Jobs that this migrator may have at the workers at once"
    );
    telemetry::begin_at_zero(&[CANCELLED, CALLED_OFF]);
}
