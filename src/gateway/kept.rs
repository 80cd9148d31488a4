//! Forms that wait for a step-up: kept in memory alone, for minutes, each encrypted under a key that lies only in the browser that sent it.
//!
//! Invariant: a form is found only by its own session and opened only with its own key; it is given out to be sent once. All of them
//! together never take more than is set, the room of those that are still coming in included. One that was taken comes back by itself, unless
//! anything of it may have left.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use data_encoding::HEXLOWER;

use crate::auth::Identity;
use crate::clock::Time;
use crate::config::KeptForms;
use crate::crypto::{self, NoRandomness, SealingKey, Token};
use crate::model::{AccountId, AppId, SessionId};
use crate::proxy::Departure;

/// The longest that the target, the content type and the referer may be together.
pub const LONGEST_HEAD: usize = 3 * 1024;

/// What a form takes beside its body, and what is left of it once it was sent.
const BESIDES: u64 = 4 * 1024;
const REMEMBERED: u64 = 256;

/// What a kept form is called in addresses; it opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FormId([u8; 16]);

impl FormId {
    pub fn parse(text: &str) -> Option<Self> {
        HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok().map(Self)
    }
}

impl std::fmt::Display for FormId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

/// A form as it was posted.
#[derive(Clone, PartialEq, Eq)]
pub struct Form {
    /// The path as it came, with its query.
    pub target: String,
    pub content_type: String,
    pub referer: Option<String>,
    pub body: Bytes,
}

/// Whose form it is, and for which app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    session: SessionId,
    account: AccountId,
    app: AppId,
}

impl Owner {
    pub fn of(identity: &Identity, app: &AppId) -> Self {
        Self { session: identity.session_id(), account: identity.account(), app: app.clone() }
    }
}

/// Why a form cannot be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotKept {
    TooLarge,
    TooMany,
    NoRoom,
}

impl NotKept {
    pub const fn word(self) -> &'static str {
        match self {
            Self::TooLarge => "larger than is kept",
            Self::TooMany => "the session has as many as are kept",
            Self::NoRoom => "there is no room for more",
        }
    }
}

/// What has become of a form.
pub enum Found {
    Here(Form, Duration),
    Sent,
    /// Never there, over, or not for whoever asks.
    Gone,
}

#[derive(Default)]
pub struct Kept(Mutex<Forms>);

#[derive(Default)]
struct Forms {
    all: BTreeMap<(SessionId, FormId), Entry>,
    taken: u64,
}

struct Entry {
    owner: Owner,
    expires: Time,
    room: u64,
    content: Content,
}

enum Content {
    Coming,
    Sealed(Vec<u8>),
    Sent,
}

/// Room for a form that is coming in; let go of, unless it is filled.
pub struct Room {
    kept: Arc<Kept>,
    owner: Owner,
    id: FormId,
    limit: u64,
}

/// A form on its way to the back office; put back when it is let go of, unless its departure has begun.
pub struct Taken {
    pub departure: Departure,
    kept: Arc<Kept>,
    id: FormId,
    entry: Option<Entry>,
}

impl Kept {
    /// Room for a form of so many bytes, if they are known.
    pub fn room(self: &Arc<Self>, owner: Owner, declared: Option<u64>, caps: &KeptForms, now: Time) -> Result<Room, NotKept> {
        let limit = declared.unwrap_or(caps.each);
        if limit > caps.each {
            return Err(NotKept::TooLarge);
        }
        let id = FormId(crypto::random().map_err(|NoRandomness| NotKept::NoRoom)?);
        let mut forms = self.forms();
        if forms.of_session(owner.session) >= caps.per_session {
            return Err(NotKept::TooMany);
        }
        let room = limit.saturating_add(BESIDES);
        if forms.taken.saturating_add(room) > caps.overall {
            return Err(NotKept::NoRoom);
        }
        let entry = Entry { owner: owner.clone(), expires: now.plus(caps.life), room, content: Content::Coming };
        forms.put(id, entry);
        Ok(Room { kept: Arc::clone(self), owner, id, limit })
    }

    /// Looks at a form, which stays.
    pub fn look(&self, owner: &Owner, id: FormId, key: &Token, now: Time) -> Found {
        let (sealed, left) = match self.forms().of(owner, id, now) {
            Some(Entry { content: Content::Sent, .. }) => return Found::Sent,
            Some(Entry { content: Content::Sealed(sealed), expires, .. }) => (sealed.clone(), expires.since(now)),
            Some(Entry { content: Content::Coming, .. }) | None => return Found::Gone,
        };
        open(&sealed, owner, id, key).map_or(Found::Gone, |form| Found::Here(form, left))
    }

    /// Takes a form to be sent: whoever comes later finds that it was.
    pub fn take(self: &Arc<Self>, owner: &Owner, id: FormId, key: &Token, now: Time) -> Option<Taken> {
        let mut forms = self.forms();
        let entry = forms.of(owner, id, now)?;
        let Content::Sealed(sealed) = &entry.content else { return None };
        open(sealed, owner, id, key)?;
        let sent = Entry { owner: owner.clone(), expires: entry.expires, room: REMEMBERED, content: Content::Sent };
        let entry = forms.put(id, sent);
        drop(forms);
        Some(Taken { departure: Departure::default(), kept: Arc::clone(self), id, entry })
    }

