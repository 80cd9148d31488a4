//! The console of a whole city: 500 people of 100 units, all of them signed in.

use askama::Template;

use super::super::assets::asset;
use super::paging::ROWS;
use super::samples::{Typed, USUAL, account, session, token};
use super::*;
use crate::incident::{Step, What};
use crate::model::{Level, Stage};

const PEOPLE: usize = 500;
const UNITS: usize = 100;

const OFFICIAL: Typed = Typed {
    name: "ئايگۈل ئابدۇرەھمان",
    unit: "民族宗教事务局民族事务科",
    app: "维文政务网站后台",
    browser: "Microsoft Edge 142, Windows",
    ..USUAL
};

fn frame(language: Language, list: &str) -> Frame {
    Frame::portal(language, list, "c".repeat(64)).signed_in(OFFICIAL.name, Role::SecurityAdministrator)
}

fn accounts(language: Language, wanted: &str) -> String {
    let all: Vec<AccountRow> = (0..PEOPLE)
        .map(|number| AccountRow {
            id: format!("0190c7a2-7d7e-7c1e-8e5a-{number:012}"),
            unit: format!("{}{}", OFFICIAL.unit, number % UNITS),
            ..account(OFFICIAL, AccountState::Active, Role::SystemAdministrator)
        })
        .collect();
    let paging = Paging::new("/console/accounts?state=active".into(), all.len(), wanted);
    let view = AccountsView {
        frame: frame(language, &paging.here()),
        filter: AccountsFilter { state: Some(AccountState::Active), ..AccountsFilter::default() },
        accounts: paging.of(&all).to_vec(),
        paging,
        units: (0..UNITS).map(|number| format!("{}{number}", OFFICIAL.unit)).collect(),
        form: InviteForm::default(),
    };
    view.render().unwrap()
}

fn sessions(language: Language, wanted: &str) -> String {
    let all: Vec<SessionRow> = (0..PEOPLE)
        .map(|number| SessionRow {
            id: format!("0190c7a2-7d7e-7c1e-8e5a-{number:012}"),
            unit: format!("{}{}", OFFICIAL.unit, number % UNITS),
            agent:
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0"
                    .into(),
            apps: vec![OFFICIAL.app.into(); 3],
            ..session(OFFICIAL, false)
        })
        .collect();
    let paging = Paging::new("/console/sessions?q=a%26b".into(), all.len(), wanted);
    let view = AllSessionsView {
        frame: frame(language, &paging.here()),
        filter: SessionsFilter { search: "a&b".into(), app: String::new() },
        apps: vec![("sites".into(), OFFICIAL.app.into()); 3],
        sessions: paging.of(&all).to_vec(),
        paging,
    };
    view.render().unwrap()
}

fn tokens(language: Language, wanted: &str) -> String {
    let all: Vec<TokenRow> =
        (0..PEOPLE).map(|number| TokenRow { serial: format!("FT-{number:012}"), ..token(OFFICIAL, TokenState::Suspended) }).collect();
    let paging = Paging::new("/console/tokens?kind=webauthn".into(), all.len(), wanted);
    let view = TokensView {
        frame: frame(language, &paging.here()),
        filter: TokensFilter { kind: Some(TokenKind::WebAuthn), ..TokensFilter::default() },
        tokens: paging.of(&all).to_vec(),
        paging,
        export: "/console/tokens.csv?kind=webauthn".into(),
    };
    view.render().unwrap()
}

fn log(language: Language) -> String {
    let typed = Typed { key: "信息公开目录 2026", ..OFFICIAL };
    let rows = (0..40).map(|number| log_samples::row(typed, 1_000_000 + number)).collect();
    let frame = frame(language, "/console/log").signed_in(OFFICIAL.name, Role::Auditor);
    log_samples::log(frame, typed, log_samples::form(&[], &[]), rows).render().unwrap()
}

fn charts(language: Language) -> String {
    let frame = frame(language, "/console/log/charts").signed_in(OFFICIAL.name, Role::Auditor);
    let mut view = log_samples::charts(frame, OFFICIAL, ChartSpan::Week, 1_234);
    view.by_app = vec![view.by_app[0].clone(); 40];
    view.by_reason = vec![view.by_reason[0].clone(); 40];
    view.render().unwrap()
}

