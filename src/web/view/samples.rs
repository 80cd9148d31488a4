//! One sample of every page, for the tests: with hostile texts or with usual ones.

mod changes;
mod enrol;
mod keys;

use askama::Template;

use super::*;
use crate::model::{TokenKind, TokenState};

pub(super) const HOSTILE: &str = "<script>alert(1)</script>\"'> onload=x </a>&amp;\u{202e}\u{2067}gnp";
pub(super) const OPTIONS: &str = r#"{"publicKey":{"challenge":"p5aV2uHXr0AOqUk7HQitvi-Ny1p5aV2uHXr0AOqUk7H","rp":{"name":"<O'Brien & \"Söhne\"> 玉门","id":"gate.localhost"},"user":{"id":"AAAA","name":"ئالىم","displayName":"</form>"},"pubKeyCredParams":[{"type":"public-key","alg":-7}]}}"#;

/// What the texts of a page that people or apps chose are.
#[derive(Clone, Copy)]
pub(super) struct Typed {
    pub(super) name: &'static str,
    pub(super) unit: &'static str,
    pub(super) app: &'static str,
    pub(super) key: &'static str,
    pub(super) browser: &'static str,
}

pub(super) const ATTACK: Typed = Typed { name: HOSTILE, unit: HOSTILE, app: HOSTILE, key: HOSTILE, browser: HOSTILE };
pub(super) const USUAL: Typed = Typed {
    name: "ئالىم ئەخمەت",
    unit: "信息化办公室",
    app: "政务网站群系统",
    key: "Blue key, desk drawer",
    browser: "Firefox 140, Windows",
};

pub(super) fn moment() -> Moment {
    Moment { shown: "2026-11-22 11:04".into(), iso: "2026-11-22T03:04:05Z".into() }
}

pub(super) fn key(typed: Typed, id: &str, used: bool) -> KeyRow {
    KeyRow {
        id: id.into(),
        name: typed.key.into(),
        serial: Some("K-2F7D2A0B1C3D".into()),
        make: Some(typed.key.into()),
        added: moment(),
        last_used: used.then(moment),
    }
}

fn phone() -> PhoneSecret {
    PhoneSecret {
        qr: crate::web::qr::draw("otpauth://totp/gate.example.cn:li?secret=GEZDGNBVGY3TQOJQ"),
        secret: "GEZD GNBV GY3T QOJQ".into(),
    }
}

pub(super) fn own_token(state: TokenState) -> OwnTokenRow {
    OwnTokenRow { serial: "FT-004217".into(), kind: TokenKind::Oath, state, issued: Some(moment()), last_used: None }
}

pub(super) fn session(typed: Typed, current: bool) -> SessionRow {
    SessionRow {
        id: "0190c7a2-7d7e-7c1e-8e5a-2f7d2a0b1c3d".into(),
        current,
        account: typed.name.into(),
        unit: typed.unit.into(),
        signed_in: moment(),
        last_active: moment(),
        address: "2001:db8:85a3::8a2e:370:7334".into(),
        browser: typed.browser.into(),
        agent: typed.browser.into(),
        apps: if current { vec![typed.app.into(), typed.app.into()] } else { Vec::new() },
    }
}

pub(super) fn account(typed: Typed, state: AccountState, role: Role) -> AccountRow {
    AccountRow {
        id: "0190c7a2-7d7e-7c1e-8e5a-2f7d2a0b1c3d".into(),
        name: typed.name.into(),
        unit: typed.unit.into(),
        role,
        state,
        created: moment(),
    }
}

pub(super) fn token(typed: Typed, state: TokenState) -> TokenRow {
    let holder = TokenHolder { account: "0190c7a2-7d7e-7c1e-8e5a-2f7d2a0b1c3d".into(), name: typed.name.into(), unit: typed.unit.into() };
    let is_out = state != TokenState::InStock;
    TokenRow {
        serial: "FT-0042A".into(),
        kind: TokenKind::WebAuthn,
        state,
        label: is_out.then(|| typed.key.into()),
        holder: is_out.then_some(holder),
        added: moment(),
        issued: is_out.then(moment),
        last_used: is_out.then(moment),
        ended: (TokenActions::for_state(state) == TokenActions::default()).then(moment),
        expires: Some(moment()),
    }
}

