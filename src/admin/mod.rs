//! What staff may do to accounts, sessions and tokens. Pages and the control socket ask here; nobody else changes an account.
//!
//! Invariant: the record of a change that gives something is on disk before the change is made, and says who made it. What only
//! takes away waits for nothing: sessions end in memory first, the record is asked for beside the rest, and whoever asked is
//! told where there could be none. A change that fails has a second record that says so.

mod certificates;
mod desk;
mod disabled;
mod drawer;
mod error;
mod incident_papers;
mod incidents;
mod inventory;
mod letters;
mod lockdown;
mod log;
mod log_export;
mod managers;
mod named;
mod packs;
mod people;
mod permission;
mod petitions;
mod proposal;
mod recovery;
mod roster;
mod terminals;
mod trust;

#[cfg(test)]
mod tests;

pub use certificates::{CertificateLine, Certified, When};
pub use desk::{Desk, Invitation, NewAccount};
pub use disabled::Disabled;
pub use drawer::TokenEnd;
pub use error::AdminError;
pub use incidents::Incidents;
pub use inventory::TokenLine;
pub use letters::{Letter, LetterSettings};
pub use lockdown::{ClosedNow, Extension, LONGEST_LOCKDOWN, Lockdowns, LockedDown};
pub use log::{FoundRecord, LogBooks, LogFigures, LogFound, LogReach, LogReading, ProvenRecord};
pub use log_export::LogExport;
pub use named::Person;
pub use packs::{PackMade, PackMaker, PackOut, PackWanted, Packs};
pub use people::{PeopleFound, PeopleImported};
pub use permission::{Actor, Capacity, Change};
pub use petitions::{Carried, Petition, Proposed, Proposing};
pub use proposal::{KeyToCertify, Proposal};
pub use recovery::{Lacks, RecoveryLink};
pub use roster::{Column, LARGEST_ROSTER_BYTES, Listed, Roster, RowProblem, RowReason};
pub use terminals::{AskedTerminal, TERMINAL_LIVES, TerminalRequest, TerminalState};
pub use trust::Untrusted;
