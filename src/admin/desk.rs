use std::sync::Arc;
use std::time::Duration;

use futures_util::future;

use crate::audit::{Journal, NoRecord};
use crate::auth::{CodeError, Codes, SessionRow, Sessions};
use crate::clock::Time;
use crate::crypto::{HalfHash, NoRandomness, Token};
use crate::model::{
    Account, AccountId, AccountName, AccountState, Action, Event, Outcome, PetitionState, Role, Serial, SessionId, TokenKind, TokenState,
    UnitName,
};
use crate::oath::Problem;
use crate::pki::{IssuingFiles, PkiError};
use crate::store::{AccountFilter, InviteError, Store, StoreError, StoredKey};

use super::certificates::Issuing;
use super::letters::LetterSettings;
use super::permission::{Actor, Change};
use super::petitions::{Authority, Proposed, Waiting};
use super::proposal::Wish;
use super::recovery::{asks_for_half, halved};
use super::roster::RowProblem;
use super::trust::Declared;

/// How long an invitation waits for its person.
pub const INVITATION_LIVES: Duration = Duration::from_secs(15 * 60);

#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    #[error("this account may not do that")]
    NotAllowed,
    #[error("there is no such account")]
    NoSuchAccount,
    #[error("an account of this name has enrolled already; see `yumen account list`, and `yumen account enable` if it is switched off")]
    NameTaken,
    #[error("it was done, but the audit log has failed and could not record it: write down who did it and when, and mend the log")]
    Unrecorded,
    #[error(
        "its sessions were ended at once, but the store failed, so that a restart may bring them back and no account was switched off: ask again when the store works"
    )]
    OnlyInMemory(#[source] StoreError),
    #[error("the account is {0}, and to such an account this cannot be done")]
    WrongState(AccountState),
    #[error("nothing was imported; the file has {}:{}", problems(.0.len()), listed(.0))]
    BadDelivery(Vec<Problem>),
    #[error("nothing was imported; {} of the serial numbers are known already:{}", .0.len(), listed(.0))]
    KnownSerials(Vec<Serial>),
    #[error("nothing was imported; the file has {}:{}", problems(.0.len()), listed(.0))]
    BadRoster(Vec<RowProblem>),
    #[error("the part that begins with {0} was not imported: something changed meanwhile; look the file through again")]
    PeopleChanged(AccountName),
    #[error("there is no token with the serial number {0}; see `yumen token list`")]
    NoSuchToken(Serial),
    #[error("the token {serial} is {state}, so that cannot be done with it")]
    WrongTokenState { serial: Serial, state: TokenState },
    #[error("these are not two codes in a row of the token {0}; read them off anew, one directly after the other")]
    WrongCodes(Serial),
    #[error("a code cannot be judged")]
    Code(#[source] CodeError),
    #[error("the token {serial} is no USB-KEY: it is of the kind {kind}")]
    NoUsbKey { serial: Serial, kind: TokenKind },
    #[error("the token {0} has no certificate of the gateway's own authority: give the request that was made in it")]
    NoCertificate(Serial),
    #[error("this certificate, or its key, is registered already")]
    CertificateTaken,
    #[error("the gateway has no authority of its own yet; `yumen token create-authority` makes one")]
    NoAuthority,
    #[error(transparent)]
    Pki(#[from] PkiError),
    #[error("the account is switched off, so it cannot be given a token")]
    NoHolder,
    #[error("nobody may disable her own account, so that the last one is not lost by a slip")]
    Oneself,
    #[error("{}", waits(.0))]
    Proposed(Box<Proposed>),
    #[error("there is no such change that waits")]
    NoSuchPetition,
    #[error("the change does not wait any more: it was carried out, withdrawn or rejected, or its time is over (it is {0})")]
    PetitionClosed(PetitionState),
    #[error("whoever proposed a change does not confirm it")]
    OwnPetition,
    #[error("nobody proposes or confirms what is about her own account")]
    ConcernsYou,
    #[error("whoever proposed it is no security administrator any more, or the token that she proposed it with is not hers any more")]
    ProposerGone,
    #[error("what it is about has changed since it was proposed, so it was not carried out: propose it anew")]
    ChangedMeanwhile,
    #[error("it takes two security administrators, neither of whom it may be about, and there is no other one who could confirm it")]
    NobodyToConfirm,
    #[error("a fresh proof by a hardware token, for this change, is needed")]
    NoFreshProof,
    #[error("she has no token by which she could show that it is she: she has to begin anew")]
    NothingToProveBy,
    #[error("a staff member's certificate would take two security administrators: she registers her token herself, under My tokens")]
    StaffCertificate,
    #[error("the config declares no such authority")]
    NoSuchAuthority,
    #[error(transparent)]
    NoRecord(#[from] NoRecord),
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    #[error("the store failed")]
    Store(#[from] StoreError),
}

impl From<InviteError> for AdminError {
    fn from(error: InviteError) -> Self {
        match error {
            InviteError::NameTaken => Self::NameTaken,
            InviteError::Store(error) => Self::Store(error),
        }
    }
}

/// What somebody at a terminal is told of a change that she cannot make alone.
fn waits(proposed: &Proposed) -> String {
    let Proposed { state, url, expires, half, .. } = proposed;
    let code = half.as_ref().map_or_else(String::new, |half| {
        format!(". Give the person this code; without it the link that the other one gets opens nothing: {}", half.reveal())
    });
    match state {
        PetitionState::Open => format!("proposed, not done yet: another security administrator confirms it at {url} until {expires}{code}"),
        _ => format!("it takes two security administrators: show your token at {url} to propose it"),
    }
}

fn problems(count: usize) -> String {
    if count == 1 { "1 problem".to_owned() } else { format!("{count} problems") }
}

/// A line each, and the first few only: a whole delivery may be wrong in one way.
fn listed<T: std::fmt::Display>(all: &[T]) -> String {
    const SHOWN: usize = 20;
    let more = all.len().saturating_sub(SHOWN);
    let lines = all.iter().take(SHOWN).map(|one| format!("\n  {one}"));
    let rest = (more > 0).then(|| format!("\n  and {more} more"));
    lines.chain(rest).collect()
}

/// An account as it is asked for.
#[derive(Clone, Debug)]
pub struct NewAccount {
    pub name: AccountName,
    pub unit: UnitName,
    pub role: Role,
    pub email: Option<String>,
}

/// A single-use link for a person to enrol with.
#[derive(Debug)]
pub struct Invitation {
    pub account: Account,
    /// The token stands in the fragment, which browsers send to nobody.
    pub link: String,
    pub expires: Time,
    /// It opens nothing without the half that its proposer was given.
    pub halved: bool,
}

/// What came of switching an account off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disabled {
    /// It was off already; sessions that it had all the same have ended.
    pub was_already: bool,
    pub ended: usize,
}

/// Where changes are asked for.
pub struct Desk {
    pub(super) store: Store,
    pub(super) sessions: Arc<Sessions>,
    pub(super) journal: Journal,
    pub(super) codes: Codes,
    /// `https://host[:port]` of the portal.
    pub(super) portal: String,
    pub(super) waiting: Waiting,
    pub(super) declared: Declared,
    pub(super) letters: LetterSettings,
    /// The gateway's own authority for certificates; where the desk has none, none can be issued.
    pub(super) issuing: Option<Issuing>,
}

impl Desk {
    pub fn new(store: Store, sessions: Arc<Sessions>, journal: Journal, codes: Codes, portal: String) -> Self {
        let (waiting, declared) = (Waiting::default(), Declared::default());
        Self { store, sessions, journal, codes, portal, waiting, declared, letters: LetterSettings::default(), issuing: None }
    }

    #[must_use]
    pub fn with_letters(mut self, letters: LetterSettings) -> Self {
        self.letters = letters;
        self
    }

    /// Keeps the gateway's own authority in these files.
    #[must_use]
    pub fn issuing_from(self, files: IssuingFiles) -> Self {
        Self { issuing: Some(Issuing::new(files)), ..self }
    }

    /// Creates an account, or renews the invitation of one that has not enrolled yet.
    pub async fn invite(&self, actor: &Actor, new: NewAccount, now: Time) -> Result<Invitation, AdminError> {
        permit(actor, Change::Invite)?;
        let authority = self.authority(actor, &Wish::Invite(new.clone()), now).await?;
        self.invite_by(actor, new, (&authority, None), now).await
    }

    pub(super) async fn invite_by(
        &self,
        actor: &Actor,
        new: NewAccount,
        (authority, half): (&Authority, Option<HalfHash>),
        now: Time,
    ) -> Result<Invitation, AdminError> {
        let account = Account {
            id: AccountId::fresh(),
            name: new.name,
            unit: new.unit,
            role: new.role,
            email: new.email,
            state: AccountState::Invited,
            created: now,
        };
        let token = Token::random()?;
        let expires = now.plus(INVITATION_LIVES);
        let event = Event::done(Action::AccountInvited).with("name", &account.name).with("role", account.role).with("unit", &account.unit);
        // An invitation that is renewed may change what was promised: the record says what it was.
        let event = match self.store.account_by_name(&account.name).await? {
            Some(before) => event.with("account", before.id).with("role-before", before.role).with("unit-before", &before.unit),
            None => event.with("account", account.id),
        };
        let invited = self.store.invite(&account, halved(&token, half).hash(), expires);
        let account = self.recorded(actor, authority.sign(event), invited).await?;
        let link = format!("{}/enrol{}#{}", self.portal, asks_for_half(half), token.reveal());
        Ok(Invitation { link, account, expires, halved: half.is_some() })
    }

    /// Switches an account off and ends its sessions; may be repeated.
    pub async fn disable(&self, actor: &Actor, id: AccountId) -> Result<Disabled, AdminError> {
        permit(actor, Change::DisableAccount)?;
        if let Actor::Staff { identity, .. } = actor
            && identity.who().account == id
        {
            return Err(AdminError::Oneself);
        }
        // Before anything that can fail or wait.
        let at_once = self.sessions.revoke_all_of(id).len();
        let (event, account) = self.perhaps_known(Action::AccountDisabled, id).await?;
        let change = async {
            let was_already = account?.state == AccountState::Disabled;
            self.store.set_state(id, AccountState::ALL, AccountState::Disabled).await?;
            // Whoever signed in meanwhile came before the account was off.
            let ended = at_once.saturating_add(self.sessions.revoke_all_of(id).len());
            Ok(Disabled { was_already, ended })
        };
        self.taken_away(actor, event, change).await
    }

    /// Switches a disabled or suspended account on again.
    pub async fn enable(&self, actor: &Actor, id: AccountId, now: Time) -> Result<(), AdminError> {
        permit(actor, Change::EnableAccount)?;
        let authority = self.authority(actor, &Wish::Enable(id), now).await?;
        self.enable_by(actor, id, &authority).await
    }

    pub(super) async fn enable_by(&self, actor: &Actor, id: AccountId, authority: &Authority) -> Result<(), AdminError> {
        let account = self.known(id).await?;
        let event = authority.sign(about(Action::AccountEnabled, &account));
        let from = [AccountState::Disabled, AccountState::Suspended];
        self.change_state(actor, event, &account, &from, AccountState::Active).await
    }

    pub async fn end_session(&self, actor: &Actor, id: SessionId) -> Result<bool, AdminError> {
        permit(actor, Change::EndSession)?;
        let event = Event::done(Action::SessionEnded).with("session", id);
        self.taken_away(actor, event, self.sessions.end(id)).await
    }

    pub async fn end_sessions_of(&self, actor: &Actor, id: AccountId) -> Result<usize, AdminError> {
        permit(actor, Change::EndSession)?;
        let at_once = self.sessions.revoke_all_of(id).len();
        let (event, account) = self.perhaps_known(Action::SessionEnded, id).await?;
        let change = async {
            let more = self.sessions.end_all_of(id).await?.len();
            account.map(|_| at_once.saturating_add(more))
        };
        self.taken_away(actor, event.with("which", "all"), change).await
    }

    pub async fn accounts(&self, actor: &Actor, filter: &AccountFilter) -> Result<Vec<Account>, AdminError> {
        permit(actor, Change::ReadAccounts)?;
        Ok(self.store.accounts(filter).await?)
    }

    pub async fn account(&self, actor: &Actor, id: AccountId) -> Result<(Account, Vec<StoredKey>), AdminError> {
        permit(actor, Change::ReadAccounts)?;
        Ok((self.known(id).await?, self.store.keys(id).await?))
    }

    /// Since when nobody had used the account, if it is suspended for that.
    pub async fn unused_since(&self, actor: &Actor, id: AccountId) -> Result<Option<Time>, AdminError> {
        permit(actor, Change::ReadAccounts)?;
        Ok(self.store.suspended_unused().await?.remove(&id))
    }

    pub async fn account_named(&self, actor: &Actor, name: &AccountName) -> Result<Account, AdminError> {
        permit(actor, Change::ReadAccounts)?;
        self.store.account_by_name(name).await?.ok_or(AdminError::NoSuchAccount)
    }

    /// Whose name this is; where the store fails, those who have a session are still known.
    pub async fn id_of(&self, actor: &Actor, name: &AccountName) -> Result<AccountId, AdminError> {
        permit(actor, Change::ReadAccounts)?;
        match self.store.account_by_name(name).await {
            Ok(account) => account.map(|account| account.id).ok_or(AdminError::NoSuchAccount),
            Err(error) => {
                let open = self.sessions.list_all();
                open.iter().find(|session| session.who.name == *name).map(|session| session.who.account).ok_or(AdminError::Store(error))
            }
        }
    }

    pub fn sessions(&self, actor: &Actor) -> Result<Vec<SessionRow>, AdminError> {
        permit(actor, Change::ReadSessions)?;
        Ok(self.sessions.list_all())
    }

    /// Whether somebody can hand out tokens; until then the first one is invited at the machine.
    pub async fn has_security_administrator(&self) -> Result<bool, AdminError> {
        Ok(self.store.has_active(Role::SecurityAdministrator).await?)
    }

    async fn change_state(
        &self,
        actor: &Actor,
        event: Event,
        account: &Account,
        from: &[AccountState],
        to: AccountState,
    ) -> Result<(), AdminError> {
        let change = async {
            match self.store.set_state(account.id, from, to).await? {
                Some(_) => Ok(()),
                None => Err(AdminError::WrongState(account.state)),
            }
        };
        self.recorded(actor, event, change).await
    }

    async fn known(&self, id: AccountId) -> Result<Account, AdminError> {
        self.store.account(id).await?.ok_or(AdminError::NoSuchAccount)
    }

    /// The account with what a record says of it; a store that fails is no reason not to go on.
    async fn perhaps_known(&self, action: Action, id: AccountId) -> Result<(Event, Result<Account, StoreError>), AdminError> {
        match self.known(id).await {
            Ok(account) => Ok((about(action, &account), Ok(account))),
            Err(AdminError::Store(error)) => Ok((Event::done(action).with("account", id), Err(error))),
            Err(error) => Err(error),
        }
    }

    /// For what takes away and gives nothing: the record is asked for first, but the change does not wait for it.
    pub(super) async fn taken_away<T>(
        &self,
        actor: &Actor,
        event: Event,
        change: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, AdminError> {
        let event = actor.sign(event);
        let (recorded, changed) = future::join(self.journal.event(event.clone()), change).await;
        match changed {
            Ok(done) => recorded.map(|()| done).map_err(|NoRecord| AdminError::Unrecorded),
            Err(error) => {
                let error = AdminError::OnlyInMemory(error);
                self.journal.note(Event { outcome: Outcome::Failed, ..event }.with("why", &error));
                Err(error)
            }
        }
    }

    /// As [`Desk::recorded`], for a change that has several records: they are asked for together, so that they share the wait for the disk.
    pub(super) async fn all_recorded<T, E: Into<AdminError>>(
        &self,
        actor: &Actor,
        events: Vec<Event>,
        change: impl Future<Output = Result<T, E>>,
    ) -> Result<T, AdminError> {
        let events: Vec<Event> = events.into_iter().map(|event| actor.sign(event)).collect();
        future::try_join_all(events.iter().map(|event| self.journal.event(event.clone()))).await?;
        change.await.map_err(|error| {
            let error = error.into();
            for event in events {
                self.journal.note(Event { outcome: Outcome::Failed, ..event }.with("why", &error));
            }
            error
        })
    }

    /// Record first, then the change; a change that fails is recorded as failed.
    pub(super) async fn recorded<T, E: Into<AdminError>>(
        &self,
        actor: &Actor,
        event: Event,
        change: impl Future<Output = Result<T, E>>,
    ) -> Result<T, AdminError> {
        self.all_recorded(actor, vec![event], change).await
    }
}

fn about(action: Action, account: &Account) -> Event {
    Event::done(action).with("account", account.id).with("name", &account.name)
}

pub(super) fn permit(actor: &Actor, change: Change) -> Result<(), AdminError> {
    if actor.may(change) { Ok(()) } else { Err(AdminError::NotAllowed) }
}