fn unit(typed: Typed) -> UnitRow {
    UnitRow { name: typed.unit.into(), states: AccountState::ALL.iter().map(|state| (*state, 3)).collect() }
}

/// All pages, by name.
pub(super) fn pages(language: Language, typed: Typed) -> Vec<(&'static str, String)> {
    let hostile = typed.name == HOSTILE;
    let stranger = |path: &str| Frame::portal(language, path, "csrf-token".into());
    let known = |path: &str, role| stranger(path).signed_in(typed.name, role).zone("UTC+08:00".into());
    let member = |path: &str| known(path, Role::Member);
    let staff = |path: &str| known(path, Role::SecurityAdministrator);
    let ceremony = || Ceremony { options: OPTIONS.into(), challenge: if hostile { HOSTILE } else { "c1" }.into() };
    let return_to = ReturnTo { app: typed.app.into(), path: "/a?b=c&d".into(), nonce: typed.key.into(), asked: "POST /a".into() };
    let card = |label, id: &str| AppCard {
        id: id.into(),
        name: typed.app.into(),
        label,
        host: "sites.localhost:8443".into(),
        link: "/open/sites".into(),
        words: typed.app.to_lowercase(),
        hidden: false,
        needs_token: label == Label::Sensitive,
        recent: label == Label::Internal,
        closed: label == Label::Public,
    };
    let emergency = EmergencyView {
        level: crate::model::Level::II,
        until: Moment { shown: "2026-11-23 18:00".into(), iso: "2026-11-23T10:00:00.000Z".into() },
        terms: vec!["emergency-closed", "emergency-enrolment"],
    };
    let error = |frame, kind, portal: Option<&str>| ErrorView {
        frame,
        status: 503,
        kind,
        reference: Some(typed.key.into()),
        portal: portal.map(str::to_owned),
        step_up: (kind == ErrorKind::FormNotKept).then(|| "/.yumen/step-up?asked=POST%20%2Fa".into()),
        retry_after_s: Some(30),
        again: Some("/show?request=r1".into()),
        emergency: matches!(kind, ErrorKind::Emergency(_)).then(|| emergency.clone()),
        whom: matches!(kind, ErrorKind::Emergency(_) | ErrorKind::LockedDown)
            .then(|| Whom { name: typed.name.into(), phone: "+86 996 000 0002".into() }),
    };
    let all_sessions = |sessions: Vec<SessionRow>, search: &str| AllSessionsView {
        frame: staff("/console/sessions"),
        filter: SessionsFilter { search: search.into(), app: String::new() },
        apps: vec![("sites".into(), typed.app.into())],
        paging: Paging::new(format!("/console/sessions?q={search}"), sessions.len(), ""),
        sessions,
    };
    let confirm = |act| ConfirmView {
        frame: staff("/console/accounts/a1/disable"),
        act,
        account: "a1".into(),
        name: typed.name.into(),
        unit: typed.unit.into(),
        sessions: 2,
    };
    let all_tokens = |tokens: Vec<TokenRow>, search: &str| TokensView {
        frame: staff("/console/tokens"),
        filter: TokensFilter { search: search.into(), ..TokensFilter::default() },
        paging: Paging::new(format!("/console/tokens?q={search}"), tokens.len(), ""),
        export: format!("/console/tokens.csv?q={search}"),
        tokens,
    };
    let one_token = |state| TokenView {
        frame: staff("/console/tokens/FT-0042A"),
        token: token(typed, state),
        make: Some(typed.key.into()),
        sessions: 2,
        actions: TokenActions::for_state(state),
        typed: typed.name.into(),
    };
    let confirm_token = |act| ConfirmTokenView {
        frame: staff("/console/tokens/FT-0042A/lost"),
        act,
        token: token(typed, TokenState::Active),
        sessions: 2,
        own: act == TokenAct::Lost,
    };
    let import = |text: &str, found| ImportView { frame: staff("/console/tokens/import"), text: text.into(), has_key: true, found };
    let problems = super::people_samples::delivery_problems(typed);
    let mut pages = vec![
        (
            "sign-in",
            SignInView {
                frame: stranger("/sign-in"),
                return_to: return_to.clone(),
                going_to: Some(typed.app.into()),
                name: String::new(),
                usb_key: true,
            }
            .render(),
        ),
        (
            "sign-in-again",
            SignInView {
                frame: stranger("/sign-in").alert(Some(Alert::WrongSignIn)),
                return_to: ReturnTo::default(),
                going_to: None,
                name: typed.name.into(),
                usb_key: false,
            }
            .render(),
        ),
        (
            "sign-in-onward",
            OnwardView { frame: member("/sign-in/onward"), going_to: typed.app.into(), link: return_to.at("/enter") }.render(),
        ),
        (
            "sign-in-wait",
            SignInView {
                frame: stranger("/sign-in").alert(Some(Alert::Wait { seconds: 30 })),
                return_to: ReturnTo::default(),
                going_to: None,
                name: String::new(),
                usb_key: false,
            }
            .render(),
        ),
        (
            "sign-in-key",
            SignInKeyView {
                frame: stranger("/sign-in/key"),
                return_to: return_to.clone(),
                ceremony: Some(ceremony()),
                code: true,
                usb_key: true,
                key_first: KeyFirst::No,
            }
            .render(),
        ),
        (
            "sign-in-key-first",
            SignInKeyView {
                frame: stranger("/sign-in"),
                return_to,
                ceremony: Some(ceremony()),
                code: false,
                usb_key: false,
                key_first: KeyFirst::Yes,
            }
            .render(),
        ),
        (
            "usb-key",
            UsbKeyView {
                frame: stranger("/sign-in"),
                what: Some(typed.key.into()),
                link: "https://key.localhost/show".into(),
                way_back: "/sign-in".into(),
            }
            .render(),
        ),
        (
            "usb-key-password",
            UsbKeyPasswordView { frame: stranger("/sign-in"), return_to: ReturnTo::default(), name: typed.name.into(), first_use: true }
                .render(),
        ),
        ("signed-out", SignedOutView { frame: stranger("/sign-in"), everywhere: false }.render()),
        ("signed-out-everywhere", SignedOutView { frame: stranger("/sign-in"), everywhere: true }.render()),
        (
            "portal",
            PortalView {
                frame: member("/"),
                apps: vec![card(Label::Public, "sites"), card(Label::Internal, "disclosure"), card(Label::Sensitive, "ug")],
                has_apps: true,
                search: String::new(),
            }
            .render(),
        ),
        (
            "portal-none-fits",
            PortalView {
                frame: member("/?q=x"),
                apps: vec![AppCard { hidden: true, ..card(Label::Public, "sites") }],
                has_apps: true,
                search: typed.app.into(),
            }
            .render(),
        ),
        ("portal-empty", PortalView { frame: member("/"), apps: vec![], has_apps: false, search: String::new() }.render()),
        (
            "portal-emergency",
            PortalView { frame: member("/").emergency(Some(emergency.clone())), apps: vec![], has_apps: false, search: String::new() }
                .render(),
        ),
        ("sessions", SessionsView { frame: member("/sessions"), sessions: vec![session(typed, true), session(typed, false)] }.render()),
        (
            "console-accounts",
            AccountsView {
                frame: staff("/console/accounts").alert(Some(Alert::NameTaken)),
                filter: AccountsFilter { search: typed.unit.into(), unit: typed.unit.into(), role: Some(Role::Auditor), state: None },
                units: vec![typed.unit.into()],
                accounts: vec![
                    account(typed, AccountState::Active, Role::SecurityAdministrator),
                    account(typed, AccountState::Invited, Role::Member),
                    account(typed, AccountState::Disabled, Role::Auditor),
                    account(typed, AccountState::Suspended, Role::SystemAdministrator),
                ],
                paging: Paging::new(format!("/console/accounts?q={}", typed.unit), 1_234, "2"),
                form: InviteForm { name: typed.name.into(), unit: typed.unit.into(), role: Some(Role::Auditor), email: String::new() },
            }
            .render(),
        ),
        (
            "console-accounts-none",
            AccountsView {
                frame: staff("/console/accounts"),
                filter: AccountsFilter { search: typed.name.into(), ..AccountsFilter::default() },
                units: vec![],
                accounts: vec![],
                paging: Paging::new("/console/accounts".into(), 0, ""),
                form: InviteForm::default(),
            }
            .render(),
        ),
        (
            "console-invitation",
            InvitationView {
                frame: staff("/console/accounts"),
                name: typed.name.into(),
                link: "https://gate.localhost:8443/enrol#p5aV2uHXr0AOqUk7HQitvi-Ny1p5aV2uHXr0AOqUk7H".into(),
                minutes: 15,
                until: moment(),
                halved: true,
            }
            .render(),
        ),
        (
            "console-account",
            AccountView {
                frame: staff("/console/accounts"),
                account: account(typed, AccountState::Active, Role::Member),
                email: Some(typed.name.into()),
                unused_since: Some(moment()),
                tokens: vec![token(typed, TokenState::Active), token(typed, TokenState::Lost)],
                sessions: 2,
                actions: AccountActions { disable: true, enable: true, invite: true, end_sessions: true, recover: true },
                manages: ManagesUnit::Could,
            }
            .render(),
        ),
        ("console-tokens", all_tokens(TokenState::ALL.iter().map(|state| token(typed, *state)).collect(), "").render()),
        ("console-tokens-none", all_tokens(vec![], "").render()),
        ("console-tokens-none-fit", all_tokens(vec![], typed.name).render()),
        ("console-token-in-stock", one_token(TokenState::InStock).render()),
        ("console-token-active", one_token(TokenState::Active).render()),
        ("console-token-suspended", one_token(TokenState::Suspended).render()),
        ("console-token-ended", one_token(TokenState::Revoked).render()),
        ("console-confirm-token-suspend", confirm_token(TokenAct::Suspend).render()),
        ("console-confirm-token-lost", confirm_token(TokenAct::Lost).render()),
        ("console-confirm-token-revoke", confirm_token(TokenAct::Revoke).render()),
        ("console-import", import("", Rehearsed::NotYet).render()),
        ("console-import-fits", import(typed.key, Rehearsed::Fits { hotp: 1, totp: 29 }).render()),
        ("console-import-problems", import(typed.key, Rehearsed::Problems { shown: problems, all: 1_000 }).render()),
        ("console-units", UnitsView { frame: staff("/console/units"), units: vec![unit(typed)] }.render()),
        ("console-units-none", UnitsView { frame: staff("/console/units"), units: vec![] }.render()),
        ("console-sessions", all_sessions(vec![session(typed, true), session(typed, false)], "").render()),
        ("console-sessions-none", all_sessions(vec![], "").render()),
        ("console-sessions-none-fit", all_sessions(vec![], typed.name).render()),
        ("console-confirm-disable", confirm(ConfirmedAct::Disable).render()),
        ("console-confirm-end-sessions", confirm(ConfirmedAct::EndSessions).render()),
        (
            "console-confirm-end-session",
            confirm(ConfirmedAct::EndSession { id: "s1".into(), browser: typed.browser.into(), address: "2001:db8::7334".into() }).render(),
        ),
        ("error-app-host", error(Frame::app_host(language), ErrorKind::Unavailable, Some("https://gate.localhost:8443/")).render()),
        ("error-portal", error(member("/"), ErrorKind::NotFound, Some("/")).render()),
    ];
    pages.extend(keys::pages(language, typed));
    pages.extend(changes::pages(language, typed));
    pages.extend(enrol::pages(language, typed, &ceremony()));
    pages.extend(super::people_samples::pages(language, typed));
    pages.extend(staff_samples::pages(language, typed));
    pages.extend(lockdown_samples::pages(language, typed));
    pages.extend(super::log_samples::pages(language, typed));
    pages.extend(super::incident_samples::pages(language, typed));
    pages.extend(super::incident_report_samples::pages(language, typed));
    pages.extend(super::step_up_samples::pages(language, typed, &ceremony(), member("/step-up")));
    pages.extend(ErrorKind::ALL.iter().map(|kind| ("error", error(Frame::app_host(language), *kind, None).render())));
    for alert in Alert::all() {
        let view = SignedOutView { frame: stranger("/sign-in").alert(Some(alert)), everywhere: false };
        pages.push(("alert", view.render()));
    }
    pages.into_iter().map(|(name, page)| (name, page.unwrap())).collect()
}
