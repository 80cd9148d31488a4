use std::time::Duration;

use http::Method;
use proptest::prelude::*;

use super::super::app::sample::{app, path};
use super::super::rule::sample::{for_unit, rule};
use super::super::{Asked, Effect, Grant, Rule, decide, may_enter};
use super::*;
use crate::auth::Visitor;
use crate::incident::Narrowed;
use crate::model::{AccountName, AppId, CertificateTrouble, End, Factor, FactorDemand, Role};

const NOON: Time = Time::from_millis(1_795_406_400_000);
const MINUTE: Duration = Duration::from_mins(1);
const OFFICE: &str = "10.1.2.3";
const HOME: &str = "192.0.2.7";

/// Signed in at noon, with a key.
fn wang() -> Arc<Identity> {
    Identity::sample("wang li", "信息中心", Role::Member, NOON)
}

/// From noon on, for an hour.
fn stance(level: Level, measures: Measures) -> Stance {
    Stance { level, incident: 7, confirmed: NOON, since: NOON, until: NOON.plus(60 * MINUTE), measures: Arc::new(measures) }
}

/// The sample under these measures of level III, or under none.
fn under(measures: Option<Measures>) -> Arc<App> {
    let app = app(vec![for_unit("members", "信息中心")]);
    app.emergency.set(measures.map(|measures| stance(Level::III, measures)));
    Arc::new(app)
}

#[derive(Clone, Copy, Debug)]
struct Ask {
    method: &'static str,
    is_tunnel: bool,
    from: &'static str,
    minutes: u64,
}

const READS: Ask = Ask { method: "GET", is_tunnel: false, from: OFFICE, minutes: 1 };
const WRITES: Ask = Ask { method: "POST", ..READS };

fn minute(minutes: u64) -> Time {
    NOON.plus(Duration::from_mins(minutes))
}

fn decided(app: &Arc<App>, identity: &Arc<Identity>, ask: Ask) -> Result<Grant, Refusal> {
    let (method, now): (Method, Time) = (ask.method.parse().unwrap(), minute(ask.minutes));
    let asked = Asked { method: &method, path: &path("/"), held: Err(CertificateTrouble::Missing), is_tunnel: ask.is_tunnel };
    decide(&Visitor::Known(identity.clone()), app, &asked, ask.from.parse().unwrap(), now, now)
}

fn barred(app: &Arc<App>, ask: Ask) -> Option<Bar> {
    match decided(app, &wang(), ask) {
        Err(Refusal::Emergency { level: Level::III, bar, until }) => {
            assert_eq!(until, minute(60));
            Some(bar)
        }
        Err(refusal) => panic!("{refusal:?}"),
        Ok(_) => None,
    }
}

fn sites() -> Apps {
    Apps::These(vec![AppId::parse("sites").unwrap()])
}

fn others() -> Apps {
    Apps::These(vec![AppId::parse("ledger").unwrap()])
}

#[test]
fn an_app_that_is_read_only_takes_get_and_head_and_nothing_else() {
    for apps in [Apps::All, sites()] {
        let app = under(Some(Measures { read_only: Some(apps), ..Measures::default() }));
        assert_eq!((barred(&app, READS), barred(&app, Ask { method: "HEAD", ..READS })), (None, None));
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "PROPFIND"] {
            assert_eq!(barred(&app, Ask { method, ..READS }), Some(Bar::ReadOnly), "{method}");
        }
        assert_eq!(barred(&app, Ask { is_tunnel: true, ..READS }), Some(Bar::ReadOnly), "a tunnel carries what it likes");
        assert_eq!(may_enter(&Visitor::Known(wang()), &app, OFFICE.parse().unwrap(), minute(1), minute(1)), Ok(()));
        let refusal = decided(&app, &wang(), WRITES).unwrap_err();
        assert_eq!((refusal.word(), refusal.detail().as_str()), ("emergency", "level III: read-only"));
    }
    let elsewhere = under(Some(Measures { read_only: Some(others()), ..Measures::default() }));
    assert_eq!(barred(&elsewhere, WRITES), None);
}

