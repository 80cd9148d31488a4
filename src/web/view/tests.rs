//! Every page in every language, with everything that people can type being hostile.
//!
//! With `YUMEN_PAGES` naming a folder, `pages_can_be_looked_at` writes them there with their assets.

use std::path::Path;

use askama::Template;

use super::*;
use crate::lang::Direction;
use crate::model::Refusal;
use crate::web::assets::asset;

const HOSTILE: &str = "<script>alert(1)</script>\"'> onload=x </a>&amp;\u{202e}\u{2067}gnp";
const OPTIONS: &str = r#"{"publicKey":{"challenge":"p5aV2uHXr0AOqUk7HQitvi-Ny1p5aV2uHXr0AOqUk7H","rp":{"name":"<O'Brien & \"Söhne\"> 玉门","id":"gate.localhost"},"user":{"id":"AAAA","name":"ئالىم","displayName":"</form>"},"pubKeyCredParams":[{"type":"public-key","alg":-7}]}}"#;

/// What the texts of a page that people or apps chose are.
#[derive(Clone, Copy)]
struct Typed {
    name: &'static str,
    unit: &'static str,
    app: &'static str,
    key: &'static str,
    browser: &'static str,
}

const ATTACK: Typed = Typed { name: HOSTILE, unit: HOSTILE, app: HOSTILE, key: HOSTILE, browser: HOSTILE };
const USUAL: Typed = Typed {
    name: "ئالىم ئەخمەت",
    unit: "信息化办公室",
    app: "政务网站群系统",
    key: "Blue key, desk drawer",
    browser: "Firefox 140, Windows",
};

fn moment() -> Moment {
    Moment { shown: "2026-11-22 11:04".into(), iso: "2026-11-22T03:04:05Z".into() }
}

fn key(typed: Typed, id: &str, used: bool) -> KeyRow {
    KeyRow { id: id.into(), name: typed.key.into(), added: moment(), last_used: used.then(moment) }
}

fn session(typed: Typed, current: bool) -> SessionRow {
    SessionRow {
        id: "0190c7a2-7d7e-7c1e-8e5a-2f7d2a0b1c3d".into(),
        current,
        account: typed.name.into(),
        signed_in: moment(),
        last_active: moment(),
        address: "2001:db8:85a3::8a2e:370:7334".into(),
        browser: typed.browser.into(),
        apps: if current { vec![typed.app.into(), typed.app.into()] } else { Vec::new() },
    }
}

fn account(typed: Typed, state: AccountState, role: Role) -> AccountRow {
    AccountRow {
        id: "0190c7a2-7d7e-7c1e-8e5a-2f7d2a0b1c3d".into(),
        name: typed.name.into(),
        unit: typed.unit.into(),
        role,
        state,
        created: moment(),
    }
}

