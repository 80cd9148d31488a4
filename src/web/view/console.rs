//! The console: accounts and sessions, for security administrators.

use askama::Template;

use super::{Frame, KeyRow, Moment, SessionRow};
use crate::model::{AccountState, Role};

#[derive(Clone, Debug, Template)]
#[template(path = "console_accounts.html")]
pub struct AccountsView {
    pub frame: Frame,
    /// What the list was filtered by; empty: nothing.
    pub filter: String,
    pub accounts: Vec<AccountRow>,
    /// There are more than are listed.
    pub more: bool,
    pub form: InviteForm,
}

#[derive(Clone, Debug)]
pub struct AccountRow {
    pub id: String,
    pub name: String,
    pub unit: String,
    pub role: Role,
    pub state: AccountState,
    pub created: Moment,
}

/// The invitation form as it was sent, shown again where something in it was wrong.
#[derive(Clone, Debug, Default)]
pub struct InviteForm {
    pub name: String,
    pub unit: String,
    pub role: Option<Role>,
    pub email: String,
}

impl InviteForm {
    fn has_role(&self, role: &Role) -> bool {
        self.role.unwrap_or(Role::Member) == *role
    }
}

/// The single-use link, shown once.
#[derive(Clone, Debug, Template)]
#[template(path = "console_invitation.html")]
pub struct InvitationView {
    pub frame: Frame,
    pub name: String,
    pub link: String,
    pub minutes: u64,
}

/// What may be done to an account now.
#[derive(Clone, Copy, Debug, Default)]
pub struct AccountActions {
    pub disable: bool,
    pub enable: bool,
    pub invite: bool,
    pub end_sessions: bool,
}

impl AccountActions {
    /// `own`: whether staff looks at her own account, which she can neither switch off nor invite again.
    pub fn for_state(state: AccountState, own: bool) -> Self {
        let others = !own;
        match state {
            AccountState::Invited => Self { disable: others, invite: others, ..Self::default() },
            AccountState::Active => Self { disable: others, invite: others, end_sessions: true, enable: false },
            AccountState::Disabled | AccountState::Suspended => Self { enable: others, ..Self::default() },
        }
    }
}

#[derive(Clone, Debug, Template)]
#[template(path = "console_account.html")]
pub struct AccountView {
    pub frame: Frame,
    pub account: AccountRow,
    pub email: Option<String>,
    pub keys: Vec<KeyRow>,
    /// How many sessions are open.
    pub sessions: u64,
    pub actions: AccountActions,
}

#[derive(Clone, Debug, Template)]
#[template(path = "console_sessions.html")]
pub struct AllSessionsView {
    pub frame: Frame,
    pub sessions: Vec<SessionRow>,
}
