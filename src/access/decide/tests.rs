use std::time::Duration;

use jiff::civil::Weekday;
use jiff::tz::TimeZone;

use super::super::app::sample::{app, path, pattern};
use super::super::rule::sample::{for_unit, rule};
use super::super::{Demand, Permit, Rule};
use super::*;
use crate::model::{AccountName, CertificateTrouble, Factor, FactorDemand, Hours, LockdownScope, Role, UnitName};

/// 2026-11-23T04:00:00Z, a Monday: noon in Shanghai.
const NOON: Time = Time::from_millis(1_795_406_400_000);
const HOUR: Duration = Duration::from_secs(3600);
const ADDRESS: &str = "10.1.2.3";

fn wang() -> Arc<Identity> {
    Identity::sample("wang li", "信息中心", Role::Member, NOON)
}

/// What `wang` gets from an app with these rules.
fn outcome(rules: &[Rule], method: &str, raw: &str, from: &str, wall: Time) -> Result<String, Refusal> {
    let app = Arc::new(app(rules.to_vec()));
    let asked = Asked { method: &method.parse().unwrap(), path: &path(raw), held: Err(CertificateTrouble::Missing), is_tunnel: false };
    let visitor = Visitor::Known(wang());
    decide(&visitor, &app, &asked, from.parse().unwrap(), NOON, wall).map(|grant| grant.rule().to_owned())
}

fn plain(rules: &[Rule]) -> Result<String, Refusal> {
    outcome(rules, "GET", "/", ADDRESS, NOON)
}

fn refused_by(rule: &str) -> Result<String, Refusal> {
    Err(Refusal::NotAllowed { rule: rule.to_owned() })
}

fn allowed_by(rule: &str) -> Result<String, Refusal> {
    Ok(rule.to_owned())
}

fn shanghai(days: &[Weekday], opens: &str, closes: &str) -> Option<Hours> {
    Some(Hours::new(days, opens, closes, TimeZone::get("Asia/Shanghai").unwrap()).unwrap())
}

#[test]
fn without_a_rule_nobody_gets_in() {
    assert_eq!(plain(&[]), refused_by("no rule"));
}

#[test]
fn a_rule_that_names_nobody_allows_nobody() {
    let everything = Rule { paths: vec![pattern("/**")], ..rule("all", Effect::Allow) };
    assert_eq!(plain(&[everything]), refused_by("no rule"));
}

#[test]
fn a_rule_asks_for_a_proof_that_is_young_enough_where_it_covers_and_nowhere_else() {
    let fresh = Demand { fresh: Some(HOUR), ..Demand::default() };
    let posting = Rule { methods: vec!["POST".parse().unwrap()], demand: fresh, ..for_unit("posting", "信息中心") };
    let reading = for_unit("reading", "信息中心");
    let app = Arc::new(App { overall: 12 * HOUR, idle: 12 * HOUR, ..app(vec![posting, reading]) });
    let visitor = Visitor::Known(wang());
    let decided = |method: &str, now: Time| {
        let asked = Asked { method: &method.parse().unwrap(), path: &path("/"), held: Err(CertificateTrouble::Missing), is_tunnel: false };
        decide(&visitor, &app, &asked, ADDRESS.parse().unwrap(), now, NOON).map(|grant| grant.rule().to_owned())
    };
    assert_eq!(decided("POST", NOON.plus(HOUR / 2)), allowed_by("posting"));
    let step_up = Refusal::StepUpNeeded { factor: "phishing-resistant", fresh: Some(HOUR) };
    assert_eq!(decided("POST", NOON.plus(HOUR)), Err(step_up.clone()));
    assert_eq!(decided("GET", NOON.plus(HOUR)), allowed_by("reading"));
    let entered = may_enter(&visitor, &app, ADDRESS.parse().unwrap(), NOON.plus(HOUR), NOON);
    assert_eq!(entered, Ok(()), "she may read, so she may enter");
    let goes_on = |method: &str, raw: &str| {
        let asked = Asked { method: &method.parse().unwrap(), path: &path(raw), held: Err(CertificateTrouble::Missing), is_tunnel: false };
        may_go_on(&visitor, &app, Some(&asked), ADDRESS.parse().unwrap(), NOON.plus(HOUR), NOON)
    };
    assert_eq!(goes_on("GET", "/"), Ok(()));
    assert_eq!(goes_on("POST", "/"), Err(step_up), "but for posting she would be sent back at once");
    assert_eq!(may_go_on(&visitor, &app, None, ADDRESS.parse().unwrap(), NOON.plus(HOUR), NOON), Ok(()));
}

