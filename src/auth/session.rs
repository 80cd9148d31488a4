//! The sessions that are open, in memory in front of the store.
//!
//! Invariant: the table is complete. Every session is loaded at the start or made here, so looking one up asks neither
//! the store nor a lock that all requests share, and a made-up cookie costs one hash. What ends a session takes
//! effect in memory first, at once; the store follows, and is asked again by [`Sessions::write_back`] until it has.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::identity::{Identity, Live, strongest};
use super::introduction::Introduction;
use super::limits::{SessionLimits, SharedLimits};
use super::makes::MakesOfKeys;
use super::tokens::Tokens;
use super::visits::{Mark, Visits};
use crate::clock::Time;
use crate::crypto::{NoRandomness, Token, TokenHash};
use crate::model::{Account, AccountId, Factor, Host, Proof, SessionId, TokenId, Who, capped};
use crate::store::{Session, Store, StoreError, StoredHostToken, StoredSession, Touch};

const LONGEST_USER_AGENT: usize = 256;

#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

/// The browser that signs in, for the list of sessions.
#[derive(Clone, Debug)]
pub struct Browser {
    pub address: IpAddr,
    pub user_agent: String,
}

/// A session that has ended.
#[derive(Clone, Debug)]
pub struct Ended {
    pub id: SessionId,
    pub who: Arc<Who>,
}

#[derive(Debug)]
pub struct Sessions {
    pub(super) store: Store,
    portal: Host,
    pub(super) limits: SharedLimits,
    pub(super) tokens: Tokens,
    open: Mutex<HashMap<SessionId, Open>>,
    makes: MakesOfKeys,
    /// Held by one step-up at a time, so that memory and store agree on which token of the portal is the last.
    pub(super) proving: tokio::sync::Mutex<()>,
    /// Ended here, but perhaps not yet in the store.
    ending: Mutex<HashSet<SessionId>>,
}

#[derive(Debug)]
pub(super) struct Open {
    pub(super) live: Arc<Live>,
    pub(super) who: Arc<Who>,
    email: Option<Arc<str>>,
    introduction: Option<Arc<Introduction>>,
    pub(super) tokens: Vec<(Host, TokenHash)>,
    pub(super) proofs: Arc<[Proof]>,
    /// What is being proved just now: whoever revokes such a token ends this session too.
    pub(super) proving: Vec<TokenId>,
    /// The times that the store knows.
    written: Touch,
}

impl Sessions {
    /// Loads what the store holds; ends what is over by now.
    pub async fn load(store: Store, portal: Host, limits: SessionLimits, now: Time) -> Result<Self, StoreError> {
        let stored = store.live_sessions().await?;
        let sessions = Self {
            store,
            portal,
            limits: SharedLimits::new(limits),
            tokens: Tokens::default(),
            open: Mutex::default(),
            ending: Mutex::default(),
            makes: MakesOfKeys::default(),
            proving: tokio::sync::Mutex::default(),
        };
        let mut shifted = Vec::new();
        for session in stored {
            shifted.extend(sessions.restore(session, now));
        }
        if !shifted.is_empty() {
            sessions.store.touch(&shifted).await?;
        }
        sessions.sweep(now);
        sessions.write_back().await?;
        Ok(sessions)
    }

    /// Which keys are of which makes.
    pub fn makes(&self) -> &MakesOfKeys {
        &self.makes
    }

    pub fn portal(&self) -> &Host {
        &self.portal
    }

    /// Who holds this token, if it is one for this host and its session is not over.
    pub fn lookup(&self, token: &Token, host: &Host, now: Time) -> Option<Arc<Identity>> {
        let identity = self.tokens.find(&token.hash())?;
        (identity.host == *host && !identity.live.is_over(now)).then_some(identity)
    }

    /// Who was given this token.
    pub(super) fn holder_of(&self, token: TokenHash) -> Option<Arc<Identity>> {
        self.tokens.find(&token)
    }

