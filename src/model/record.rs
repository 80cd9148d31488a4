//! One line of the audit log.
//!
//! Invariant: no record holds a secret, a cookie, a one-time code or a body; every text is capped, and no detail holds a
//! character that a terminal would obey (JSON alone leaves DEL, C1 and the marks that turn a line around).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use data_encoding::BASE32_NOPAD;
use serde::{Deserialize, Serialize};

use super::{AccountName, AppId, Label, Who};
use crate::clock::Time;

/// What an access and its error page are called: 80 random bits in 16 characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Reference(Arc<str>);

impl Reference {
    pub fn new(random: [u8; 10]) -> Self {
        Self(BASE32_NOPAD.encode(&random).into())
    }

    /// As somebody read it off an error page, in any case.
    pub fn parse(typed: &str) -> Option<Self> {
        let typed = typed.trim().to_ascii_uppercase();
        BASE32_NOPAD.decode(typed.as_bytes()).is_ok_and(|random| random.len() == 10).then(|| Self(typed.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A record as it stands in the log: what the writer adds, then what was written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Counts from 1 without a gap.
    pub sequence: u64,
    /// UTC, RFC 3339.
    pub time: String,
    /// 128 random bits, so that a published hash of the entry reveals nothing.
    pub salt: String,
    #[serde(flatten)]
    pub record: Record,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Record {
    Opened(Opened),
    Closed(Closed),
    Event(Event),
    /// Accesses that were open when a segment began, so that the start of a process reads one segment only.
    StillOpen {
        references: Vec<Reference>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    Allowed,
    Refused,
}

/// An access begins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Opened {
    pub reference: Reference,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub who: Option<Arc<Who>>,
    pub address: IpAddr,
    pub port: u16,
    pub tls: String,
    pub group: String,
    /// `None`: the portal.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub app: Option<AppId>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub label: Option<Label>,
    pub host: String,
    pub method: String,
    /// Canonical and redacted, without its query.
    pub path: String,
    /// Of the query only what the app's `log_query` names.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub query: Option<String>,
    pub decision: Decision,
    /// The rule that allowed it, or why it was refused.
    pub rule: String,
}

impl Opened {
    /// Path and query, as far as they are on record.
    pub fn target(&self) -> Cow<'_, str> {
        match &self.query {
            Some(query) => Cow::Owned(format!("{}?{query}", self.path)),
            None => Cow::Borrowed(&self.path),
        }
    }
}

/// Why an access ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    Complete,
    Refused,
    ClientLeft,
    UpstreamFailed,
    /// The session ended or the policy changed.
    Revoked,
    /// The grant's time ran out.
    Expired,
    TooSlow,
    TooLarge,
    /// The gateway's memory was short, and nobody who is signed in used the connection.
    MemoryShort,
    Shutdown,
    /// Written at the next start for an access that the process did not live to close.
    CutOff,
}

/// An access has ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Closed {
    pub reference: Reference,
    pub status: u16,
    /// Body bytes from the client, and to it (for a WebSocket: all bytes after the 101).
    pub bytes_up: u64,
    pub bytes_down: u64,
    pub duration_ms: u64,
    pub end: End,
}

/// What else is on record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    Start,
    Stop,
    ConfigReloaded,
    ConfigRefused,
    LogRepaired,
    SignIn,
    SignOut,
    /// The first factor was right.
    FirstFactor,
    SessionEnded,
    SessionExpired,
    AppEntered,
    AccountInvited,
    AccountEnrolled,
    AccountDisabled,
    AccountEnabled,
    AccountSuspended,
    /// A member may invite and switch off the members of her unit.
    ManagerAppointed,
    ManagerDismissed,
    /// The machine's owner gave a security administrator who was locked out a new start.
    AdministratorRecovered,
    /// An app, a unit or everything was closed, or stays closed by two.
    LockedDown,
    LockdownLifted,
    /// A person allowed a terminal on the machine to act for her.
    TerminalOpened,
    TerminalClosed,
    KeyAdded,
    KeyRemoved,
    /// A key was asked for a fresh proof, before a change of keys.
    KeyProof,
    /// More was proved in a session, or the same again.
    StepUp,
    /// A form that was refused for want of a proof is kept until there is one.
    FormKept,
    /// A form that was kept is sent on, as the access that has this reference.
    FormSent,
    FormDiscarded,
    /// A key's signature counter went back: it may have been copied.
    KeyCounterWentBack,
    /// Many answers in a row, after a right password or in a session, that no key had signed: somebody without the key has the rest.
    KeyAnswersMadeUp,
    /// The certificate of a USB-KEY was shown for sign-in or its kin.
    UsbKeyShown,
    /// Nobody vouches any more for the certificate of a USB-KEY, so what it opened has ended.
    UsbKeyDistrusted,
    /// Files of authorities, or their lists of revoked certificates, have changed.
    TrustReloaded,
    TokensImported,
    TokenIssued,
    /// Its holder showed that she has it.
    TokenActivated,
    TokenSuspended,
    TokenResumed,
    TokenLost,
    TokenRevoked,
    /// The gateway's own issuing authority was made.
    AuthorityCreated,
    CertificateIssued,
    CertificateRenewed,
    CertificateRevoked,
    /// Two codes in a row brought it back.
    TokenResynchronised,
    /// A part of a list of people was taken in.
    PeopleImported,
    LetterMade,
    /// A letter's code came with another serial number than that of its token.
    LetterRefused,
    /// There were too many of those: the letter's code is worthless.
    LetterStopped,
    /// Its date has passed.
    TokenExpired,
    /// It was told until when it opens doors.
    TokenLimited,
    /// A change that a second person has to confirm: by the one who proposed it.
    ChangeProposed,
    ChangeConfirmed,
    ChangeWithdrawn,
    ChangeRejected,
    /// A link for a new token or a new password was made.
    RecoveryOpened,
    /// Something was shown behind such a link, and was right or wrong.
    RecoveryProof,
    /// The person has her new token, or her new password.
    Recovered,
    /// An authority, or a rule by which certificates find their accounts, is trusted from now on.
    AuthorityTrusted,
    /// The key that signs the log's heads was replaced.
    LogKeyRotated,
    /// There was less room on the disk than the reserve (failed), or enough again (done).
    DiskSpace,
    /// Refusals of strangers past their quota, counted together per network and minute.
    StrangersRefused,
    Malformed,
    /// A form of the portal was refused.
    FormRefused,
    /// There was no room on the disk for the log's next file, so what was not urgent was denied (failed), or there is again (done).
    LogFull,
    /// Somebody read the log, or took a part of it away.
    LogRead,
    /// The oldest records were kept as long as they had to be, and their entries are removed.
    LogDropped,
    /// The log was checked against its hashes and heads.
    LogChecked,
    /// What the gateway relies on was tried.
    SelfTest,
    /// A page of a site that is watched is not what it was.
    PageChanged,
    /// A trigger of the emergency plan has found something in the log.
    TriggerFired,
    /// Somebody wants what is closed to stay so for longer; another one has to confirm it.
    LockdownExtensionAsked,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    Done,
    Failed,
}

