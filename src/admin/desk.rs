use std::sync::Arc;
use std::time::Duration;

use futures_util::future;

use crate::access::{Emergency, Lockdown};
use crate::audit::{Journal, NoRecord};
use crate::auth::{Codes, SessionRow, Sessions};
use crate::clock::Time;
use crate::crypto::{HalfHash, Token};
use crate::model::{Account, AccountId, AccountName, AccountState, Action, Event, Outcome, Role, SessionId, UnitName};
use crate::pki::IssuingFiles;
use crate::store::{AccountFilter, Store, StoreError, StoredKey};

use super::certificates::Issuing;
use super::disabled::Disabled;
use super::error::AdminError;
use super::incidents::Incidents;
use super::letters::LetterSettings;
use super::lockdown::Closing;
use super::log::LogBooks;
use super::packs::Packs;
use super::permission::{Actor, Change, Permissions, Scope};
use super::petitions::{Authority, Waiting};
use super::proposal::Wish;
use super::recovery::{asks_for_half, halved};
use super::terminals::Terminals;
use super::trust::Declared;

/// How long an invitation waits for its person.
pub const INVITATION_LIVES: Duration = Duration::from_secs(15 * 60);

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

/// Where changes are asked for.
pub struct Desk {
    pub(super) store: Store,
    pub(super) sessions: Arc<Sessions>,
    pub(super) journal: Journal,
    pub(super) codes: Codes,
    pub(super) permissions: Permissions,
    pub(super) terminals: Terminals,
    /// `https://host[:port]` of the portal.
    pub(super) portal: String,
    pub(super) waiting: Waiting,
    pub(super) declared: Declared,
    pub(super) letters: LetterSettings,
    /// The gateway's own authority for certificates; where the desk has none, none can be issued.
    pub(super) issuing: Option<Issuing>,
    pub(super) emergency: Arc<Emergency>,
    pub(super) closing: Arc<Closing>,
    /// Where the desk has none, the log cannot be read there.
    pub(super) books: Option<LogBooks>,
    pub(super) incidents: Arc<Incidents>,
    /// Where the desk has none, packs of evidence are made at the machine alone.
    pub(super) packs: Option<Packs>,
}

impl Desk {
    pub fn new(store: Store, sessions: Arc<Sessions>, journal: Journal, codes: Codes, portal: String) -> Self {
        Self {
            store,
            sessions,
            journal,
            codes,
            portal,
            permissions: Permissions::default(),
            packs: None,
            terminals: Terminals::default(),
            waiting: Waiting::default(),
            declared: Declared::default(),
            letters: LetterSettings::default(),
            issuing: None,
            emergency: Arc::default(),
            closing: Arc::default(),
            books: None,
            incidents: Arc::default(),
        }
    }

    #[must_use]
    pub fn with_letters(mut self, letters: LetterSettings) -> Self {
        self.letters = letters;
        self
    }

    /// What is closed for now, as the apps of the gateway know it.
    #[must_use]
    pub fn closing(self, lockdown: Arc<Lockdown>) -> Self {
        Self { closing: Arc::new(Closing::of(lockdown)), ..self }
    }

    /// Gives nobody a way in while the emergency level in force says so.
    #[must_use]
    pub fn freezing(self, emergency: Arc<Emergency>) -> Self {
        Self { emergency, ..self }
    }

    /// Asked before anybody is given a way in that she did not have; never before something is taken away.
    pub(super) fn may_give(&self, now: Time) -> Result<(), AdminError> {
        match self.emergency.in_force(now).filter(|stance| stance.measures.freeze_enrolment) {
            Some(stance) => Err(AdminError::Frozen { level: stance.level, until: stance.until }),
            None => Ok(()),
        }
    }

    /// Keeps the gateway's own authority in these files.
    #[must_use]
    pub fn issuing_from(self, files: IssuingFiles) -> Self {
        Self { issuing: Some(Issuing::new(files)), ..self }
    }

    /// Creates an account, or renews the invitation of one that has not enrolled yet.
    pub async fn invite(&self, actor: &Actor, new: NewAccount, now: Time) -> Result<Invitation, AdminError> {
        let scope = self.may_invite(actor, &new).await?;
        self.may_give(now)?;
        let authority = match scope {
            Scope::All => self.authority(actor, &Wish::Invite(new.clone()), now).await?,
            // Plain members of her own unit alone, whom no plan names: that gives nobody power.
            Scope::Unit(_) => Authority::Own,
        };
        self.invite_by(actor, new, (&authority, None), now).await
    }

