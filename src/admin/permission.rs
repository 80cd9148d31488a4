//! Who may do what: the one table that the console, terminals and the control socket are held to.
//!
//! Invariant: an action without a line in the table does not exist, and whoever is not named in its line may not do it. Whoever acts does
//! so in exactly one capacity: an account has one role, and only a member can manage a unit. Whoever is on the duty list of the emergency plan
//! is a duty officer besides, for the lines that name one and that her role has no part in.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use ipnet::IpNet;

use super::error::AdminError;
use crate::auth::Identity;
use crate::model::{Account, AccountId, AccountName, AccountState, Event, Role, TokenId, UnitName};

/// On whose word something is done.
#[derive(Clone, Debug)]
pub enum Actor {
    /// A person who is signed in, and the address that she asks from.
    Staff { identity: Arc<Identity>, address: IpAddr },
    /// She, through a terminal on the machine that she allowed from this address; `uid` is who types there.
    Terminal { identity: Arc<Identity>, address: IpAddr, uid: u32 },
    /// Whoever owns the machine, through the control socket.
    Machine { uid: u32 },
}

/// As what somebody acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capacity {
    SystemAdministrator,
    SecurityAdministrator,
    Auditor,
    /// A member, within her own unit.
    UnitManager,
    /// Whoever is on the duty list of the plan in force, at whatever hour: at night somebody is called who has no shift.
    DutyOfficer,
    /// Root or the gateway's own user, at the machine and without a login.
    Owner,
}

impl Capacity {
    pub const ALL: &[Capacity] =
        &[Self::SystemAdministrator, Self::SecurityAdministrator, Self::Auditor, Self::UnitManager, Self::DutyOfficer, Self::Owner];

    const fn heading(self) -> &'static str {
        match self {
            Self::SystemAdministrator => "system administrator",
            Self::SecurityAdministrator => "security administrator",
            Self::Auditor => "auditor",
            Self::UnitManager => "unit manager, in her unit",
            Self::DutyOfficer => "duty officer",
            Self::Owner => "machine's owner",
        }
    }
}

/// Makes the one table into [`Change`]: each line is an action, what it is in words, and who may do it.
macro_rules! table {
    ($($name:ident $what:literal: $($who:ident)+;)+) => {
        /// What can be asked for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Change { $($name),+ }

        impl Change {
            pub const ALL: &[Change] = &[$(Self::$name),+];

            pub const fn allowed(self) -> &'static [Capacity] {
                match self { $(Self::$name => &[$(Capacity::$who),+]),+ }
            }

            const fn what(self) -> &'static str {
                match self { $(Self::$name => $what),+ }
            }
        }
    };
}

