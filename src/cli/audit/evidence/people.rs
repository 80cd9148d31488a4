//! The accounts that records name, with their tokens, as the store has them while the pack is made.
//!
//! Invariant: no seed, password, key or code is read for it, nor anything of accounts that no record in the pack names.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use serde::Serialize;

use super::watched::Watched;
use super::whose::{Named, Whose, named_in};
use crate::clock::Time;
use crate::model::{Account, AccountId, Entry, Record, Role, Serial, TokenKind, TokenState, Who};
use crate::store::{AccountFilter, ListedCertificate, Store, StoreError};

/// More people than any gateway has; what strangers write into records must not fill the memory.
const MOST: usize = 100_000;

/// Who is known here, so that names in records lead to accounts.
#[derive(Debug, Default)]
pub struct Directory {
    accounts: HashMap<AccountId, Account>,
    by_name: HashMap<String, AccountId>,
}

#[derive(Debug, Default)]
pub struct Concerned {
    /// Who did something, as records name her.
    acted: BTreeMap<AccountId, Who>,
    /// To whose account or token something was done.
    done_to: BTreeSet<AccountId>,
    /// Who proposed what somebody else did or confirmed.
    proposed: BTreeSet<AccountId>,
}

#[derive(Debug, Serialize)]
pub struct AccountsFile {
    /// What stands here is as it was then, not as it was in the span.
    pub as_of: String,
    /// False: the store was not beside the log, and accounts are only as records name them.
    pub store_read: bool,
    pub accounts: Vec<AccountFacts>,
}

#[derive(Clone, Debug, Serialize)]
pub struct AccountFacts {
    pub account: String,
    pub name: String,
    pub unit: String,
    pub role: Role,
    /// `None`: the store has no such account.
    pub state: Option<String>,
    pub created: Option<String>,
    pub acted: bool,
    pub done_to: bool,
    pub proposed: bool,
    pub tokens: Vec<TokenFacts>,
}

#[derive(Clone, Debug, Serialize)]
pub struct TokenFacts {
    pub serial: String,
    pub kind: TokenKind,
    pub state: TokenState,
    /// What its holder calls it.
    pub label: Option<String>,
    pub added: String,
    pub issued: Option<String>,
    pub last_used: Option<String>,
    pub ended: Option<String>,
    pub expires: Option<String>,
    pub certificates: Vec<CertificateFacts>,
}

#[derive(Clone, Debug, Serialize)]
pub struct CertificateFacts {
    pub number: String,
    pub subject: String,
    pub issuer: String,
    pub not_after: String,
    pub revoked: Option<String>,
}

/// The store beside the log with the accounts that it knows. A pack is worth having without it.
pub async fn known(data: &Path, watched: Watched) -> (Option<Store>, Directory) {
    let path = data.join("yumen.db");
    let read = async {
        let store = if path.exists() { Some(Store::open_read_only(&path).await?) } else { None };
        let directory = Directory::of(store.as_ref()).await?;
        Ok::<_, StoreError>((store, directory))
    };
    read.await.unwrap_or_else(|error| {
        watched.remark(format_args!(
            "the store cannot be read, so that names and units in the pack are those of the records, and an account is found only as it was \
             written: {}",
            crate::gateway::told(&error)
        ));
        (None, Directory::default())
    })
}

impl Directory {
    pub async fn of(store: Option<&Store>) -> Result<Self, StoreError> {
        let Some(store) = store else { return Ok(Self::default()) };
        let accounts = store.accounts(&AccountFilter::default()).await?;
        let by_name = accounts.iter().map(|account| (account.name.to_string(), account.id)).collect();
        Ok(Self { accounts: accounts.into_iter().map(|account| (account.id, account)).collect(), by_name })
    }

    /// An id decides, where there is one.
    fn find(&self, named: &Named<'_>) -> Option<AccountId> {
        match named.id {
            Some(id) => id.parse().ok().filter(|id| self.accounts.contains_key(id)),
            None => self.by_name.get(named.name?).copied(),
        }
    }

