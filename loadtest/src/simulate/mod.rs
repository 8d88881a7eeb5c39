//! Fleets that nobody can rent, in virtual time: one run, a whole day, the fewest workers that do, and the design that the
//! published system began with. What is simulated is in the crate `simulation`; here is what it is asked.

mod day;
mod fewest;
mod limit;
mod scaled;
mod setup;
mod story;
mod tell;

pub use day::{Day, Sampled, WARM_UP_S, day};
pub use fewest::{Objective, counted as fewest_counted, fewest};
pub use scaled::{DAY_S, Hours, Scaled, hours};
pub use setup::{Policy, Setup};
pub use story::{Step as StoryStep, story};
pub use tell::{row, rows_head};
