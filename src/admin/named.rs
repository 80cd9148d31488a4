//! Whom the emergency plan gives power by her name: the duty list, and `break_glass` of its levels.
//!
//! Invariant: while a name stands in the plan, nobody alone lets somebody have it where there are two security administrators, and a link that
//! was made for it before opens nothing.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::desk::Desk;
use super::error::AdminError;
use super::permission::Actor;
use super::petitions::Authority;
use crate::model::{Account, AccountId, AccountName, AccountState, Action, Event, Role, UnitName};
use crate::store::StoreError;

/// An account as it is while somebody decides about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    pub account: AccountId,
    pub name: AccountName,
    pub unit: UnitName,
    pub role: Role,
    pub email: Option<String>,
    pub state: AccountState,
    /// The emergency plan gives her power.
    #[serde(default)]
    pub named: bool,
}

impl Desk {
    /// Names of a plan that is about to be in force. Links of members that are open for those that are new among them are void: a unit manager,
    /// or one security administrator alone, may have made them for herself. After an error nothing has changed.
    pub async fn guard_names(&self, names: &HashSet<AccountName>) -> Result<(), StoreError> {
        let before = self.permissions.named();
        // First, so that no link is made meanwhile.
        self.permissions.set_named(before.union(names).cloned().collect());
        let new: Vec<AccountName> = names.difference(&before).cloned().collect();
        let void = match self.store.void_invitations(&new).await {
            Ok(void) => void,
            Err(error) => {
                self.permissions.set_named(before);
                return Err(error);
            }
        };
        for name in void {
            tracing::warn!(%name, "the emergency plan names somebody who has not enrolled: her link is void, and security administrators invite her anew");
            let why = "the emergency plan names her now: what was made before opens nothing";
            self.journal.note(Event::failed(Action::AccountInvited).with("name", &name).with("why", why));
        }
        Ok(())
    }

    /// The names of the plan in force.
    pub fn set_named(&self, names: HashSet<AccountName>) {
        self.permissions.set_named(names);
    }

    pub(super) fn is_named(&self, name: &AccountName) -> bool {
        self.permissions.is_named(name)
    }

    pub(super) fn as_person(&self, account: Account) -> Person {
        let named = self.is_named(&account.name);
        let Account { id, name, unit, role, email, state, .. } = account;
        Person { account: id, name, unit, role, email, state, named }
    }

    /// Whoever stands in the plan is invited as staff are.
    pub(super) fn may_be_invited(&self, actor: &Actor, name: &AccountName, authority: &Authority) -> Result<(), AdminError> {
        let is_as_staff = !matches!(authority, Authority::Own) || matches!(actor, Actor::Machine { .. });
        if is_as_staff || !self.is_named(name) {
            return Ok(());
        }
        let error = AdminError::NamedByPlan(name.clone());
        // She may have hoped for what the plan gives.
        self.journal.note(actor.sign(Event::failed(Action::AccountInvited).with("name", name).with("why", &error)));
        Err(error)
    }
}