    /// Whether there was one to discard.
    pub fn discard(&self, owner: &Owner, id: FormId, now: Time) -> bool {
        let mut forms = self.forms();
        let there = forms.of(owner, id, now).is_some_and(|entry| matches!(entry.content, Content::Sealed(_)));
        there && forms.remove(owner.session, id).is_some()
    }

    /// Lets go of what is over, and of what belongs to sessions that are.
    pub fn sweep(&self, is_open: impl Fn(SessionId) -> bool, now: Time) {
        let mut forms = self.forms();
        let over: Vec<(SessionId, FormId)> =
            forms.all.iter().filter(|((session, _), entry)| entry.expires <= now || !is_open(*session)).map(|(key, _)| *key).collect();
        for (session, id) in over {
            forms.remove(session, id);
        }
    }

    fn forms(&self) -> MutexGuard<'_, Forms> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Forms {
    fn of(&self, owner: &Owner, id: FormId, now: Time) -> Option<&Entry> {
        self.all.get(&(owner.session, id)).filter(|entry| entry.owner == *owner && entry.expires > now)
    }

    /// Those that were sent take no part of what a session may keep.
    fn of_session(&self, session: SessionId) -> usize {
        let range = (session, FormId([0; 16]))..=(session, FormId([0xff; 16]));
        self.all.range(range).filter(|(_, entry)| !matches!(entry.content, Content::Sent)).count()
    }

    fn put(&mut self, id: FormId, entry: Entry) -> Option<Entry> {
        self.taken = self.taken.saturating_add(entry.room);
        let before = self.all.insert((entry.owner.session, id), entry);
        self.taken = self.taken.saturating_sub(before.as_ref().map_or(0, |entry| entry.room));
        before
    }

    fn remove(&mut self, session: SessionId, id: FormId) -> Option<Entry> {
        let entry = self.all.remove(&(session, id))?;
        self.taken = self.taken.saturating_sub(entry.room);
        Some(entry)
    }
}

impl Room {
    /// The most bytes that it takes.
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// Keeps the form, and says what it is called and which key opens it; nobody but the browser is to hold that.
    pub fn fill(self, form: &Form) -> Result<(FormId, Token), NoRandomness> {
        let key = Token::random()?;
        let sealed = seal(form, &self.owner, self.id, &key)?;
        let mut forms = self.kept.forms();
        // Its session may have ended meanwhile; then it is let go of, and the key opens nothing.
        if let Some(Entry { expires, .. }) = forms.remove(self.owner.session, self.id) {
            let room = (sealed.len() as u64).saturating_add(BESIDES);
            forms.put(self.id, Entry { owner: self.owner.clone(), expires, room, content: Content::Sealed(sealed) });
        }
        drop(forms);
        Ok((self.id, key))
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut forms = self.kept.forms();
        if forms.all.get(&(self.owner.session, self.id)).is_some_and(|entry| matches!(entry.content, Content::Coming)) {
            forms.remove(self.owner.session, self.id);
        }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let Some(entry) = self.entry.take().filter(|_| !self.departure.has_begun()) else { return };
        let mut forms = self.kept.forms();
        // It may be over meanwhile.
        if forms.all.contains_key(&(entry.owner.session, self.id)) {
            forms.put(self.id, entry);
        }
    }
}

/// What a form is sealed for, so that it cannot be opened as another's.
fn about(owner: &Owner, id: FormId) -> Vec<u8> {
    format!("form {id} of {} in {} for {}", owner.account, owner.session, owner.app).into_bytes()
}

fn seal(form: &Form, owner: &Owner, id: FormId, key: &Token) -> Result<Vec<u8>, NoRandomness> {
    let head = serde_json::json!([form.target, form.content_type, form.referer]).to_string();
    let mut plain = zeroize::Zeroizing::new(Vec::with_capacity(head.len().saturating_add(form.body.len()).saturating_add(4)));
    plain.extend_from_slice(&u32::try_from(head.len()).unwrap_or(u32::MAX).to_be_bytes());
    plain.extend_from_slice(head.as_bytes());
    plain.extend_from_slice(&form.body);
    let sealing = SealingKey::new(&key.hash().0).map_err(|_| NoRandomness)?;
    sealing.seal(&about(owner, id), &plain)
}

fn open(sealed: &[u8], owner: &Owner, id: FormId, key: &Token) -> Option<Form> {
    let plain = SealingKey::new(&key.hash().0).ok()?.open(&about(owner, id), sealed).ok()?;
    let (length, rest) = plain.split_first_chunk::<4>()?;
    let (head, body) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    let (target, content_type, referer) = serde_json::from_slice(head).ok()?;
    Some(Form { target, content_type, referer, body: Bytes::copy_from_slice(body) })
}

#[cfg(test)]
mod tests;