#[test]
fn whoever_signed_in_with_a_code_gets_no_further_than_codes_go() {
    let coded = || Visitor::Known(Identity::sample_with(Factor::PasswordAndOath, "wang li", "信息中心", NOON));
    let rule = for_unit("r", "信息中心");
    let needs = |factor| Err(Refusal::StepUpNeeded { factor, fresh: None });
    for (demand, outcome) in [
        (None, needs("phishing-resistant")),
        (Some(FactorDemand::PhishingResistant), needs("phishing-resistant")),
        (Some(FactorDemand::WebAuthn), needs("webauthn")),
        (Some(FactorDemand::Hardware), allowed_by("r")),
        (Some(FactorDemand::Any), allowed_by("r")),
    ] {
        let demand = Demand { factor: demand, fresh: None };
        let app = Arc::new(App { demand, ..app(vec![rule.clone()]) });
        let asked = Asked { method: &http::Method::GET, path: &path("/"), held: Err(CertificateTrouble::Missing), is_tunnel: false };
        let from = ADDRESS.parse().unwrap();
        let decided = decide(&coded(), &app, &asked, from, NOON, NOON).map(|grant| grant.rule().to_owned());
        assert_eq!(decided, outcome, "{demand:?}");
        assert_eq!(may_enter(&coded(), &app, from, NOON, NOON), outcome.map(drop), "{demand:?}");
        let keyed = decide(&Visitor::Known(wang()), &app, &asked, from, NOON, NOON);
        assert!(keyed.is_ok(), "{demand:?}");
    }
}

#[test]
fn a_rule_lets_in_whom_it_names_and_nobody_else() {
    let accounts = |name: &str| Rule { accounts: vec![AccountName::parse(name).unwrap()], ..rule("r", Effect::Allow) };
    let roles = |role| Rule { roles: vec![role], ..rule("r", Effect::Allow) };
    for (rule, lets_in) in [
        (accounts("Wang  LI"), true),
        (accounts("wang"), false),
        (for_unit("r", "信息中心"), true),
        (for_unit("r", "档案局"), false),
        (roles(Role::Member), true),
        (roles(Role::Auditor), false),
        (
            Rule {
                units: vec![UnitName::parse("档案局").unwrap(), UnitName::parse("信息中心").unwrap()], ..rule("r", Effect::Allow)
            },
            true,
        ),
        (Rule { roles: vec![Role::Member], ..for_unit("r", "信息中心") }, true),
        (Rule { roles: vec![Role::Auditor], ..for_unit("r", "信息中心") }, false),
        (Rule { accounts: vec![AccountName::parse("li na").unwrap()], ..for_unit("r", "信息中心") }, false),
    ] {
        let expected = if lets_in { allowed_by("r") } else { refused_by("no rule") };
        assert_eq!(plain(std::slice::from_ref(&rule)), expected, "{rule:?}");
    }
}