/// All pages, by name.
fn pages(language: Language, typed: Typed) -> Vec<(&'static str, String)> {
    let hostile = typed.name == HOSTILE;
    let stranger = |path: &str| Frame::portal(language, path, "csrf-token".into());
    let member = |path: &str| stranger(path).signed_in(typed.name, Role::Member);
    let staff = |path: &str| stranger(path).signed_in(typed.name, Role::SecurityAdministrator);
    let ceremony = || Ceremony { options: OPTIONS.into(), challenge: if hostile { HOSTILE } else { "c1" }.into() };
    let return_to = ReturnTo { app: typed.app.into(), path: "/a?b=c&d".into(), nonce: typed.key.into() };
    let card = |label, id: &str| AppCard {
        id: id.into(),
        name: typed.app.into(),
        label,
        host: "sites.localhost:8443".into(),
        link: "https://sites.localhost:8443/".into(),
    };
    let error = |frame, kind, portal: Option<&str>| ErrorView {
        frame,
        status: 503,
        kind,
        reference: Some(typed.key.into()),
        portal: portal.map(str::to_owned),
        retry_after_s: Some(30),
    };
    let mut pages = vec![
        ("sign-in", SignInView { frame: stranger("/sign-in"), return_to: return_to.clone(), going_to: Some(typed.app.into()) }.render()),
        (
            "sign-in-wait",
            SignInView {
                frame: stranger("/sign-in").alert(Some(Alert::Wait { seconds: 30 })),
                return_to: ReturnTo::default(),
                going_to: None,
            }
            .render(),
        ),
        (
            "sign-in-key",
            SignInKeyView { frame: stranger("/sign-in/key"), return_to: return_to.clone(), ceremony: ceremony(), key_first: KeyFirst::No }
                .render(),
        ),
        (
            "sign-in-key-first",
            SignInKeyView { frame: stranger("/sign-in"), return_to, ceremony: ceremony(), key_first: KeyFirst::Yes }.render(),
        ),
        ("signed-out", SignedOutView { frame: stranger("/sign-in"), everywhere: false }.render()),
        ("signed-out-everywhere", SignedOutView { frame: stranger("/sign-in"), everywhere: true }.render()),
        ("enrol-open", EnrolOpenView { frame: stranger("/enrol") }.render()),
        ("enrol-password", EnrolPasswordView { frame: stranger("/enrol"), name: typed.name.into(), least: 12 }.render()),
        (
            "enrol-key",
            EnrolKeyView { frame: stranger("/enrol"), name: typed.name.into(), keys: vec![], ceremony: Some(ceremony()) }.render(),
        ),
        (
            "enrol-key-second",
            EnrolKeyView {
                frame: stranger("/enrol"),
                name: typed.name.into(),
                keys: vec![key(typed, "k1", false)],
                ceremony: Some(ceremony()),
            }
            .render(),
        ),
        ("enrol-done", EnrolDoneView { frame: stranger("/enrol"), name: typed.name.into() }.render()),
        ("enrol-invalid", EnrolInvalidView { frame: stranger("/enrol") }.render()),
        (
            "portal",
            PortalView {
                frame: member("/"),
                apps: vec![card(Label::Public, "sites"), card(Label::Internal, "disclosure"), card(Label::Sensitive, "ug")],
            }
            .render(),
        ),
        ("portal-empty", PortalView { frame: member("/"), apps: vec![] }.render()),
        (
            "keys",
            KeysView { frame: member("/keys").alert(Some(Alert::KeyAdded)), keys: vec![key(typed, "k1", true), key(typed, "k2", false)] }
                .render(),
        ),
        ("keys-only-one", KeysView { frame: member("/keys"), keys: vec![key(typed, "k1", true)] }.render()),
        (
            "keys-prove-add",
            KeysProveView { frame: member("/keys"), ceremony: ceremony(), purpose: ProvePurpose::AddKey, next: typed.key.into() }.render(),
        ),
        (
            "keys-prove-remove",
            KeysProveView {
                frame: member("/keys"),
                ceremony: ceremony(),
                purpose: ProvePurpose::RemoveKey { name: typed.key.into() },
                next: "remove".into(),
            }
            .render(),
        ),
        ("keys-register", KeysRegisterView { frame: member("/keys"), ceremony: ceremony(), keys: 1 }.render()),
        ("sessions", SessionsView { frame: member("/sessions"), sessions: vec![session(typed, true), session(typed, false)] }.render()),
        (
            "console-accounts",
            AccountsView {
                frame: staff("/console/accounts").alert(Some(Alert::NameTaken)),
                filter: typed.unit.into(),
                accounts: vec![
                    account(typed, AccountState::Active, Role::SecurityAdministrator),
                    account(typed, AccountState::Invited, Role::Member),
                    account(typed, AccountState::Disabled, Role::Auditor),
                    account(typed, AccountState::Suspended, Role::SystemAdministrator),
                ],
                more: true,
                form: InviteForm { name: typed.name.into(), unit: typed.unit.into(), role: Some(Role::Auditor), email: String::new() },
            }
            .render(),
        ),
        (
            "console-accounts-none",
            AccountsView {
                frame: staff("/console/accounts"),
                filter: String::new(),
                accounts: vec![],
                more: false,
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
            }
            .render(),
        ),
        (
            "console-account",
            AccountView {
                frame: staff("/console/accounts"),
                account: account(typed, AccountState::Active, Role::Member),
                email: Some(typed.name.into()),
                keys: vec![key(typed, "k1", true)],
                sessions: 2,
                actions: AccountActions { disable: true, enable: true, invite: true, end_sessions: true },
            }
            .render(),
        ),
        (
            "console-sessions",
            AllSessionsView { frame: staff("/console/sessions"), sessions: vec![session(typed, true), session(typed, false)] }.render(),
        ),
        ("console-sessions-none", AllSessionsView { frame: staff("/console/sessions"), sessions: vec![] }.render()),
        ("error-app-host", error(Frame::app_host(language), ErrorKind::Unavailable, Some("https://gate.localhost:8443/")).render()),
        ("error-portal", error(member("/"), ErrorKind::NotFound, Some("/")).render()),
    ];
    for kind in ErrorKind::ALL {
        pages.push(("error", error(Frame::app_host(language), *kind, None).render()));
    }
    for alert in Alert::all() {
        let view = SignedOutView { frame: stranger("/sign-in").alert(Some(alert)), everywhere: false };
        pages.push(("alert", view.render()));
    }
    pages.into_iter().map(|(name, page)| (name, page.unwrap())).collect()
}

