//! Changes that need two: proposed by one security administrator and confirmed by another, each with her own hardware token.
//!
//! Invariant: what gives power (a staff account, a staff member's token, a way in for somebody who has lost hers, an authority to be
//! trusted) is done by one alone only while there are no two. What is carried out is what was shown, whole; if it has changed since, nothing
//! is. The proposer never confirms, nor does the person whom it is about, and each step is on record with both names.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::certificates::{When, key_of};
use super::desk::{Desk, Invitation, NewAccount};
use super::error::AdminError;
use super::permission::{Actor, Change};
use super::proposal::{Proposal, Wish};
use super::recovery::RecoveryLink;
use crate::auth::{Identity, PetitionProof, PetitionStep};
use crate::clock::Time;
use crate::crypto::{Half, HalfHash};
use crate::model::{Account, AccountId, AccountName, Action, Event, Outcome, PetitionId, PetitionState, TokenId};
use crate::store::{NewPetition, StoreError, StoredPetition};

/// So long somebody who could confirm counts towards two, whatever has become of her since: otherwise one alone would switch the others
/// off, and then make accomplices.
pub const STILL_COUNTS: Duration = Duration::from_hours(72);
/// How long the proposer has to show her key.
const DRAFT_LIVES: Duration = Duration::from_secs(5 * 60);

/// A change that is not done: it waits for another person, or still for its proposer's key.
#[derive(Debug)]
pub struct Proposed {
    pub id: PetitionId,
    pub state: PetitionState,
    pub expires: Time,
    /// Where it is looked at and confirmed.
    pub url: String,
    /// Who can confirm it now.
    pub confirmers: Vec<AccountName>,
    /// What the proposer hands to the person herself: without it the link that the other one is given opens nothing.
    pub half: Option<Half>,
}

/// On whose word something is done, for its record.
#[derive(Clone, Debug)]
pub(super) enum Authority {
    /// It needs no second person.
    Own,
    /// It would need one, and there is none.
    Alone,
    Two {
        petition: PetitionId,
        proposer: AccountId,
        name: AccountName,
    },
}

impl Authority {
    pub(super) fn sign(&self, event: Event) -> Event {
        match self {
            Self::Own => event,
            Self::Alone => event.with("alone", "yes"),
            Self::Two { petition, proposer, name } => event.with("petition", petition).with("proposed-by", name).with("proposer", proposer),
        }
    }
}

/// A petition with what it asks for.
#[derive(Clone, Debug)]
pub struct Petition {
    pub proposal: Proposal,
    pub stored: StoredPetition,
}

impl Petition {
    pub fn is_open(&self, now: Time) -> bool {
        self.stored.state == PetitionState::Open && self.stored.expires > now
    }

    pub fn is_draft(&self, now: Time) -> bool {
        self.stored.state == PetitionState::Draft && self.stored.expires > now
    }
}

/// What came of it.
#[derive(Debug)]
pub enum Carried {
    Done,
    Invited(Invitation),
    Recovery(RecoveryLink),
}

/// What came of a proposal.
#[derive(Debug)]
pub enum Proposing {
    Waits(Proposed),
    Done(Carried),
}

/// When those end that wait, for the console's hint; kept so that no page asks the store for it.
#[derive(Debug, Default)]
pub(super) struct Waiting(Mutex<Vec<Time>>);

impl Desk {
    /// How the actor may do what the wish says. What she may not do alone is written down, and the error says so.
    pub(super) async fn authority(&self, actor: &Actor, wish: &Wish, now: Time) -> Result<Authority, AdminError> {
        if matches!(actor, Actor::Machine { .. }) {
            return Ok(Authority::Own);
        }
        let proposal = self.look(wish).await?;
        if !proposal.needs_two() {
            return Ok(Authority::Own);
        }
        if self.needed(&proposal, now).await?.len() < 2 {
            return Ok(Authority::Alone);
        }
        Err(AdminError::Proposed(Box::new(self.draft(actor, proposal, now).await?)))
    }

    /// Those whose number says whether two are needed: whoever has lost one thing is not counted for its recovery, behind which she shows the
    /// other.
    async fn needed(&self, proposal: &Proposal, now: Time) -> Result<Vec<Account>, StoreError> {
        let mut wardens = self.store.wardens_within(STILL_COUNTS, now).await?;
        if proposal.asks_for_what_is_left() {
            wardens.retain(|warden| proposal.subject().is_none_or(|person| person.account != warden.id));
        }
        Ok(wardens)
    }

