//! Samples of the pages by which roles are kept apart: a unit's manager, and terminals.

use askama::Template;

use super::samples::{ATTACK, HOSTILE, OPTIONS, Typed, account, moment, token};
use super::*;
use crate::model::TokenState;

pub(super) fn pages(language: Language, typed: Typed) -> Vec<(&'static str, askama::Result<String>)> {
    let frame = |path: &str, role| Frame::portal(language, path, "csrf-token".into()).signed_in(typed.name, role).zone("UTC+08:00".into());
    let manager = || frame("/unit", Role::Member).managing(true);
    let member = |state, within_reach| UnitMember { account: account(typed, state, Role::Member), within_reach };
    let unit = |members: Vec<UnitMember>, search: &str| UnitView {
        frame: manager(),
        unit: typed.unit.into(),
        search: search.into(),
        paging: Paging::new(format!("/unit?q={search}"), members.len(), ""),
        members,
        form: InviteForm { name: typed.name.into(), ..InviteForm::default() },
    };
    let terminal = |stage| TerminalView { frame: frame("/terminal", Role::SecurityAdministrator), stage };
    let challenge = if typed.name == ATTACK.name { HOSTILE } else { "c1" };
    let confirm = TerminalStage::Confirm {
        code: "BCDF-GHJK".into(),
        machine: typed.key.into(),
        user: typed.name.into(),
        uid: 998,
        until: moment(),
        ceremony: Some(Ceremony { options: OPTIONS.into(), challenge: challenge.into() }),
        usb_key: Some("/terminal/usb-key?terminal=BCDF-GHJK".into()),
    };
    let everybody = vec![
        member(AccountState::Active, true),
        member(AccountState::Invited, true),
        member(AccountState::Disabled, true),
        member(AccountState::Active, false),
    ];
    let account = AccountView {
        frame: frame("/console/accounts", Role::SecurityAdministrator),
        account: account(typed, AccountState::Active, Role::Member),
        email: None,
        tokens: vec![token(typed, TokenState::Active)],
        sessions: 0,
        actions: AccountActions::default(),
        manages: ManagesUnit::Is,
        unused_since: None,
    };
    let disable = ConfirmView {
        frame: manager(),
        act: ConfirmedAct::DisableMember,
        account: "a1".into(),
        name: typed.name.into(),
        unit: typed.unit.into(),
        sessions: 0,
    };
    let invitation = InvitationView {
        frame: manager(),
        name: typed.name.into(),
        link: "https://gate.localhost:8443/enrol#p5aV2uHXr0AOqUk7HQitvi-Ny1p5aV2uHXr0AOqUk7H".into(),
        minutes: 15,
        until: moment(),
        halved: false,
    };
    let token = token(typed, TokenState::Active);
    let astray = AstrayTokenView { frame: frame("/console/tokens", Role::SecurityAdministrator), token };
    vec![
        ("console-token-resync", astray.render()),
        ("unit", unit(everybody, "").render()),
        ("unit-none-fits", unit(vec![], typed.name).render()),
        ("unit-confirm-disable", disable.render()),
        ("unit-invitation", invitation.render()),
        ("console-account-manager", account.render()),
        ("terminal-code", terminal(TerminalStage::Code { typed: typed.key.into() }).render()),
        ("terminal-confirm", terminal(confirm).render()),
        ("terminal-allowed", terminal(TerminalStage::Allowed { machine: typed.key.into() }).render()),
    ]
}
