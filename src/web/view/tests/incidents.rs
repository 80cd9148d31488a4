//! The pages of incidents: levels by words and not by colour alone, nothing to press for whoever may only see, and nothing typed is lost.

use askama::Template;

use super::super::incident_samples::{self, incident, list, row};
use super::super::samples::USUAL;
use super::*;
use crate::incident::{Category, Colour, Duty, Kind, Report};
use crate::model::{Level, Stage};

fn officer(language: Language) -> Frame {
    Frame::portal(language, "/console/incidents/7", "csrf-token".into()).signed_in("qian", Role::Member).incidents(Some(2))
}

fn page(stage: Stage) -> String {
    incident(officer(Language::English), USUAL, stage).render().unwrap()
}

#[test]
fn every_word_of_incidents_has_a_text_in_every_language() {
    for language in Language::ALL {
        let frame = officer(*language);
        let mut texts: Vec<String> = Level::ALL.iter().map(|level| frame.level(level).into_owned()).collect();
        texts.extend(Stage::ALL.iter().flat_map(|stage| [frame.stage(stage).into_owned(), frame.stage_go(stage).into_owned()]));
        texts.extend(Category::WORDS.iter().map(|(_, category)| frame.category(category).into_owned()));
        texts.extend(Duty::WORDS.iter().map(|(_, duty)| frame.duty(duty).into_owned()));
        texts.extend(Report::WORDS.iter().map(|(_, report)| frame.report(report).into_owned()));
        for kind in Kind::WORDS.map(Some).into_iter().chain([None]) {
            let found = Found { trigger: "spraying".into(), kind, amount: 12, about: About::Gateway };
            let told = frame.happened(&Happened::Found(found));
            assert_eq!(told.contains("spraying"), kind.is_none(), "{told}: only a trigger that is not known has to be named");
            texts.push(told);
        }
        for text in texts {
            assert!(
                !text.is_empty() && !text.contains("happened-") && !text.starts_with("stage-") && !text.starts_with("level-"),
                "{text}"
            );
        }
    }
}

#[test]
fn a_level_is_told_by_its_number_its_word_and_its_colour_beside_the_colour_itself() {
    let colours =
        [("zh-Hans", ["红", "橙", "黄", "蓝"]), ("ug", ["قىزىل", "قىزغۇچ", "سېرىق", "كۆك"]), ("en", ["red", "orange", "yellow", "blue"])];
    for (tag, words) in colours {
        let language = Language::parse(tag).unwrap();
        for (level, word) in Level::ALL.iter().rev().zip(words) {
            let page = list(officer(language), vec![row(USUAL, Stage::Detected, *level)], 1).render().unwrap();
            let class = Colour::of(*level).word();
            let (_, mark) = page.split_once(&format!("<span class=\"level {class}\">")).unwrap();
            let mark = mark.split("</span>").next().unwrap();
            assert!(mark.contains(word), "{tag} {level}: {mark}");
            assert!(page.contains(&*lang::text(language, "level-proposed")), "{tag}");
        }
    }
}

#[test]
fn whoever_may_only_see_finds_nothing_to_press_but_what_every_page_has() {
    for stage in Stage::ALL {
        let mut view = incident(officer(Language::English), USUAL, *stage);
        (view.may_handle, view.may_close) = (false, false);
        let page = view.render().unwrap();
        let forms = tags(&page).into_iter().filter(|(tag, _)| tag == "form");
        let actions: Vec<String> = forms.filter_map(|(_, attributes)| attribute(&attributes, "action").map(str::to_owned)).collect();
        assert_eq!(actions, ["/sign-out"], "{stage}");
        assert!(!page.contains("/console/lockdown"), "{stage}");
    }
}

