//! The command line.

mod files;
mod find;
mod gather;
mod keep;
mod load;
mod origin;
mod plan;
mod profile;
mod report;
mod run;
mod simulate;

pub use find::Find;
pub use gather::Gather;
pub use load::LoadArgs;
pub use origin::Origin;
pub use plan::Plan;
pub use profile::Profile;
pub use report::Report;
pub use run::Run;
pub use simulate::Simulate;