fn every_page() -> Vec<(Language, &'static str, String)> {
    let all = Language::ALL.iter().copied();
    all.flat_map(|language| pages(language, ATTACK).into_iter().map(move |(name, page)| (language, name, page))).collect()
}

/// The tags of a page as name and attributes. Texts and attributes are escaped, so that `<` and `>` are in tags only.
fn tags(page: &str) -> Vec<(String, Vec<(String, String)>)> {
    let inside = page.split('<').skip(1).map(|rest| rest.split_once('>').unwrap().0);
    inside
        .map(|tag| {
            let (name, mut rest) = tag.split_once(|c: char| c.is_whitespace()).unwrap_or((tag, ""));
            let mut attributes = Vec::new();
            while !rest.trim_start().is_empty() {
                rest = rest.trim_start();
                let end = rest.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(rest.len());
                let (attribute, after) = rest.split_at(end);
                let (value, after) = match after.strip_prefix("=\"") {
                    Some(quoted) => quoted.split_once('"').unwrap(),
                    None => ("", after),
                };
                attributes.push((attribute.to_owned(), unescaped(value)));
                rest = after;
            }
            (name.to_owned(), attributes)
        })
        .collect()
}

fn unescaped(text: &str) -> String {
    let named = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
    named
        .replace("&#60;", "<")
        .replace("&#62;", ">")
        .replace("&#34;", "\"")
        .replace("&#39;", "'")
        .replace("&#38;", "&")
        .replace("&amp;", "&")
}

fn attribute<'a>(attributes: &'a [(String, String)], name: &str) -> Option<&'a str> {
    attributes.iter().find(|(attribute, _)| attribute == name).map(|(_, value)| value.as_str())
}

#[test]
fn every_page_says_its_language_and_direction() {
    for (language, name, page) in every_page() {
        let direction = if language.direction() == Direction::RightToLeft { "rtl" } else { "ltr" };
        assert!(page.starts_with(&format!("<!DOCTYPE html>\n<html lang=\"{}\" dir=\"{direction}\">", language.tag())), "{name}: {page}");
    }
}