#[test]
fn a_rule_holds_only_for_its_networks() {
    let from = |networks: &[&str]| {
        vec![Rule { from: networks.iter().map(|network| network.parse().unwrap()).collect(), ..for_unit("r", "信息中心") }]
    };
    for (networks, address, lets_in) in [
        (&["10.0.0.0/8"][..], "10.255.0.1", true),
        (&["10.0.0.0/8"], "11.0.0.1", false),
        (&["10.0.0.0/8"], "::ffff:10.255.0.1", true),
        (&["10.0.0.0/8"], "::ffff:11.0.0.1", false),
        (&["10.0.0.0/8"], "2001:db8::1", false),
        (&["2001:db8::/32"], "2001:db8:1::1", true),
        (&["2001:db8::/32"], "2001:db9::1", false),
        (&["::/0"], "10.0.0.1", false),
        (&["192.0.2.7/32", "2001:db8::/32"], "192.0.2.7", true),
    ] {
        let expected = if lets_in { allowed_by("r") } else { refused_by("no rule") };
        assert_eq!(outcome(&from(networks), "GET", "/", address, NOON), expected, "{networks:?} {address}");
    }
}

#[test]
fn a_rule_holds_only_in_its_hours() {
    let office = [Rule { when: shanghai(&[Weekday::Monday], "09:00", "18:00"), ..for_unit("r", "信息中心") }];
    assert_eq!(outcome(&office, "GET", "/", ADDRESS, NOON), allowed_by("r"));
    assert_eq!(outcome(&office, "GET", "/", ADDRESS, NOON.plus(6 * HOUR)), refused_by("no rule"));
    assert_eq!(outcome(&office, "GET", "/", ADDRESS, NOON.plus(24 * HOUR)), refused_by("no rule"));
    assert_eq!(outcome(&office, "GET", "/", ADDRESS, NOON.plus(7 * 24 * HOUR)), allowed_by("r"));
}

#[test]
fn a_rule_holds_only_for_its_methods_and_paths() {
    let reading = [Rule { methods: vec![Method::GET], paths: vec![pattern("/public/**"), pattern("/")], ..for_unit("r", "信息中心") }];
    for (method, raw, lets_in) in [
        ("GET", "/public/a", true),
        ("HEAD", "/", true),
        ("POST", "/public/a", false),
        ("OPTIONS", "/", false),
        ("get", "/", false),
        ("GET", "/admin/", false),
        ("GET", "/public%2Fa", false),
    ] {
        let expected = if lets_in { allowed_by("r") } else { refused_by("no rule") };
        assert_eq!(outcome(&reading, method, raw, ADDRESS, NOON), expected, "{method} {raw}");
    }
}

#[test]
fn the_first_rule_that_matches_decides() {
    let no_admin = Rule { paths: vec![pattern("/admin/**")], ..rule("no admin", Effect::Deny) };
    let staff = for_unit("staff", "信息中心");
    let deny_first = [no_admin.clone(), staff.clone()];
    assert_eq!(outcome(&deny_first, "GET", "/admin/x", ADDRESS, NOON), refused_by("no admin"));
    assert_eq!(outcome(&deny_first, "GET", "/x", ADDRESS, NOON), allowed_by("staff"));
    for hidden in ["/admin%2Fx", "//admin/x", "/admin;a/x", "/admin%5Cx", "/%61dmin/x"] {
        assert_eq!(outcome(&deny_first, "GET", hidden, ADDRESS, NOON), refused_by("no admin"), "{hidden}");
    }
    assert_eq!(outcome(&[staff.clone(), no_admin], "GET", "/admin/x", ADDRESS, NOON), allowed_by("staff"));
    let others = Rule { effect: Effect::Deny, ..for_unit("not the archive", "档案局") };
    assert_eq!(plain(&[others, staff]), allowed_by("staff"));
}

