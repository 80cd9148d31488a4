//! What the desk asks the table with; unit managers; duty officers; and the security administrator who is locked out.
//!
//! Invariant: the set of managers in memory is what the store says, because nobody else changes either.

use std::collections::HashSet;

use ipnet::IpNet;

use super::certificates::When;
use super::desk::{Desk, INVITATION_LIVES, Invitation, about};
use super::error::AdminError;
use super::permission::{Actor, Change, Scope};
use crate::crypto::Token;
use crate::model::{Account, AccountId, AccountName, Action, Event, Role};
use crate::store::{MachineRecovery, StoreError};

impl Desk {
    /// From where staff may act; empty: from anywhere. Holds at once, for those who are signed in too.
    pub fn set_staff_addresses(&self, addresses: Vec<IpNet>) {
        self.permissions.set_addresses(addresses);
    }

    /// Who is on the duty list of the plan in force; nobody where there is no plan. Holds at once, for those who are signed in too.
    pub fn set_duty_list(&self, people: HashSet<AccountName>) {
        self.permissions.set_duty_list(people);
    }

    /// Whether this actor may do it without bounds.
    pub fn permit(&self, actor: &Actor, change: Change) -> Result<(), AdminError> {
        match self.scope(actor, change)? {
            Scope::All => Ok(()),
            Scope::Unit(_) => Err(AdminError::NotAllowed),
        }
    }

    /// Whether this actor may do it, and how far that reaches.
    pub(super) fn scope(&self, actor: &Actor, change: Change) -> Result<Scope, AdminError> {
        self.permissions.allow(actor, change)
    }

    /// Learns from the store who manages a unit.
    pub async fn load_managers(&self) -> Result<(), StoreError> {
        self.permissions.set_managers(self.store.unit_managers().await?);
        Ok(())
    }

    pub fn manages_unit(&self, account: AccountId) -> bool {
        self.permissions.manages(account)
    }

    /// She may invite and switch off the members of her unit from now on, or no longer.
    pub async fn appoint_manager(&self, actor: &Actor, id: AccountId, manages: bool) -> Result<(), AdminError> {
        self.permit(actor, Change::AppointManager)?;
        let account = self.known(id).await?;
        let action = if manages { Action::ManagerAppointed } else { Action::ManagerDismissed };
        let event = about(action, &account).with("unit", &account.unit);
        if !manages {
            return self.dismiss_manager(actor, id, event).await;
        }
        let change = async {
            let changed = self.store.set_unit_manager(id, true).await?;
            self.load_managers().await?;
            match changed {
                true => Ok(()),
                false if account.role == Role::Member => Err(AdminError::WrongState(account.state)),
                false => Err(AdminError::StaffManageNothing),
            }
        };
        self.recorded(actor, event, change).await
    }

    /// Taking away waits for nothing: she is no manager in memory first.
    async fn dismiss_manager(&self, actor: &Actor, id: AccountId, event: Event) -> Result<(), AdminError> {
        self.permissions.dismiss(id);
        self.taken_away(actor, event, self.store.set_unit_manager(id, false)).await.map(drop)
    }

    /// Whether an act on this account is within reach.
    pub(super) fn reaches(&self, scope: &Scope, account: &Account) -> bool {
        match scope {
            Scope::All => true,
            Scope::Unit(unit) => account.role == Role::Member && account.unit == *unit && !self.manages_unit(account.id),
        }
    }

    /// A new start for a security administrator who cannot sign in, while no other one can: a link to enrol anew. Whatever opened her account
    /// before opens nothing any more.
    pub async fn recover(&self, actor: &Actor, name: &AccountName, when: When) -> Result<Invitation, AdminError> {
        self.permit(actor, Change::Recover)?;
        let now = when.now;
        // Her tokens would end for a link that opens nothing yet.
        self.may_give(now)?;
        let (token, expires) = (Token::random()?, now.plus(INVITATION_LIVES));
        let event = Event::done(Action::AdministratorRecovered).with("name", name);
        let change = async {
            match self.store.recover_at_machine(name, token.hash(), expires, now).await? {
                MachineRecovery::Done(account) => Ok(account),
                MachineRecovery::NoSuch => Err(AdminError::NoSuchAccount),
                MachineRecovery::NotSecurityAdministrator => Err(AdminError::NotToBeRecovered),
                MachineRecovery::AnotherCan { name, wait } => {
                    tracing::warn!(%name, "a recovery at the machine waits: if nobody meant it, sign in as security administrator");
                    Err(AdminError::AnotherCan { name, hours: wait.as_secs().div_ceil(3_600) })
                }
            }
        };
        let account = self.recorded(actor, event, change).await?;
        let ended = self.sessions.revoke_all_of(account.id).len();
        self.publish_now(when.wall).await;
        tracing::warn!(name = %account.name, ended, "a security administrator was recovered at the machine: if nobody meant to, treat it as a break-in");
        Ok(Invitation { link: format!("{}/enrol#{}", self.portal, token.reveal()), account, expires, halved: false })
    }
}