#[test]
fn every_stage_offers_where_it_may_go_and_nothing_else() {
    for stage in Stage::ALL {
        let page = page(*stage);
        for to in Stage::ALL {
            let offered = page.contains(&format!("action=\"/console/incidents/1234567/{to}\""));
            assert_eq!(offered, stage.next().contains(to) || (*to == Stage::Merged && stage.is_open()), "{stage} {to}");
        }
        assert_eq!(page.contains("scope=app%3Asites"), stage.is_open(), "{stage}");
        assert_eq!(page.contains("scope=all"), stage.is_open(), "{stage}");
        assert_eq!(page.contains("/1234567/level\""), stage.holds_level(), "{stage}");
        assert_eq!(page.contains("/1234567/noted\""), stage.is_open() || matches!(stage, Stage::Closed | Stage::Reviewed), "{stage}");
    }
}

#[test]
fn the_level_that_is_proposed_is_chosen_already_and_one_that_was_typed_stays() {
    let chosen = |page: &str| {
        let (_, rest) = page.split_once("name=\"level\"").unwrap();
        let (before, _) = rest.split_once(" selected").unwrap();
        before.rsplit("value=\"").next().unwrap().split('"').next().unwrap().to_owned()
    };
    assert_eq!(chosen(&page(Stage::Detected)), "II");
    let mut view = incident(officer(Language::English), USUAL, Stage::Detected);
    view.typed = TypedStep { step: "assessed".into(), fields: vec![("level".into(), "IV".into()), ("category".into(), "data".into())] };
    let page = view.render().unwrap();
    assert_eq!(chosen(&page), "IV");
    assert!(page.contains("<option value=\"data\" selected>"));
}

#[test]
fn what_was_typed_into_a_form_stands_there_still_and_the_form_is_open() {
    for (step, id) in [("level", "level-why"), ("merged", "merged-why"), ("dismissed", "dismissed-why"), ("noted", "noted-text")] {
        let mut view = incident(officer(Language::English), USUAL, Stage::Responding);
        view.typed = incident_samples::typed(step, USUAL);
        let words = view.typed.text(step, "why").to_owned();
        let page = view.render().unwrap();
        let field = tags(&page).into_iter().find(|(_, attributes)| attribute(attributes, "id") == Some(id)).unwrap().1;
        assert_eq!(attribute(&field, "value"), Some(words.as_str()), "{step}");
        let before = page.split(&format!("id=\"{id}\"")).next().unwrap();
        let is_folded =
            before.rfind("<details").is_some_and(|at| !before[at..].contains("</details>") && !before[at..].starts_with("<details open"));
        assert!(!is_folded, "{step}");
    }
}

#[test]
fn time_is_told_in_words_and_counted_down_by_the_same_words() {
    let frame = officer(Language::English);
    let deadline = |minutes, is_late| Deadline { at: samples::moment(), by: std::time::Duration::from_mins(minutes), is_late };
    for (minutes, is_late, told) in
        [(80, false, "in 1 h 20 min"), (20, true, "20 min late"), (0, false, "in 0 min"), (29 * 1_440 + 61, false, "in 29 d 1 h")]
    {
        assert_eq!(frame.left(&deadline(minutes, is_late)), told);
    }
    for language in Language::ALL {
        let words = officer(*language).countdown_words();
        let of = |name: &str| words.iter().find(|(known, _)| *known == name).unwrap().1.clone();
        for (name, marks) in
            [("days", &["{d}", "{h}"][..]), ("hours", &["{h}", "{m}"]), ("minutes", &["{m}"]), ("left", &["{t}"]), ("late", &["{t}"])]
        {
            assert!(marks.iter().all(|mark| of(name).contains(mark)), "{name} in {language:?}: {}", of(name));
        }
        let page = incident(officer(*language), USUAL, Stage::Responding).render().unwrap();
        assert!(page.contains("data-countdown>") && page.contains("id=\"countdown-words\""));
    }
}

