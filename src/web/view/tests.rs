//! Every page in every language, with everything that people can type being hostile.
//!
//! With `YUMEN_PAGES` naming a folder, `pages_can_be_looked_at` writes them there with their assets.

mod incidents;
mod wording;

use std::path::Path;

use askama::Template;

use super::super::assets::asset;
use super::samples::{ATTACK, OPTIONS, USUAL, key, pages};
use super::*;
use crate::lang::Direction;
use crate::model::Refusal;

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
fn a_page_bears_the_portals_name_in_its_own_language_or_else_the_products() {
    let names = Names { zh: "市门".into(), ug: "شەھەر".into(), en: "City <gate>".into() };
    let view = |frame| {
        let view = ErrorView {
            frame,
            status: 503,
            kind: ErrorKind::Unavailable,
            reference: None,
            portal: None,
            step_up: None,
            again: None,
            retry_after_s: None,
            emergency: None,
            whom: None,
        };
        view.render().unwrap()
    };
    for (language, name) in [(Language::Chinese, "市门"), (Language::Uyghur, "شەھەر"), (Language::English, "City &#60;gate&#62;")] {
        for frame in [Frame::portal(language, "/", String::new()), Frame::app_host(language)] {
            let product = lang::text(language, "product");
            let (plain, named) = (view(frame.clone()), view(frame.called(&names)));
            for (page, name) in [(plain, &*product), (named, name)] {
                assert!(page.contains(&format!(" · {name}</title>")) && page.contains(&format!("<span>{name}</span>")), "{page}");
            }
        }
    }
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
    let names = [
        "sign-in",
        "portal",
        "keys",
        "sessions",
        "console-accounts",
        "console-account",
        "console-tokens",
        "console-token-active",
        "console-token-in-stock",
        "console-confirm-token-lost",
        "console-import-fits",
        "console-import-problems",
        "console-people-fits",
        "console-people-problems",
        "console-letters",
        "enrol-letter-refused",
        "enrol-usb-key",
        "console-sessions",
        "console-units",
        "console-changes",
        "console-change-draft",
        "console-change-confirm",
        "recover-present",
        "console-confirm-disable",
        "console-log",
        "console-log-wrong",
        "console-log-record",
        "console-log-record-event",
        "console-log-charts",
        "incident-report",
        "incident-review",
        "console-confirm-end-session",
        "console-lockdown",
        "console-confirm-lockdown",
        "console-incidents",
        "console-incident-responding",
        "console-incident-open-wrong",
        "error-app-host",
    ];
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
    assert_eq!(ceremonies, 20 * Language::ALL.len());
}

