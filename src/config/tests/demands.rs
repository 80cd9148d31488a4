//! What apps and their rules ask for, measured by what can be given.

use super::*;
use crate::clock::Time;
use crate::model::Level;

/// What the config warns of, or else what is wrong in it, as `line: what`.
fn said(text: &str) -> Vec<String> {
    match read(text) {
        Ok(settings) => told(&settings.warnings(Time::from_millis(0))),
        Err(problems) => told(&problems),
    }
}

const RULE: &str = "[[app.rule]]\nname = \"r\"\nroles = [\"member\"]\n";

#[test]
fn a_proof_is_asked_for_again_while_the_session_lasts() {
    let longer = |key: &str, lasts: &str| format!("`{key}` is longer than a session lasts in this app, \"{lasts}\"");
    assert_eq!(said(&with("[labels.public]\noverall = \"1h\"", "fresh = \"1h\"")), [""; 0]);
    assert_eq!(said(&with("[labels.public]\noverall = \"1h\"", "fresh = \"2h\"")), [format!("15: {}", longer("app.fresh", "1h"))]);
    assert_eq!(said(&with("[session]\noverall = \"2h\"", "fresh = \"3h\"")), [format!("15: {}", longer("app.fresh", "2h"))]);
    assert_eq!(said(&with("[labels.internal]\noverall = \"1h\"", "fresh = \"2h\"")), [""; 0], "another label's");
    assert_eq!(
        said(&with("[labels.public]\noverall = \"1h\"", &format!("{RULE}fresh = \"2h\""))),
        [format!("18: {}", longer("app.rule.fresh", "1h"))]
    );
    let report = refuse(&with("[labels.public]\noverall = \"1h\"", "fresh = \"2h\""));
    assert!(report.contains("found \"2h\"") && report.contains("raise `labels.public.overall`"), "{report}");
}

#[test]
fn a_rule_that_asks_for_less_than_its_app_is_warned_of() {
    let rule = |app: &str, rule: &str| said(&with("", &format!("{app}\n{RULE}{rule}")));
    assert_eq!(
        rule("factor = \"phishing-resistant\"", "factor = \"any\""),
        ["18: `app.rule.factor` is weaker than the app's, \"phishing-resistant\""]
    );
    assert_eq!(rule("factor = \"any\"", "factor = \"hardware\""), [""; 0]);
    assert_eq!(rule("", "factor = \"any\""), [""; 0], "the app says nothing that it could loosen");
    assert_eq!(rule("fresh = \"5m\"", "fresh = \"1h\""), ["18: `app.rule.fresh` is longer than the app's, \"5m\""]);
    assert_eq!(rule("fresh = \"5m\"", "fresh = \"5m\""), [""; 0]);
}

#[test]
fn a_rule_may_hold_at_some_emergency_levels_alone() {
    let rule = |lines: &str| read(&with("", &format!("{RULE}{lines}"))).map(|settings| settings.apps[0].policy.rules[0].clone());
    let of = |lines: &str| rule(lines).map(|rule| (rule.level, rule.below)).unwrap();
    assert_eq!(of(""), (None, None));
    assert_eq!(of("level = \"III\"\nbelow = \"I\""), (Some(Level::III), Some(Level::I)));
    for (lines, why) in [
        ("level = \"V\"", "17: `app.rule.level` is not a known word"),
        ("level = \"II\"\nbelow = \"II\"", "18: `app.rule.below` leaves no level, as `level` is \"II\""),
        ("level = \"I\"\nbelow = \"III\"", "18: `app.rule.below` leaves no level, as `level` is \"I\""),
    ] {
        assert_eq!(told(&rule(lines).unwrap_err()), [why]);
    }
}

#[test]
fn what_is_said_twice_was_meant_to_be_something_else() {
    for (top, app, told) in [
        ("", "upstreams = [\"http://127.0.0.1:1\", \"http://127.0.0.1:1\"]", "12: `app.upstreams` is there twice"),
        ("", "[[app.rule]]\nname = \"r\"\nunits = [\"A\", \"A \"]", "16: `app.rule.units` is there twice"),
        ("staff.addresses = [\"10.0.0.1\", \"10.0.0.1/32\"]", "", "2: `staff.addresses` is there twice"),
        ("listen = [\"0.0.0.0:1\", \"0.0.0.0:1\"]", "", "2: `listen` is there twice"),
    ] {
        let text = match app.strip_prefix("upstreams = ") {
            Some(list) => with(top, "").replace("[\"http://127.0.0.1:1\"]", list),
            None => with(top, app),
        };
        assert_eq!(said(&text), [told], "{app}");
    }
}

#[test]
fn the_log_keeps_of_a_query_only_parameters_that_have_a_name() {
    let kept = |list: &str| read(&with("", &format!("log_query = {list}"))).map(|settings| settings.apps[0].policy.log_query.clone());
    assert_eq!(kept("[\"page\", \"栏目\"]").unwrap(), ["page", "栏目"]);
    assert_eq!(read(&with("", "")).unwrap().apps[0].policy.log_query, [""; 0]);
    for wrong in ["", "*", "page=", "a&b", "a;b", "?page", "p%61ge", "\\u0000"] {
        assert_eq!(told(&kept(&format!("[\"{wrong}\"]")).unwrap_err()), ["14: `app.log_query` is no name of a parameter"], "{wrong}");
    }
}