#[test]
fn only_a_live_session_is_let_in() {
    let app = Arc::new(app(vec![for_unit("r", "信息中心")]));
    let asked = Asked { method: &Method::GET, path: &path("/"), held: Err(CertificateTrouble::Missing), is_tunnel: false };
    let at = |visitor: &Visitor, now| decide(visitor, &app, &asked, ADDRESS.parse().unwrap(), now, NOON).map(|grant| grant.valid_until());
    assert_eq!(at(&Visitor::Stranger, NOON), Err(Refusal::SignInNeeded));
    let identity = wang();
    let visitor = Visitor::Known(Arc::clone(&identity));
    assert_eq!(at(&visitor, NOON), Ok(NOON.plus(12 * HOUR)));
    assert_eq!(at(&visitor, NOON.plus(HOUR / 4).minus(Duration::from_millis(1))), Ok(NOON.plus(12 * HOUR)));
    assert_eq!(at(&visitor, NOON.plus(HOUR / 4)), Err(Refusal::SignInAgain));
    identity.revoke_sample();
    assert_eq!(at(&visitor, NOON), Err(Refusal::SignInNeeded));
}

#[test]
fn a_session_ends_at_its_overall_limit_even_if_it_is_never_idle() {
    let mut app = app(vec![for_unit("r", "信息中心")]);
    app.idle = 24 * HOUR;
    let ends = |now| app.emergency.at(now).session_ends(&wang(), &app);
    assert_eq!(ends(NOON.plus(12 * HOUR).minus(Duration::from_millis(1))), Some(NOON.plus(12 * HOUR)));
    assert_eq!(ends(NOON.plus(12 * HOUR)), None);
}

fn grant(rules: Vec<Rule>, now: Time, wall: Time) -> Grant {
    let asked = Asked { method: &Method::GET, path: &path("/"), held: Err(CertificateTrouble::Missing), is_tunnel: false };
    decide(&Visitor::Known(wang()), &Arc::new(app(rules)), &asked, ADDRESS.parse().unwrap(), now, wall).unwrap()
}

#[test]
fn a_grant_ends_with_its_window_on_the_steady_scale() {
    let monday = Rule { when: shanghai(&[Weekday::Monday], "09:00", "13:00"), ..for_unit("r", "信息中心") };
    assert_eq!(grant(vec![monday.clone()], NOON, NOON).valid_until(), NOON.plus(HOUR));
    let slow_clock = NOON.plus(Duration::from_secs(5));
    assert_eq!(grant(vec![monday], slow_clock, NOON).valid_until(), slow_clock.plus(HOUR));
    let all_week: Vec<Weekday> = Weekday::Monday.cycle_forward().take(7).collect();
    let always = Rule { when: shanghai(&all_week, "00:00", "24:00"), ..for_unit("r", "信息中心") };
    assert_eq!(grant(vec![always], NOON, NOON).valid_until(), NOON.plus(12 * HOUR));
}

#[test]
fn a_grant_ends_when_the_window_of_a_denial_opens() {
    let lunch = Rule { when: shanghai(&[Weekday::Monday], "12:30", "13:30"), ..rule("maintenance", Effect::Deny) };
    assert_eq!(grant(vec![lunch.clone(), for_unit("r", "信息中心")], NOON, NOON).valid_until(), NOON.plus(HOUR / 2));
    assert_eq!(grant(vec![for_unit("r", "信息中心"), lunch.clone()], NOON, NOON).valid_until(), NOON.plus(12 * HOUR));
    let elsewhere = Rule { paths: vec![pattern("/admin/**")], ..lunch };
    assert_eq!(grant(vec![elsewhere, for_unit("r", "信息中心")], NOON, NOON).valid_until(), NOON.plus(12 * HOUR));
}

#[test]
fn a_grant_says_when_and_why_it_ended() {
    let grant = grant(vec![for_unit("r", "信息中心")], NOON, NOON);
    assert_eq!(grant.ended(NOON), None);
    assert_eq!(grant.ended(NOON.plus(12 * HOUR)), Some(End::Expired));
    grant.identity().revoke_sample();
    assert_eq!(grant.ended(NOON), Some(End::Revoked));
}

/// Wang at the portal, and in an app that she entered at noon and that wants her back after five minutes of absence.
fn away_after_five_minutes() -> (Arc<Identity>, Arc<Identity>, Arc<App>) {
    let mut app = app(vec![for_unit("r", "信息中心")]);
    app.idle = Duration::from_secs(300);
    let portal = wang();
    let inside = portal.sample_on(&app.host, NOON);
    (portal, inside, Arc::new(app))
}

