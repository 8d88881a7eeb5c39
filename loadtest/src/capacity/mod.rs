//! From what stages cost to machines and money. Pure: files are read by the commands.

mod bill;
mod figure;
mod load;
mod page;
mod prices;
mod profile;
mod sensitivity;
mod text;

pub use bill::{Bill, Count, plan};
pub use figure::{Basis, Figure};
pub use load::Load;
pub use page::{Plot, page, pictures};
pub use prices::{Machine, Prices};
pub use profile::{Device, Picture, Profile};
pub use sensitivity::{Lever, levers};
pub use text::text;
