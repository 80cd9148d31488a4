use super::*;

const START: Time = Time::from_millis(1_795_316_645_678);

fn app(name: &str) -> AppId {
    AppId::parse(name).unwrap()
}

fn network(text: &str) -> Network {
    Network::of(text.parse().unwrap())
}

fn after(seconds: u64) -> Time {
    START.plus(Duration::from_secs(seconds))
}

fn limits(change: impl FnOnce(&mut LimitSettings)) -> Limits {
    let mut settings = LimitSettings::default();
    change(&mut settings);
    Limits::new(settings)
}

fn refused_for(result: Result<Pass, Refusal>) -> (&'static str, Duration) {
    match result {
        Err(Refusal::TooMany { retry_after, limit }) => (limit, retry_after),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_person_within_her_rate_is_admitted_and_past_it_is_told_how_long_to_wait() {
    let limits = limits(|settings| settings.person = Rate::per_second(2, 3));
    let (she, he) = (AccountId::fresh(), AccountId::fresh());
    for _ in 0..3 {
        limits.admit(she, &app("sites"), START).unwrap();
    }
    assert_eq!(refused_for(limits.admit(she, &app("sites"), START)), ("requests of one person", Duration::from_millis(500)));
    assert_eq!(refused_for(limits.admit(she, &app("other"), START)).0, "requests of one person", "over all apps together");
    limits.admit(he, &app("sites"), START).unwrap();
    limits.admit(she, &app("sites"), START.plus(Duration::from_millis(500))).unwrap();
}

#[test]
fn an_app_within_its_rate_is_open_and_past_it_is_closed_to_all() {
    let limits = limits(|settings| settings.app = Rate::per_second(1, 2));
    limits.admit(AccountId::fresh(), &app("sites"), START).unwrap();
    limits.admit(AccountId::fresh(), &app("sites"), START).unwrap();
    assert_eq!(refused_for(limits.admit(AccountId::fresh(), &app("sites"), START)), ("requests to one app", Duration::from_secs(1)));
    limits.admit(AccountId::fresh(), &app("other"), START).unwrap();
    limits.admit(AccountId::fresh(), &app("sites"), after(1)).unwrap();
}

#[test]
fn an_app_can_set_rates_of_its_own() {
    let limits = limits(|settings| {
        settings.person = Rate::per_second(1, 1);
        let own = AppRates { person: Some(Rate::per_second(1, 3)), app: Some(Rate::per_second(1, 4)) };
        settings.apps.insert(app("busy"), own);
    });
    let she = AccountId::fresh();
    limits.admit(she, &app("sites"), START).unwrap();
    assert_eq!(refused_for(limits.admit(she, &app("sites"), START)).0, "requests of one person");
    for _ in 0..3 {
        limits.admit(she, &app("busy"), START).unwrap();
    }
    assert_eq!(refused_for(limits.admit(she, &app("busy"), START)).0, "requests of one person");
    limits.admit(AccountId::fresh(), &app("busy"), START).unwrap();
    assert_eq!(refused_for(limits.admit(AccountId::fresh(), &app("busy"), START)).0, "requests to one app");
}

#[test]
fn a_new_rate_of_an_app_holds_at_once_and_an_unchanged_one_goes_on_counting() {
    let one_of = |burst| AppRates { app: Some(Rate::per_second(1, burst)), person: None };
    let rates = |sites, ug| std::collections::HashMap::from([(app("sites"), one_of(sites)), (app("ug"), one_of(ug))]);
    let limits = limits(|settings| settings.apps = rates(1, 1));
    let ask = |name: &str| limits.admit(AccountId::fresh(), &app(name), START);
    ask("sites").unwrap();
    ask("ug").unwrap();
    limits.set_app_rates(&rates(3, 1));
    assert!((0..3).all(|_| ask("sites").is_ok()) && ask("sites").is_err(), "the new rate");
    assert_eq!(refused_for(ask("ug")).0, "requests to one app");
    limits.set_app_rates(&std::collections::HashMap::new());
    ask("ug").unwrap();
}

#[test]
fn time_that_seems_to_run_backwards_gives_no_second_burst() {
    let limits = limits(|settings| settings.person = Rate::per_second(1, 1));
    let she = AccountId::fresh();
    limits.admit(she, &app("sites"), after(10)).unwrap();
    refused_for(limits.admit(she, &app("sites"), START));
    refused_for(limits.admit(she, &app("sites"), after(10)));
    limits.admit(she, &app("sites"), after(11)).unwrap();
}

fn wrong(limits: &Limits, network: Network, name: &str, now: Time) -> Option<Wait> {
    limits.attempt(network, name, now).unwrap().failed(now)
}

#[test]
fn guessing_makes_the_guesser_wait_longer_and_longer_but_not_the_owner() {
    let limits = limits(|_| ());
    let (attacker, home) = (network("203.0.113.7"), network("192.0.2.1"));
    assert_eq!(wrong(&limits, attacker, "wang", START), None);
    assert_eq!(wrong(&limits, attacker, "wang", START), None);
    assert_eq!(wrong(&limits, attacker, "wang", START).unwrap().retry_after, Duration::from_secs(1));
    let wait = wrong(&limits, attacker, "wang", after(1)).unwrap();
    assert_eq!(wait, Wait { retry_after: Duration::from_secs(2), limit: "sign-in after failures" });
    assert_eq!(limits.attempt(attacker, "wang", after(1)).unwrap_err(), wait);
    limits.attempt(home, "wang", after(1)).unwrap().take_back();
    limits.attempt(attacker, "li", after(1)).unwrap().take_back();
    limits.attempt(attacker, "wang", after(3)).unwrap().take_back();
}

#[test]
fn guesses_at_once_wait_for_each_other_and_a_double_click_does_not() {
    let limits = limits(|_| ());
    let (attacker, home) = (network("203.0.113.7"), network("192.0.2.1"));
    let admitted: Vec<Attempt> = (0..20).filter_map(|_| limits.attempt(attacker, "wang", START).ok()).collect();
    assert_eq!(admitted.len(), 2);
    let wait = limits.attempt(attacker, "wang", START).unwrap_err();
    assert_eq!(wait, Wait { retry_after: Duration::from_secs(1), limit: "sign-in after failures" });
    for attempt in admitted {
        attempt.failed(START);
    }
    assert!(wrong(&limits, attacker, "wang", START).is_some(), "they counted as if one had come after the other");

    let [first, second] = [limits.attempt(home, "wang", START).unwrap(), limits.attempt(home, "wang", START).unwrap()];
    first.take_back();
    second.take_back();
    assert_eq!(wrong(&limits, home, "wang", START), None, "what was right counts for nothing");
}

#[test]
fn an_attempt_that_nobody_settles_was_wrong_and_one_that_a_rate_refused_was_none() {
    let limits = limits(|settings| settings.sign_in.network = Rate::per_minute(1, 3));
    let home = network("192.0.2.1");
    for _ in 0..3 {
        drop(limits.attempt(home, "wang", START).unwrap());
    }
    assert_eq!(limits.attempt(home, "wang", START).unwrap_err().limit, "sign-in after failures");
    for _ in 0..9 {
        assert_eq!(limits.attempt(home, "li", START).unwrap_err().limit, "sign-ins of one network");
    }
    assert_eq!(wrong(&limits, home, "li", after(60)), None);
}

#[test]
fn a_success_forgives_the_failures_before_it() {
    let limits = limits(|_| ());
    let home = network("192.0.2.1");
    for _ in 0..3 {
        wrong(&limits, home, "wang", START);
    }
    assert!(limits.attempt(home, "wang", START).is_err());
    limits.succeeded(home, "wang", START);
    limits.attempt(home, "wang", START).unwrap().take_back();
}

#[test]
fn what_comes_without_a_name_has_a_plain_rate_of_its_own() {
    let limits = limits(|settings| {
        settings.sign_in.nameless = Rate::per_minute(60, 3);
        settings.sign_in.network = Rate::per_minute(1, 1);
    });
    let (office, other) = (network("192.0.2.1"), network("192.0.2.2"));
    for round in 0..5 {
        let now = after(round * 3);
        for _ in 0..3 {
            limits.attempt_without_name(office, now).unwrap();
        }
        let wait = limits.attempt_without_name(office, now).unwrap_err();
        assert_eq!(wait, Wait { retry_after: Duration::from_secs(1), limit: "sign-ins without a name of one network" }, "never longer");
    }
    limits.attempt_without_name(other, after(12)).unwrap();
    limits.attempt(office, "wang", after(12)).unwrap().take_back();
}

#[test]
fn the_networks_of_one_ipv6_site_share_a_wider_limit_and_other_sites_have_their_own() {
    let limits = limits(|settings| {
        settings.sign_in.network = Rate::per_minute(1, 2);
        settings.sign_in.overall = Rate::per_second(1_000, 1_000);
    });
    let of_site = |site: u32, number: u32| network(&format!("2001:db8:{site:x}:{number:x}::1"));
    for number in 0..16 {
        limits.attempt(of_site(7, number), &number.to_string(), START).unwrap().take_back();
    }
    let wait = limits.attempt(of_site(7, 16), "wang", START).unwrap_err();
    assert_eq!(wait, Wait { retry_after: Duration::from_millis(7_500), limit: "sign-ins of one site" });
    limits.attempt(of_site(8, 0), "wang", START).unwrap().take_back();
    limits.attempt(of_site(7, 17), "wang", after(8)).unwrap().take_back();
    for number in 0..1_000 {
        let address = network(&std::net::Ipv4Addr::from(number).to_string());
        assert!(limits.attempt_without_name(address, after(8)).err().is_none_or(|wait| !wait.limit.contains("site")));
    }
}

#[test]
fn where_people_were_before_a_restart_is_told_again() {
    let limits = limits(|settings| settings.sign_in.account = Rate::per_minute(1, 1));
    let home = network("192.0.2.1");
    limits.seen(home, "wang", START);
    limits.attempt(network("203.0.113.1"), "wang", after(1)).unwrap().take_back();
    assert!(limits.attempt(network("203.0.113.2"), "wang", after(1)).is_err());
    limits.attempt(home, "wang", after(1)).unwrap().take_back();
    let forgotten = START.plus(SignInSettings::default().familiar_for);
    limits.attempt(network("203.0.113.1"), "wang", forgotten).unwrap().take_back();
    assert!(limits.attempt(home, "wang", forgotten).is_err());
}

#[test]
fn one_network_may_try_so_often_and_addresses_of_one_subscriber_are_one_network() {
    let limits = limits(|settings| settings.sign_in.network = Rate::per_minute(1, 2));
    limits.attempt(network("2001:db8::1"), "a", START).unwrap().take_back();
    limits.attempt(network("2001:db8::2"), "b", START).unwrap().take_back();
    let wait = limits.attempt(network("2001:db8::3"), "c", START).unwrap_err();
    assert_eq!(wait, Wait { retry_after: Duration::from_secs(60), limit: "sign-ins of one network" });
    limits.attempt(network("2001:db8:0:1::1"), "c", START).unwrap().take_back();
}

#[test]
fn many_networks_that_guess_at_one_account_slow_down_but_the_owner_at_her_place_does_not() {
    let limits = limits(|settings| settings.sign_in.account = Rate::per_minute(1, 2));
    let home = network("192.0.2.1");
    limits.succeeded(home, "wang", START);
    limits.attempt(network("203.0.113.1"), "wang", START).unwrap().take_back();
    limits.attempt(network("203.0.113.2"), "wang", START).unwrap().take_back();
    let wait = limits.attempt(network("203.0.113.3"), "wang", START).unwrap_err();
    assert_eq!(wait.limit, "sign-ins of one account");
    limits.attempt(home, "wang", START).unwrap().take_back();
    limits.attempt(network("203.0.113.3"), "li", START).unwrap().take_back();
    let forgotten = START.plus(SignInSettings::default().familiar_for);
    limits.attempt(network("203.0.113.1"), "wang", forgotten).unwrap().take_back();
    limits.attempt(network("203.0.113.2"), "wang", forgotten).unwrap().take_back();
    assert!(limits.attempt(home, "wang", forgotten).is_err(), "the place is familiar no longer");
}

#[test]
fn a_flood_of_strangers_leaves_room_for_networks_that_are_known() {
    let limits = limits(|settings| settings.sign_in.overall = Rate::per_second(1, 2));
    let office = network("192.0.2.1");
    limits.succeeded(office, "wang", START);
    limits.attempt(network("203.0.113.1"), "a", START).unwrap().take_back();
    limits.attempt(network("203.0.113.2"), "b", START).unwrap().take_back();
    let wait = limits.attempt(network("203.0.113.3"), "c", START).unwrap_err();
    assert_eq!(wait, Wait { retry_after: Duration::from_secs(1), limit: "sign-ins overall" });
    limits.attempt(office, "li", START).unwrap().take_back();
}

#[test]
fn one_hand_takes_no_more_than_its_share_of_what_strangers_have_and_leaves_the_others_their_turn() {
    let limits = limits(|settings| settings.sign_in.overall = Rate::per_minute(60, 50));
    let site = |number: u32| network(&format!("2001:db8:7:{number:x}::1"));
    for (from, of_one) in [(site as fn(u32) -> Network, 10), ((|_| network("203.0.113.1")) as fn(u32) -> Network, 10)] {
        let taken = (0..200).take_while(|number| limits.attempt_without_name(from(*number), START).is_ok()).count();
        assert_eq!(taken, of_one);
    }
    let wait = limits.attempt_without_name(site(300), START).unwrap_err();
    assert_eq!(wait, Wait { retry_after: Duration::from_secs(5), limit: "sign-ins without a name of one network among strangers" });
    limits.attempt_without_name(network("2001:db8:8::1"), START).unwrap();
    limits.attempt_without_name(network("192.0.2.1"), START).unwrap();
    limits.attempt_without_name(site(301), after(5)).unwrap();
}

#[test]
fn one_hand_takes_no_more_than_its_share_of_sign_ins_with_a_name_either() {
    let limits = limits(|settings| settings.sign_in.overall = Rate::per_minute(60, 50));
    let names =
        |from: Network| (0..100).take_while(|n| limits.attempt(from, &n.to_string(), START).map(Attempt::take_back).is_ok()).count();
    assert_eq!(names(network("203.0.113.1")), 10);
    assert_eq!(limits.attempt(network("203.0.113.1"), "wang", START).unwrap_err().limit, "sign-ins of one network among strangers");
    limits.attempt(network("192.0.2.1"), "wang", START).unwrap().take_back();
    limits.succeeded(network("203.0.113.2"), "li", START);
    assert_eq!(names(network("203.0.113.2")), 50, "an office where people belong has no share but all that such places have");
}

#[test]
fn a_share_is_a_part_of_its_rate_and_never_nothing() {
    assert_eq!(Rate::per_minute(60, 50).share(5, 2), Rate { every: Duration::from_secs(5), burst: NonZeroU32::new(25).unwrap() });
    assert_eq!(Rate::per_minute(60, 1).share(5, 5).burst.get(), 1);
    assert_eq!(Rate::per_minute(60, 7).share(0, 0), Rate { every: Duration::from_secs(1), burst: NonZeroU32::MIN });
}

/// A thief of the password: what is right makes no wait grow.
fn right(limits: &Limits, network: Network, now: Time) -> Option<&'static str> {
    limits.attempt(network, "wang", now).map(Attempt::take_back).err().map(|wait| wait.limit)
}

#[test]
fn no_network_alone_keeps_the_owner_of_an_account_out_at_a_place_that_is_new() {
    let limits = limits(|settings| settings.sign_in.account = Rate::per_minute(10, 10));
    let (hotel, thief) = (network("192.0.2.1"), network("203.0.113.7"));
    for second in 0..600 {
        right(&limits, thief, after(second));
        if second % 60 == 59 {
            assert_eq!(right(&limits, hotel, after(second)), None, "{second}");
        }
    }
    assert_eq!(right(&limits, thief, after(599)), Some("sign-ins of one account from one network"));
    let site = |number: u32| network(&format!("2001:db8:7:{number:x}::1"));
    let taken = (0..50).filter(|number| right(&limits, site(*number), after(600)).is_none()).count();
    assert_eq!(taken, 5, "all networks of an IPv6 site are one hand");
}

#[test]
fn all_strange_places_together_try_no_more_passwords_than_the_account_allows() {
    let limits = limits(|settings| settings.sign_in.account = Rate::per_minute(10, 10));
    let tried = |minute: u64| {
        (0..3_000u32)
            .filter(|n| limits.attempt(Network::of(std::net::IpAddr::V4((n + 9).into())), "wang", after(minute * 60)).is_ok())
            .count()
    };
    assert_eq!((0..5).map(tried).collect::<Vec<_>>(), [10; 5]);
}

#[test]
fn one_hand_tries_some_eight_passwords_at_an_account_in_a_minute_and_a_hundred_in_a_day() {
    let limits = limits(|settings| settings.sign_in.account = Rate::per_minute(1_000, 1_000));
    let within = |seconds: std::ops::Range<u64>| {
        let tried = |second: &u64| match limits.attempt(network("203.0.113.7"), "wang", after(*second)) {
            Ok(attempt) => {
                attempt.failed(after(*second));
                true
            }
            Err(_) => false,
        };
        seconds.filter(tried).count()
    };
    assert!((6..=8).contains(&within(0..60)));
    assert!((90..=110).contains(&within(60..86_400)));
}

#[test]
fn wrong_keys_make_the_same_hand_wait_as_wrong_passwords_and_no_rate_holds_for_them() {
    let limits = limits(|settings| {
        settings.sign_in.network = Rate::per_minute(1, 1);
        settings.sign_in.account = Rate::per_minute(1, 1);
    });
    let (thief, home) = (network("203.0.113.7"), network("192.0.2.1"));
    for _ in 0..3 {
        limits.attempt_with_key(thief, "wang", START).unwrap().failed(START);
    }
    let wait = Wait { retry_after: Duration::from_secs(1), limit: "sign-in after failures" };
    assert_eq!(limits.attempt_with_key(thief, "wang", START).unwrap_err(), wait);
    assert_eq!(limits.attempt(thief, "wang", START).unwrap_err(), wait);
    for _ in 0..9 {
        limits.attempt_with_key(home, "wang", START).unwrap().take_back();
        limits.attempt_with_key(thief, "li", START).unwrap().take_back();
    }
    limits.succeeded(thief, "wang", START);
    limits.attempt_with_key(thief, "wang", START).unwrap().take_back();
}

#[test]
fn memory_stays_bounded_under_a_flood_and_the_limit_holds_for_those_past_the_cap() {
    let limits = limits(|settings| {
        settings.sign_in.cap = 50;
        settings.sign_in.network = Rate::per_minute(1, 1);
        settings.sign_in.overall = Rate::per_second(100_000, 100_000);
    });
    let mut admitted = 0;
    for n in 0..2_000u32 {
        let from = Network::of(std::net::IpAddr::V4(n.into()));
        if let Ok(attempt) = limits.attempt(from, &n.to_string(), START) {
            admitted += 1;
            attempt.failed(START);
        }
        assert!(limits.sign_ins.sizes().iter().all(|size| *size <= 50), "{:?}", limits.sign_ins.sizes());
    }
    assert_eq!(admitted, 51, "each with a bucket of its own, and one in the bucket that the others share");
    limits.sweep(after(86_400));
    assert_eq!(limits.sign_ins.sizes(), [0; 9]);
}
