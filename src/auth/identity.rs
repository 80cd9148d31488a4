//! Somebody who is signed in, as requests see her.
//!
//! Invariant: only the session table of this module makes an [`Identity`]. Once its session is revoked or over, it stays so. What was
//! proved is as it was when its token was given out, so a stolen cookie never grows stronger.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

use super::introduction::Introduction;
use super::limits::SharedLimits;
use super::makes::MakesOfKeys;
use super::visits::{Mark, Visits};
use crate::clock::Time;
use crate::crypto::TokenHash;
use crate::model::{AccountId, Factor, Host, Proof, SessionId, TokenId, Who};

/// Who makes a request, as far as its cookie tells.
#[derive(Clone, Debug)]
pub enum Visitor {
    Stranger,
    Known(Arc<Identity>),
}

impl Visitor {
    pub fn known(&self) -> Option<&Arc<Identity>> {
        match self {
            Self::Stranger => None,
            Self::Known(identity) => Some(identity),
        }
    }
}

/// A signed-in person on one host.
#[derive(Debug)]
pub struct Identity {
    pub(super) who: Arc<Who>,
    pub(super) email: Option<Arc<str>>,
    pub(super) introduction: Option<Arc<Introduction>>,
    pub(super) host: Host,
    pub(super) token: TokenHash,
    pub(super) proofs: Arc<[Proof]>,
    /// That of its host.
    pub(super) mark: Arc<Mark>,
    pub(super) live: Arc<Live>,
}

impl Identity {
    pub fn who(&self) -> &Arc<Who> {
        &self.who
    }

    pub fn account(&self) -> AccountId {
        self.who.account
    }

    pub fn email(&self) -> Option<&Arc<str>> {
        self.email.as_ref()
    }

    /// `None`: what she is called does not fit a header field.
    pub fn introduction(&self) -> Option<&Introduction> {
        self.introduction.as_deref()
    }

    /// The only host where its token is worth something.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The hash of its token on this host, for what is bound to the browser (CSRF).
    pub fn token_hash(&self) -> TokenHash {
        self.token
    }

    pub fn session_id(&self) -> SessionId {
        self.live.id
    }

    pub fn signed_in(&self) -> Time {
        self.live.signed_in
    }

    /// Whether she has been away for `limit` as the app at `host` sees it. A limit tighter than the session's counts what she did in that
    /// app alone, from when she entered it, so that being busy elsewhere does not keep it open; any other counts all that she does.
    pub fn is_away(&self, host: &Host, limit: Duration, now: Time) -> bool {
        let is_tighter = limit < self.live.limits.set_idle();
        let here = is_tighter.then(|| self.last_active_on(host)).flatten();
        now >= here.unwrap_or_else(|| self.live.last_active()).plus(limit)
    }

    /// Whether she has done nothing anywhere for `limit`.
    pub fn is_idle(&self, limit: Duration, now: Time) -> bool {
        now >= self.live.last_active().plus(limit)
    }

    fn last_active_on(&self, host: &Host) -> Option<Time> {
        if *host == self.host { Some(self.mark.time()) } else { self.live.visits.last(host) }
    }

    /// What had been proved in the session when this token was given out, once for each of her tokens; the first is that of the token
    /// that opened the session.
    pub fn proofs(&self) -> &[Proof] {
        &self.proofs
    }

    /// The strongest that was proved.
    pub fn factor(&self) -> Factor {
        strongest(self.live.factor, &self.proofs)
    }

    /// Whether one proof is by a factor that `fits`, and no older than `fresh`, if that is asked.
    pub fn proven_within(&self, fits: impl Fn(Factor) -> bool, fresh: Option<Duration>, now: Time) -> bool {
        self.proven_by(|proof| fits(proof.factor), fresh, now)
    }

    /// Whether there is a proof that `counts`, and is no older than `fresh`, if that is asked.
    pub fn proven_by(&self, counts: impl Fn(&Proof) -> bool, fresh: Option<Duration>, now: Time) -> bool {
        let is_fresh = |at: Time| fresh.is_none_or(|fresh| now < at.plus(fresh));
        self.proofs.iter().any(|proof| counts(proof) && is_fresh(proof.at))
    }

    /// The key that opened the session.
    pub fn key(&self) -> TokenId {
        self.live.key
    }

    /// Whether a token that she has shown is a security key of one of these makes.
    pub fn has_key_of(&self, token: TokenId, makes: &[Arc<str>]) -> bool {
        self.live.makes.is_one_of(token, makes)
    }

    /// Whether this token was shown in the session.
    pub fn rests_on(&self, token: TokenId) -> bool {
        self.proofs.iter().any(|proof| proof.token == token)
    }

    pub fn is_revoked(&self) -> bool {
        self.live.is_revoked()
    }

    /// Resolves when the session is revoked: signed out, ended by somebody, expired and swept.
    pub async fn until_revoked(&self) {
        loop {
            let notified = self.live.revocation.notified();
            if self.live.is_revoked() {
                return;
            }
            notified.await;
        }
    }

    /// Restarts the idle time of the session and of its host; in vain where the session is over already.
    pub fn mark_active(&self, now: Time) {
        if !self.live.is_over(now) {
            self.mark.advance(now);
            self.live.last_active.advance(now);
        }
    }
}

/// The strongest of several proofs; among equals it is that of the sign-in.
pub(super) fn strongest(sign_in: Factor, proofs: &[Proof]) -> Factor {
    let strength = |factor: Factor| (factor.suits_staff(), factor.is_phishing_resistant(), factor.is_hardware());
    let stronger = |best, factor| if strength(factor) > strength(best) { factor } else { best };
    proofs.iter().map(|proof| proof.factor).fold(sign_in, stronger)
}

