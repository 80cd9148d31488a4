//! The open sessions, for whoever looks at them: lists and counts.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use super::session::{Open, Sessions};
use crate::clock::Time;
use crate::model::{AccountId, Factor, Host, SessionId, TokenId, TokenKind, UnitName, Who};

/// A line of the list of sessions.
#[derive(Clone, Debug)]
pub struct SessionRow {
    pub id: SessionId,
    pub who: Arc<Who>,
    pub key: TokenId,
    pub signed_in: Time,
    pub last_active: Time,
    pub address: IpAddr,
    pub user_agent: String,
    /// The hosts that were entered, without the portal.
    pub hosts: BTreeSet<Host>,
}

/// How many sessions are open, and how many accounts have one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionCounts {
    pub open: usize,
    pub accounts: usize,
}

/// What open sessions make of a certificate that was shown in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateInUse {
    pub unit: UnitName,
    /// In one of them it counts as a key in hardware, so as two factors.
    pub as_hardware: bool,
}

impl Sessions {
    /// The tokens whose certificates opened what is open, or had a part in it.
    pub fn certificates_in_use(&self) -> HashMap<TokenId, CertificateInUse> {
        let mut found: HashMap<TokenId, CertificateInUse> = HashMap::new();
        for open in self.open().values() {
            for proof in open.proofs.iter().filter(|proof| proof.factor.token() == TokenKind::UsbKey) {
                let new = || CertificateInUse { unit: open.who.unit.clone(), as_hardware: false };
                found.entry(proof.token).or_insert_with(new).as_hardware |= proof.factor == Factor::UsbKey;
            }
        }
        found
    }

    /// The account's sessions, the newest first.
    pub fn list_of(&self, account: AccountId) -> Vec<SessionRow> {
        self.list(|open| open.who.account == account)
    }

    /// All sessions, the newest first.
    pub fn list_all(&self) -> Vec<SessionRow> {
        self.list(|_| true)
    }

    pub fn counts(&self) -> SessionCounts {
        let open = self.open();
        let accounts: HashSet<AccountId> = open.values().map(|session| session.who.account).collect();
        SessionCounts { open: open.len(), accounts: accounts.len() }
    }

    fn list(&self, which: impl Fn(&Open) -> bool) -> Vec<SessionRow> {
        let mut rows: Vec<SessionRow> = {
            let open = self.open();
            open.iter().filter(|(_, open)| which(open)).map(|(id, open)| open.row(*id, self.portal())).collect()
        };
        rows.sort_by_key(|row| std::cmp::Reverse((row.signed_in, row.id)));
        rows
    }
}

impl Open {
    fn row(&self, id: SessionId, portal: &Host) -> SessionRow {
        SessionRow {
            id,
            who: Arc::clone(&self.who),
            key: self.live.key,
            signed_in: self.live.signed_in,
            last_active: self.live.last_active(),
            address: self.live.address,
            user_agent: self.live.user_agent.clone(),
            hosts: self.tokens.iter().map(|(host, _)| host).filter(|host| *host != portal).cloned().collect(),
        }
    }
}
