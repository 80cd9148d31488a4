//! What staff may do to accounts, sessions and tokens. Pages and the control socket ask here; nobody else changes an account.
//!
//! Invariant: the record of a change that gives something is on disk before the change is made, and says who made it. What only
//! takes away waits for nothing: sessions end in memory first, the record is asked for beside the rest, and whoever asked is
//! told where there could be none. A change that fails has a second record that says so.

mod certificates;
mod desk;
mod drawer;
mod inventory;
mod managers;
mod permission;
mod terminals;

#[cfg(test)]
mod tests;

pub use certificates::{CertificateLine, Certified, When};
pub use desk::{AdminError, Desk, Disabled, Invitation, NewAccount};
pub use drawer::TokenEnd;
pub use inventory::TokenLine;
pub use permission::{Actor, Capacity, Change};
pub use terminals::{AskedTerminal, TERMINAL_LIVES, TerminalRequest, TerminalState};
