//! Ways in for people who have lost theirs: a new token, a new password, a new beginning.
//!
//! Invariant: nobody gets in with less than before. Whoever lost all her tokens still gives her password, whoever forgot her password still
//! shows her token, and who has neither begins anew, which takes two; a link lives as long as an invitation, once.

use super::certificates::When;
use super::desk::{Desk, INVITATION_LIVES, Invitation};
use super::error::AdminError;
use super::named::Person;
use super::permission::{Actor, Change};
use super::petitions::{Authority, Carried, Proposed};
use super::proposal::{Proposal, Wish};
use crate::clock::Time;
use crate::crypto::{HalfHash, Token, TokenHash};
use crate::model::{AccountId, AccountState, Action, Event, RecoveryKind};

/// A single-use link for somebody who is known.
#[derive(Debug)]
pub struct RecoveryLink {
    pub person: Person,
    pub kind: RecoveryKind,
    /// The token stands in the fragment, which browsers send to nobody.
    pub link: String,
    pub expires: Time,
    /// It opens nothing without the half that the proposer was given.
    pub halved: bool,
}

/// What a person lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lacks {
    Token,
    Password,
    Both,
}

impl Desk {
    /// Writes down that somebody needs a way in. It is done, or waits for another one, when whoever asks has shown her key.
    pub async fn ask_for_recovery(&self, actor: &Actor, account: AccountId, lacks: Lacks, now: Time) -> Result<Proposed, AdminError> {
        self.permit(actor, Change::RestoreAccess)?;
        self.may_give(now)?;
        let wish = match lacks {
            Lacks::Token => Wish::NewToken(account),
            Lacks::Password => Wish::NewPassword(account),
            Lacks::Both => Wish::EnrolAnew(account),
        };
        let proposal = self.look(&wish).await?;
        self.draft(actor, proposal, now).await
    }

    pub(super) async fn recover_by(
        &self,
        actor: &Actor,
        proposal: Proposal,
        (authority, half): (&Authority, Option<HalfHash>),
        when: When,
    ) -> Result<Carried, AdminError> {
        let now = when.now;
        self.may_give(now)?;
        let (token, expires) = (Token::random()?, now.plus(INVITATION_LIVES));
        let hash = halved(&token, half).hash();
        let event = |person: &Person, kind: &str| {
            let event = Event::done(Action::RecoveryOpened).with("account", person.account).with("name", &person.name);
            authority.sign(event.with("lacks", kind))
        };
        let (person, kind) = match proposal {
            Proposal::NewToken { person, .. } => {
                let opened = async {
                    self.store.open_token_recovery(person.account, hash, expires, now).await?.ok_or(AdminError::WrongState(person.state))
                };
                let lost = self.recorded(actor, event(&person, "token"), opened).await?;
                self.note_lost(actor, &person, &lost, authority);
                self.publish_now(when.wall).await;
                (person, RecoveryKind::Token)
            }
            Proposal::NewPassword { person, by_code } => {
                let kind = if by_code { RecoveryKind::PasswordByCode } else { RecoveryKind::Password };
                let opened = async {
                    let opened = self.store.open_password_recovery(person.account, kind, hash, expires).await?;
                    if opened { Ok(()) } else { Err(AdminError::WrongState(person.state)) }
                };
                self.recorded(actor, event(&person, "password"), opened).await?;
                (person, kind)
            }
            Proposal::EnrolAnew { person, .. } => {
                return self.begin_anew(actor, person, (authority, half), (token, hash), expires, when).await.map(Carried::Invited);
            }
            _ => return Ok(Carried::Done),
        };
        let link = format!("{}/recover{}#{}", self.portal, asks_for_half(half), token.reveal());
        Ok(Carried::Recovery(RecoveryLink { person, kind, link, expires, halved: half.is_some() }))
    }

    async fn begin_anew(
        &self,
        actor: &Actor,
        person: Person,
        (authority, half): (&Authority, Option<HalfHash>),
        (token, hash): (Token, TokenHash),
        expires: Time,
        when: When,
    ) -> Result<Invitation, AdminError> {
        let event = Event::done(Action::AccountInvited).with("account", person.account).with("name", &person.name);
        let event = authority.sign(event.with("role", person.role).with("unit", &person.unit).with("anew", "yes"));
        let reopened =
            async { self.store.reopen_account(person.account, hash, expires, when.now).await?.ok_or(AdminError::WrongState(person.state)) };
        let lost = self.recorded(actor, event, reopened).await?;
        self.note_lost(actor, &person, &lost, authority);
        self.publish_now(when.wall).await;
        let account = self.store.account(person.account).await?.ok_or(AdminError::NoSuchAccount)?;
        debug_assert_eq!(account.state, AccountState::Invited);
        let link = format!("{}/enrol{}#{}", self.portal, asks_for_half(half), token.reveal());
        Ok(Invitation { account, link, expires, halved: half.is_some() })
    }

    /// The store has ended them; what is open in memory ends here.
    fn note_lost(&self, actor: &Actor, person: &Person, lost: &[crate::model::Serial], authority: &Authority) {
        let ended = self.sessions.revoke_all_of(person.account).len();
        for serial in lost {
            let event = Event::done(Action::TokenLost).with("serial", serial).with("account", person.account).with("name", &person.name);
            self.journal.note(actor.sign(authority.sign(event)));
        }
        if ended > 0 {
            let event = Event::done(Action::SessionEnded).with("account", person.account).with("name", &person.name);
            self.journal.note(actor.sign(authority.sign(event.with("which", "all").with("sessions-ended", ended))));
        }
    }
}

/// What a link stands for where two hold a half each.
pub(super) fn halved(token: &Token, half: Option<HalfHash>) -> Token {
    half.map_or_else(|| token.clone(), |half| token.joined(&half))
}

/// Tells the page that it has to ask for the other half.
pub(super) const fn asks_for_half(half: Option<HalfHash>) -> &'static str {
    if half.is_some() { "?half=1" } else { "" }
}
