//! The example is good, and every mistake in a plan is told at its place with what to do.

use super::*;
use crate::clock::Time;
use crate::incident::{Book, Category, Extent, Kind, Opening, Scenario, Step, Subject, found_in_drill};
use crate::model::{Entry, Event, Record};

const EXAMPLE: &str = include_str!("../../../config/plan.toml");

fn problems(text: &str) -> Vec<(String, String)> {
    let problems = parse_plan(text, "plan.toml").err().map(|problems| problems.iter().cloned().collect::<Vec<_>>()).unwrap_or_default();
    problems.into_iter().map(|problem| (problem.what, problem.help)).collect()
}

/// The example with one place changed has one problem, which says this.
#[track_caller]
fn tells(old: &str, new: &str, what: &str, help: &str) {
    assert!(EXAMPLE.contains(old), "{old}");
    let found = problems(&EXAMPLE.replacen(old, new, 1));
    assert!(matches!(found.as_slice(), [(w, h)] if w.contains(what) && h.contains(help)), "{found:#?}");
}

#[test]
fn the_example_is_good_and_has_what_it_says() {
    let plan = parse_plan(EXAMPLE, "plan.toml").unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(plan.levels.iter().map(|terms| terms.level.word()).collect::<Vec<_>>(), ["I", "II", "III", "IV"]);
    assert!(plan.levels.iter().all(|terms| !terms.checklist.is_empty() && terms.names.zh != terms.names.en));
    assert_eq!(plan.reports(Level::III).next().map(|rule| rule.within), Some(Duration::from_hours(4)));
    assert_eq!(plan.reports(Level::IV).count(), 0);
    assert!(plan.reports.iter().all(|rule| rule.source.zh != rule.source.en));
    let sends: Vec<_> =
        plan.levels.iter().flat_map(|terms| &terms.checklist).filter_map(|task| Some((task.report?, task.within))).collect();
    assert_eq!(sends, [(Report::First, None)], "its time is the report's own");
    let one = EXAMPLE.replacen("source = {", "source = \"article 4\" # {", 1);
    let source = parse_plan(&one, "plan.toml").unwrap().reports[0].source.clone();
    assert_eq!((source.zh.as_str(), source.en.as_str()), ("article 4", "article 4"));
    assert!(plan.triggers.iter().all(|trigger| Kind::WORDS.contains(&trigger.kind.word())));
}

#[test]
fn a_mistake_is_told_at_its_place_with_what_to_do() {
    tells("colour = \"red\"", "colour = \"blue\"", "is not the colour of level I", "write \"red\"");
    tells("accounts = 100,", "accounts = 300,", "is not less than that of the level above", "write less here");
    tells("within = \"4h\"\nto", "within = \"5h\"\nto", "is later than the measures allow", "\"4h\" or less");
    tells("kind = \"log-broken\"", "kind = \"log-brokn\"", "is not a known word", "did you mean \"log-broken\"?");
    tells("kind = \"failures\"", "kind = \"failure\"", "is not a known word", "did you mean \"failures\"?");
    let without_kind = problems(&EXAMPLE.replacen("kind = \"failures\"", "knd = \"failures\"", 1));
    assert!(
        matches!(without_kind.as_slice(), [(missing, _), (unknown, help)] if missing.contains("kind` is missing") && unknown.contains("knd") && help.contains("`kind`")),
        "{without_kind:?}"
    );
    tells("level = \"III\"", "level = \"3\"", "is not a known word", "did you mean \"III\"?");
    tells("level = \"III\"", "level = 3", "must be text in double quotes", "did you mean \"III\"?");
    tells("level = \"III\"", "level = \"VI\"", "is not a known word", "write one of: ");
    tells("within = \"30d\"", "within = \"31d\"", "is later than the measures allow", "\"30d\" or less");
    tells("name = \"two-places\"", "name = \"at-night\"", "is another trigger's too", "a name of its own");
    tells("name = \"two-places\"", "name = \"Two places\"", "is not a name", "lower-case letters");
    tells("report = \"first\"\n[levels", "report = \"frist\"\n[levels", "is not a known word", "did you mean \"first\"?");
    tells("report = \"first\"\n[levels", "report = \"first\"\nwithin = \"4h\"\n[levels", "stands beside `report`", "take it out");
    tells("within = \"4h\"\n\n", "report = \"summary\"\n\n", "not due of level IV", "lower `from`");
    tells("percent = 20", "percent = 200", "is out of range", "from 1 to 100");
}