    /// Ends a session; `false`: it was not open.
    pub async fn end(&self, id: SessionId) -> Result<bool, StoreError> {
        let was_open = self.revoke(id).is_some();
        let was_stored = self.store.end_session(id).await?;
        self.ending().remove(&id);
        Ok(was_open || was_stored)
    }

    /// Ends the account's sessions but one: "sign out everywhere else".
    pub async fn end_others(&self, account: AccountId, keep: SessionId) -> Result<Vec<Ended>, StoreError> {
        self.end_where(|id, open| open.who.account == account && id != keep).await
    }

    /// Ends all that the account has, in memory and at once; the store hears of it at the next [`Sessions::write_back`].
    pub fn revoke_all_of(&self, account: AccountId) -> Vec<Ended> {
        self.revoke_where(|_, open| open.who.account == account)
    }

    /// Ends all that was begun before then, of these accounts or of everybody, in memory and at once.
    pub fn revoke_all_before(&self, begun: Time, of: Option<&HashSet<AccountId>>) -> Vec<Ended> {
        self.revoke_where(|_, open| open.live.signed_in < begun && of.is_none_or(|of| of.contains(&open.who.account)))
    }

    /// Ends all that a token opened or had a part in, in memory and at once.
    pub fn revoke_all_by(&self, token: TokenId) -> Vec<Ended> {
        self.revoke_where(|_, open| open.rests_on(token))
    }

    /// Ends all that the account has.
    pub async fn end_all_of(&self, account: AccountId) -> Result<Vec<Ended>, StoreError> {
        let ended = self.revoke_all_of(account);
        self.store.end_sessions_of(account).await?;
        self.forget_ending(&ended);
        Ok(ended)
    }

    /// Ends the sessions that a key opened or had a part in, because the key is no longer trusted.
    pub async fn end_of_key(&self, key: TokenId) -> Result<Vec<Ended>, StoreError> {
        self.end_where(|_, open| open.rests_on(key)).await
    }

    /// Ends, in memory, what has become too old or idle, and says what that was; the store hears of it at the next
    /// [`Sessions::write_back`].
    pub fn sweep(&self, now: Time) -> Vec<Ended> {
        self.revoke_where(|_, open| open.live.is_over(now))
    }

    /// Writes to the store when sessions were last active, and the ends that it has not taken yet.
    pub async fn write_back(&self) -> Result<(), StoreError> {
        let touches: Vec<Touch> = {
            let open = self.open();
            open.values().map(|open| (open.touch(), &open.written)).filter(|(new, old)| new != *old).map(|(new, _)| new).collect()
        };
        if !touches.is_empty() {
            self.store.touch(&touches).await?;
            let mut open = self.open();
            for touch in touches {
                if let Some(open) = open.get_mut(&touch.session) {
                    open.written = touch;
                }
            }
        }
        let ending: Vec<SessionId> = self.ending().iter().copied().collect();
        for id in ending {
            self.store.end_session(id).await?;
            self.ending().remove(&id);
        }
        Ok(())
    }

    /// Opens a session with a token for the portal. `None`: the account is not active or the key is gone.
    pub(super) async fn create(
        &self,
        account: &Account,
        key: TokenId,
        factor: Factor,
        browser: Browser,
        now: Time,
    ) -> Result<Option<(Token, Arc<Identity>)>, SessionError> {
        let token = Token::random()?;
        let session = Session {
            id: SessionId::fresh(),
            account: account.id,
            key,
            factor,
            mark: token.hash().hex().chars().take(16).collect(),
            signed_in: now,
            last_active: now,
            address: browser.address,
            user_agent: capped(&browser.user_agent, LONGEST_USER_AGENT),
        };
        // In memory first: whoever ends all of the account's sessions meanwhile finds this one too.
        let hosts = [(self.portal.clone(), now)].into();
        let proof = Proof { token: key, factor, at: now };
        let given = StoredHostToken { host: self.portal.clone(), hash: token.hash(), proofs: vec![proof] };
        let identity = self.insert(&session, account, vec![proof], &[given], hosts);
        let Some(identity) = identity else { return Ok(None) };
        match self.store.create_session(&session, &self.portal, token.hash()).await {
            Ok(true) if !identity.is_revoked() => Ok(Some((token, identity))),
            Ok(_) => {
                self.end(session.id).await?;
                Ok(None)
            }
            Err(error) => {
                self.revoke(session.id);
                Err(error.into())
            }
        }
    }