#[test]
fn no_page_has_a_script_a_style_or_an_event_handler_in_it() {
    for (_, page_name, page) in every_page() {
        for (name, attributes) in tags(&page) {
            for (attribute, value) in &attributes {
                assert!(!attribute.starts_with("on") && attribute != "style", "{page_name}: {attribute}");
                assert!(!value.trim_start().to_lowercase().starts_with("javascript:"), "{page_name}: {value}");
            }
            assert!(name != "style" && (name != "script" || attribute(&attributes, "src").is_some()), "{page_name}");
        }
        assert_eq!(page.matches("</script>").count(), 1, "{page_name}");
    }
}

#[test]
fn what_people_typed_is_shown_and_never_obeyed() {
    let names = ["sign-in", "portal", "keys", "sessions", "console-accounts", "console-account", "console-sessions", "error-app-host"];
    for (_, name, page) in every_page() {
        assert!(!page.contains("<script>alert"), "{name}");
        if names.contains(&name) {
            assert!(unescaped(&page).contains("<script>alert(1)</script>"), "{name} does not show it");
        }
    }
}

#[test]
fn the_options_reach_the_script_as_they_were() {
    let mut ceremonies = 0;
    for (_, name, page) in every_page() {
        for (_, attributes) in tags(&page) {
            if let Some(options) = attribute(&attributes, "data-options") {
                assert_eq!(options, OPTIONS, "{name}");
                let kind = attribute(&attributes, "data-webauthn");
                assert!(matches!(kind, Some("get" | "create")), "{name}");
                ceremonies += 1;
            }
        }
    }
    assert_eq!(ceremonies, 7 * Language::ALL.len());
}

#[test]
fn every_form_that_changes_something_carries_the_token() {
    for (_, name, page) in every_page() {
        for form in page.split("<form ").skip(1).map(|rest| rest.split("</form>").next().unwrap()) {
            if form.contains("method=\"post\"") {
                assert!(form.contains("name=\"csrf\" value=\"csrf-token\""), "{name}: {form}");
            } else {
                assert!(form.starts_with("id=\"filter\" class=\"inline\" method=\"get\""), "{name}: {form}");
            }
        }
    }
}

#[test]
fn every_field_has_a_label_and_every_id_is_there_once() {
    for (_, name, page) in every_page() {
        let tags = tags(&page);
        let mut ids: Vec<&str> = tags.iter().filter_map(|(_, attributes)| attribute(attributes, "id")).collect();
        let labelled: Vec<&str> = tags.iter().filter_map(|(_, attributes)| attribute(attributes, "for")).collect();
        for (tag, attributes) in &tags {
            let hidden = attribute(attributes, "type") == Some("hidden") || attribute(attributes, "hidden").is_some();
            if matches!(tag.as_str(), "input" | "select") && !hidden {
                assert!(labelled.contains(&attribute(attributes, "id").unwrap()), "{name}: {attributes:?}");
            }
            for described in ["aria-describedby", "for"].iter().filter_map(|by| attribute(attributes, by)) {
                assert!(ids.contains(&described), "{name}: nothing is called {described}");
            }
        }
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count, "{name}");
    }
}

#[test]
fn every_word_of_a_closed_list_has_a_text() {
    let frame = Frame::portal(Language::English, "/", String::new());
    let mut texts: Vec<String> = Alert::all().iter().map(|alert| alert.text(&frame).into_owned()).collect();
    texts.extend(Role::ALL.iter().map(|role| frame.role(role).into_owned()));
    texts.extend(AccountState::ALL.iter().map(|state| frame.state(state).into_owned()));
    texts.extend(Label::ALL.iter().map(|label| frame.label(label).into_owned()));
    for kind in ErrorKind::ALL {
        let view = ErrorView { frame: frame.clone(), status: 500, kind: *kind, reference: None, portal: None, retry_after_s: None };
        texts.extend([view.title(), view.happened(), view.next()].map(std::borrow::Cow::into_owned));
    }
    for text in texts {
        let is_a_key = ["alert-", "role-", "state-", "label-", "error-"].iter().any(|start| text.starts_with(start));
        assert!(!is_a_key, "{text} is missing");
    }
}

