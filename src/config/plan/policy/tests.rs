use std::path::Path;

use super::super::{Known, load_plan, parse_plan};
use super::*;
use crate::incident::Plan;
use crate::model::AppId;

const EXAMPLE: &str = include_str!("../../../../config/plan.toml");

/// The example without what it says of policy.
fn bare() -> String {
    let mut text = String::new();
    let mut within = false;
    for line in EXAMPLE.lines() {
        if line.starts_with('[') || line.starts_with("#[") {
            within = line.contains(".policy]") || line.contains(".once]");
        }
        if !within {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

fn with(policies: &str) -> String {
    format!("{}\n{policies}", bare())
}

fn plan(policies: &str) -> std::sync::Arc<Plan> {
    parse_plan(&with(policies), "plan.toml").unwrap_or_else(|problems| panic!("{problems}"))
}

fn measures(policies: &str, level: Level) -> Measures {
    plan(policies).terms(level).unwrap().policy.clone().unwrap()
}

#[track_caller]
fn tells(policies: &str, what: &str, help: &str) {
    let problems = parse_plan(&with(policies), "plan.toml").unwrap_err();
    let found: Vec<_> = problems.iter().map(|problem| (problem.what.as_str(), problem.help.as_str())).collect();
    assert!(matches!(found.as_slice(), [(w, h)] if w.contains(what) && h.contains(help)), "{found:#?}");
}

#[test]
fn a_policy_is_read_with_what_it_does_not_say() {
    assert_eq!(measures("[levels.I.policy]", Level::I), Measures::default());
    let all = measures(
        "[levels.I.policy]\nfor = \"72h\"\nidle = \"5m\"\noverall = \"1h\"\nfactor = \"webauthn\"\nfresh = \"10m\"\nread_only = [\"sites\"]\n\
         from = [\"10.0.0.0/8\"]\nclosed = \"all\"\nbreak_glass = [\"zhao\"]\nfreeze_enrolment = true",
        Level::I,
    );
    let app = AppId::parse("sites").unwrap();
    assert_eq!(
        all,
        Measures {
            lasts: Duration::from_hours(72),
            idle: Some(Duration::from_mins(5)),
            overall: Some(Duration::from_hours(1)),
            factor: Some(FactorDemand::WebAuthn),
            fresh: Some(Duration::from_mins(10)),
            read_only: Some(Apps::These(vec![app.clone()])),
            from: Some(Narrowed { networks: vec!["10.0.0.0/8".parse().unwrap()], apps: Apps::All }),
            closed: Some(Apps::All),
            break_glass: vec![AccountName::parse("zhao").unwrap()],
            freeze_enrolment: true,
        }
    );
    let from = measures("[levels.I.policy]\nfrom = { networks = [\"10.0.0.0/8\"], apps = [\"sites\"] }", Level::I).from;
    assert_eq!(from.unwrap().apps, Apps::These(vec![app]));
    assert_eq!(plan("").terms(Level::I).unwrap().policy, None);
}

#[test]
fn what_is_done_once_is_read_apart() {
    let once = |text: &str| plan(text).terms(Level::I).unwrap().once;
    assert_eq!(once(""), Once::default());
    assert_eq!(once("[levels.I.once]\nend_sessions = \"all\""), Once { end_sessions: Some(Whose::Everybodys), suspend_tokens: false });
    let both = "[levels.I.once]\nend_sessions = \"concerned\"\nsuspend_tokens = \"concerned\"";
    assert_eq!(once(both), Once { end_sessions: Some(Whose::Concerned), suspend_tokens: true });
    tells("[levels.I.once]\nsuspend_tokens = \"all\"", "is not a known word", "concerned");
    tells("[levels.I.policy]\nend_sessions = \"all\"", "nobody knows the key `levels.I.policy.end_sessions`", "known here");
}

#[test]
fn a_mistake_in_a_policy_is_told_at_its_place_with_what_to_do() {
    let at = |line: &str| format!("[levels.I.policy]\n{line}\n");
    tells(&at("for = \"5m\""), "`levels.I.policy.for` is out of range", "from \"10m\" to \"3d\"");
    tells(&at("for = \"73h\""), "is out of range", "\"3d\"");
    tells(&at("factor = \"web-authn\""), "is not a known word", "did you mean \"webauthn\"?");
    tells(&at("read_only = \"sites\""), "is neither \"all\" nor a list of apps", "[\"sites\"]");
    tells(&at("read_only = []"), "is empty", "name at least one");
    tells(&at("read_only = [\"Sites\"]"), "is not an id", "`id` of an app");
    tells(&at("closed = \"all\""), "`levels.I.policy.break_glass` is missing", "who enters all the same");
    tells(&at("break_glass = [\"zhao\"]"), "has no use", "`closed`");
    tells(&at("from = [\"10.0.0.1/8\"]"), "has bits beyond its length", "10.0.0.0/8");
    tells(&at("from = { networks = [\"10.0.0.0/8\"] }"), "`levels.I.policy.from.apps` is missing", "\"all\"");
}

#[test]
fn a_graver_level_is_never_laxer() {
    let two = |graver: &str, less: &str| format!("[levels.I.policy]\n{graver}\n[levels.II.policy]\n{less}\n");
    tells(&two("idle = \"10m\"", "idle = \"5m\""), "`levels.I.policy` is laxer than that of level II in `idle`", "must hold at I");
    tells(&two("", "read_only = \"all\"\nfreeze_enrolment = true"), "in `read_only`, `freeze_enrolment`", "must hold at I");
    tells("[levels.II.policy]\nidle = \"5m\"\n", "`levels.I.policy` is laxer than that of level II in `idle`", "must hold at I");
    plan(&two("closed = \"all\"\nbreak_glass = [\"zhao\"]", "read_only = \"all\""));
    plan(&two("factor = \"webauthn\"\nfor = \"1h\"", "factor = \"hardware\"\nfor = \"24h\""));
    tells(&two("factor = \"phishing-resistant\"", "factor = \"hardware\""), "in `factor`", "must hold at I");
}

#[test]
fn an_app_that_the_config_does_not_have_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("plan.toml");
    std::fs::write(&file, with("[levels.I.policy]\nread_only = [\"sites\"]")).unwrap();
    let load = |app: &str| {
        let known = Known { apps: &[AppId::parse(app).unwrap()], usb_keys: false };
        load_plan(Path::new(&file), Some(known)).map_err(|problems| problems.to_string())
    };
    assert!(load("sites").is_ok());
    let why = load("other").unwrap_err();
    assert!(why.contains("`levels.I.policy.read_only` is no app of the config") && why.contains("write one of: other"), "{why}");
}

#[test]
fn usb_keys_are_asked_for_only_where_somebodys_are_believed() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("plan.toml");
    std::fs::write(&file, with("[levels.I.policy]\nfactor = \"usb-key\"")).unwrap();
    let load = |usb_keys| load_plan(Path::new(&file), Some(Known { apps: &[], usb_keys })).map_err(|problems| problems.to_string());
    assert!(load(true).is_ok() && load_plan(Path::new(&file), None).is_ok());
    let why = load(false).unwrap_err();
    assert!(why.contains("`levels.I.policy.factor` asks for USB-KEYs, but nobody's are believed"), "{why}");
}

#[test]
fn a_plan_whose_levels_do_less_or_not_as_long_is_looser() {
    let config = include_str!("../../../../config/yumen.toml");
    let config = super::super::super::parse(config, "yumen.toml", Path::new("")).unwrap_or_else(|problems| panic!("{problems}"));
    let of = |policies: &str| crate::config::Settings { plan: Some(plan(policies)), ..config.clone() };
    let strict = of("[levels.I.policy]\nidle = \"5m\"\nfor = \"48h\"\n[levels.I.once]\nend_sessions = \"concerned\"");
    for looser in [
        "",
        "[levels.I.policy]\nidle = \"6m\"\nfor = \"48h\"\n[levels.I.once]\nend_sessions = \"concerned\"",
        "[levels.I.policy]\nidle = \"5m\"\nfor = \"47h\"\n[levels.I.once]\nend_sessions = \"concerned\"",
        "[levels.I.policy]\nidle = \"5m\"\nfor = \"48h\"",
    ] {
        assert_eq!(of(looser).looser_than(&strict).as_deref(), Some("incident.plan"), "{looser}");
        assert_eq!(strict.looser_than(&of(looser)), None, "{looser}");
    }
    assert_eq!(strict.looser_than(&strict), None);
    let gone = crate::config::Settings { plan: None, ..config.clone() };
    assert_eq!(gone.looser_than(&strict).as_deref(), Some("incident.plan"));
}
