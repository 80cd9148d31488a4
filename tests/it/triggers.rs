//! The emergency plan in a gateway that runs: what happens reaches its triggers through the log, and what they find is on record once.

use std::process::Command;

use yumen::model::{Action, Event, Record};

use crate::house::{House, PORTAL, first_factor};
use crate::plans::{PLAN, adopt};

fn fired(house: &House) -> Vec<Event> {
    let event = |record: &Record| match record {
        Record::Event(event) if event.action == Action::TriggerFired => Some(event.clone()),
        _ => None,
    };
    house.log().iter().filter_map(|entry| event(&entry.record)).collect()
}

fn of<'e>(event: &'e Event, detail: &str) -> &'e str {
    event.details.get(detail).map_or("", String::as_str)
}

/// Until the triggers have seen all that is on record now.
async fn seen(house: &House) {
    let last = house.log().last().unwrap().sequence;
    for _ in 0..2_400 {
        if house.gateway().house().triggers.at() >= last {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("the triggers are at {} of {last}", house.gateway().house().triggers.at());
}

async fn spray(house: &House, names: &[&str]) {
    for name in names {
        let mut browser = house.browser();
        let page = browser.open(&format!("https://{PORTAL}/sign-in")).await;
        first_factor(&mut browser, &page, name, "Winter2026!").await;
    }
}

/// What `yumen incident replay` prints with this plan, line by line.
fn replayed(house: &House, plan: &str) -> Vec<serde_json::Value> {
    let file = house.data.path().join("other.toml");
    std::fs::write(&file, plan).unwrap();
    replayed_with(house, &["--plan", file.to_str().unwrap()])
}

fn replayed_with(house: &House, options: &[&str]) -> Vec<serde_json::Value> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_yumen"));
    let command = command.args(["incident", "replay", "--json"]).args(options);
    let ended = command.arg("--data").arg(house.data.path()).output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    String::from_utf8(ended.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn passwords_that_are_sprayed_raise_one_alarm_which_a_replay_finds_too() {
    let mut house = House::open().await;
    adopt(&house, &PLAN.replace("count = 8", "count = 3")).await.unwrap();
    spray(&house, &["a", "b"]).await;
    seen(&house).await;
    assert!(fired(&house).iter().all(|event| of(event, "trigger") != "password-spraying"));
    spray(&house, &["c", "d"]).await;
    let alarm = house
        .recorded(|record| match record {
            Record::Event(event) if event.action == Action::TriggerFired && of(event, "trigger") == "password-spraying" => {
                Some(event.clone())
            }
            _ => None,
        })
        .await;
    assert_eq!((of(&alarm, "subject"), of(&alarm, "level"), of(&alarm, "amount")), ("address:127.0.0.1", "III", "3"));

    // A restart reads on, and what is on record is not found again.
    for _ in 0..2 {
        house.restart().await;
        seen(&house).await;
    }
    let sprayed = |events: &[Event]| events.iter().filter(|event| of(event, "trigger") == "password-spraying").count();
    assert_eq!(sprayed(&fired(&house)), 1);

    let same = replayed(&house, &PLAN.replace("count = 8", "count = 3"));
    assert_eq!(replayed_with(&house, &[]), same, "without a plan it is the one in force");
    let same: Vec<_> = same.iter().filter(|signal| signal["trigger"] == "password-spraying").collect();
    assert_eq!(same.len(), 1, "{same:?}");
    assert_eq!(same[0]["first"].to_string(), of(&alarm, "first"));
    assert_eq!(same[0]["last"].to_string(), of(&alarm, "last"));
    assert!(replayed(&house, PLAN).iter().all(|signal| signal["trigger"] != "password-spraying"), "eight were not tried");
    house.stop().await;
}

#[tokio::test]
async fn a_plan_with_a_mistake_is_refused_and_the_one_before_stays() {
    let mut house = House::open().await;
    adopt(&house, &PLAN.replace("count = 8", "count = 3")).await.unwrap();
    let why = adopt(&house, &PLAN.replace("colour = \"red\"", "colour = \"blue\"")).await.unwrap_err();
    assert!(why.contains("is not the colour of level I") && why.contains("plan.toml"), "{why}");
    spray(&house, &["a", "b", "c"]).await;
    house.recorded(|record| matches!(record, Record::Event(event) if of(event, "trigger") == "password-spraying").then_some(())).await;
    house.stop().await;
}

#[tokio::test]
async fn a_plan_that_comes_later_raises_no_alarm_of_what_was_before() {
    let mut house = House::open().await;
    spray(&house, &["a", "b", "c", "d"]).await;
    adopt(&house, &PLAN.replace("count = 8", "count = 3")).await.unwrap();
    seen(&house).await;
    assert!(fired(&house).is_empty(), "{:?}", fired(&house));
    house.stop().await;
}

#[tokio::test]
async fn a_plan_that_held_for_a_moment_only_judges_what_happened_meanwhile() {
    let mut house = House::open().await;
    let (calm, strict) = (PLAN.replace("count = 8", "count = 200"), PLAN.replace("count = 8", "count = 3"));
    adopt(&house, &calm).await.unwrap();
    adopt(&house, &strict).await.unwrap();
    spray(&house, &["a", "b", "c"]).await;
    adopt(&house, &calm).await.unwrap();
    adopt(&house, &strict).await.unwrap();
    adopt(&house, &calm).await.unwrap();
    spray(&house, &["d", "e", "f"]).await;
    seen(&house).await;
    let sprayed = |event: &Event| of(event, "trigger") == "password-spraying";
    house.recorded(|record| matches!(record, Record::Event(event) if sprayed(event)).then_some(())).await;
    assert_eq!(fired(&house).iter().filter(|event| sprayed(event)).count(), 1, "{:?}", fired(&house));
    house.stop().await;
}

#[tokio::test]
async fn a_config_that_lets_more_through_says_so_on_record_and_raises_an_alarm() {
    let mut house = House::open().await;
    adopt(&house, PLAN).await.unwrap();
    house.reload(|text| format!("# the same\n{text}")).await.unwrap();
    house.reload(|text| text.replacen("[[app.rule]]", "log_query = [\"page\"]\n[[app.rule]]", 1)).await.unwrap();
    let alarm = house
        .recorded(|record| match record {
            Record::Event(event) if event.action == Action::TriggerFired => Some(event.clone()),
            _ => None,
        })
        .await;
    assert_eq!((of(&alarm, "trigger"), of(&alarm, "what")), ("policy-loosened", "sites: log_query"));
    // The change that takes the plan away is seen by it still.
    house.reload(|text| text.replace("\n[incident]\nplan = \"plan.toml\"\n", "")).await.unwrap();
    let plan_gone = |event: &Event| of(event, "trigger") == "policy-loosened" && of(event, "what") == "incident.plan";
    house.recorded(|record| matches!(record, Record::Event(event) if plan_gone(event)).then_some(())).await;
    let reloads: Vec<_> = house
        .log()
        .into_iter()
        .filter_map(|entry| match entry.record {
            Record::Event(event) if event.action == Action::ConfigReloaded => Some(event.details.get("loosened").cloned()),
            _ => None,
        })
        .collect();
    assert_eq!(reloads, [None, None, Some("sites: log_query".to_owned()), Some("incident.plan".to_owned())]);
    house.stop().await;
}

#[tokio::test]
async fn what_was_known_of_a_log_that_was_longer_is_not_believed() {
    let mut house = House::open().await;
    adopt(&house, &PLAN.replace("count = 8", "count = 3")).await.unwrap();
    seen(&house).await;
    house.stop().await;
    let file = house.data.path().join("triggers.json");
    let mut kept: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    kept["at"] = 1_000_000.into();
    std::fs::write(&file, kept.to_string()).unwrap();
    house.restart().await;
    spray(&house, &["a", "b", "c"]).await;
    house.recorded(|record| matches!(record, Record::Event(event) if of(event, "trigger") == "password-spraying").then_some(())).await;
    house.stop().await;
}
