//! What staff may do to accounts and sessions. Pages and the control socket ask here; nobody else changes an account.
//!
//! Invariant: the record of a change is on disk before the change is made, and says who made it. A change that then fails
//! has a second record that says so.

mod desk;
mod permission;

#[cfg(test)]
mod tests;

pub use desk::{AdminError, Desk, Invitation, NewAccount};
pub use permission::{Actor, Change};