    pub(super) async fn invite_by(
        &self,
        actor: &Actor,
        new: NewAccount,
        (authority, half): (&Authority, Option<HalfHash>),
        now: Time,
    ) -> Result<Invitation, AdminError> {
        let scope = self.may_invite(actor, &new).await?;
        self.may_be_invited(actor, &new.name, authority)?;
        self.may_give(now)?;
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
            // Another unit's and her own staff's invitations are not hers to renew.
            Some(before) if !self.reaches(&scope, &before) => return Err(AdminError::NameTaken),
            // She was somebody: her new link is what two security administrators made for her.
            Some(before) if scope != Scope::All && self.store.was_reopened(before.id).await? => return Err(AdminError::BeginsAnew),
            Some(before) => event.with("account", before.id).with("role-before", before.role).with("unit-before", &before.unit),
            None => event.with("account", account.id),
        };
        let invited = self.store.invite(&account, halved(&token, half).hash(), expires);
        let account = self.recorded(actor, authority.sign(event), invited).await?;
        if self.manages_unit(account.id) {
            self.load_managers().await?;
        }
        let link = format!("{}/enrol{}#{}", self.portal, asks_for_half(half), token.reveal());
        Ok(Invitation { link, account, expires, halved: half.is_some() })
    }

    /// The machine's owner invites whom he likes, as long as there is nobody else who could.
    async fn may_invite(&self, actor: &Actor, new: &NewAccount) -> Result<Scope, AdminError> {
        let scope = match actor {
            Actor::Machine { .. } => {
                self.permit(actor, Change::Bootstrap)?;
                if self.has_security_administrator().await? {
                    return Err(AdminError::BootstrapOver);
                }
                Scope::All
            }
            Actor::Staff { .. } | Actor::Terminal { .. } => self.scope(actor, Change::Invite)?,
        };
        match &scope {
            Scope::Unit(unit) if new.role != Role::Member || new.unit != *unit => Err(AdminError::NotAllowed),
            Scope::All | Scope::Unit(_) => Ok(scope),
        }
    }

    /// Switches an account off and ends its sessions; may be repeated.
    pub async fn disable(&self, actor: &Actor, id: AccountId) -> Result<Disabled, AdminError> {
        let scope = self.scope(actor, Change::DisableAccount)?;
        if actor.person().is_some_and(|identity| identity.account() == id) {
            return Err(AdminError::Oneself);
        }
        if scope != Scope::All && !self.reaches(&scope, &self.known(id).await?) {
            return Err(AdminError::NoSuchAccount);
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
        self.permit(actor, Change::EnableAccount)?;
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
        self.permit(actor, Change::EndSession)?;
        let event = Event::done(Action::SessionEnded).with("session", id);
        let ended = self.taken_away(actor, event.clone(), self.sessions.end(id)).await?;
        if !ended {
            self.journal.note(actor.sign(Event { outcome: Outcome::Failed, ..event }.with("why", "it was not open")));
        }
        Ok(ended)
    }

    pub async fn end_sessions_of(&self, actor: &Actor, id: AccountId) -> Result<usize, AdminError> {
        self.permit(actor, Change::EndSession)?;
        let at_once = self.sessions.revoke_all_of(id).len();
        let (event, account) = self.perhaps_known(Action::SessionEnded, id).await?;
        let change = async {
            let more = self.sessions.end_all_of(id).await?.len();
            account.map(|_| at_once.saturating_add(more))
        };
        self.taken_away(actor, event.with("which", "all"), change).await
    }

    pub async fn accounts(&self, actor: &Actor, filter: &AccountFilter) -> Result<Vec<Account>, AdminError> {
        let scope = self.scope(actor, Change::ReadAccounts)?;
        let Scope::Unit(unit) = &scope else { return Ok(self.store.accounts(filter).await?) };
        let filter = AccountFilter { unit: Some(unit.clone()), ..filter.clone() };
        let mut accounts = self.store.accounts(&filter).await?;
        accounts.retain(|account| account.role == Role::Member);
        Ok(accounts)
    }

    pub async fn account(&self, actor: &Actor, id: AccountId) -> Result<(Account, Vec<StoredKey>), AdminError> {
        let scope = self.scope(actor, Change::ReadAccounts)?;
        let account = self.known(id).await?;
        match scope {
            Scope::Unit(unit) if account.role != Role::Member || account.unit != unit => Err(AdminError::NoSuchAccount),
            Scope::All | Scope::Unit(_) => Ok((account, self.store.keys(id).await?)),
        }
    }

    /// Since when nobody had used the account, if it is suspended for that.
    pub async fn unused_since(&self, actor: &Actor, id: AccountId) -> Result<Option<Time>, AdminError> {
        self.permit(actor, Change::ReadAccounts)?;
        Ok(self.store.suspended_unused().await?.remove(&id))
    }

    pub async fn account_named(&self, actor: &Actor, name: &AccountName) -> Result<Account, AdminError> {
        self.permit(actor, Change::ReadAccounts)?;
        self.store.account_by_name(name).await?.ok_or(AdminError::NoSuchAccount)
    }

    /// Whose name this is; where the store fails, those who have a session are still known.
    pub async fn id_of(&self, actor: &Actor, name: &AccountName) -> Result<AccountId, AdminError> {
        self.permit(actor, Change::ReadAccounts)?;
        match self.store.account_by_name(name).await {
            Ok(account) => account.map(|account| account.id).ok_or(AdminError::NoSuchAccount),
            Err(error) => {
                let open = self.sessions.list_all();
                open.iter().find(|session| session.who.name == *name).map(|session| session.who.account).ok_or(AdminError::Store(error))
            }
        }
    }

    pub fn sessions(&self, actor: &Actor) -> Result<Vec<SessionRow>, AdminError> {
        self.permit(actor, Change::ReadSessions)?;
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

    pub(super) async fn known(&self, id: AccountId) -> Result<Account, AdminError> {
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
        self.done_at_once(actor, event, async { change.await.map_err(AdminError::OnlyInMemory) }).await
    }

    /// As [`Desk::taken_away`], with another word for what the store did not do.
    pub(super) async fn done_at_once<T>(
        &self,
        actor: &Actor,
        event: Event,
        change: impl Future<Output = Result<T, AdminError>>,
    ) -> Result<T, AdminError> {
        let event = actor.sign(event);
        let (recorded, changed) = future::join(self.journal.event(event.clone()), change).await;
        match changed {
            Ok(done) => recorded.map(|()| done).map_err(|NoRecord| AdminError::Unrecorded),
            Err(error) => {
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

pub(super) fn about(action: Action, account: &Account) -> Event {
    Event::done(action).with("account", account.id).with("name", &account.name)
}
