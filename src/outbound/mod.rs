//! What leaves the house by itself: the audit log, on its way to those who keep a copy of it, and to its archive ([`archive`]); and what the
//! public reads, which is looked at from here ([`pages`]); and notices of incidents ([`notices`]).
//!
//! A sink takes the records of the log in their order, from its cursor on ([`delivery`]), as syslog or JSON Lines ([`lines`], [`syslog`]), in
//! the log's own words or those of OCSF ([`ocsf`]). The log itself is the spool: while a receiver is away nothing is kept twice.
//!
//! Invariant: a cursor never stands behind a record that its receiver may have lost; what it takes to know that stands in [`window`]. So a
//! record may come twice, told by its sequence, and none is missing.

mod archive;
mod connection;
mod cursor;
mod delivery;
mod lines;
mod notices;
mod ocsf;
mod pages;
mod progress;
mod severity;
mod sinks;
mod syslog;
mod window;
mod wire;

#[cfg(test)]
mod tests;

use std::path::PathBuf;

use crate::audit::Leaf;

pub use archive::{Archive, ArchiveError, ArchiveSettings, Bucket, File, Part, read_secret};
pub use notices::{MOST_TRIES, NotSent, Queue, Waiting, is_mailbox, read_key, send};
pub use pages::{Answer, NotFetched, fetch};
pub use progress::Standing;
pub use sinks::{Ready, SinkError, Sinks};

/// One receiver of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkSettings {
    /// What its place in the log is kept under.
    pub name: String,
    pub kind: Kind,
    pub to: Destination,
    /// PEM certificates of which one must have signed the receiver's; there if it is spoken to in TLS.
    pub ca: Option<PathBuf>,
    /// What the gateway shows of itself.
    pub identity: Option<Identity>,
    pub format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// RFC 5424 with octet counting (RFC 5425; RFC 6587, section 3.4.1).
    Syslog,
    /// One JSON object a line.
    JsonLines,
}

/// What stands in the body of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The bytes of the log, which its proofs are about.
    Yumen,
    /// The Open Cybersecurity Schema Framework.
    Ocsf,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    Tls { host: String, port: u16 },
    Tcp { host: String, port: u16 },
    File(PathBuf),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// As it is written in the config; IPv6 in brackets.
impl std::fmt::Display for Destination {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let brackets = |host: &str| if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        match self {
            Self::Tls { host, port } => write!(f, "tls://{}:{port}", brackets(host)),
            Self::Tcp { host, port } => write!(f, "tcp://{}:{port}", brackets(host)),
            Self::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

/// What was signed of the log: the first so many records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's own name.
    pub origin: String,
    pub size: u64,
    /// The signed note (C2SP tlog-checkpoint), whole.
    pub note: String,
}

/// The log cannot be read now; a sentence.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NotRead(pub String);

/// The sealed log, as sinks read it; both may block.
pub trait Log: Send + Sync + 'static {
    /// `None`: nothing was sealed yet.
    fn checkpoint(&self) -> Result<Option<Checkpoint>, NotRead>;
    /// At most `most` records from the sequence `from` on, in order, none past the checkpoint.
    /// Where the first of them were dropped, it begins with the oldest that is there.
    fn read(&self, from: u64, most: usize) -> Result<Vec<Leaf>, NotRead>;
    /// The hash of a record, also of one that was dropped; `None`: the log has no such record.
    fn leaf_hash(&self, sequence: u64) -> Result<Option<[u8; 32]>, NotRead>;
}