    /// Whether the proposer's key is all that it takes.
    pub async fn may_settle_alone(&self, proposal: &Proposal, now: Time) -> Result<bool, AdminError> {
        Ok(!proposal.needs_two() || self.needed(proposal, now).await?.len() < 2)
    }

    /// Who can confirm it now: neither its proposer nor the person whom it is about.
    pub async fn confirmers(&self, proposal: &Proposal, proposer: AccountId, now: Time) -> Result<Vec<AccountName>, AdminError> {
        let subject = proposal.subject().map(|person| person.account);
        let wardens = self.store.wardens(now).await?.into_iter();
        Ok(wardens.filter(|warden| warden.id != proposer && Some(warden.id) != subject).map(|warden| warden.name).collect())
    }

    /// Writes down what somebody wants; she is asked for her key before anybody else sees it.
    pub(super) async fn draft(&self, actor: &Actor, proposal: Proposal, now: Time) -> Result<Proposed, AdminError> {
        let identity = staff(actor)?;
        let subject = proposal.subject().map(|person| person.account);
        if subject == Some(identity.account()) {
            return Err(AdminError::ConcernsYou);
        }
        if let Some(error) = proposal.impossible() {
            return Err(error);
        }
        let needs_another = !self.may_settle_alone(&proposal, now).await?;
        let confirmers = self.confirmers(&proposal, identity.account(), now).await?;
        if needs_another && confirmers.is_empty() {
            return Err(AdminError::NobodyToConfirm);
        }
        let (id, expires) = (PetitionId::fresh(), now.plus(DRAFT_LIVES));
        let text = serde_json::to_string(&proposal).map_err(|error| unreadable(&error))?;
        let new = NewPetition { id, kind: proposal.word(), proposal: &text, subject, proposer: identity.account(), expires };
        self.store.draft_petition(&new, now).await?;
        match actor.fresh_token() {
            Some(token) if needs_another => self.open(actor, (id, &proposal), token, now).await,
            _ => Ok(Proposed { id, state: PetitionState::Draft, expires, url: self.url_of(id), confirmers, half: None }),
        }
    }

    /// The proposer's key has answered: the change waits for another one, or is done where nobody else is needed.
    pub async fn propose(&self, actor: &Actor, id: PetitionId, proof: PetitionProof, when: When) -> Result<Proposing, AdminError> {
        let now = when.now;
        self.permit(actor, Change::ProposeChange)?;
        let identity = staff(actor)?;
        let petition = self.found(id).await?;
        if petition.stored.proposer != identity.account() {
            return Err(AdminError::NoSuchPetition);
        }
        if !petition.is_draft(now) {
            return Err(AdminError::PetitionClosed(petition.stored.state));
        }
        let token = proof.spend(identity, id, PetitionStep::Propose).ok_or(AdminError::NoFreshProof)?;
        self.still_stands(&petition.proposal, now).await?;
        let proposal = &petition.proposal;
        if !self.may_settle_alone(proposal, now).await? {
            return self.open(actor, (id, proposal), token, now).await.map(Proposing::Waits);
        }
        let authority = if proposal.needs_two() { Authority::Alone } else { Authority::Own };
        let event = proposal.sign(authority.sign(Event::done(Action::ChangeProposed).with("petition", id)));
        let settled = async { moved(self.store.settle_petition_alone(id, identity.account(), now).await?) };
        self.recorded(actor, event, settled).await?;
        self.carried(actor, petition, &authority, when).await.map(Proposing::Done)
    }

    async fn open(
        &self,
        actor: &Actor,
        (id, proposal): (PetitionId, &Proposal),
        token: TokenId,
        now: Time,
    ) -> Result<Proposed, AdminError> {
        let proposer = staff(actor)?.account();
        let confirmers = self.confirmers(proposal, proposer, now).await?;
        if confirmers.is_empty() {
            return Err(AdminError::NobodyToConfirm);
        }
        let (half, expires) = (proposal.gives_link().then(Half::random).transpose()?, now.plus(proposal.lives()));
        let event = proposal.sign(Event::done(Action::ChangeProposed).with("petition", id)).with("until", expires);
        let hash = half.as_ref().map(Half::hash);
        let opened = async { moved(self.store.open_petition(id, (proposer, Some(token)), hash, expires, now).await?) };
        self.recorded(actor, event, opened).await?;
        self.count_waiting(now).await;
        Ok(Proposed { id, state: PetitionState::Open, expires, url: self.url_of(id), confirmers, half })
    }

