//! Authorities that may name people, and rules by which their certificates find accounts: what the config says of them counts only
//! when security administrators have confirmed it.
//!
//! Invariant: whoever may write the config makes nobody staff: what is not confirmed is left out of trust, whatever else is reloaded. While
//! there is no security administrator at all, nobody could be asked, and it counts at once, on record.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use data_encoding::HEXLOWER;

use super::desk::Desk;
use super::error::AdminError;
use super::permission::{Actor, Change};
use super::petitions::{Authority, Proposed};
use super::proposal::Wish;
use crate::clock::Time;
use crate::model::{Action, Event, Role};

/// What the config declares, and whom to tell when more of it counts.
#[derive(Debug, Default)]
pub(super) struct Declared {
    /// Each in words, with its digest (SHA-256).
    all: Mutex<Vec<(String, [u8; 32])>>,
    changed: AtomicBool,
}

/// One that is declared and does not count yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Untrusted {
    pub what: String,
    /// In hexadecimal.
    pub digest: String,
}

impl Desk {
    /// To be called with what a config declares before it takes effect; gives the digests that are to be left out of trust.
    pub async fn declare_trust(&self, declared: Vec<(String, [u8; 32])>, now: Time) -> Result<Vec<[u8; 32]>, AdminError> {
        let confirmed = self.store.confirmed_trust().await?;
        let mut new: Vec<&(String, [u8; 32])> = declared.iter().filter(|(_, digest)| !confirmed.contains(digest)).collect();
        if !new.is_empty() && !self.store.has_active(Role::SecurityAdministrator).await? {
            for (what, digest) in new.drain(..) {
                let event = Event::done(Action::AuthorityTrusted).with("authority", what).with("digest", HEXLOWER.encode(digest));
                self.journal.event(event.with("why", "there is no security administrator yet")).await?;
                self.store.confirm_trust(digest, what, now).await?;
            }
        }
        let left_out = new.into_iter().map(|(_, digest)| *digest).collect();
        *self.declared.all.lock().unwrap_or_else(PoisonError::into_inner) = declared;
        Ok(left_out)
    }

    /// Whether more of what is declared counts since this was asked last, so that it is to be declared anew.
    pub fn trust_has_changed(&self) -> bool {
        self.declared.changed.swap(false, Ordering::AcqRel)
    }

    /// It could not be declared: it is to be asked again.
    pub fn ask_trust_again(&self) {
        self.declared.changed.store(true, Ordering::Release);
    }

    /// What the config declares and nobody has confirmed.
    pub async fn untrusted(&self, actor: &Actor) -> Result<Vec<Untrusted>, AdminError> {
        self.permit(actor, Change::ReadChanges)?;
        let confirmed = self.store.confirmed_trust().await?;
        let declared = self.declared.all.lock().unwrap_or_else(PoisonError::into_inner);
        let waits = declared.iter().filter(|(_, digest)| !confirmed.contains(digest));
        Ok(waits.map(|(what, digest)| Untrusted { what: what.clone(), digest: HEXLOWER.encode(digest) }).collect())
    }

    /// Writes down that an authority should count. It is done, or waits for another one, when whoever asks has shown her key.
    pub async fn ask_for_trust(&self, actor: &Actor, digest: &str, now: Time) -> Result<Proposed, AdminError> {
        self.permit(actor, Change::TrustAuthority)?;
        let wanted = self.declared_as(digest).ok_or(AdminError::NoSuchAuthority)?;
        let proposal = self.look(&wanted).await?;
        self.draft(actor, proposal, now).await
    }

    pub(super) async fn trust_by(
        &self,
        actor: &Actor,
        what: &str,
        digest: &str,
        authority: &Authority,
        now: Time,
    ) -> Result<(), AdminError> {
        let Some(Wish::Trust { digest: bytes, .. }) = self.declared_as(digest) else { return Err(AdminError::NoSuchAuthority) };
        let event = authority.sign(Event::done(Action::AuthorityTrusted).with("authority", what).with("digest", digest));
        let confirm = self.store.confirm_trust(&bytes, what, now);
        self.recorded(actor, event, confirm).await?;
        self.declared.changed.store(true, Ordering::Release);
        Ok(())
    }

    fn declared_as(&self, digest: &str) -> Option<Wish> {
        let declared = self.declared.all.lock().unwrap_or_else(PoisonError::into_inner);
        let (what, digest) = declared.iter().find(|(_, known)| HEXLOWER.encode(known) == digest)?;
        Some(Wish::Trust { what: what.clone(), digest: *digest })
    }
}