table! {
    ReadAccounts "see accounts": SecurityAdministrator UnitManager;
    Invite "invite a person; a unit manager only members": SecurityAdministrator UnitManager;
    DisableAccount "switch an account off; a unit manager only members": SecurityAdministrator UnitManager;
    EnableAccount "switch an account on again": SecurityAdministrator;
    AppointManager "make a member manager of her unit, or end that": SecurityAdministrator;
    ReadSessions "see who is signed in": SecurityAdministrator;
    EndSession "end somebody's sessions": SecurityAdministrator;
    ReadTokens "see tokens, and export the inventory": SecurityAdministrator;
    ImportTokens "import a delivery of tokens": SecurityAdministrator;
    IssueToken "issue a token": SecurityAdministrator;
    ResumeToken "let a suspended token work again": SecurityAdministrator;
    ResynchroniseToken "bring a code token back whose codes are not accepted": SecurityAdministrator;
    StopToken "suspend or revoke a token, or report it lost": SecurityAdministrator;
    CreateAuthority "make the gateway's own authority for USB-KEYs": SecurityAdministrator;
    IssueCertificate "issue or renew a USB-KEY's certificate": SecurityAdministrator;
    RevokeCertificate "revoke a USB-KEY's certificate": SecurityAdministrator;
    ReadChanges "see changes that take two, and authorities that wait for them": SecurityAdministrator;
    ProposeChange "propose a change that takes two, or withdraw it": SecurityAdministrator;
    ConfirmChange "confirm a change that another one proposed": SecurityAdministrator;
    RejectChange "reject such a change": SecurityAdministrator;
    RestoreAccess "propose a way in for somebody who has lost hers": SecurityAdministrator;
    TrustAuthority "propose that an authority for USB-KEYs is trusted": SecurityAdministrator;
    ImportPeople "import a list of people": SecurityAdministrator;
    MakeLetters "make enrolment letters": SecurityAdministrator;
    ReadLog "read the log": Auditor;
    ExportLog "export the log": Auditor;
    ReadIncidents "see incidents": DutyOfficer SystemAdministrator SecurityAdministrator Auditor Owner;
    TestNotices "send a test notice over a channel of the emergency plan (`yumen incident notice`)": SystemAdministrator Owner;
    RunDrill "begin a drill of the emergency plan (`yumen drill`)": DutyOfficer SystemAdministrator Owner;
    HandleIncident "handle incidents: assess, confirm a level, note, close": DutyOfficer;
    LockDown "close an app, a unit or everything for an hour at most, and open it again (`yumen lockdown`)": DutyOfficer SystemAdministrator Owner;
    RotateLogKey "replace the key that signs the log (`yumen audit rotate-key`)": SystemAdministrator Owner;
    ReadStatus "see how the gateway stands": SystemAdministrator Owner;
    Reload "read the config again": SystemAdministrator Owner;
    OpenTerminal "allow a terminal (`yumen login`)": DutyOfficer SystemAdministrator SecurityAdministrator Auditor;
    Bootstrap "invite people while no security administrator is active": Owner;
    Recover "give a security administrator who is locked out a new start, while no other can sign in (`yumen recover`)": Owner;
}

impl Change {
    pub fn allows(self, capacity: Capacity) -> bool {
        self.allowed().contains(&capacity)
    }

    /// The table as it stands in the documentation (Markdown).
    pub fn table() -> String {
        let row = |cells: Vec<&str>| format!("| {} |\n", cells.join(" | "));
        let heads = Capacity::ALL.iter().map(|capacity| capacity.heading());
        let mut text = row(std::iter::once("what").chain(heads).collect());
        text.push_str(&row(vec!["---"; Capacity::ALL.len().saturating_add(1)]));
        for change in Self::ALL {
            let marks = Capacity::ALL.iter().map(|capacity| if change.allows(*capacity) { "yes" } else { "" });
            text.push_str(&row(std::iter::once(change.what()).chain(marks).collect()));
        }
        text
    }
}

impl Actor {
    /// `None`: nobody who has an account.
    pub fn person(&self) -> Option<&Arc<Identity>> {
        match self {
            Self::Staff { identity, .. } | Self::Terminal { identity, .. } => Some(identity),
            Self::Machine { .. } => None,
        }
    }

    /// The hardware token that was shown for this very thing already, so that no page has to ask for it: as whoever opened a terminal has.
    pub fn fresh_token(&self) -> Option<TokenId> {
        match self {
            Self::Staff { .. } | Self::Terminal { .. } | Self::Machine { .. } => None,
        }
    }

    /// Puts the actor on a record.
    pub fn sign(&self, event: Event) -> Event {
        match self {
            Self::Staff { identity, address } => event.by(identity.who().clone()).from(*address),
            Self::Terminal { identity, address, uid } => {
                event.by(identity.who().clone()).from(*address).with("through", "terminal").with("uid", uid)
            }
            Self::Machine { uid } => event.with("uid", uid),
        }
    }
}

/// How far an allowed action reaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    All,
    /// The plain members of this unit.
    Unit(UnitName),
}

