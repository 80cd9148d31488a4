//! The console: accounts, units and sessions, for security administrators.

use std::borrow::Cow;

use askama::Template;

use super::{Frame, Moment, Paging, SessionRow, TokenRow};
use crate::lang::{self, Value};
use crate::model::{AccountState, Role};

#[derive(Clone, Debug, Template)]
#[template(path = "console_accounts.html")]
pub struct AccountsView {
    pub frame: Frame,
    pub filter: AccountsFilter,
    /// Those of this page.
    pub accounts: Vec<AccountRow>,
    pub paging: Paging,
    /// All units that have accounts.
    pub units: Vec<String>,
    pub form: InviteForm,
}

/// What the list was filtered by; empty parts narrow nothing.
#[derive(Clone, Debug, Default)]
pub struct AccountsFilter {
    pub search: String,
    pub unit: String,
    pub role: Option<Role>,
    pub state: Option<AccountState>,
}

impl AccountsFilter {
    fn has_unit(&self, unit: &str) -> bool {
        self.unit == unit
    }

    fn has_role(&self, role: &Role) -> bool {
        self.role == Some(*role)
    }

    fn has_state(&self, state: &AccountState) -> bool {
        self.state == Some(*state)
    }

    fn narrows(&self) -> bool {
        !self.search.is_empty() || !self.unit.is_empty() || self.role.is_some() || self.state.is_some()
    }
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
    pub until: Moment,
    /// Somebody else holds the other half.
    pub halved: bool,
}

impl InvitationView {
    /// For paper, on which minutes from now say nothing.
    fn until(&self) -> Cow<'static, str> {
        let zone = self.frame.zone.as_deref().unwrap_or_default();
        lang::text_with(self.frame.language, "invitation-until", &[("time", Value::Name(&self.until.shown)), ("zone", Value::Name(zone))])
    }
}

/// What may be done to an account now.
#[derive(Clone, Copy, Debug, Default)]
pub struct AccountActions {
    pub disable: bool,
    pub enable: bool,
    pub invite: bool,
    pub end_sessions: bool,
    /// A new token, or a new password.
    pub recover: bool,
}

impl AccountActions {
    fn any(&self) -> bool {
        self.disable || self.enable || self.invite || self.end_sessions
    }

    /// `own`: whether staff looks at her own account, which she can neither switch off nor invite again.
    pub fn for_state(state: AccountState, own: bool) -> Self {
        let others = !own;
        match state {
            AccountState::Invited => Self { disable: others, invite: others, ..Self::default() },
            AccountState::Active => Self { disable: others, invite: others, recover: others, end_sessions: true, enable: false },
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
    /// It is suspended because nobody used it since then.
    pub unused_since: Option<Moment>,
    /// Those that the account holds or held.
    pub tokens: Vec<TokenRow>,
    /// How many sessions are open.
    pub sessions: u64,
    pub actions: AccountActions,
    pub manages: ManagesUnit,
}

/// Whether the account manages its unit; none of staff can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ManagesUnit {
    Is,
    Could,
    CanNot,
}

impl ManagesUnit {
    fn is_so(&self) -> bool {
        *self == Self::Is
    }

    fn could_be(&self) -> bool {
        *self == Self::Could
    }
}

/// A unit with how many accounts it has in each state, in the order of [`AccountState::ALL`].
#[derive(Clone, Debug)]
pub struct UnitRow {
    pub name: String,
    pub states: Vec<(AccountState, usize)>,
}

impl UnitRow {
    fn accounts(&self) -> usize {
        self.states.iter().map(|(_, count)| count).sum()
    }
}

#[derive(Clone, Debug, Template)]
#[template(path = "console_units.html")]
pub struct UnitsView {
    pub frame: Frame,
    pub units: Vec<UnitRow>,
}

#[derive(Clone, Debug, Template)]
#[template(path = "console_sessions.html")]
pub struct AllSessionsView {
    pub frame: Frame,
    pub filter: SessionsFilter,
    /// Id and name of what sessions can be filtered by.
    pub apps: Vec<(String, String)>,
    /// Those of this page.
    pub sessions: Vec<SessionRow>,
    pub paging: Paging,
}

#[derive(Clone, Debug, Default)]
pub struct SessionsFilter {
    pub search: String,
    pub app: String,
}

impl SessionsFilter {
    fn has_app(&self, id: &str) -> bool {
        self.app == id
    }

    fn narrows(&self) -> bool {
        !self.search.is_empty() || !self.app.is_empty()
    }
}

/// What is asked about once more before it is done.
#[derive(Clone, Debug)]
pub enum ConfirmedAct {
    Disable,
    /// The same, by the manager of the unit.
    DisableMember,
    EndSessions,
    EndSession {
        id: String,
        browser: String,
        address: String,
    },
}

/// Names the account and what happens to it; its form does it.
#[derive(Clone, Debug, Template)]
#[template(path = "console_confirm.html")]
pub struct ConfirmView {
    pub frame: Frame,
    pub act: ConfirmedAct,
    /// The account's id.
    pub account: String,
    pub name: String,
    pub unit: String,
    /// How many sessions are open.
    pub sessions: u64,
}

impl ConfirmView {
    fn title(&self) -> Cow<'static, str> {
        match self.act {
            ConfirmedAct::Disable | ConfirmedAct::DisableMember => self.frame.t_name("confirm-disable-title", "name", &self.name),
            ConfirmedAct::EndSessions => self.frame.t_name("confirm-end-sessions-title", "name", &self.name),
            ConfirmedAct::EndSession { .. } => self.frame.t_name("confirm-end-session-title", "name", &self.name),
        }
    }

    fn consequences(&self) -> Vec<Cow<'static, str>> {
        let frame = &self.frame;
        match self.act {
            ConfirmedAct::Disable | ConfirmedAct::DisableMember => {
                vec![frame.t("confirm-signed-out"), frame.t("confirm-disabled"), frame.t("confirm-kept")]
            }
            ConfirmedAct::EndSessions => vec![frame.t("confirm-signed-out"), frame.t("confirm-may-return")],
            ConfirmedAct::EndSession { .. } => vec![frame.t("confirm-one-signed-out"), frame.t("confirm-may-return")],
        }
    }

    fn verb(&self) -> Cow<'static, str> {
        match self.act {
            ConfirmedAct::Disable | ConfirmedAct::DisableMember => self.frame.t("account-disable"),
            ConfirmedAct::EndSessions => self.frame.t("account-end-sessions"),
            ConfirmedAct::EndSession { .. } => self.frame.t("session-end"),
        }
    }

    fn action(&self) -> String {
        match self.act {
            ConfirmedAct::Disable => format!("/console/accounts/{}/disable", self.account),
            ConfirmedAct::DisableMember => format!("/unit/{}/disable", self.account),
            ConfirmedAct::EndSessions => format!("/console/accounts/{}/end-sessions", self.account),
            ConfirmedAct::EndSession { .. } => "/console/sessions/end".to_owned(),
        }
    }

    fn back(&self) -> String {
        match self.act {
            ConfirmedAct::Disable | ConfirmedAct::EndSessions => format!("/console/accounts/{}", self.account),
            ConfirmedAct::DisableMember => "/unit".to_owned(),
            ConfirmedAct::EndSession { .. } => "/console/sessions".to_owned(),
        }
    }
}
