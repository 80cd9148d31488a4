use super::*;

fn these(apps: &[&str]) -> Option<Apps> {
    Some(Apps::These(apps.iter().map(|app| AppId::parse(app).unwrap()).collect()))
}

fn from(networks: &[&str], apps: Apps) -> Option<Narrowed> {
    Some(Narrowed { networks: networks.iter().map(|network| network.parse().unwrap()).collect(), apps })
}

fn accounts(names: &[&str]) -> Vec<AccountName> {
    names.iter().map(|name| AccountName::parse(name).unwrap()).collect()
}

fn strict() -> Measures {
    Measures {
        idle: Some(Duration::from_mins(5)),
        overall: Some(Duration::from_hours(1)),
        factor: Some(FactorDemand::WebAuthn),
        fresh: Some(Duration::from_mins(10)),
        read_only: these(&["sites"]),
        from: from(&["10.1.0.0/16"], Apps::All),
        closed: these(&["ledger"]),
        break_glass: accounts(&["zhao"]),
        freeze_enrolment: true,
        ..Measures::default()
    }
}

/// The part is laxer after the change, and was not before.
#[track_caller]
fn laxer(change: impl FnOnce(&mut Measures), part: &str) {
    let mut changed = strict();
    change(&mut changed);
    assert_eq!(changed.laxer_than(&strict()), [part]);
    assert_eq!(strict().laxer_than(&changed), [] as [&str; 0], "back again");
}

#[test]
fn each_part_that_lets_more_through_is_laxer_and_the_way_back_is_not() {
    laxer(|measures| measures.idle = None, "idle");
    laxer(|measures| measures.idle = Some(Duration::from_mins(6)), "idle");
    laxer(|measures| measures.overall = None, "overall");
    laxer(|measures| measures.factor = Some(FactorDemand::PhishingResistant), "factor");
    laxer(|measures| measures.factor = None, "factor");
    laxer(|measures| measures.fresh = Some(Duration::from_mins(11)), "fresh");
    laxer(|measures| measures.read_only = None, "read_only");
    laxer(|measures| measures.from = from(&["10.0.0.0/8"], Apps::All), "from");
    laxer(|measures| measures.from = from(&["10.1.0.0/16"], these(&["sites"]).unwrap()), "from");
    laxer(|measures| measures.from = None, "from");
    laxer(|measures| measures.closed = None, "closed");
    laxer(|measures| measures.break_glass = accounts(&["zhao", "qian"]), "break_glass");
    laxer(|measures| measures.freeze_enrolment = false, "freeze_enrolment");
    assert_eq!(strict().laxer_than(&strict()), [] as [&str; 0]);
    assert_eq!(strict().laxer_than(&Measures::default()), [] as [&str; 0]);
}

#[test]
fn an_app_that_is_closed_need_not_be_read_only_too() {
    let closed = |apps| Measures { closed: apps, break_glass: accounts(&["zhao"]), ..Measures::default() };
    let read_only = |apps| Measures { read_only: apps, ..Measures::default() };
    assert_eq!(closed(Some(Apps::All)).laxer_than(&read_only(Some(Apps::All))), [] as [&str; 0]);
    assert_eq!(closed(these(&["sites"])).laxer_than(&read_only(these(&["sites"]))), [] as [&str; 0]);
    assert_eq!(closed(these(&["sites"])).laxer_than(&read_only(these(&["sites", "ledger"]))), ["read_only"]);
    assert_eq!(closed(these(&["sites"])).laxer_than(&read_only(Some(Apps::All))), ["read_only"]);
}

#[test]
fn what_they_do_is_told_in_short() {
    assert_eq!(
        strict().told(),
        [
            "idle 5 min",
            "overall 1 h",
            "factor webauthn",
            "fresh 10 min",
            "read-only sites",
            "from 10.1.0.0/16 alone into all apps",
            "closed ledger",
            "break-glass zhao",
            "enrolment frozen"
        ]
    );
    assert!(Measures::default().told().is_empty());
}
