//! Terminals on the machine that a person has allowed to act for her (`yumen login`): the device grant of RFC 8628, without a client of its
//! own. In memory only, so a restart ends them all.
//!
//! Invariant: a terminal is worth something only to the user of the machine who asked, for fifteen minutes, while the session that allowed it
//! lives, and while its person is active and holds the token by which she did so. Its secret is kept as a hash; a code is shown
//! for comparison, opens nothing by itself, and serves once.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::desk::Desk;
use super::error::AdminError;
use super::permission::{Actor, Change};
use crate::auth::{Identity, Proven};
use crate::clock::Time;
use crate::crypto::{self, NoRandomness, Token, TokenHash};
use crate::model::{AccountId, AccountState, Action, Event, TokenId};
use crate::store::StoreError;

pub const TERMINAL_LIVES: Duration = Duration::from_secs(15 * 60);
const REQUEST_LIVES: Duration = Duration::from_secs(5 * 60);
/// Requests that wait; the oldest gives way.
const MOST_WAITING: usize = 16;
/// Codes that one person may mistype before she waits until the last of them is forgotten.
const MOST_MISSES: u32 = 10;
/// Without vowels, so that no word comes of it, and without letters that look alike (RFC 8628, section 6.1).
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";

/// Who sits at the machine and asks, as the page shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TerminalRequest {
    /// Such as `BCDF-GHJK`.
    pub code: String,
    pub uid: u32,
    /// What the machine calls that user, and itself.
    pub user: String,
    pub machine: String,
    pub expires: Time,
}

/// A request as the terminal knows it.
#[derive(Debug)]
pub struct AskedTerminal {
    /// Worth nothing until somebody allows it, and then the terminal's own.
    pub token: Token,
    pub request: TerminalRequest,
}

/// How far a terminal is.
#[derive(Debug)]
pub enum TerminalState {
    Waiting,
    Open {
        identity: Arc<Identity>,
        until: Time,
    },
    /// Never asked for, not allowed in time, or over.
    Gone,
}

#[derive(Debug, Default)]
pub struct Terminals(Mutex<Book>);

#[derive(Debug, Default)]
struct Book {
    /// The oldest first.
    waiting: Vec<(TokenHash, TerminalRequest)>,
    open: HashMap<TokenHash, Open>,
    misses: HashMap<AccountId, (u32, Time)>,
}

#[derive(Clone, Debug)]
struct Open {
    identity: Arc<Identity>,
    address: IpAddr,
    uid: u32,
    /// The token that allowed it.
    key: TokenId,
    until: Time,
}

impl Terminals {
    fn book(&self, now: Time) -> MutexGuard<'_, Book> {
        let mut book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        book.waiting.retain(|(_, request)| request.expires > now);
        book.open.retain(|_, open| open.until > now && !open.identity.is_revoked());
        book.misses.retain(|_, (_, until)| *until > now);
        book
    }
}

impl Desk {
    /// A user of the machine asks for a terminal; nothing comes of it unless somebody allows it.
    pub fn ask_for_terminal(&self, uid: u32, user: String, machine: String, now: Time) -> Result<AskedTerminal, NoRandomness> {
        let asked = AskedTerminal {
            token: Token::random()?,
            request: TerminalRequest { code: fresh_code()?, uid, user, machine, expires: now.plus(REQUEST_LIVES) },
        };
        let mut book = self.terminals.book(now);
        let too_many = book.waiting.len().saturating_add(1).saturating_sub(MOST_WAITING);
        book.waiting.drain(..too_many);
        book.waiting.push((asked.token.hash(), asked.request.clone()));
        Ok(asked)
    }

    /// The request of this code, for the person who may allow it.
    pub fn terminal_request(&self, actor: &Actor, typed: &str, now: Time) -> Result<TerminalRequest, AdminError> {
        self.permit(actor, Change::OpenTerminal)?;
        let person = actor.person().ok_or(AdminError::NotAllowed)?.account();
        let mut book = self.terminals.book(now);
        if book.misses.get(&person).is_some_and(|(count, _)| *count >= MOST_MISSES) {
            return Err(AdminError::NoSuchTerminal);
        }
        let typed = canonical(typed);
        if let Some((_, request)) = book.waiting.iter().find(|(_, request)| canonical(&request.code) == typed) {
            return Ok(request.clone());
        }
        let (count, until) = book.misses.entry(person).or_insert((0, now));
        (*count, *until) = (count.saturating_add(1), now.plus(REQUEST_LIVES));
        Err(AdminError::NoSuchTerminal)
    }