#[test]
fn a_report_is_marked_as_sent_when_its_time_has_begun_and_can_be_taken_back() {
    let page = page(Stage::Responding);
    let offers = |step: &str| page.matches(&format!("action=\"/console/incidents/1234567/{step}\"")).count();
    // Of three, one waits, one was sent, and the time of one has not begun.
    assert_eq!((offers("reported"), offers("not-reported")), (1, 1));
    assert!(
        page.contains("href=\"#reports\"") && !page.contains("value=\"0123456789ad\""),
        "the sending of a report is no task to tick off"
    );
    assert!(page.contains("(<time"), "a date keeps its order in any script");
}

#[test]
fn a_graver_level_is_told_only_where_it_came_after_a_person_spoke() {
    let told = |graver| {
        let mut view = incident(officer(Language::English), USUAL, Stage::Responding);
        view.proposed.graver = graver;
        view.render().unwrap().contains("id=\"graver\"")
    };
    assert!(told(Some(Level::I)) && !told(None));
}

#[test]
fn what_the_gateway_did_is_told_in_the_language_of_the_page() {
    let what = |text: &str, language| {
        let row = |step| StoryRow { record: 1, at: samples::moment(), by: None, what: crate::incident::What::Step(step), task: None };
        let step = crate::incident::Step::Acted { level_record: 7, what: text.to_owned() };
        row(step).words(&officer(language)).into_owned()
    };
    let old = "level III: 1 sessions ended, 0 tokens suspended";
    assert_eq!(what(old, Language::English), "III · Considerable · yellow – 1 session ended");
    assert_eq!(what(old, Language::Chinese), "Ⅲ级 较大 · 黄色 – 结束会话 1 个");
    assert!(!what(old, Language::Uyghur).contains("session"));
    assert_eq!(
        what("level III: 0 sessions ended", Language::English),
        "III · Considerable · yellow – nothing had to be ended or suspended"
    );
    assert_eq!(what("as it was", Language::Chinese), "as it was", "nobody guesses");
}

#[test]
fn one_level_has_one_name_in_every_language() {
    for language in Language::ALL {
        let keys = ["emergency-level-i", "emergency-level-ii", "emergency-level-iii", "emergency-level-iv"];
        for (level, key) in [Level::I, Level::II, Level::III, Level::IV].iter().zip(keys) {
            let banner = lang::text(*language, key);
            let name = banner.rsplit(['(', '（']).next().unwrap().trim_end_matches([')', '）']).to_lowercase();
            let shown = officer(*language).level(level).to_lowercase();
            assert!(shown.contains(&name), "{language:?}: {shown} {name}");
        }
    }
}

#[test]
fn a_telephone_number_is_dialled_by_touching_it() {
    assert!(page(Stage::Responding).contains("href=\"tel:+869960000002\""));
}

#[test]
fn what_nobody_has_taken_on_is_counted_in_the_navigation_of_whoever_may_see_incidents() {
    let none =
        |unseen| Frame::portal(Language::English, "/console/incidents", String::new()).signed_in("sun", Role::Auditor).incidents(unseen);
    let with = |unseen| list(none(unseen), vec![], 0).render().unwrap();
    assert!(with(Some(3)).contains("id=\"incidents-unseen\"") && !with(Some(0)).contains("id=\"incidents-unseen\""));
    assert!(with(Some(0)).contains("id=\"to-console-incidents\"") && !with(None).contains("id=\"to-console-incidents\""));
    // Whose only page of the console it is finds the way there from everywhere.
    for (role, begins) in
        [(Role::Member, "/console/incidents"), (Role::SystemAdministrator, "/console/incidents"), (Role::Auditor, "/console/log")]
    {
        let frame = Frame::portal(Language::English, "/", String::new()).signed_in("sun", role).incidents(Some(0));
        let page = PortalView { frame, apps: vec![], has_apps: false, search: String::new() }.render().unwrap();
        assert!(page.contains(&format!("<a id=\"to-console\" href=\"{begins}\"")), "{role}");
    }
}
