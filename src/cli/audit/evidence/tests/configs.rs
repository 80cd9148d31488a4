//! Which configs a pack says were in force.

use super::*;
use crate::cli::audit::evidence::facts::{CONFIGS, RECORDS};

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