/// What the table is asked with: who manages her unit, who is on duty, and from where staff may act.
#[derive(Debug, Default)]
pub struct Permissions {
    managers: ArcSwap<HashSet<AccountId>>,
    duty_list: ArcSwap<HashSet<AccountName>>,
    /// Whom the plan names for anything.
    named: ArcSwap<HashSet<AccountName>>,
    /// Empty: from anywhere.
    addresses: ArcSwap<Vec<IpNet>>,
}

impl Permissions {
    /// She manages nothing any more.
    pub fn dismiss(&self, account: AccountId) {
        self.managers.rcu(|managers| managers.iter().copied().filter(|manager| *manager != account).collect::<HashSet<_>>());
    }

    pub fn set_managers(&self, managers: HashSet<AccountId>) {
        self.managers.store(Arc::new(managers));
    }

    pub fn set_duty_list(&self, people: HashSet<AccountName>) {
        self.duty_list.store(Arc::new(people));
    }

    pub fn set_named(&self, people: HashSet<AccountName>) {
        self.named.store(Arc::new(people));
    }

    pub fn named(&self) -> HashSet<AccountName> {
        HashSet::clone(&self.named.load())
    }

    pub fn is_named(&self, name: &AccountName) -> bool {
        self.named.load().contains(name) || self.duty_list.load().contains(name)
    }

    pub fn set_addresses(&self, addresses: Vec<IpNet>) {
        self.addresses.store(Arc::new(addresses));
    }

    pub fn manages(&self, account: AccountId) -> bool {
        self.managers.load().contains(&account)
    }

    /// Whether this actor may do it, and how far that reaches.
    pub fn allow(&self, actor: &Actor, change: Change) -> Result<Scope, AdminError> {
        let capacity = self.capacity(actor, change).filter(|capacity| change.allows(*capacity)).ok_or(AdminError::NotAllowed)?;
        let (Actor::Staff { identity, address } | Actor::Terminal { identity, address, .. }) = actor else { return Ok(Scope::All) };
        if capacity == Capacity::UnitManager {
            return Ok(Scope::Unit(identity.who().unit.clone()));
        }
        // A member who is on duty is woken wherever she is, and has nothing but a phone; nothing that she may do opens what was not open.
        if identity.who().role == Role::Member {
            return Ok(Scope::All);
        }
        let addresses = self.addresses.load();
        let is_listed = addresses.is_empty() || addresses.iter().any(|network| network.contains(address));
        if is_listed { Ok(Scope::All) } else { Err(AdminError::NotFromHere) }
    }

    /// Whether whoever has this account could do it, signed in with what it takes.
    pub fn would_allow(&self, account: &Account, change: Change) -> bool {
        let capacity = self.capacity_of((account.id, &account.name, account.role), change);
        account.state != AccountState::Disabled && capacity.is_some_and(|capacity| change.allows(capacity))
    }

    fn capacity(&self, actor: &Actor, change: Change) -> Option<Capacity> {
        let Some(identity) = actor.person() else { return Some(Capacity::Owner) };
        if identity.is_revoked() || !identity.factor().suits_staff() {
            return None;
        }
        self.capacity_of((identity.account(), &identity.who().name, identity.who().role), change)
    }

    /// Her role comes first, so that being on duty changes nothing of what it has.
    fn capacity_of(&self, (account, name, role): (AccountId, &AccountName, Role), change: Change) -> Option<Capacity> {
        let own = match role {
            Role::SystemAdministrator => Some(Capacity::SystemAdministrator),
            Role::SecurityAdministrator => Some(Capacity::SecurityAdministrator),
            Role::Auditor => Some(Capacity::Auditor),
            Role::Member => self.manages(account).then_some(Capacity::UnitManager),
        };
        let on_duty = || self.duty_list.load().contains(name).then_some(Capacity::DutyOfficer);
        own.filter(|capacity| change.allows(*capacity)).or_else(on_duty)
    }
}
