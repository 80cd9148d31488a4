//! Which configs and emergency plans a pack says were in force.

use super::*;
use crate::cli::audit::evidence::facts::{CONFIGS, ConfigText, PACK, RECORDS, plan_path};

fn reload(text: &str) -> Event {
    Event::done(Action::ConfigReloaded).with("config", hash_of(text))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_start_comes_with_a_reload_since_what_waited_for_a_restart_was_still_from_it() {
    let mut house = House::open().await;
    house.later(10);
    house.event(reload("between")).await;
    house.event(reload("two").with("waiting", "listen")).await;
    house.later(100);
    house.event(Event::done(Action::SignOut)).await;
    house.later(100);
    house.event(reload("three")).await;
    let files = unpacked(&house.pack((50, 500), Filter::default()).await);
    let found = checked(&packed(&files), &house.key()).unwrap();
    let told: Vec<_> = found
        .configs
        .iter()
        .map(|config| (config.sequence, config.as_started, config.until.is_some(), config.waiting.as_deref()))
        .collect();
    assert_eq!(told, [(1, true, false, None), (3, false, true, Some("listen")), (5, false, false, None)]);
    assert!(
        text_of(&files, RECORDS).contains("\"sequence\":1,\"leaf\"")
            && text_of(&files, "summary.en.html").contains("The last start before")
    );
    let text = super::super::told::told(&found);
    assert!(text.contains("the last start before") && text.contains("listen waited"), "{text}");

    // None of that is said otherwise than by the records.
    let (key, signer) = (house.key(), house.signer());
    for (from, to) in
        [("\"listen\"", "null"), ("\"as_started\": true", "\"as_started\": false"), ("\"until\": null", "\"until\": \"2026\"")]
    {
        let error = refused(&changed(&files, CONFIGS, &signer, |text| text.replacen(from, to, 1)), &key);
        assert!(error.contains("of the config of record"), "{error}");
    }
    let from = found.configs[1].from.clone();
    let error = refused(&changed(&files, CONFIGS, &signer, |text| text.replace(&from, "2026-01-01T00:00:00.000Z")), &key);
    assert!(error.contains("of the config of record"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_config_is_in_force_after_a_stop() {
    let mut house = House::open().await;
    house.later(10);
    house.event(Event::done(Action::Stop)).await;
    house.later(100);
    house.event(Event::done(Action::Start).with("config", hash_of("two"))).await;
    let stopped = checked(&house.pack((50, 60), Filter::default()).await, &house.key()).unwrap();
    assert!(stopped.configs.is_empty(), "{:?}", stopped.configs);
    let later = checked(&house.pack((50, 500), Filter::default()).await, &house.key()).unwrap();
    assert_eq!(later.configs.iter().map(|config| config.sequence).collect::<Vec<_>>(), [3]);
    let before = checked(&house.pack((5, 15), Filter::default()).await, &house.key()).unwrap();
    assert!(before.configs.len() == 1 && before.configs[0].until.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_emergency_plan_of_each_config_is_in_the_pack_under_the_hash_that_its_record_names() {
    let mut house = House::open().await;
    house.later(10);
    house.event(reload("one").with("plan", hash_of("gone"))).await;
    house.event(reload("two")).await;
    house.sealed().await;
    let files = unpacked(&house.pack((0, 100), Filter::default()).await);
    let found = checked(&packed(&files), &house.key()).unwrap();
    let plans: Vec<_> = found.configs.iter().map(|config| config.plan.clone().map(|plan| (plan.sha256, plan.text))).collect();
    assert_eq!(plans, [Some((hash_of(PLAN), ConfigText::Kept)), Some((hash_of("gone"), ConfigText::Missing)), None]);
    assert_eq!(text_of(&files, &plan_path(&hash_of(PLAN))), PLAN);
    let text = super::super::told::told(&found);
    assert!(text.contains(&format!("plan       {} with that config (record 1); its text is in the pack", hash_of(PLAN))), "{text}");
    let page = text_of(&files, "summary.en.html");
    assert!(page.contains("Emergency plan:") && page.contains(&hash_of("gone")));

    // Not even who has the key says of it what the records do not.
    let (key, signer) = (house.key(), house.signer());
    let said = |from: &str, to: &str| refused(&changed(&files, CONFIGS, &signer, |text| text.replacen(from, to, 1)), &key);
    assert!(said(&hash_of("gone"), &hash_of("other")).contains("of the config of record 2, or of its plan"));
    assert!(said("\"plan\": null", &format!("\"plan\": {{\"sha256\": \"{}\", \"text\": \"kept\"}}", hash_of(PLAN))).contains("record 3"));
    let unknown = changed(&files, CONFIGS, &signer, |text| {
        let (configs, plan) = text.split_once(&hash_of("gone")).unwrap();
        format!("{configs}{}{}", hash_of("gone"), plan.replacen("missing", "unknown", 1))
    });
    assert!(refused(&unknown, &key).contains("record 2"));
    let without: Vec<_> = files.iter().filter(|(path, _)| !path.starts_with("plans/")).cloned().collect();
    assert!(refused(&resigned(&without, Some(&signer)), &key).contains("other texts of configs or plans"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_a_reload_took_the_place_of_is_not_told_of_the_start_before() {
    let mut house = House::open().await;
    house.event(reload("one").with("plan", hash_of("gone"))).await;
    house.later(100);
    house.event(Event::done(Action::SignOut)).await;
    house.sealed().await;
    let found = checked(&house.pack((50, 500), Filter::default()).await, &house.key()).unwrap();
    let plans: Vec<_> = found.configs.iter().map(|config| (config.as_started, config.plan.is_some())).collect();
    assert_eq!(plans, [(true, false), (false, true)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pack_of_the_format_before_says_nothing_of_plans_and_is_right() {
    let mut house = House::open().await;
    house.event(Event::done(Action::Start).with("config", hash_of(CONFIG))).await;
    house.later(100);
    house.event(Event::done(Action::SignOut)).await;
    house.sealed().await;
    let mut files = unpacked(&house.pack((50, 500), Filter::default()).await);
    for (path, from, to) in [(PACK, "\"format\": 3,", "\"format\": 2,"), (CONFIGS, ",\n    \"plan\": null", "")] {
        let place = files.iter().position(|(found, _)| found == path).unwrap();
        let old = text_of(&files, path).replace(from, to);
        assert_ne!(old, text_of(&files, path), "{path}");
        files[place].1 = old.into_bytes();
    }
    assert_eq!(checked(&resigned(&files, Some(&house.signer())), &house.key()).unwrap().facts.format, 2);
}