#[test]
fn every_form_that_changes_something_carries_the_token() {
    for (_, name, page) in every_page() {
        for form in page.split("<form ").skip(1).map(|rest| rest.split("</form>").next().unwrap()) {
            if form.contains("method=\"post\"") {
                assert!(form.contains("name=\"csrf\" value=\"csrf-token\""), "{name}: {form}");
            } else {
                let asks = [
                    "id=\"filter\" class=\"filter\" method=\"get\"",
                    "id=\"search\" class=\"search\" method=\"get\"",
                    "id=\"terminal-code\" method=\"get\"",
                    "id=\"lockdown\" method=\"get\"",
                ];
                assert!(asks.iter().any(|start| form.starts_with(start)), "{name}: {form}");
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
            if matches!(tag.as_str(), "input" | "select" | "textarea") && !hidden {
                assert!(labelled.contains(&attribute(attributes, "id").unwrap()), "{name}: {attributes:?}");
            }
            let named = ["aria-describedby", "for", "data-reads-into"].iter().filter_map(|by| attribute(attributes, by));
            for described in named.flat_map(str::split_whitespace) {
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
    texts.extend(TokenKind::ALL.iter().map(|kind| frame.token_kind(kind).into_owned()));
    texts.extend(TokenState::ALL.iter().map(|state| frame.token_state(state).into_owned()));
    texts.extend(Label::ALL.iter().map(|label| frame.label(label).into_owned()));
    for kind in ErrorKind::ALL {
        let view = ErrorView {
            frame: frame.clone(),
            status: 500,
            kind: *kind,
            reference: None,
            portal: None,
            step_up: None,
            again: None,
            retry_after_s: None,
            emergency: None,
            whom: None,
        };
        texts.extend([view.title(), view.happened(), view.next()].map(std::borrow::Cow::into_owned));
    }
    for text in texts {
        let is_a_key = ["alert-", "role-", "state-", "label-", "token-", "error-"].iter().any(|start| text.starts_with(start));
        assert!(!is_a_key, "{text} is missing");
    }
}

#[test]
fn a_page_on_an_apps_host_asks_only_for_what_is_served_there() {
    let frame = Frame::app_host(Language::English);
    let page = ErrorView {
        frame,
        status: 403,
        kind: ErrorKind::NotAllowed,
        reference: None,
        portal: None,
        step_up: None,
        again: None,
        retry_after_s: None,
        emergency: None,
        whom: None,
    };
    for (_, attributes) in tags(&page.render().unwrap()) {
        for address in ["href", "src"].iter().filter_map(|name| attribute(&attributes, name)) {
            assert!(address.starts_with("/.yumen/assets/") || address == "#main", "{address}");
        }
    }
}

#[test]
fn a_console_is_offered_to_those_who_have_one_and_each_has_her_own() {
    for role in Role::ALL {
        let frame = Frame::portal(Language::English, "/", String::new()).signed_in("alice", *role);
        let page = PortalView { frame, apps: vec![], has_apps: false, search: String::new() }.render().unwrap();
        let begins = |at: &str| page.contains(&format!("<a id=\"to-console\" href=\"{at}\""));
        assert_eq!(begins("/console/accounts"), *role == Role::SecurityAdministrator, "{role}");
        assert_eq!(begins("/console/log"), *role == Role::Auditor, "{role}");
        assert_eq!(page.contains("to-console"), begins("/console/accounts") || begins("/console/log"), "{role}");
    }
}

#[test]
fn the_last_key_cannot_be_removed_but_one_of_two_can() {
    let page = |keys: usize, opening| {
        let keys = (0..keys).map(|n| key(USUAL, &n.to_string(), true)).collect();
        let view =
            KeysView { frame: Frame::portal(Language::English, "/keys", String::new()), keys, tokens: vec![], opening, phone_apps: false };
        view.render().unwrap()
    };
    assert!(!page(1, 1).contains("/keys/remove"));
    assert!(page(2, 2).contains("/keys/remove"));
    assert!(page(1, 2).contains("/keys/remove"), "a code token is left");
}

#[test]
fn staff_can_neither_switch_off_nor_invite_herself() {
    for state in AccountState::ALL {
        let own = AccountActions::for_state(*state, true);
        assert!(!own.disable && !own.enable && !own.invite && !own.recover, "{state}");
    }
    let other = AccountActions::for_state(AccountState::Active, false);
    assert!(other.disable && other.invite && other.end_sessions && !other.enable);
    assert!(AccountActions::for_state(AccountState::Suspended, false).enable);
}

#[test]
fn the_way_back_to_sign_in_keeps_where_it_leads() {
    let to = ReturnTo { app: "sites".into(), path: "/a?b=c&d#e".into(), nonce: "n-_".into(), asked: String::new() };
    assert_eq!(to.at("/sign-in"), "/sign-in?app=sites&path=%2Fa%3Fb%3Dc%26d%23e&nonce=n%2D%5F");
    let posting = ReturnTo { asked: "POST /a&b".into(), ..to };
    assert_eq!(posting.at("/step-up"), "/step-up?app=sites&path=%2Fa%3Fb%3Dc%26d%23e&nonce=n%2D%5F&asked=POST%20%2Fa%26b");
    assert_eq!(ReturnTo::default().at("/sign-in"), "/sign-in");
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
fn every_drawing_that_a_template_asks_for_exists_and_is_hidden_from_screen_readers() {
    let templates = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/web/templates");
    let mut asked = 0;
    for file in std::fs::read_dir(templates).unwrap() {
        let source = std::fs::read_to_string(file.unwrap().path()).unwrap();
        for name in source.split("frame.icon(\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
            assert!(super::icon::icon(name).contains("aria-hidden=\"true\""), "{name}");
            asked += 1;
        }
    }
    assert!(asked > 20);
}

#[test]
fn what_ends_somebodys_access_is_asked_about_on_a_page_that_names_her() {
    for (language, name, page) in every_page().into_iter().filter(|(_, name, _)| name.starts_with("console-confirm")) {
        assert!(page.contains("id=\"confirm-name\"") && page.contains("id=\"confirm\" method=\"post\""), "{name} in {language:?}");
    }
    let account = pages(Language::English, USUAL).into_iter().find(|(name, _)| *name == "console-account").unwrap().1;
    for change in ["disable", "end-sessions"] {
        let forms = account.split("<form ").skip(1).map(|rest| rest.split('>').next().unwrap().to_owned());
        assert!(!forms.into_iter().any(|form| form.contains(&format!("/{change}\""))), "{change} is done without asking");
        assert!(account.contains(&format!("/{change}\" aria-describedby")), "{change} is not offered");
    }
}

#[test]
fn a_token_that_has_ended_offers_nothing_and_what_stops_one_is_asked_about() {
    let page = |wanted: &str| pages(Language::English, USUAL).into_iter().find(|(name, _)| *name == wanted).unwrap().1;
    let ended = page("console-token-ended");
    assert!(ended.contains("id=\"token-ended\"") && !ended.contains("class=\"actions\""));
    let active = page("console-token-active");
    for change in ["suspend", "lost", "revoke"] {
        assert!(active.contains(&format!("/{change}\" aria-describedby")), "{change} is not offered");
        assert!(!active.contains(&format!("/{change}\">")), "{change} is done without asking");
        assert!(page(&format!("console-confirm-token-{change}")).contains(&format!("/{change}\">")), "{change}");
    }
    assert!(!active.contains("token-issue") && page("console-token-in-stock").contains("form id=\"token-issue\""));
    assert!(!active.contains("token-resume") && page("console-token-suspended").contains("form id=\"token-resume\""));
}

#[test]
fn a_delivery_is_imported_only_after_it_was_looked_through_and_its_key_is_not_shown() {
    let page = |wanted: &str| pages(Language::English, USUAL).into_iter().find(|(name, _)| *name == wanted).unwrap().1;
    for (name, offers) in [("console-import", false), ("console-import-problems", false), ("console-import-fits", true)] {
        let page = page(name);
        assert_eq!(page.contains("value=\"import\""), offers, "{name}");
        assert!(page.contains("value=\"rehearse\""), "{name}");
        let (_, key) = page.split_once("<input id=\"import-key\"").unwrap();
        assert!(!key.split('>').next().unwrap().contains("value="), "{name}");
    }
}

#[test]
fn pages_can_be_looked_at() {
    let Some(folder) = std::env::var_os("YUMEN_PAGES") else { return };
    let folder = Path::new(&folder);
    std::fs::create_dir_all(folder).unwrap();
    for name in ["style.css", "paper.css", "yumen.js", "favicon.svg"] {
        std::fs::write(folder.join(name), asset(name, None).unwrap().body).unwrap();
    }
    for language in Language::ALL {
        for (name, page) in pages(*language, USUAL) {
            let page = page.replace("\"/.yumen/assets/", "\"").replace("\"/assets/", "\"");
            std::fs::write(folder.join(format!("{name}.{}.html", language.tag())), page).unwrap();
        }
    }
}