fn at_minute(minutes: u32) -> Time {
    NOON.plus(HOUR / 60 * minutes)
}

#[test]
fn a_tighter_idle_limit_counts_what_was_done_in_that_app_alone() {
    let (portal, inside, app) = away_after_five_minutes();
    let asked = Asked { method: &Method::GET, path: &path("/"), held: Err(CertificateTrouble::Missing), is_tunnel: false };
    let decided = |now| decide(&Visitor::Known(inside.clone()), &app, &asked, ADDRESS.parse().unwrap(), now, NOON).map(|_| ());
    let entered = |now| may_enter(&Visitor::Known(portal.clone()), &app, ADDRESS.parse().unwrap(), now, NOON);
    inside.mark_active(at_minute(4));
    assert_eq!((decided(at_minute(8)), entered(at_minute(8))), (Ok(()), Ok(())));
    portal.mark_active(at_minute(8));
    assert_eq!(decided(at_minute(9)), Err(Refusal::SignInAgain), "being busy at the portal does not keep the app open");
    assert_eq!(entered(at_minute(9)), Err(Refusal::SignInAgain), "nor does the portal hand her over anew");
    let elsewhere = Arc::new(App { host: crate::model::Host::parse("ug.example.cn").unwrap(), ..App::clone(&app) });
    let first_time = |now| may_enter(&Visitor::Known(portal.clone()), &elsewhere, ADDRESS.parse().unwrap(), now, NOON);
    assert_eq!(first_time(at_minute(12)), Ok(()), "an app that she has not been to knows only the session");
    assert_eq!(first_time(at_minute(13)), Err(Refusal::SignInAgain));
}

#[test]
fn an_idle_limit_as_long_as_the_sessions_counts_what_was_done_anywhere() {
    let (portal, inside, tighter) = away_after_five_minutes();
    let app = Arc::new(App { idle: HOUR / 4, ..App::clone(&tighter) });
    let asked = Asked { method: &Method::GET, path: &path("/"), held: Err(CertificateTrouble::Missing), is_tunnel: false };
    let decided = |now| decide(&Visitor::Known(inside.clone()), &app, &asked, ADDRESS.parse().unwrap(), now, NOON).map(|_| ());
    portal.mark_active(at_minute(14));
    assert_eq!(decided(at_minute(28)), Ok(()));
    assert_eq!(decided(at_minute(29)), Err(Refusal::SignInAgain));
}

#[test]
fn a_grant_ends_when_she_was_away_from_the_app_for_too_long() {
    let (portal, inside, app) = away_after_five_minutes();
    let asked = Asked { method: &Method::GET, path: &path("/"), held: Err(CertificateTrouble::Missing), is_tunnel: false };
    let grant = decide(&Visitor::Known(inside.clone()), &app, &asked, ADDRESS.parse().unwrap(), NOON, NOON).unwrap();
    inside.mark_active(at_minute(3));
    portal.mark_active(at_minute(7));
    assert_eq!((grant.ended(at_minute(7)), grant.ended(at_minute(8))), (None, Some(End::Expired)));
}