#[test]
fn an_exception_that_a_kind_cannot_use_is_refused_at_its_place() {
    let names = [("accounts", r#"["sun"]"#), ("units", r#"["Press"]"#), ("apps", r#"["sites"]"#), ("from", r#"["10.0.0.0/8"]"#)];
    let plan = parse_plan(EXAMPLE, "plan.toml").unwrap_or_else(|problems| panic!("{problems}"));
    let mut kinds = std::collections::BTreeSet::new();
    for trigger in plan.triggers.iter().filter(|trigger| trigger.except == crate::incident::Exceptions::default()) {
        kinds.insert(trigger.kind.word());
        for (key, value) in names {
            let line = format!("name = \"{}\"\n", trigger.name);
            let text = EXAMPLE.replacen(&line, &format!("{line}except = {{ {key} = {value} }}\n"), 1);
            let found = problems(&text);
            if trigger.kind.exceptions().contains(&key) {
                assert_eq!(found, [], "{} {key}", trigger.name);
            } else {
                let [(what, help)] = found.as_slice() else { panic!("{} {key}: {found:?}", trigger.name) };
                assert!(what.starts_with(&format!("`triggers.except.{key}` leaves nothing out")), "{what}");
                assert!(what.contains(trigger.kind.word()) && help.contains("take"), "{what} {help}");
            }
        }
    }
    assert!(kinds.len() >= 12, "{kinds:?}");
    let page = Kind::PageChanged { after: Duration::from_mins(10) };
    assert_eq!((page.exceptions(), Kind::LogBroken.exceptions().len()), (["apps"].as_slice(), 0));
    tells(
        "except = { accounts = [\"sun\"] }",
        "except = { acounts = [\"sun\"] }",
        "nobody knows the key `triggers.except.acounts`",
        "did you mean `accounts`?",
    );
}

#[test]
fn what_is_missing_is_told() {
    let without = |begin: &str, end: &str| {
        let from = EXAMPLE.find(begin).unwrap();
        let to = from + EXAMPLE[from..].find(end).unwrap();
        problems(&format!("{}{}", &EXAMPLE[..from], &EXAMPLE[to..]))
    };
    let found = without("[levels.II]", "[levels.III]");
    assert!(matches!(found.as_slice(), [(what, _)] if what == "`levels.II` is missing"), "{found:?}");
    let found = without("[[duties]]\nduty = \"commander\"", "[[duties]]\nduty = \"handler\"");
    assert!(matches!(found.as_slice(), [(what, help)] if what == "nobody is commander" && help.contains("[[duties]]")), "{found:?}");
    let found = without("[[reports]]\nreport = \"summary\"", "# What raises an alarm.");
    assert!(matches!(found.as_slice(), [(what, _)] if what == "no summary report is due of level III and above"), "{found:?}");
    assert!(problems("= 1").len() == 1 && problems("").len() > 4);
}

#[test]
fn no_operator_reports_later_than_the_measures_say() {
    for (operator, hours, good) in [
        ("ordinary", 4, true),
        ("central-organ", 2, true),
        ("central-organ", 3, false),
        ("critical-infrastructure", 1, true),
        ("critical-infrastructure", 2, false),
    ] {
        let text = EXAMPLE.replace("operator = \"ordinary\"", &format!("operator = \"{operator}\"")).replacen(
            "within = \"4h\"\nto",
            &format!("within = \"{hours}h\"\nto"),
            1,
        );
        assert_eq!(problems(&text).is_empty(), good, "{operator} {hours}");
    }
}

#[test]
fn what_people_know_of_an_incident_and_what_was_seen_propose_a_level_by_the_example() {
    let plan = parse_plan(EXAMPLE, "plan.toml").unwrap();
    let mut book = Book::default();
    let entry = |record: u64, event: Event| Entry::stamp(record, Time::from_millis(1_800_000_000_000), [0; 16], Record::Event(event));
    let subject = Subject::Account("wang".to_owned());
    let opening =
        Opening { title: "异地登录".to_owned(), level: Level::IV, category: Category::AbnormalBehaviour, subject: Some(subject) };
    book.read(&entry(1, opening.event()));
    let with = |extent: Extent| Step::Extent(extent).event(1);
    let apps = ["sites", "disclosure"].map(|id| AppId::parse(id).unwrap()).to_vec();
    let mut proposed = Vec::new();
    for (record, event) in (2..).zip([
        with(Extent::default()),
        with(Extent { accounts: Some(20), ..Extent::default() }),
        with(Extent { accounts: Some(20), apps, ..Extent::default() }),
        with(Extent { defaced: Some(6 * 60), ..Extent::default() }),
        Step::Assessed { level: Level::IV, category: Category::Content, why: "已核实".to_owned() }.event(1),
    ]) {
        book.read(&entry(record, event));
        let case = book.case(1).unwrap();
        proposed.push((case.proposed(Some(&plan)), case.proposed(None), case.level(Some(&plan))));
    }
    let [one, twenty, two_apps, defaced, confirmed] = proposed.as_slice() else { panic!("{proposed:?}") };
    assert_eq!(*one, (Level::IV, Level::IV, Level::IV));
    assert_eq!(twenty.0, Level::III);
    assert_eq!((two_apps.0, two_apps.1), (Level::II, Level::IV), "without a plan it is what was said");
    assert_eq!(defaced.0, Level::I);
    assert_eq!(*confirmed, (Level::I, Level::IV, Level::IV), "a person has the last word");
}

#[test]
fn the_triggers_of_the_example_find_every_drill() {
    let plan = parse_plan(EXAMPLE, "plan.toml").unwrap();
    let (app, now) = (AppId::parse("sites").unwrap(), Time::from_millis(1_800_000_000_000));
    for (scenario, trigger) in [
        (Scenario::PasswordSpraying, "password-spraying"),
        (Scenario::PasswordSpraying, "password-known"),
        (Scenario::LostAdministratorToken, "staff-from-elsewhere"),
        (Scenario::LostAdministratorToken, "token-misused"),
        (Scenario::DefacedPage, "page-changed"),
        (Scenario::BulkDownload, "two-places"),
        (Scenario::BulkDownload, "bulk-download"),
    ] {
        let found = found_in_drill(scenario, &plan, &app, 7, now);
        assert!(found.iter().any(|signal| signal.trigger == trigger), "{scenario} {trigger}: {found:#?}");
        assert!(found.iter().all(|signal| (signal.first, signal.last) == (7, 7) && signal.time <= now), "{found:#?}");
        assert_eq!(found, found_in_drill(scenario, &plan, &app, 7, now), "the same again");
    }
    let nothing = EXAMPLE.replace("kind = \"page-changed\"\nafter = \"15m\"", "kind = \"log-broken\"");
    assert!(found_in_drill(Scenario::DefacedPage, &parse_plan(&nothing, "p").unwrap(), &app, 7, now).is_empty());
}
