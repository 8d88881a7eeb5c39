//! The command line.

mod find;
mod gather;
mod keep;
mod load;
mod origin;
mod report;
mod run;

pub use find::Find;
pub use gather::Gather;
pub use load::LoadArgs;
pub use origin::Origin;
pub use report::Report;
pub use run::Run;
