//! How a session enters an app's host: a one-time code, given out by the portal, spent on the app's host.
//!
//! Invariant: a code is worth something once, for 30 seconds, on one host, in the browser that began there (it holds
//! the nonce, so a link from an attacker cannot sign a victim in as the attacker), and while the portal's token that asked for it is one of
//! the session's: it brings no more than whoever asked had proved.

use std::sync::Arc;
use std::time::Duration;

use super::identity::Identity;
use super::return_to::ReturnPath;
use super::session::{SessionError, Sessions};
use crate::clock::Time;
use crate::crypto::{NoRandomness, Token, TokenHash, same_bytes};
use crate::model::{AccountState, Host};
use crate::store::{Code, Store, StoreError};

const CODE_LIFE: Duration = Duration::from_secs(30);

#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    #[error("a token of an app's host cannot ask for a code")]
    NotThePortal,
    #[error("the session is over, or goes on with another token")]
    SessionOver,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

/// Why a code did not let somebody in: for the log. Outside they are all "begin again".
#[derive(Debug, thiserror::Error)]
pub enum NoEntry {
    #[error("no such code: never given out, spent, or expired")]
    NoSuchCode,
    #[error("the code is for another host")]
    WrongHost,
    #[error("the browser holds no nonce")]
    NonceMissing,
    #[error("the browser holds another nonce")]
    NonceWrong,
    #[error("the portal's session is over, or goes on with another token")]
    SessionOver,
    #[error("the return address is not a path of this host")]
    BadReturnPath,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

#[derive(Clone, Debug)]
pub enum Entry {
    /// Set the cookie to `token`, drop the nonce, go to the return path.
    New { token: Token, identity: Arc<Identity>, return_path: ReturnPath },
    /// Another tab of this browser was faster: it is in already, with the same session. Only go there.
    Already { return_path: ReturnPath },
}

#[derive(Clone, Debug)]
pub struct Handover {
    pub(super) store: Store,
    pub(super) sessions: Arc<Sessions>,
}

impl Handover {
    /// Gives out a code; whether she may enter the app was decided before.
    pub async fn issue(
        &self,
        identity: &Identity,
        app_host: &Host,
        nonce_hash: TokenHash,
        return_path: &ReturnPath,
        now: Time,
    ) -> Result<Token, IssueError> {
        if identity.host() != self.sessions.portal() {
            return Err(IssueError::NotThePortal);
        }
        if !self.sessions.is_open(identity.session_id(), now) {
            return Err(IssueError::SessionOver);
        }
        let token = Token::random()?;
        let code = Code {
            session: identity.session_id(),
            asker: identity.token_hash(),
            host: app_host.clone(),
            nonce: nonce_hash,
            return_path: return_path.as_str().to_owned(),
            expires: now.plus(CODE_LIFE),
        };
        if self.store.put_code(token.hash(), &code, now).await? { Ok(token) } else { Err(IssueError::SessionOver) }
    }

    /// Spends a code on `host`. `nonce` is what the browser's cookie holds, `already` who it is on this host so far.
    pub async fn spend(
        &self,
        code: &Token,
        host: &Host,
        nonce: Option<&Token>,
        already: Option<&Identity>,
        now: Time,
    ) -> Result<Entry, NoEntry> {
        let code = self.store.spend_code(code.hash(), now).await?.ok_or(NoEntry::NoSuchCode)?;
        if code.host != *host {
            return Err(NoEntry::WrongHost);
        }
        let return_path = ReturnPath::parse(&code.return_path).ok_or(NoEntry::BadReturnPath)?;
        let in_already = already.is_some_and(|identity| identity.host() == host && identity.session_id() == code.session);
        match nonce {
            Some(nonce) if same_bytes(&nonce.hash().0, &code.nonce.0) => {}
            _ if in_already && self.sessions.is_open(code.session, now) => return Ok(Entry::Already { return_path }),
            Some(_) => return Err(NoEntry::NonceWrong),
            None => return Err(NoEntry::NonceMissing),
        }
        if !self.sessions.is_open(code.session, now) {
            return Err(NoEntry::SessionOver);
        }
        let entered = self.sessions.enter(code.asker, host, now).await.map_err(|error| match error {
            SessionError::Store(error) => NoEntry::Store(error),
            SessionError::NoRandomness(error) => NoEntry::NoRandomness(error),
        })?;
        let (token, identity) = entered.ok_or(NoEntry::SessionOver)?;
        let account = self.store.account(identity.account()).await?;
        if account.is_none_or(|account| account.state != AccountState::Active) {
            self.sessions.end(identity.session_id()).await?;
            return Err(NoEntry::SessionOver);
        }
        Ok(Entry::New { token, identity, return_path })
    }
}
