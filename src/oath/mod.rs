//! OATH tokens: the codes that they show, which of them is right now, and the files in which their seeds come.
//!
//! Invariant: pure. What a token has spent is said by [`Progress`] alone, which only moves forward; whoever stores it must swap the old for
//! the new atomically, or one code could be used twice.

mod code;
mod delivery;
mod progress;
mod pskc;
mod seed_csv;
mod xml_encryption;

pub use code::{Kind, Scheme, Seed, TypedCode, WrongScheme};
pub use delivery::{Delivered, Problem, Reason, read};
pub use progress::Progress;
pub use xml_encryption::{TransportKey, Undecipherable};