#[test]
fn closed_apps_are_entered_by_break_glass_accounts_alone_and_from_their_networks() {
    let closed = |names: &[&str]| Measures {
        closed: Some(sites()),
        break_glass: names.iter().map(|name| AccountName::parse(name).unwrap()).collect(),
        ..Measures::default()
    };
    assert_eq!(barred(&under(Some(closed(&["zhao"]))), READS), Some(Bar::Closed));
    assert_eq!(barred(&under(Some(closed(&["zhao", "wang li"]))), WRITES), None);
    let from = |apps| Some(Narrowed { networks: vec!["10.0.0.0/8".parse().unwrap()], apps });
    let narrowed = under(Some(Measures { from: from(Apps::All), ..Measures::default() }));
    assert_eq!((barred(&narrowed, READS), barred(&narrowed, Ask { from: HOME, ..READS })), (None, Some(Bar::Address)));
    assert_eq!(barred(&narrowed, Ask { from: "::ffff:10.1.2.3", ..READS }), None);
    let both = under(Some(Measures { from: from(sites()), ..closed(&["wang li"]) }));
    assert_eq!(barred(&both, Ask { from: HOME, ..READS }), Some(Bar::Address), "nor does glass break networks");
    let elsewhere = under(Some(Measures { from: from(others()), closed: Some(others()), ..closed(&[]) }));
    assert_eq!(barred(&elsewhere, Ask { from: HOME, ..READS }), None);
    let entered = |app: &App, from: &str| may_enter(&Visitor::Known(wang()), app, from.parse().unwrap(), minute(1), minute(1)).is_ok();
    assert!(entered(&narrowed, OFFICE) && !entered(&narrowed, HOME) && !entered(&under(Some(closed(&[]))), OFFICE));
}

#[test]
fn sessions_are_as_short_as_the_stricter_of_the_two_says() {
    let short = |idle, overall| under(Some(Measures { idle, overall, ..Measures::default() }));
    let at = |app: &Arc<App>, minutes| decided(app, &wang(), Ask { minutes, ..READS }).map(|grant| grant.valid_until());
    let idle = short(Some(5 * MINUTE), None);
    assert!(at(&idle, 4).is_ok() && at(&idle, 5) == Err(Refusal::SignInAgain));
    let overall = short(None, Some(10 * MINUTE));
    assert_eq!((at(&overall, 9), at(&overall, 10)), (Ok(minute(10)), Err(Refusal::SignInAgain)));
    let longer = short(Some(60 * MINUTE), Some(24 * 60 * MINUTE));
    assert_eq!((at(&longer, 14), at(&longer, 15)), (Ok(minute(12 * 60)), Err(Refusal::SignInAgain)), "what the app says holds still");
    let late = short(None, Some(90 * MINUTE));
    assert_eq!(at(&late, 1), Ok(minute(12 * 60)), "an end after the level is none");

    let grant = decided(&under(None), &wang(), READS).unwrap();
    let ends = |measures: Measures, minutes| {
        grant.app().emergency.set(Some(stance(Level::III, measures)));
        grant.ended(minute(minutes))
    };
    assert_eq!(ends(Measures { overall: Some(10 * MINUTE), ..Measures::default() }, 10), Some(End::Expired));
    assert_eq!(ends(Measures { idle: Some(5 * MINUTE), ..Measures::default() }, 5), Some(End::Expired));
    assert_eq!(ends(Measures { closed: Some(Apps::All), ..Measures::default() }, 2), Some(End::Revoked));
    assert_eq!(ends(Measures::default(), 10), None);
}

#[test]
fn the_stronger_demand_counts_and_where_neither_is_stronger_both_are_asked_for() {
    let under = |own: (FactorDemand, Option<u64>), level: (Option<FactorDemand>, Option<u64>)| {
        let mut app = app(vec![for_unit("members", "信息中心")]);
        app.demand = Demand { factor: Some(own.0), fresh: own.1.map(Duration::from_mins) };
        let measures = Measures { factor: level.0, fresh: level.1.map(Duration::from_mins), ..Measures::default() };
        app.emergency.set(Some(stance(Level::III, measures)));
        Arc::new(app)
    };
    let needed = |app: &Arc<App>, identity: &Arc<Identity>, minutes| match decided(app, identity, Ask { minutes, ..READS }) {
        Err(Refusal::StepUpNeeded { factor, fresh }) => Some((factor, fresh.map(|fresh| fresh.as_secs() / 60))),
        outcome => outcome.map(|_| None).unwrap(),
    };
    use FactorDemand::{Any, Hardware, PhishingResistant, UsbKey, WebAuthn};
    let coded = Identity::sample_with(Factor::PasswordAndOath, "li", "信息中心", NOON);
    for (own, level, minutes, outcome) in [
        ((Any, None), (Some(Hardware), None), 1, None),
        ((Any, None), (Some(PhishingResistant), None), 1, Some(("phishing-resistant", None))),
        ((Any, None), (None, Some(5)), 4, None),
        ((Any, None), (None, Some(5)), 5, Some(("any", Some(5)))),
        ((Any, Some(3)), (Some(Hardware), Some(5)), 4, Some(("hardware", Some(3)))),
        ((Any, Some(5)), (Some(Hardware), Some(3)), 4, Some(("hardware", Some(3)))),
        ((Hardware, None), (Some(Any), None), 4, None),
    ] {
        assert_eq!(needed(&under(own, level), &coded, minutes), outcome, "{own:?} {level:?}");
    }
    // A key in a file answers one site alone but can be copied; a code token cannot be, but its codes can be read out.
    let both = under((Hardware, None), (Some(PhishingResistant), None));
    let filed = Identity::sample_with(Factor::PasswordAndUsbKey, "li", "信息中心", NOON);
    assert_eq!(needed(&both, &coded, 1), Some(("phishing-resistant", None)));
    assert_eq!(needed(&both, &filed, 1), Some(("hardware", None)));
    assert_eq!(needed(&both, &coded.sample_stepped_up(Factor::PasswordAndUsbKey, NOON), 1), None);
    assert_eq!(needed(&both, &wang(), 1), None, "one proof may be enough for both");
    let keys = under((UsbKey, None), (Some(WebAuthn), Some(5)));
    assert_eq!(needed(&keys, &wang().sample_stepped_up(Factor::UsbKey, minute(4)), 6), Some(("webauthn", Some(5))));
    let again = wang().sample_stepped_up(Factor::UsbKey, minute(4)).sample_stepped_up(Factor::SecurityKey, minute(5));
    assert_eq!(needed(&keys, &again, 6), None);
}