    /// Another one confirms, and it is carried out: once, under her request, and as it was shown.
    pub async fn confirm(&self, actor: &Actor, id: PetitionId, proof: PetitionProof, when: When) -> Result<Carried, AdminError> {
        let now = when.now;
        self.permit(actor, Change::ConfirmChange)?;
        let identity = staff(actor)?;
        let petition = self.found(id).await?;
        let StoredPetition { proposer, proposer_name: name, .. } = petition.stored.clone();
        let authority = Authority::Two { petition: id, proposer, name };
        let event = petition.proposal.sign(authority.sign(Event::done(Action::ChangeConfirmed)));
        if let Err(error) = self.may_confirm(identity, &petition, proof, now).await {
            self.journal.note(actor.sign(Event { outcome: Outcome::Failed, ..event }.with("why", &error)));
            if matches!(error, AdminError::ChangedMeanwhile | AdminError::ProposerGone) {
                self.store.fail_petition(id, PetitionState::Open).await?;
                self.count_waiting(now).await;
            }
            return Err(error);
        }
        let confirmed = async { moved(self.store.confirm_petition(id, identity.account(), now).await?) };
        self.recorded(actor, event, confirmed).await?;
        self.carried(actor, petition, &authority, when).await
    }

    async fn may_confirm(&self, identity: &Identity, petition: &Petition, proof: PetitionProof, now: Time) -> Result<(), AdminError> {
        let stored = &petition.stored;
        self.may_look_at_confirming(identity, petition, now)?;
        proof.spend(identity, stored.id, PetitionStep::Confirm).ok_or(AdminError::NoFreshProof)?;
        let wardens = self.store.wardens(now).await?;
        let is_warden = |account| wardens.iter().any(|warden| warden.id == account);
        if !is_warden(identity.account()) {
            return Err(AdminError::NotAllowed);
        }
        // A token that was lost meanwhile may have been in other hands when it proposed.
        let tokens = self.store.tokens_of(stored.proposer).await?;
        let still_hers = tokens.iter().any(|token| Some(token.id) == stored.proposer_token && token.opens(now));
        if !is_warden(stored.proposer) || !still_hers {
            return Err(AdminError::ProposerGone);
        }
        self.still_stands(&petition.proposal, now).await
    }

    /// Whether she is one who can confirm it, before she is asked for her key.
    pub fn may_look_at_confirming(&self, identity: &Identity, petition: &Petition, now: Time) -> Result<(), AdminError> {
        let stored = &petition.stored;
        if !petition.is_open(now) {
            return Err(AdminError::PetitionClosed(stored.state));
        }
        if stored.proposer == identity.account() {
            return Err(AdminError::OwnPetition);
        }
        if stored.subject == Some(identity.account()) { Err(AdminError::ConcernsYou) } else { Ok(()) }
    }

    async fn carried(&self, actor: &Actor, petition: Petition, authority: &Authority, when: When) -> Result<Carried, AdminError> {
        let id = petition.stored.id;
        let carried = self.carry_out(actor, petition.proposal, authority, petition.stored.half, when).await;
        if carried.is_err() {
            self.store.fail_petition(id, PetitionState::Done).await?;
        }
        self.count_waiting(when.now).await;
        carried
    }

    async fn carry_out(
        &self,
        actor: &Actor,
        proposal: Proposal,
        authority: &Authority,
        half: Option<HalfHash>,
        when: When,
    ) -> Result<Carried, AdminError> {
        let now = when.now;
        match proposal {
            Proposal::Invite { name, unit, role, email, .. } => {
                let new = NewAccount { name, unit, role, email };
                self.invite_by(actor, new, (authority, half), now).await.map(Carried::Invited)
            }
            Proposal::Enable { person } => self.enable_by(actor, person.account, authority).await.map(|()| Carried::Done),
            Proposal::IssueToken { serial, to, .. } => {
                self.issue_token_by(actor, &serial, (to.account, &to.name), authority, now).await.map(|()| Carried::Done)
            }
            Proposal::ResumeToken { serial, .. } => self.resume_token_by(actor, &serial, authority, now).await.map(|()| Carried::Done),
            Proposal::IssueCertificate { serial, to, key, days, .. } => {
                let key = key_of(&key)?;
                self.issue_certificate_by(actor, &serial, &to, (&key, days), authority, when).await.map(|_| Carried::Done)
            }
            Proposal::RenewCertificate { serial, holder, key, days, .. } => {
                let key = key_of(&key)?;
                self.renew_certificate_by(actor, &serial, &holder, (&key, days), authority, when).await.map(|_| Carried::Done)
            }
            Proposal::Trust { what, digest } => self.trust_by(actor, &what, &digest, authority, now).await.map(|()| Carried::Done),
            recovery => self.recover_by(actor, recovery, (authority, half), when).await,
        }
    }

