use std::sync::Arc;
use std::time::Duration;

use futures_util::future;

use crate::audit::{Journal, NoRecord};
use crate::auth::{CodeError, Codes, SessionRow, Sessions};
use crate::clock::Time;
use crate::crypto::{NoRandomness, Token};
use crate::model::{
    Account, AccountId, AccountName, AccountState, Action, Event, Outcome, Role, Serial, SessionId, TokenKind, TokenState, UnitName,
};
use crate::oath::Problem;
use crate::pki::{IssuingFiles, PkiError};
use crate::store::{AccountFilter, InviteError, Store, StoreError, StoredKey};

use super::certificates::Issuing;
use super::permission::{Actor, Change, Permissions, Scope};
use super::terminals::Terminals;

/// How long an invitation waits for its person.
pub const INVITATION_LIVES: Duration = Duration::from_secs(15 * 60);

#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    #[error("this account may not do that")]
    NotAllowed,
    #[error("staff may act from listed addresses only; see `addresses` under [staff] in the config")]
    NotFromHere,
    #[error("a security administrator is active, so people are invited by her: in the console, or here after `yumen login`")]
    BootstrapOver,
    #[error("only a security administrator is recovered at the machine; she gives everybody else a new token in the console")]
    NotToBeRecovered,
    #[error("{0} can sign in as security administrator, so ask her: she can give a new token")]
    AnotherCan(AccountName),
    #[error("staff cannot manage a unit: only a member can")]
    StaffManageNothing,
    #[error("no terminal waits with this code: it was mistyped, used, or is older than five minutes; run `yumen login` again")]
    NoSuchTerminal,
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
    pub(super) permissions: Permissions,
    pub(super) terminals: Terminals,
    /// `https://host[:port]` of the portal.
    pub(super) portal: String,
    /// The gateway's own authority for certificates; where the desk has none, none can be issued.
    pub(super) issuing: Option<Issuing>,
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
            issuing: None,
            terminals: Terminals::default(),
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
            Some(before) => event.with("account", before.id).with("role-before", before.role).with("unit-before", &before.unit),
            None => event.with("account", account.id),
        };
        let account = self.recorded(actor, event, self.store.invite(&account, token.hash(), expires)).await?;
        if self.manages_unit(account.id) {
            self.load_managers().await?;
        }
        Ok(Invitation { link: format!("{}/enrol#{}", self.portal, token.reveal()), account, expires })
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
    pub async fn enable(&self, actor: &Actor, id: AccountId) -> Result<(), AdminError> {
        self.permit(actor, Change::EnableAccount)?;
        let account = self.known(id).await?;
        let event = about(Action::AccountEnabled, &account);
        let from = [AccountState::Disabled, AccountState::Suspended];
        self.change_state(actor, event, &account, &from, AccountState::Active).await
    }

    pub async fn end_session(&self, actor: &Actor, id: SessionId) -> Result<bool, AdminError> {
        self.permit(actor, Change::EndSession)?;
        let event = Event::done(Action::SessionEnded).with("session", id);
        self.taken_away(actor, event, self.sessions.end(id)).await
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

    /// Record first, then the change; a change that fails is recorded as failed.
    pub(super) async fn recorded<T, E: Into<AdminError>>(
        &self,
        actor: &Actor,
        event: Event,
        change: impl Future<Output = Result<T, E>>,
    ) -> Result<T, AdminError> {
        let event = actor.sign(event);
        self.journal.event(event.clone()).await?;
        change.await.map_err(|error| {
            let error = error.into();
            self.journal.note(Event { outcome: Outcome::Failed, ..event }.with("why", &error));
            error
        })
    }
}

pub(super) fn about(action: Action, account: &Account) -> Event {
    Event::done(action).with("account", account.id).with("name", &account.name)
}