#[test]
fn rules_may_name_the_level() {
    let levelled = |name, level, below| Rule { level, below, ..for_unit(name, "信息中心") };
    let mut app = app(vec![
        Rule { level: Some(Level::I), ..rule("nobody at I", Effect::Deny) },
        levelled("grave", Some(Level::II), None),
        levelled("calm", None, Some(Level::III)),
    ]);
    app.idle = 2 * 60 * MINUTE;
    let app = Arc::new(app);
    let at = |level: Option<Level>| {
        app.emergency.set(level.map(|level| stance(level, Measures::default())));
        decided(&app, &wang(), READS).map(|grant| (grant.rule().to_owned(), grant.valid_until()))
    };
    let refused = |rule: &str| Err(Refusal::NotAllowed { rule: rule.to_owned() });
    assert_eq!(at(None), Ok(("calm".to_owned(), minute(12 * 60))));
    assert_eq!(at(Some(Level::IV)), Ok(("calm".to_owned(), minute(60))), "no longer than the level");
    assert_eq!(at(Some(Level::III)), refused("no rule"));
    assert_eq!(at(Some(Level::II)), Ok(("grave".to_owned(), minute(60))));
    assert_eq!(at(Some(Level::I)), refused("nobody at I"));
    let entered = |minutes| may_enter(&Visitor::Known(wang()), &app, OFFICE.parse().unwrap(), minute(minutes), minute(minutes)).is_ok();
    assert!(!entered(59) && entered(60), "once it has run out the rules of calm hold again");
}

#[test]
fn enrolment_is_frozen_until_the_level_has_run_out() {
    let emergency = Emergency::default();
    assert_eq!(emergency.may_enrol(NOON, NOON), Ok(()));
    emergency.set(Some(stance(Level::II, Measures { freeze_enrolment: true, ..Measures::default() })));
    let until = minute(61);
    let frozen = Refusal::Emergency { level: Level::II, bar: Bar::Enrolment, until };
    assert_eq!(emergency.may_enrol(minute(59), minute(60)), Err(frozen), "the wall is a minute ahead");
    assert_eq!(emergency.may_enrol(minute(60), minute(60)), Ok(()));
    emergency.set(Some(stance(Level::II, Measures::default())));
    assert_eq!(emergency.may_enrol(NOON, NOON), Ok(()));
}

#[test]
fn whatever_changes_what_is_in_force_changes_the_epoch() {
    let emergency = Emergency::default();
    let mut epochs = vec![emergency.epoch(NOON)];
    assert_eq!(emergency.epoch(minute(60)), epochs[0]);
    emergency.set(Some(stance(Level::III, Measures::default())));
    epochs.extend([emergency.epoch(NOON), emergency.epoch(minute(60))]);
    assert_eq!((emergency.epoch(minute(59)), emergency.epoch(minute(600))), (epochs[1], epochs[2]));
    emergency.set(Some(Stance { until: minute(120), ..stance(Level::III, Measures::default()) }));
    epochs.push(emergency.epoch(minute(60)));
    emergency.set(None);
    epochs.push(emergency.epoch(minute(60)));
    assert!(epochs.is_sorted_by(|before, after| before < after), "{epochs:?}");
}

fn some_apps() -> impl Strategy<Value = Option<Apps>> {
    prop_oneof![Just(None), Just(Some(Apps::All)), Just(Some(sites())), Just(Some(others()))]
}

fn some_minutes() -> impl Strategy<Value = Option<Duration>> {
    proptest::option::of((1_u64..90).prop_map(Duration::from_mins))
}