fn duty_officer(language: Language) -> Frame {
    frame(language, "/console/incidents").signed_in(OFFICIAL.name, Role::Member).incidents(Some(20))
}

fn incidents(language: Language) -> String {
    let rows = vec![incident_samples::row(OFFICIAL, Stage::Responding, Level::II); 20];
    incident_samples::list(duty_officer(language), rows, 500).render().unwrap()
}

/// With a long story of long words, and as many things concerned as are shown.
fn incident(language: Language) -> String {
    let words = incident_samples::typed("noted", OFFICIAL).fields[0].1.clone();
    let mut view = incident_samples::incident(duty_officer(language), OFFICIAL, Stage::Responding);
    let line = StoryRow { what: What::Step(Step::Noted { text: words }), ..view.story[6].clone() };
    view.story = vec![line; 20];
    view.row.about = vec![About::Unit(OFFICIAL.unit.into()); 24];
    view.tasks = view.tasks.iter().cycle().take(12).cloned().collect();
    view.people = view.people.iter().cycle().take(15).cloned().collect();
    view.others = vec![view.others[0].clone(); 12];
    view.closables = view.closables.iter().cycle().take(12).cloned().collect();
    view.render().unwrap()
}

#[test]
fn a_page_of_a_long_list_weighs_less_than_100_kb_with_all_that_it_asks_for() {
    let assets: usize = ["style.css", "yumen.js", "favicon.svg"].iter().map(|name| asset(name, None).unwrap().body.len()).sum();
    for language in Language::ALL {
        for (list, page) in [
            ("accounts", accounts(*language, "2")),
            ("sessions", sessions(*language, "2")),
            ("tokens", tokens(*language, "2")),
            ("log", log(*language)),
            ("charts", charts(*language)),
            ("incidents", incidents(*language)),
            ("incident", incident(*language)),
        ] {
            let whole = page.len() + assets;
            assert!(whole < 100_000, "{list} in {language:?}: {whole}, of which {} are the page", page.len());
        }
    }
}

#[test]
fn all_that_was_found_is_counted_and_the_rest_is_a_page_away() {
    for language in Language::ALL {
        for (list, query, page) in [
            ("accounts", "/console/accounts?state=active", accounts(*language, "2")),
            ("sessions", "/console/sessions?q=a%26b", sessions(*language, "2")),
            ("tokens", "/console/tokens?kind=webauthn", tokens(*language, "2")),
        ] {
            assert!(page.contains(&format!("<span id=\"{list}-found\">500</span>")), "{list}");
            assert_eq!(page.matches("<th scope=\"row\"").count(), ROWS, "{list}");
            // Askama writes "&" so.
            let next = format!("{query}&page=3").replace('&', "&#38;");
            assert!(page.contains(&format!("rel=\"prev\" href=\"{query}\"")) && page.contains(&format!("rel=\"next\" href=\"{next}\"")));
            assert!(
                page.contains(&format!("<nav class=\"paging row\" id=\"paging\" aria-label=\"{}\">", frame(*language, "").t("list-pages")))
            );
            // The other language shows the same page.
            assert!(page.contains("%26page%3D2"), "{list}");
        }
    }
}

#[test]
fn the_arrows_of_the_pages_point_along_the_line_whichever_way_it_runs() {
    let page = accounts(Language::Uyghur, "2");
    let paging = page.split("id=\"paging\"").nth(1).unwrap().split("</nav>").next().unwrap();
    assert_eq!(paging.matches("class=\"icon along\"").count(), 2);
    assert!(page.contains("dir=\"rtl\""));
}

#[test]
fn the_first_page_has_none_before_it_and_the_last_none_after_it() {
    let (first, last) = (sessions(Language::English, ""), sessions(Language::English, "13"));
    assert!(!first.contains("rel=\"prev\"") && first.contains("rel=\"next\"") && first.contains("Page 1 of 13"));
    assert!(last.contains("rel=\"prev\"") && !last.contains("rel=\"next\"") && last.contains("Page 13 of 13"));
}
