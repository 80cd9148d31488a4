//! Samples of changes that need two, and of recovery.

use askama::Template;

use super::super::*;
use super::{OPTIONS, Typed, moment};
use crate::admin::{KeyToCertify, Person, Proposal};
use crate::model::{AccountId, AccountName, PetitionState, Role, Serial, TokenKind, TokenState, UnitName};

const HALF: &str = "7KQ2M-9XW4T";
const LINK: &str = "https://gate.localhost:8443/recover?half=1#p5aV2uHXr0AOqUk7HQitvi-Ny1p5aV2uHXr0AOqUk7H";

fn person(role: Role, state: AccountState) -> Person {
    Person {
        account: AccountId(uuid::Uuid::nil()),
        name: AccountName::parse("ئالىم ئەخمەت").unwrap(),
        unit: UnitName::parse("信息化办公室").unwrap(),
        role,
        email: None,
        state,
        named: false,
    }
}

fn proposals(typed: Typed) -> Vec<Proposal> {
    let serial = Serial::parse("FT-0042A").unwrap();
    let warden = |state| person(Role::SecurityAdministrator, state);
    let Person { name, unit, .. } = warden(AccountState::Invited);
    vec![
        Proposal::Invite {
            name,
            unit,
            role: Role::Auditor,
            email: Some(typed.name.into()),
            before: Some(person(Role::Member, AccountState::Invited)),
            reopened: false,
            named: true,
        },
        Proposal::Enable { person: warden(AccountState::Disabled) },
        Proposal::IssueToken {
            serial: serial.clone(),
            kind: TokenKind::UsbKey,
            state: TokenState::InStock,
            to: warden(AccountState::Active),
        },
        Proposal::ResumeToken {
            serial: serial.clone(),
            kind: TokenKind::WebAuthn,
            state: TokenState::Suspended,
            holder: warden(AccountState::Active),
        },
        Proposal::IssueCertificate {
            serial: serial.clone(),
            kind: TokenKind::UsbKey,
            state: None,
            to: warden(AccountState::Active),
            key: KeyToCertify::of(b"key"),
            days: 365,
        },
        Proposal::RenewCertificate {
            serial: serial.clone(),
            kind: TokenKind::UsbKey,
            state: TokenState::Active,
            holder: warden(AccountState::Active),
            key: KeyToCertify::of(b"key"),
            days: 365,
            before: Some("4f2a".repeat(8)),
        },
        Proposal::NewToken { person: warden(AccountState::Active), lost: vec![serial, Serial::parse("K-7").unwrap()] },
        Proposal::NewPassword { person: person(Role::Member, AccountState::Active), by_code: true },
        Proposal::EnrolAnew { person: warden(AccountState::Active), lost: vec![] },
        Proposal::Trust { what: typed.unit.into(), digest: "ab".repeat(32) },
    ]
}

fn row(typed: Typed, proposal: Proposal, state: Option<PetitionState>) -> ChangeRow {
    ChangeRow {
        id: "0190c7a2-7d7e-7c1e-8e5a-2f7d2a0b1c3d".into(),
        proposal,
        state,
        proposer: typed.name.into(),
        proposed: moment(),
        expires: moment(),
        closer: state.is_none_or(|state| state == PetitionState::Done).then(|| typed.name.into()),
    }
}

pub(super) fn pages(language: Language, typed: Typed) -> Vec<(&'static str, askama::Result<String>)> {
    let stranger = |path: &str| Frame::portal(language, path, "csrf-token".into());
    let staff = |path: &str| {
        let frame = stranger(path).signed_in(typed.name, Role::SecurityAdministrator);
        frame.zone("UTC+08:00".into()).waiting(2)
    };
    let ceremony = || Ceremony { options: OPTIONS.into(), challenge: "c1".into() };
    let all = |state| proposals(typed).into_iter().map(|proposal| row(typed, proposal, state)).collect::<Vec<_>>();
    let closed = PetitionState::ALL.iter().map(|state| Some(*state)).chain([None]);
    let list = |open, closed, untrusted| ChangesView { frame: staff("/console/changes"), open, closed, untrusted };
    let change = |part, state| {
        let proposal = proposals(typed).swap_remove(0);
        let confirmers = vec![typed.name.to_owned(), "王敏".to_owned()];
        ChangeView { frame: staff("/console/changes/c1"), change: row(typed, proposal, Some(state)), confirmers, part }
    };
    let each = |index: usize| ChangeView {
        frame: staff("/console/changes/c1"),
        change: all(Some(PetitionState::Done)).swap_remove(index),
        confirmers: vec![],
        part: ChangePart::Closed,
    };
    let link = |lacks_token, halved| RecoveryLinkView {
        frame: staff("/console/changes"),
        name: typed.name.into(),
        lacks_token,
        link: LINK.into(),
        minutes: 15,
        until: moment(),
        halved,
    };
    let token = |new, ceremony, code| RecoverTokenView {
        frame: stranger("/recover/token"),
        name: typed.name.into(),
        new,
        ceremony,
        code,
        usb_key: (!new && !code).then(|| "/recover/usb-key".to_owned()),
    };
    let mut pages = vec![
        (
            "console-changes",
            list(
                all(Some(PetitionState::Open)),
                closed.map(|state| row(typed, proposals(typed).swap_remove(0), state)).collect(),
                vec![(typed.unit.into(), "cd".repeat(32))],
            )
            .render(),
        ),
        ("console-changes-none", list(vec![], vec![], vec![]).render()),
        (
            "console-change-draft",
            change(ChangePart::Draft { alone: false, ceremony: Some(ceremony()), usb_key: None }, PetitionState::Draft).render(),
        ),
        (
            "console-change-draft-no-key",
            change(ChangePart::Draft { alone: true, ceremony: None, usb_key: None }, PetitionState::Draft).render(),
        ),
        ("console-change-waits", change(ChangePart::Waits { half: Some(HALF.into()) }, PetitionState::Open).render()),
        (
            "console-change-confirm",
            change(
                ChangePart::Confirm { ceremony: Some(ceremony()), usb_key: Some("/console/changes/c1/confirm/usb-key".into()) },
                PetitionState::Open,
            )
            .render(),
        ),
        ("console-change-concerns-you", change(ChangePart::ConcernsYou, PetitionState::Open).render()),
        ("console-recovery-token", link(true, true).render()),
        ("console-recovery-password", link(false, false).render()),
        ("enrol-open-half", EnrolOpenView { frame: stranger("/enrol?half=1"), half: true, token: String::new() }.render()),
        ("recover-open", RecoverOpenView { frame: stranger("/recover"), half: false, token: String::new() }.render()),
        ("recover-open-half", RecoverOpenView { frame: stranger("/recover?half=1"), half: true, token: "t".into() }.render()),
        ("recover-present", RecoverPresentView { frame: stranger("/recover/password"), name: typed.name.into() }.render()),
        ("recover-choose", RecoverChooseView { frame: stranger("/recover/password"), name: typed.name.into(), least: 12 }.render()),
        ("recover-new-token", token(true, Some(ceremony()), true).render()),
        ("recover-own-key", token(false, Some(ceremony()), false).render()),
        ("recover-own-code", token(false, None, true).render()),
        ("recover-done-token", RecoverDoneView { frame: stranger("/recover"), name: typed.name.into(), token: true }.render()),
        ("recover-done-password", RecoverDoneView { frame: stranger("/recover"), name: typed.name.into(), token: false }.render()),
        ("recover-invalid", RecoverInvalidView { frame: stranger("/recover") }.render()),
    ];
    pages.extend((1..proposals(typed).len()).map(|index| ("console-change", each(index).render())));
    pages
}