/// What all tokens of a session share.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) id: SessionId,
    pub(super) key: TokenId,
    pub(super) factor: Factor,
    pub(super) signed_in: Time,
    pub(super) address: IpAddr,
    pub(super) user_agent: String,
    pub(super) limits: SharedLimits,
    pub(super) makes: MakesOfKeys,
    pub(super) last_active: Mark,
    pub(super) visits: Visits,
    pub(super) revoked: AtomicBool,
    pub(super) revocation: Notify,
}

impl Live {
    pub(super) fn last_active(&self) -> Time {
        self.last_active.time()
    }

    pub(super) fn is_revoked(&self) -> bool {
        self.revoked.load(Ordering::Acquire)
    }

    pub(super) fn revoke(&self) {
        self.revoked.store(true, Ordering::Release);
        self.revocation.notify_waiters();
    }

    pub(super) fn is_over(&self, now: Time) -> bool {
        let limits = self.limits.at(now);
        self.is_revoked() || now.since(self.last_active()) >= limits.idle || now.since(self.signed_in) >= limits.overall
    }
}

#[cfg(test)]
impl Identity {
    /// Somebody for tests, signed in at the portal with password and key.
    pub fn sample(name: &str, unit: &str, role: crate::model::Role, signed_in: Time) -> Arc<Self> {
        let email = format!("{}@example.cn", name.replace(' ', "."));
        Self::sample_with_email(name, unit, role, signed_in, Some(&email))
    }

    pub fn sample_with_email(name: &str, unit: &str, role: crate::model::Role, signed_in: Time, email: Option<&str>) -> Arc<Self> {
        Self::sample_of(Factor::PasswordAndSecurityKey, (name, unit, role), signed_in, email)
    }

    /// A member who signed in with another factor.
    pub fn sample_with(factor: Factor, name: &str, unit: &str, signed_in: Time) -> Arc<Self> {
        Self::sample_of(factor, (name, unit, crate::model::Role::Member), signed_in, None)
    }

    fn sample_of(factor: Factor, (name, unit, role): (&str, &str, crate::model::Role), signed_in: Time, email: Option<&str>) -> Arc<Self> {
        use crate::model::{AccountName, UnitName};
        let token = crate::crypto::Token::random().unwrap().hash();
        let host = Host::parse("gate.localhost").unwrap();
        let visits = Visits::default();
        let who = Who {
            account: AccountId::fresh(),
            name: AccountName::parse(name).unwrap(),
            unit: UnitName::parse(unit).unwrap(),
            role,
            factor: Some(factor),
            session: Some(token.hex().chars().take(16).collect::<String>().into()),
        };
        let key = TokenId::fresh();
        Arc::new(Self {
            introduction: Introduction::of(&who, email).ok().map(Arc::new),
            proofs: [Proof { token: key, factor, at: signed_in }].into(),
            who: Arc::new(who),
            email: email.map(Into::into),
            mark: visits.enter(&host, signed_in),
            host,
            token,
            live: Arc::new(Live {
                id: SessionId::fresh(),
                key,
                factor,
                signed_in,
                address: IpAddr::from([192, 0, 2, 1]),
                user_agent: "test".to_owned(),
                limits: SharedLimits::default(),
                makes: MakesOfKeys::default(),
                last_active: Mark::at(signed_in),
                visits,
                revoked: AtomicBool::new(false),
                revocation: Notify::new(),
            }),
        })
    }

    /// The sample of an account that there is.
    pub fn sample_for(account: &crate::model::Account, signed_in: Time) -> Arc<Self> {
        let mut sample = Self::sample(account.name.as_str(), account.unit.as_str(), account.role, signed_in);
        let who = Who { account: account.id, ..(*sample.who).clone() };
        Arc::get_mut(&mut sample).unwrap().who = Arc::new(who);
        sample
    }

    /// The sample on another host, which she enters at `now`.
    pub fn sample_on(&self, host: &Host, now: Time) -> Arc<Self> {
        let token = crate::crypto::Token::random().unwrap().hash();
        let (who, email, live) = (Arc::clone(&self.who), self.email.clone(), Arc::clone(&self.live));
        let (introduction, proofs) = (self.introduction.clone(), Arc::clone(&self.proofs));
        Arc::new(Self { who, email, introduction, proofs, host: host.clone(), token, mark: live.visits.enter(host, now), live })
    }

    /// The sample after she showed another token.
    pub fn sample_stepped_up(&self, factor: Factor, at: Time) -> Arc<Self> {
        let proof = Proof { token: TokenId::fresh(), factor, at };
        let (who, email, live) = (Arc::clone(&self.who), self.email.clone(), Arc::clone(&self.live));
        let (introduction, proofs) = (self.introduction.clone(), self.proofs.iter().copied().chain([proof]).collect());
        let (host, token, mark) = (self.host.clone(), self.token, Arc::clone(&self.mark));
        Arc::new(Self { who, email, introduction, host, token, proofs, mark, live })
    }

    /// Lets makes vouch for the sample's key.
    pub fn vouch_for_sample(&self, makes: &[&str]) {
        let makes: Vec<Arc<str>> = makes.iter().map(|make| (*make).into()).collect();
        self.live.makes.note(self.key(), &makes.into());
    }

    /// Ends the sample's session.
    pub fn revoke_sample(&self) {
        self.live.revoke();
    }
}