fn measures() -> impl Strategy<Value = Measures> {
    let network = prop_oneof![Just("10.0.0.0/8"), Just("192.0.2.0/24")];
    let from = (proptest::option::of(network), some_apps());
    let factor = proptest::option::of((0..FactorDemand::WORDS.len()).prop_map(|at| FactorDemand::WORDS[at].1));
    let glass = prop_oneof![Just(Vec::new()), Just(vec![AccountName::parse("wang li").unwrap()])];
    let lengths = (some_minutes(), some_minutes(), some_minutes());
    (lengths, factor, some_apps(), from, some_apps(), glass, any::<bool>()).prop_map(
        |((idle, overall, fresh), factor, read_only, (network, apps), closed, break_glass, freeze_enrolment)| Measures {
            idle,
            overall,
            fresh,
            factor,
            read_only,
            from: network.zip(apps).map(|(network, apps)| Narrowed { networks: vec![network.parse().unwrap()], apps }),
            closed,
            break_glass,
            freeze_enrolment,
            ..Measures::default()
        },
    )
}

fn asks() -> impl Strategy<Value = Ask> {
    let methods = prop_oneof![Just("GET"), Just("HEAD"), Just("POST"), Just("DELETE")];
    let from = prop_oneof![Just(OFFICE), Just(HOME)];
    (methods, any::<bool>(), from, 0_u64..100).prop_map(|(method, is_tunnel, from, minutes)| Ask { method, is_tunnel, from, minutes })
}

/// All that can be asked of policy, as one value.
/// A grant's rule and end, and whether she may enter and go on.
type Whole = (Result<(String, Time), Refusal>, Result<(), Refusal>, Result<(), Refusal>);

fn whole(app: &Arc<App>, ask: Ask) -> Whole {
    let (now, identity) = (minute(ask.minutes), wang());
    let grant = decided(app, &identity, ask).map(|grant| (grant.rule().to_owned(), grant.valid_until()));
    let entered = may_enter(&Visitor::Known(identity), app, ask.from.parse().unwrap(), now, now);
    (grant, entered, app.emergency.may_enrol(now, now))
}

/// The sample with a longer patience, so that idleness does not hide everything else.
fn patient() -> Arc<App> {
    Arc::new(App { idle: 80 * MINUTE, overall: 95 * MINUTE, ..app(vec![for_unit("members", "信息中心")]) })
}

proptest! {
    #[test]
    fn a_level_that_ran_out_or_was_lifted_leaves_nothing_behind(measures in measures(), ask in asks(), lasts in 0_u64..100) {
        let (before, after) = (patient(), patient());
        after.emergency.set(Some(Stance { until: minute(lasts), ..stance(Level::I, measures) }));
        if ask.minutes >= lasts {
            prop_assert_eq!(whole(&after, ask), whole(&before, ask));
        }
        let grant = decided(&before, &wang(), Ask { method: "GET", is_tunnel: false, minutes: 0, ..ask }).unwrap();
        let as_it_was = grant.ended(minute(ask.minutes));
        grant.app().emergency.set(after.emergency.last());
        if ask.minutes >= lasts {
            prop_assert_eq!(grant.ended(minute(ask.minutes)), as_it_was);
        }
        grant.app().emergency.set(None);
        prop_assert_eq!(grant.ended(minute(ask.minutes)), as_it_was);
        after.emergency.set(None);
        prop_assert_eq!(whole(&after, ask), whole(&patient(), ask));
    }

    #[test]
    fn a_level_only_ever_takes_away(measures in measures(), ask in asks()) {
        let (without, within) = (patient(), patient());
        within.emergency.set(Some(stance(Level::I, measures)));
        let (grant, entered, _) = whole(&within, ask);
        let (granted, may, _) = whole(&without, ask);
        prop_assert!(granted.is_ok() || grant.is_err());
        prop_assert!(may.is_ok() || entered.is_err());
        if let (Ok((_, until)), Ok((_, longest))) = (grant, granted) {
            prop_assert!(until <= longest);
        }
    }

    #[test]
    fn a_graver_level_that_is_not_laxer_lets_nothing_through_that_the_other_does_not(less in measures(), more in measures(), ask in asks()) {
        // Whoever breaks the glass may change what others may only read; see `Measures::laxer_than`.
        let glass = more.closed.is_some() && more.break_glass.contains(&wang().who().name) && less.read_only.is_some();
        if more.laxer_than(&less).is_empty() && !glass {
            let (under_less, under_more) = (patient(), patient());
            under_less.emergency.set(Some(stance(Level::III, less)));
            under_more.emergency.set(Some(stance(Level::I, more)));
            let (least, most) = (whole(&under_more, ask), whole(&under_less, ask));
            prop_assert!(most.0.is_ok() || least.0.is_err(), "{:?} {:?}", most.0, least.0);
            prop_assert!(most.2.is_ok() || least.2.is_err());
        }
    }
}