/// A name that was typed at sign-in. People type passwords there, so a name that no account has is kept as a keyed hash.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StrangerName {
    Known(AccountName),
    Unknown(String),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    pub action: Action,
    pub outcome: Outcome,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub who: Option<Arc<Who>>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub address: Option<IpAddr>,
    /// What ties it to an access.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reference: Option<Reference>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub details: BTreeMap<String, String>,
}

impl Event {
    pub fn done(action: Action) -> Self {
        Self { action, outcome: Outcome::Done, who: None, address: None, reference: None, details: BTreeMap::new() }
    }

    pub fn failed(action: Action) -> Self {
        Self { outcome: Outcome::Failed, ..Self::done(action) }
    }

    #[must_use]
    pub fn by(mut self, who: Arc<Who>) -> Self {
        self.who = Some(who);
        self
    }

    #[must_use]
    pub fn from(mut self, address: IpAddr) -> Self {
        self.address = Some(address);
        self
    }

    /// Adds a detail; its text is made visible and capped.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.details.insert(name.to_owned(), capped(&visible(&value.to_string()), 256));
        self
    }
}

/// At most `longest` bytes of `text`, cut between characters, with a mark where something was cut.
pub fn capped(text: &str, longest: usize) -> String {
    if text.len() <= longest {
        return text.to_owned();
    }
    let mut kept = String::with_capacity(longest.saturating_add(3));
    for c in text.chars() {
        if kept.len().saturating_add(c.len_utf8()) > longest {
            break;
        }
        kept.push(c);
    }
    kept.push('…');
    kept
}

/// Escapes what could move the cursor or turn the text of a terminal around.
pub fn visible(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        let turns = matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}');
        if c.is_control() || turns {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
        out
    })
}

impl Entry {
    pub fn stamp(sequence: u64, time: Time, salt: [u8; 16], record: Record) -> Self {
        Self { sequence, time: time.to_string(), salt: BASE32_NOPAD.encode(&salt), record }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capped_text_is_cut_between_characters_and_says_so() {
        assert_eq!(capped("short", 10), "short");
        assert_eq!(capped("信息公开", 7), "信息…");
        assert_eq!(capped("", 0), "");
    }

    #[test]
    fn what_could_trick_a_terminal_is_escaped() {
        assert_eq!(visible("a\u{1b}[2Jb\u{202e}c\n"), "a\\u{1b}[2Jb\\u{202e}c\\n");
        assert_eq!(visible("王丽"), "王丽");
        let event = Event::failed(Action::SignIn).with("name", "x\u{7f}\u{9b}2J\u{2066}y");
        assert_eq!(event.details["name"], "x\\u{7f}\\u{9b}2J\\u{2066}y");
    }

    #[test]
    fn an_entry_reads_back_as_it_was_written() {
        let event = Event::failed(Action::SignIn).with("name", "x\n\u{202e}y");
        let entry = Entry::stamp(1, Time::from_millis(0), [0; 16], Record::Event(event));
        let line = serde_json::to_string(&entry).unwrap();
        assert!(!line.contains('\n'));
        assert_eq!(serde_json::from_str::<Entry>(&line).unwrap(), entry);
    }
}