    /// Its proposer takes it back.
    pub async fn withdraw(&self, actor: &Actor, id: PetitionId, now: Time) -> Result<(), AdminError> {
        self.permit(actor, Change::ProposeChange)?;
        let by = staff(actor)?.account();
        self.closed(actor, id, Action::ChangeWithdrawn, self.store.withdraw_petition(id, by, now), now).await
    }

    /// Any security administrator stops it; nothing is given by that, so nobody else is needed.
    pub async fn reject(&self, actor: &Actor, id: PetitionId, now: Time) -> Result<(), AdminError> {
        self.permit(actor, Change::RejectChange)?;
        let by = staff(actor)?.account();
        self.closed(actor, id, Action::ChangeRejected, self.store.reject_petition(id, by, now), now).await
    }

    async fn closed(
        &self,
        actor: &Actor,
        id: PetitionId,
        action: Action,
        close: impl Future<Output = Result<bool, StoreError>>,
        now: Time,
    ) -> Result<(), AdminError> {
        let petition = self.found(id).await?;
        let event = petition.proposal.sign(Event::done(action).with("petition", id)).with("proposed-by", &petition.stored.proposer_name);
        let done = self.taken_away(actor, event.clone(), close).await?;
        self.count_waiting(now).await;
        if done {
            return Ok(());
        }
        let error = AdminError::PetitionClosed(petition.stored.state);
        self.journal.note(actor.sign(Event { outcome: Outcome::Failed, ..event }.with("why", &error)));
        Err(error)
    }

    pub async fn petition(&self, actor: &Actor, id: PetitionId) -> Result<Petition, AdminError> {
        self.permit(actor, Change::ReadChanges)?;
        let petition = self.found(id).await?;
        // Before its proposer's key has answered it is a thing of her own.
        let hers = actor.person().is_some_and(|identity| identity.account() == petition.stored.proposer);
        if petition.stored.state == PetitionState::Draft && !hers { Err(AdminError::NoSuchPetition) } else { Ok(petition) }
    }

    /// Those that wait, the oldest first, and the last ones that have ended.
    pub async fn petitions(&self, actor: &Actor, now: Time) -> Result<(Vec<Petition>, Vec<Petition>), AdminError> {
        self.permit(actor, Change::ReadChanges)?;
        let read = |stored: Vec<StoredPetition>| stored.into_iter().map(read).collect::<Result<Vec<_>, _>>();
        Ok((read(self.store.open_petitions(now).await?)?, read(self.store.closed_petitions(now).await?)?))
    }

    /// How many wait for somebody.
    pub fn waiting(&self, now: Time) -> u64 {
        let ends = self.waiting.0.lock().unwrap_or_else(PoisonError::into_inner);
        ends.iter().filter(|end| **end > now).count().try_into().unwrap_or(u64::MAX)
    }

    /// To be called once at the start; every change of a petition does it again.
    pub async fn count_waiting(&self, now: Time) {
        match self.store.open_petitions(now).await {
            Ok(open) => {
                let ends = open.iter().map(|petition| petition.expires).collect();
                *self.waiting.0.lock().unwrap_or_else(PoisonError::into_inner) = ends;
            }
            Err(error) => tracing::warn!(%error, "the changes that wait could not be counted"),
        }
    }

    async fn found(&self, id: PetitionId) -> Result<Petition, AdminError> {
        read(self.store.petition(id).await?.ok_or(AdminError::NoSuchPetition)?)
    }

    fn url_of(&self, id: PetitionId) -> String {
        format!("{}/console/changes/{id}", self.portal)
    }
}

fn read(stored: StoredPetition) -> Result<Petition, AdminError> {
    let proposal = serde_json::from_str(&stored.proposal).map_err(|error| unreadable(&error))?;
    Ok(Petition { proposal, stored })
}

fn unreadable(error: &serde_json::Error) -> StoreError {
    StoreError::Unreadable { what: "a proposal", found: error.to_string() }
}

/// What is confirmed is confirmed by a person with a session; the machine's owner has no key.
fn staff(actor: &Actor) -> Result<&Identity, AdminError> {
    actor.person().map(AsRef::as_ref).ok_or(AdminError::NotAllowed)
}

/// Somebody else was first, or its time is over.
fn moved(done: bool) -> Result<(), AdminError> {
    if done { Ok(()) } else { Err(AdminError::PetitionClosed(PetitionState::Done)) }
}
