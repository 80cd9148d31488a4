//! The nouns that every floor above shares. No I/O, no clock, no randomness.
//!
//! Invariant: what a constructor here accepted is canonical; whoever holds the type need not check again.

mod account;
mod action;
mod factor_demand;
mod host;
mod hours;
mod inbound;
mod level;
mod lockdown;
mod log_query;
mod name;
mod origin;
mod path;
mod record;
mod refusal;
mod request_body;
mod shown;
mod stage;
mod token;

pub use account::{
    Account, AccountId, AccountState, AppId, Factor, Label, PetitionId, PetitionState, RecoveryKind, Role, SessionId, TokenId, TokenKind,
    TokenState, Who, is_email,
};
pub use action::Action;
pub use factor_demand::FactorDemand;
pub use host::{Host, NotAHost};
pub use hours::{Hours, NotHours};
pub use inbound::{Inbound, Line};
pub use level::{Bar, Level};
pub use lockdown::{AskedExtension, ByTwo, Closer, Closure, LockdownScope};
pub use log_query::{LogAccount, LogApp, LogCount, LogDecision, LogKind, LogPage, LogQuery, LogRow, parse_network};
pub use name::{AccountName, NotAName, UnitName};
pub use origin::{FAMILIAR_PLACES, Hand, Network, Origin, Site, TlsFacts};
pub use path::{CanonicalPath, NotCanonical, PathAllowance};
pub use record::{Closed, Decision, End, Entry, Event, Opened, Outcome, Record, Reference, StrangerName, capped, visible};
pub use refusal::Refusal;
pub use request_body::RequestBody;
pub use shown::{CertificateTrouble, Shown, ShownChain};
pub use stage::Stage;
pub use token::{Attestation, NotASerial, Proof, Serial};