#[test]
fn who_may_enter_is_decided_by_person_address_and_hours_alone() {
    let enter = |rules: &[Rule], visitor: &Visitor, now: Time| {
        may_enter(visitor, &app(rules.to_vec()), ADDRESS.parse().unwrap(), now, NOON).map(|()| String::new())
    };
    let wang = Visitor::Known(wang());
    let posting = Rule { methods: vec![Method::POST], paths: vec![pattern("/x")], ..for_unit("r", "信息中心") };
    let no_admin = Rule { paths: vec![pattern("/admin/**")], ..rule("no admin", Effect::Deny) };
    let nobody_now = Rule { when: shanghai(&[Weekday::Monday], "09:00", "18:00"), ..rule("closed", Effect::Deny) };
    let at_night = Rule { when: shanghai(&[Weekday::Monday], "22:00", "06:00"), ..for_unit("r", "信息中心") };
    let far_away = Rule { from: vec!["192.0.2.0/24".parse().unwrap()], ..for_unit("r", "信息中心") };
    assert_eq!(enter(&[no_admin, posting.clone()], &wang, NOON), Ok(String::new()));
    assert_eq!(enter(&[nobody_now, posting.clone()], &wang, NOON), refused_by("closed"));
    for shut in [at_night, far_away, for_unit("r", "档案局")] {
        assert_eq!(enter(&[shut], &wang, NOON), refused_by("no rule"));
    }
    assert_eq!(enter(std::slice::from_ref(&posting), &wang, NOON.plus(HOUR)), Err(Refusal::SignInAgain));
    assert_eq!(enter(&[posting], &Visitor::Stranger, NOON), Err(Refusal::SignInNeeded));
}

#[test]
fn a_permit_is_made_of_all_three_proofs() {
    let _: fn(Grant, crate::limit::Pass, crate::audit::Receipt) -> Permit = Permit::new;
}

#[test]
fn what_is_closed_is_refused_and_ended_for_whom_it_is_closed_and_for_nobody_else() {
    let app = Arc::new(app(vec![for_unit("theirs", "信息中心"), for_unit("others", "Press")]));
    let asked = Asked { method: &Method::GET, path: &path("/"), held: Err(CertificateTrouble::Missing), is_tunnel: false };
    let enter = |identity: &Arc<Identity>| {
        let visitor = Visitor::Known(Arc::clone(identity));
        let from = ADDRESS.parse().unwrap();
        (decide(&visitor, &app, &asked, from, NOON, NOON), may_enter(&visitor, &app, from, NOON, NOON))
    };
    let (hers, others) = (wang(), Identity::sample("li", "Press", Role::Member, NOON));
    let grants = [enter(&hers).0.unwrap(), enter(&others).0.unwrap()];
    for (scope, ends) in [
        ("all", [true, true]),
        ("app:sites", [true, true]),
        ("app:ledger", [false, false]),
        ("unit:信息中心", [true, false]),
        ("unit:Archive", [false, false]),
    ] {
        app.lockdown.replace([(LockdownScope::parse(scope).unwrap(), NOON.plus(HOUR))]);
        for (identity, (grant, ends)) in [&hers, &others].into_iter().zip(grants.iter().zip(ends)) {
            let (decided, entered) = enter(identity);
            assert_eq!(decided.err(), ends.then_some(Refusal::LockedDown), "{scope}");
            assert_eq!(entered.err(), ends.then_some(Refusal::LockedDown), "{scope}");
            assert_eq!(grant.ended(NOON), ends.then_some(End::Revoked), "{scope}");
        }
    }
    app.lockdown.replace([(LockdownScope::All, NOON)]);
    assert!(enter(&hers).0.is_ok() && enter(&hers).1.is_ok() && grants[0].ended(NOON).is_none(), "its end has come");
}

#[test]
fn whoever_may_not_enter_an_app_does_not_learn_that_it_is_closed_and_whoever_must_prove_more_is_not_asked_in_vain() {
    let fresh = Demand { fresh: Some(HOUR), ..Demand::default() };
    let from = ADDRESS.parse().unwrap();
    let closed = |rules: Vec<Rule>| {
        let app = app(rules);
        app.lockdown.replace([(LockdownScope::All, NOON.plus(12 * HOUR))]);
        may_enter(&Visitor::Known(wang()), &app, from, NOON.plus(2 * HOUR), NOON)
    };
    assert!(matches!(closed(vec![for_unit("others", "Press")]), Err(Refusal::NotAllowed { .. })));
    assert_eq!(closed(vec![Rule { demand: fresh, ..for_unit("fresh", "信息中心") }]), Err(Refusal::LockedDown));
}
