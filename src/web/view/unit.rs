//! A unit as its manager sees it.

use askama::Template;

use super::{AccountRow, Frame, InviteForm, Paging};
use crate::model::AccountState;

#[derive(Clone, Debug, Template)]
#[template(path = "unit.html")]
pub struct UnitView {
    pub frame: Frame,
    pub unit: String,
    /// The part of a name that was looked for.
    pub search: String,
    /// Those of this page.
    pub members: Vec<UnitMember>,
    pub paging: Paging,
    pub form: InviteForm,
}

#[derive(Clone, Debug)]
pub struct UnitMember {
    pub account: AccountRow,
    /// Neither herself nor another manager.
    pub within_reach: bool,
}

impl UnitMember {
    fn may_be_invited_again(&self) -> bool {
        self.within_reach && self.account.state == AccountState::Invited
    }

    fn may_be_disabled(&self) -> bool {
        self.within_reach && matches!(self.account.state, AccountState::Invited | AccountState::Active)
    }
}