    /// With both id and name, if she is known here.
    pub fn resolve(&self, asked: &Whose) -> Whose {
        let found = self.find(&Named { id: asked.id.as_deref(), name: asked.name.as_deref() });
        let found = found.and_then(|id| self.accounts.get(&id));
        found.map_or_else(|| asked.clone(), |account| Whose { id: Some(account.id.to_string()), name: Some(account.name.to_string()) })
    }
}

impl Concerned {
    pub fn look(&mut self, entry: &Entry, directory: &Directory) {
        let who = match &entry.record {
            Record::Opened(opened) => opened.who.as_deref(),
            Record::Event(event) => {
                let [done_to, proposer] = named_in(event);
                self.done_to.extend(directory.find(&done_to));
                self.proposed.extend(directory.find(&proposer));
                event.who.as_deref()
            }
            Record::Closed(_) | Record::StillOpen { .. } => None,
        };
        if let Some(who) = who.filter(|who| self.acted.len() < MOST || self.acted.contains_key(&who.account)) {
            self.acted.insert(who.account, who.clone());
        }
    }

    /// By unit, then name.
    pub async fn facts(&self, directory: &Directory, store: Option<&Store>, now: Time) -> Result<AccountsFile, StoreError> {
        let certificates = match store {
            Some(store) => store.certificates().await?,
            None => Vec::new(),
        };
        let ids: BTreeSet<AccountId> = self.acted.keys().chain(&self.done_to).chain(&self.proposed).copied().collect();
        let mut accounts = Vec::new();
        for id in ids {
            let (acted, done_to) = (self.acted.get(&id), self.done_to.contains(&id));
            let mut facts = match (directory.accounts.get(&id), acted) {
                (Some(account), _) => AccountFacts::of(account),
                (None, Some(who)) => AccountFacts::named(who),
                (None, None) => continue,
            };
            (facts.acted, facts.done_to, facts.proposed) = (acted.is_some(), done_to, self.proposed.contains(&id));
            if let Some(store) = store {
                facts.tokens = tokens(store, id, &certificates).await?;
            }
            accounts.push(facts);
        }
        accounts.sort_by(|one, other| (&one.unit, &one.name, &one.account).cmp(&(&other.unit, &other.name, &other.account)));
        Ok(AccountsFile { as_of: now.to_string(), store_read: store.is_some(), accounts })
    }
}

impl AccountFacts {
    fn of(account: &Account) -> Self {
        Self {
            account: account.id.to_string(),
            name: account.name.to_string(),
            unit: account.unit.to_string(),
            role: account.role,
            state: Some(account.state.to_string()),
            created: Some(account.created.to_string()),
            acted: false,
            done_to: false,
            proposed: false,
            tokens: Vec::new(),
        }
    }

    fn named(who: &Who) -> Self {
        Self {
            account: who.account.to_string(),
            name: who.name.to_string(),
            unit: who.unit.to_string(),
            role: who.role,
            state: None,
            created: None,
            acted: false,
            done_to: false,
            proposed: false,
            tokens: Vec::new(),
        }
    }
}

async fn tokens(store: &Store, account: AccountId, certificates: &[ListedCertificate]) -> Result<Vec<TokenFacts>, StoreError> {
    let keys = store.keys(account).await?;
    let label =
        |serial: &Serial| keys.iter().find(|key| key.serial == *serial).map(|key| key.label.clone()).filter(|label| !label.is_empty());
    let of_token = |serial: &Serial| {
        let mut of_token: Vec<&ListedCertificate> = certificates.iter().filter(|certificate| certificate.serial == *serial).collect();
        of_token.sort_by(|one, other| (one.registered, &one.number).cmp(&(other.registered, &other.number)));
        of_token.into_iter().map(CertificateFacts::of).collect()
    };
    let text = |time: Option<Time>| time.map(|time| time.to_string());
    let tokens = store.tokens_of(account).await?;
    let facts = tokens.into_iter().map(|token| TokenFacts {
        label: label(&token.serial),
        certificates: of_token(&token.serial),
        serial: token.serial.to_string(),
        kind: token.kind,
        state: token.state,
        added: token.added.to_string(),
        issued: text(token.issued),
        last_used: text(token.last_used),
        ended: text(token.ended),
        expires: text(token.expires),
    });
    Ok(facts.collect())
}

