//! Who may do what: one table for the pages and for the control socket.

use std::net::IpAddr;
use std::sync::Arc;

use crate::auth::Identity;
use crate::model::{Event, Role, TokenId};

/// On whose word something is done.
#[derive(Clone, Debug)]
pub enum Actor {
    /// A person who is signed in, and the address that she asks from.
    Staff { identity: Arc<Identity>, address: IpAddr },
    /// Whoever owns the machine, through the control socket.
    Machine { uid: u32 },
}

/// What can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    ReadAccounts,
    ReadSessions,
    Invite,
    DisableAccount,
    EnableAccount,
    EndSession,
    ReadTokens,
    ImportTokens,
    IssueToken,
    ResumeToken,
    StopToken,
    /// Changes that need two, and authorities that wait for them.
    ReadChanges,
    ProposeChange,
    ConfirmChange,
    RejectChange,
    /// To open a way in for somebody who has lost hers.
    Recover,
    /// To propose that an authority is trusted.
    Trust,
    ImportPeople,
    MakeLetters,
    CreateAuthority,
    IssueCertificate,
    RevokeCertificate,
}

impl Change {
    pub const ALL: &[Change] = &[
        Self::ReadAccounts,
        Self::ReadSessions,
        Self::Invite,
        Self::DisableAccount,
        Self::EnableAccount,
        Self::EndSession,
        Self::ReadTokens,
        Self::ImportTokens,
        Self::IssueToken,
        Self::ResumeToken,
        Self::StopToken,
        Self::ReadChanges,
        Self::ProposeChange,
        Self::ConfirmChange,
        Self::RejectChange,
        Self::Recover,
        Self::Trust,
        Self::ImportPeople,
        Self::MakeLetters,
        Self::CreateAuthority,
        Self::IssueCertificate,
        Self::RevokeCertificate,
    ];

    fn allows(self, role: Role) -> bool {
        match self {
            Self::ReadAccounts
            | Self::ReadSessions
            | Self::Invite
            | Self::DisableAccount
            | Self::EnableAccount
            | Self::EndSession
            | Self::ReadTokens
            | Self::ImportTokens
            | Self::IssueToken
            | Self::ResumeToken
            | Self::StopToken
            | Self::ReadChanges
            | Self::ProposeChange
            | Self::ConfirmChange
            | Self::RejectChange
            | Self::Recover
            | Self::Trust
            | Self::ImportPeople
            | Self::MakeLetters
            | Self::CreateAuthority
            | Self::IssueCertificate
            | Self::RevokeCertificate => role == Role::SecurityAdministrator,
        }
    }
}

impl Actor {
    pub fn may(&self, change: Change) -> bool {
        match self {
            // A code can be read out to a stranger, so it makes nobody staff.
            Self::Staff { identity, .. } => {
                !identity.is_revoked() && identity.factor().is_phishing_resistant() && change.allows(identity.who().role)
            }
            Self::Machine { .. } => true,
        }
    }

    /// The hardware token that was shown for this very thing already, so that no page has to ask for it: as whoever opened a terminal has.
    pub fn fresh_token(&self) -> Option<TokenId> {
        match self {
            Self::Staff { .. } | Self::Machine { .. } => None,
        }
    }

    /// Puts the actor on a record.
    pub fn sign(&self, event: Event) -> Event {
        match self {
            Self::Staff { identity, address } => event.by(identity.who().clone()).from(*address),
            Self::Machine { uid } => event.with("uid", uid),
        }
    }
}