    /// Gives the session of the portal's token `asker` one for an app's host. `None`: the session is over, or `asker` worth nothing any more.
    pub(super) async fn enter(&self, asker: TokenHash, host: &Host, now: Time) -> Result<Option<(Token, Arc<Identity>)>, SessionError> {
        let Some(id) = self.holder_of(asker).map(|identity| identity.session_id()) else { return Ok(None) };
        let token = Token::random()?;
        let Some(given_way) = self.store.add_host_token(asker, host, token.hash(), now).await? else { return Ok(None) };
        let mut open = self.open();
        let Some(session) = open.get_mut(&id).filter(|session| !session.live.is_over(now)) else { return Ok(None) };
        session.tokens.retain(|(_, token)| !given_way.contains(token));
        given_way.iter().for_each(|token| self.tokens.remove(token));
        // More was proved meanwhile, by somebody who need not be the one who asked.
        if !session.tokens.iter().any(|(_, token)| *token == asker) {
            return Ok(None);
        }
        session.tokens.push((host.clone(), token.hash()));
        let identity = session.identity(host, token.hash(), now);
        self.tokens.insert(token.hash(), Arc::clone(&identity));
        Ok(Some((token, identity)))
    }

    /// Whether the session is open.
    pub fn is_open(&self, id: SessionId, now: Time) -> bool {
        self.open().get(&id).is_some_and(|session| !session.live.is_over(now))
    }

    /// Puts a stored session into the table. A clock that was set back while the process was down must not make it
    /// younger than it was when it was last seen: then all its times move, and the store is told.
    fn restore(&self, stored: StoredSession, now: Time) -> Option<Touch> {
        let StoredSession { mut session, account, mut proofs, mut tokens, mut hosts } = stored;
        let latest = proofs.iter().map(|proof| proof.at).fold(session.last_active, Time::max);
        let ahead = latest.since(now);
        session.last_active = session.last_active.minus(ahead);
        session.signed_in = session.signed_in.minus(ahead);
        hosts.values_mut().for_each(|active| *active = active.minus(ahead).min(now));
        let of_tokens = tokens.iter_mut().flat_map(|token| &mut token.proofs);
        proofs.iter_mut().chain(of_tokens).for_each(|proof| proof.at = proof.at.minus(ahead));
        self.insert(&session, &account, proofs, &tokens, hosts.clone());
        let touch = Touch { session: session.id, signed_in: session.signed_in, last_active: session.last_active, hosts };
        (!ahead.is_zero()).then_some(touch)
    }