    /// She allows it, with what she has just proved. From here on whoever asked acts for her.
    pub async fn open_terminal(&self, actor: &Actor, typed: &str, proven: &Proven, now: Time) -> Result<TerminalRequest, AdminError> {
        let request = self.terminal_request(actor, typed, now)?;
        let Actor::Staff { identity, address } = actor else { return Err(AdminError::NotAllowed) };
        let key = proven.by_token_in(identity).ok_or(AdminError::NotAllowed)?;
        let event = Event::done(Action::TerminalOpened).with("uid", request.uid).with("user", &request.user);
        let event = event.with("machine", &request.machine).with("token", key);
        let change = async {
            let mut book = self.terminals.book(now);
            let at = book.waiting.iter().position(|(_, waiting)| *waiting == request).ok_or(AdminError::NoSuchTerminal)?;
            let (token, request) = book.waiting.remove(at);
            let until = now.plus(TERMINAL_LIVES);
            book.open.insert(token, Open { identity: identity.clone(), address: *address, uid: request.uid, key, until });
            Ok::<_, AdminError>(request)
        };
        self.recorded(actor, event, change).await
    }

    /// For the terminal that waits.
    pub fn terminal_state(&self, token: &Token, uid: u32, now: Time) -> TerminalState {
        let (book, token) = (self.terminals.book(now), token.hash());
        if let Some(open) = book.open.get(&token).filter(|open| open.uid == uid) {
            return TerminalState::Open { identity: open.identity.clone(), until: open.until };
        }
        let waits = book.waiting.iter().any(|(known, request)| *known == token && request.uid == uid);
        if waits { TerminalState::Waiting } else { TerminalState::Gone }
    }

    /// For whom a terminal acts. `None`: nobody; it was never allowed, or is over.
    pub async fn at_terminal(&self, token: &Token, uid: u32, now: Time) -> Option<Actor> {
        let open = self.terminals.book(now).open.get(&token.hash()).filter(|open| open.uid == uid).cloned()?;
        let Open { identity, address, key, .. } = open;
        match self.still_hers(&identity, key, now).await {
            Ok(true) => {}
            Ok(false) => {
                self.terminals.book(now).open.remove(&token.hash());
                return None;
            }
            // As in the console: the session, which ends in memory first, lets her end what is open while the store fails.
            Err(error) => tracing::warn!(%error, "whose terminal it is could not be looked up in the store"),
        }
        Some(Actor::Terminal { identity, address, uid })
    }

    /// The session has ended with most of this; the store is asked all the same, because a terminal is used seldom and may do much.
    async fn still_hers(&self, identity: &Identity, key: TokenId, now: Time) -> Result<bool, StoreError> {
        let account = self.store.account(identity.account()).await?;
        let is_hers = account.is_some_and(|account| account.state == AccountState::Active && account.role == identity.who().role);
        Ok(is_hers && self.store.tokens_of(identity.account()).await?.iter().any(|token| token.id == key && token.opens(now)))
    }

    /// `yumen logout`; `false`: it was over already.
    pub fn close_terminal(&self, token: &Token, uid: u32, now: Time) -> bool {
        let mut book = self.terminals.book(now);
        let (hash, hers) = (token.hash(), |open: &Open| open.uid == uid);
        let Some(open) = book.open.get(&hash).filter(|open| hers(open)).cloned() else { return false };
        book.open.remove(&hash);
        drop(book);
        let actor = Actor::Terminal { identity: open.identity, address: open.address, uid };
        self.journal.note(actor.sign(Event::done(Action::TerminalClosed)));
        true
    }
}

fn fresh_code() -> Result<String, NoRandomness> {
    let random: [u8; 64] = crypto::random()?;
    // What is past the last multiple of twenty would make some letters likelier.
    let letters = random.iter().filter(|byte| **byte < 240).filter_map(|byte| LETTERS.get(usize::from(byte % 20)));
    let letters: Vec<char> = letters.take(8).map(|letter| char::from(*letter)).collect();
    let (first, second) = letters.split_at_checked(4).filter(|(_, second)| second.len() == 4).ok_or(NoRandomness)?;
    Ok(first.iter().chain(&['-']).chain(second).collect())
}

/// However it was typed.
fn canonical(code: &str) -> String {
    code.chars().filter(char::is_ascii_alphabetic).map(|letter| letter.to_ascii_uppercase()).take(16).collect()
}