#[test]
fn a_page_on_an_apps_host_asks_only_for_what_is_served_there() {
    let frame = Frame::app_host(Language::English);
    let page = ErrorView { frame, status: 403, kind: ErrorKind::NotAllowed, reference: None, portal: None, retry_after_s: None };
    for (_, attributes) in tags(&page.render().unwrap()) {
        for address in ["href", "src"].iter().filter_map(|name| attribute(&attributes, name)) {
            assert!(address.starts_with("/.yumen/assets/") || address == "#main", "{address}");
        }
    }
}

#[test]
fn the_console_is_offered_to_security_administrators_alone() {
    for role in Role::ALL {
        let frame = Frame::portal(Language::English, "/", String::new()).signed_in("alice", *role);
        let page = PortalView { frame, apps: vec![] }.render().unwrap();
        assert_eq!(page.contains("to-console"), *role == Role::SecurityAdministrator, "{role}");
    }
}

#[test]
fn the_last_key_cannot_be_removed_but_one_of_two_can() {
    let page = |keys| KeysView { frame: Frame::portal(Language::English, "/keys", String::new()), keys }.render().unwrap();
    assert!(!page(vec![key(USUAL, "a", true)]).contains("/keys/remove"));
    assert!(page(vec![key(USUAL, "a", true), key(USUAL, "b", true)]).contains("/keys/remove"));
}

#[test]
fn staff_can_neither_switch_off_nor_invite_herself() {
    for state in AccountState::ALL {
        let own = AccountActions::for_state(*state, true);
        assert!(!own.disable && !own.enable && !own.invite, "{state}");
    }
    let other = AccountActions::for_state(AccountState::Active, false);
    assert!(other.disable && other.invite && other.end_sessions && !other.enable);
    assert!(AccountActions::for_state(AccountState::Suspended, false).enable);
}

#[test]
fn the_way_back_to_sign_in_keeps_where_it_leads() {
    let to = ReturnTo { app: "sites".into(), path: "/a?b=c&d#e".into(), nonce: "n-_".into() };
    assert_eq!(to.sign_in_link(), "/sign-in?app=sites&path=%2Fa%3Fb%3Dc%26d%23e&nonce=n%2D%5F");
    assert_eq!(ReturnTo::default().sign_in_link(), "/sign-in");
}

#[test]
fn the_language_switch_comes_back_to_the_page() {
    let frame = Frame::portal(Language::English, "/console/accounts?q=a&b", String::new());
    assert_eq!(frame.language_link(&Language::Uyghur), "/language/ug?return=%2Fconsole%2Faccounts%3Fq%3Da%26b");
}

#[test]
fn a_refusal_tells_the_person_no_more_than_she_may_know() {
    let broken = Refusal::Broken { what: "store" };
    assert_eq!(ErrorKind::of(&broken), ErrorKind::of(&Refusal::NoRecord));
    assert_eq!(ErrorKind::of(&Refusal::Revoked), ErrorKind::SignInAgain);
    assert_eq!(ErrorKind::of(&Refusal::NotAllowed { rule: "none".into() }), ErrorKind::NotAllowed);
}

#[test]
fn pages_can_be_looked_at() {
    let Some(folder) = std::env::var_os("YUMEN_PAGES") else { return };
    let folder = Path::new(&folder);
    std::fs::create_dir_all(folder).unwrap();
    for name in ["style.css", "yumen.js", "favicon.svg"] {
        std::fs::write(folder.join(name), asset(name, None).unwrap().body).unwrap();
    }
    for language in Language::ALL {
        for (name, page) in pages(*language, USUAL) {
            let page = page.replace("\"/.yumen/assets/", "\"").replace("\"/assets/", "\"");
            std::fs::write(folder.join(format!("{name}.{}.html", language.tag())), page).unwrap();
        }
    }
}