    /// Returns the identity of the first token. `hosts`: when each was last active.
    fn insert(
        &self,
        session: &Session,
        account: &Account,
        proofs: Vec<Proof>,
        tokens: &[StoredHostToken],
        hosts: BTreeMap<Host, Time>,
    ) -> Option<Arc<Identity>> {
        let who = Who {
            account: account.id,
            name: account.name.clone(),
            unit: account.unit.clone(),
            role: account.role,
            factor: Some(strongest(session.factor, &proofs)),
            session: Some(session.mark.as_str().into()),
        };
        let new = Open {
            live: Arc::new(Live {
                id: session.id,
                key: session.key,
                factor: session.factor,
                signed_in: session.signed_in,
                address: session.address,
                user_agent: session.user_agent.clone(),
                limits: self.limits.clone(),
                makes: self.makes.clone(),
                last_active: Mark::at(session.last_active),
                visits: Visits::of(&hosts),
                revoked: AtomicBool::new(false),
                revocation: Notify::new(),
            }),
            introduction: Introduction::of(&who, account.email.as_deref()).ok().map(Arc::new),
            who: Arc::new(who),
            email: account.email.as_deref().map(Into::into),
            tokens: tokens.iter().map(|token| (token.host.clone(), token.hash)).collect(),
            proofs: proofs.into(),
            proving: Vec::new(),
            written: Touch { session: session.id, signed_in: session.signed_in, last_active: session.last_active, hosts },
        };
        let mut first = None;
        let mut open = self.open();
        for StoredHostToken { host, hash, proofs } in tokens {
            let entered = new.written.hosts.get(host).copied().unwrap_or(session.signed_in);
            let identity = new.identity_before(proofs, (host, *hash), entered);
            first.get_or_insert_with(|| Arc::clone(&identity));
            self.tokens.insert(*hash, identity);
        }
        open.insert(session.id, new);
        first
    }

    async fn end_where(&self, which: impl Fn(SessionId, &Open) -> bool) -> Result<Vec<Ended>, StoreError> {
        let ended = self.revoke_where(which);
        for session in &ended {
            self.store.end_session(session.id).await?;
            self.ending().remove(&session.id);
        }
        Ok(ended)
    }

    fn revoke_where(&self, which: impl Fn(SessionId, &Open) -> bool) -> Vec<Ended> {
        let ids: Vec<SessionId> = {
            let open = self.open();
            open.iter().filter(|(id, open)| which(**id, open)).map(|(id, _)| *id).collect()
        };
        ids.into_iter().filter_map(|id| self.revoke(id)).collect()
    }

    fn revoke(&self, id: SessionId) -> Option<Ended> {
        let mut open = self.open();
        let session = open.remove(&id)?;
        session.live.revoke();
        session.tokens.iter().for_each(|(_, token)| self.tokens.remove(token));
        self.ending().insert(id);
        Some(Ended { id, who: session.who })
    }

    fn forget_ending(&self, ended: &[Ended]) {
        let mut ending = self.ending();
        ended.iter().for_each(|session| {
            ending.remove(&session.id);
        });
    }

    pub(super) fn open(&self) -> MutexGuard<'_, HashMap<SessionId, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ending(&self) -> MutexGuard<'_, HashSet<SessionId>> {
        self.ending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn rests_on(&self, token: TokenId) -> bool {
        self.live.key == token || self.proofs.iter().any(|proof| proof.token == token) || self.proving.contains(&token)
    }

    /// `entered`: when the host was, for its idle time.
    pub(super) fn identity(&self, host: &Host, token: TokenHash, entered: Time) -> Arc<Identity> {
        self.identity_with(Arc::clone(&self.who), Arc::clone(&self.proofs), (host, token), entered)
    }

    /// That of a token that was given out before all of the session's proofs were there.
    fn identity_before(&self, proofs: &[Proof], token: (&Host, TokenHash), entered: Time) -> Arc<Identity> {
        let who = Who { factor: Some(strongest(self.live.factor, proofs)), ..Who::clone(&self.who) };
        self.identity_with(Arc::new(who), proofs.into(), token, entered)
    }

    fn identity_with(&self, who: Arc<Who>, proofs: Arc<[Proof]>, (host, token): (&Host, TokenHash), entered: Time) -> Arc<Identity> {
        Arc::new(Identity {
            who,
            email: self.email.clone(),
            introduction: self.introduction.clone(),
            host: host.clone(),
            token,
            proofs,
            mark: self.live.visits.enter(host, entered),
            live: Arc::clone(&self.live),
        })
    }

    fn touch(&self) -> Touch {
        let live = &self.live;
        Touch { session: live.id, signed_in: live.signed_in, last_active: live.last_active(), hosts: live.visits.times() }
    }
}
