//! Policy: may this visitor do this to this app, from there, now? Pure: no I/O, no clock, and no state but what was taken away and which
//! emergency level is in force.
//!
//! Invariant: nobody is let in unless a rule says so. [`Grant`] and [`Permit`] have private fields; only [`decide`] makes
//! the one, and only a grant, a pass and a receipt together make the other.

mod app;
mod decide;
mod demand;
mod emergency;
mod lockdown;
mod loosened;
mod origin;
mod pattern;
mod permit;
mod rule;

pub use app::{App, Binding, Names, hidden};
pub use decide::{Asked, Grant, GrantWatch, Heard, decide, may_enter, may_go_on};
pub use demand::Demand;
pub use emergency::{Emergency, Stance};
pub use lockdown::Lockdown;
pub use origin::{Crossing, origin_check};
pub use pattern::{NotAPattern, PathPattern};
pub use permit::Permit;
pub use rule::{Effect, Rule};