impl CertificateFacts {
    fn of(certificate: &ListedCertificate) -> Self {
        Self {
            number: certificate.number.clone(),
            subject: without_addresses(&certificate.subject),
            issuer: without_addresses(&certificate.issuer),
            not_after: certificate.not_after.to_string(),
            revoked: certificate.revoked.map(|time| time.to_string()),
        }
    }
}

/// A name of a certificate without the e-mail addresses that an authority may have put into it.
fn without_addresses(name: &str) -> String {
    let part = |part: &str| match (part.contains('@'), part.split_once('=')) {
        (false, _) => part.to_owned(),
        (true, Some((kind, _))) => format!("{kind}=(left out)"),
        (true, None) => "(left out)".to_owned(),
    };
    name.split(", ").map(|parts| parts.split(" + ").map(part).collect::<Vec<_>>().join(" + ")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::samples::{entry, id, who};
    use super::*;
    use crate::clock::Time;
    use crate::model::{AccountName, AccountState, Action, Event, LogAccount, UnitName};

    fn directory(names: &[&str]) -> Directory {
        let account = |name: &&str| Account {
            id: id(name),
            name: AccountName::parse(name).unwrap(),
            unit: UnitName::parse("x").unwrap(),
            role: Role::Member,
            email: None,
            state: AccountState::Invited,
            created: Time::default(),
        };
        let accounts: Vec<Account> = names.iter().map(account).collect();
        let by_name = accounts.iter().map(|account| (account.name.to_string(), account.id)).collect();
        Directory { accounts: accounts.into_iter().map(|account| (account.id, account)).collect(), by_name }
    }

    #[tokio::test]
    async fn whoever_proposed_is_named_and_nobody_because_a_key_is_called_like_her() {
        let directory = directory(&["chen", "li", "wang"]);
        let mut concerned = Concerned::default();
        let event = Event::done(Action::TokenRevoked).with("account", id("li")).with("name", "li");
        concerned.look(&entry(Record::Event(event.with("proposer", id("chen")).with("proposed-by", "chen"))), &directory);
        concerned.look(&entry(Record::Event(Event::done(Action::KeyAdded).by(who("li")).with("name", "wang"))), &directory);
        let facts = concerned.facts(&directory, None, Time::default()).await.unwrap().accounts;
        let told: Vec<_> = facts.iter().map(|facts| (facts.name.as_str(), facts.acted, facts.done_to, facts.proposed)).collect();
        assert_eq!(told, [("chen", false, false, true), ("li", true, true, false)]);
    }

    #[test]
    fn an_account_that_is_asked_for_by_id_or_name_is_known_by_both() {
        let directory = directory(&["wang"]);
        let both = Whose { id: Some(id("wang").to_string()), name: Some("wang".to_owned()) };
        for asked in ["wang", &id("wang").to_string()] {
            assert_eq!(directory.resolve(&Whose::asked(&LogAccount::parse(asked).unwrap())), both);
        }
        let unknown = Whose::asked(&LogAccount::parse("nobody").unwrap());
        assert_eq!(directory.resolve(&unknown), unknown);
    }

    #[test]
    fn addresses_in_the_names_of_certificates_are_left_out() {
        assert_eq!(without_addresses("OU=x, CN=wang + emailAddress=a@b.test, O=y"), "OU=x, CN=wang + emailAddress=(left out), O=y");
        assert_eq!(without_addresses("CN=Wang, a@b.test"), "CN=Wang, (left out)");
        assert_eq!(without_addresses("OU=信息中心, CN=wang"), "OU=信息中心, CN=wang");
    }
}
