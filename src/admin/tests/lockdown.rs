//! Closing in an emergency: alone, by two, on record, and from one process to the next.

use std::time::Duration;

use super::super::Extension;
use super::*;
use crate::access::Lockdown;
use crate::model::{AppId, Closer, Event, LockdownScope};

const HOUR: Duration = Duration::from_hours(1);

fn minute(number: u64) -> Time {
    NOW.plus(Duration::from_mins(number))
}

fn scope(text: &str) -> LockdownScope {
    LockdownScope::parse(text).unwrap()
}

/// On the duty list, and nothing but a member.
fn officer(desk: &Desk, names: &[&str]) -> Vec<Actor> {
    desk.set_duty_list(names.iter().map(|name| AccountName::parse(name).unwrap()).collect());
    let actor = |name: &&str| {
        let identity = Identity::sample(name, "信息中心", Role::Member, NOW);
        Actor::Staff { identity, address: IpAddr::V4(Ipv4Addr::LOCALHOST) }
    };
    names.iter().map(actor).collect()
}

async fn close(desk: &Desk, actor: &Actor, what: &str, now: Time) -> Result<Time, AdminError> {
    desk.lock_down(actor, &scope(what), (HOUR, "an alarm"), now).await.map(|closed| closed.until)
}

/// With the doors that follow its word.
async fn with_doors(directory: &std::path::Path) -> (Desk, Arc<Lockdown>) {
    let doors = Arc::new(Lockdown::default());
    (desk(directory).await.closing(Arc::clone(&doors)), doors)
}

fn is_closed(doors: &Lockdown, app: &str, unit: &str, now: Time) -> bool {
    doors.is_closed(&AppId::parse(app).unwrap(), &UnitName::parse(unit).unwrap(), now)
}

fn recorded(directory: &std::path::Path, wanted: Action) -> Vec<Event> {
    let entries = Tail::new(directory, Filter::default()).next_batch().unwrap();
    let event = |entry: crate::model::Entry| match entry.record {
        Record::Event(event) if event.action == wanted => Some(event),
        _ => None,
    };
    entries.into_iter().filter_map(event).collect()
}

#[tokio::test]
async fn one_alone_closes_for_an_hour_and_each_refusal_says_what_to_do_and_is_on_record() {
    let directory = tempfile::tempdir().unwrap();
    let (desk, doors) = with_doors(directory.path()).await;
    let [li, wang] = officer(&desk, &["li", "wang"]).try_into().unwrap();
    assert_eq!(close(&desk, &li, "app:sites", NOW).await.unwrap(), minute(60));
    assert!(is_closed(&doors, "sites", "x", minute(59)) && !is_closed(&doors, "sites", "x", minute(60)));
    assert!(!is_closed(&doors, "ledger", "x", NOW));
    let again = close(&desk, &li, "app:sites", minute(30)).await.unwrap_err();
    assert!(matches!(&again, AdminError::ClosedByYou { minutes: 30, .. }), "{again:?}");
    assert!(again.to_string().ends_with("to confirm: yumen lockdown --app sites --extend"), "{again}");
    let lately = close(&desk, &li, "all", minute(61)).await.unwrap_err();
    assert!(matches!(&lately, AdminError::ClosedByYouLately { minutes: 59, .. }), "{lately:?}");
    assert!(lately.to_string().ends_with("to confirm: yumen lockdown --all --extend"), "{lately}");
    assert!(!is_closed(&doors, "sites", "x", minute(61)), "what was refused closes nothing");
    assert_eq!(close(&desk, &wang, "all", minute(61)).await.unwrap(), minute(121));

    let closed = recorded(directory.path(), Action::LockedDown);
    let outcomes: Vec<Outcome> = closed.iter().map(|event| event.outcome).collect();
    assert_eq!(outcomes, [Outcome::Done, Outcome::Failed, Outcome::Failed, Outcome::Done]);
    assert_eq!((closed[0].details["scope"].as_str(), closed[0].details["app"].as_str()), ("app:sites", "sites"));
    assert_eq!((closed[0].details["reason"].as_str(), closed[0].details["until"].as_str()), ("an alarm", &*minute(60).to_string()));
    assert!(closed[1].details["why"].contains("--extend") && closed.iter().all(|event| event.who.is_some()));
}

#[tokio::test]
async fn it_takes_a_second_person_to_extend_and_both_are_on_record() {
    let directory = tempfile::tempdir().unwrap();
    let (desk, doors) = with_doors(directory.path()).await;
    let [li, other] = officer(&desk, &["li", "other"]).try_into().unwrap();
    let press = scope("unit:信息中心");
    assert!(matches!(desk.extend_lockdown(&li, &press, NOW).await, Err(AdminError::NotClosed(_))));
    desk.invite(&OFFICE, NewAccount { unit: UnitName::parse("信息中心").unwrap(), ..wang() }, NOW).await.unwrap();
    close(&desk, &li, "unit:信息中心", NOW).await.unwrap();
    assert_eq!(desk.extend_lockdown(&li, &press, minute(50)).await.unwrap(), Extension::Asked { until: minute(65) });
    let own = desk.extend_lockdown(&li, &press, minute(51)).await.unwrap_err();
    assert!(own.to_string().ends_with("within 14 min: yumen lockdown --unit '信息中心' --extend"), "{own}");
    let confirmed = desk.extend_lockdown(&other, &press, minute(55)).await.unwrap();
    assert!(matches!(confirmed, Extension::Confirmed { until, asked: Closer::Person { .. } } if until == minute(115)));
    assert!(is_closed(&doors, "sites", "信息中心", minute(114)) && !is_closed(&doors, "sites", "信息中心", minute(115)));
    assert!(!is_closed(&doors, "sites", "x", minute(60)));

    let asked = recorded(directory.path(), Action::LockdownExtensionAsked);
    assert_eq!(asked.len(), 1, "and what she repeats is not");
    let by_two = recorded(directory.path(), Action::LockedDown).pop().unwrap();
    let person = |actor: &Actor| actor.person().unwrap().account().to_string();
    assert_eq!((by_two.details["extended"].as_str(), by_two.details["proposed-by"].as_str()), ("by two", "li"));
    assert_eq!((by_two.details["proposer"].clone(), by_two.who.unwrap().account.to_string()), (person(&li), person(&other)));
}

#[tokio::test]
async fn root_extends_nothing_without_a_name_and_whoever_may_not_any_more_is_not_one_of_two() {
    let directory = tempfile::tempdir().unwrap();
    let (desk, doors) = with_doors(directory.path()).await;
    let [li, other, chen] = officer(&desk, &["li", "other", "chen"]).try_into().unwrap();
    close(&desk, &li, "all", NOW).await.unwrap();
    let nameless = desk.extend_lockdown(&Actor::Machine { uid: 0 }, &scope("all"), minute(49)).await.unwrap_err();
    assert!(matches!(nameless, AdminError::NamelessExtension(_)) && nameless.to_string().contains("`yumen login`"), "{nameless}");

    let account = desk.invite(&OFFICE, wang(), NOW).await.unwrap().account;
    let wang = Actor::Staff { identity: Identity::sample_for(&account, NOW), address: IpAddr::V4(Ipv4Addr::LOCALHOST) };
    officer(&desk, &["li", "other", "chen", "wang"]);
    for (is_listed, at) in [(true, 50), (false, 52)] {
        officer(&desk, &["li", "other", "chen", "wang"]);
        desk.extend_lockdown(&wang, &scope("all"), minute(at)).await.unwrap();
        if !is_listed {
            officer(&desk, &["li", "other", "chen"]);
        }
        let second = desk.extend_lockdown(&other, &scope("all"), minute(at + 1)).await.unwrap();
        assert_eq!(matches!(second, Extension::Confirmed { .. }), is_listed, "she who is off the list is none of the two: {second:?}");
    }
    assert!(is_closed(&doors, "sites", "x", minute(110)) && !is_closed(&doors, "sites", "x", minute(111)));
    assert!(matches!(desk.extend_lockdown(&chen, &scope("all"), minute(54)).await, Ok(Extension::Confirmed { .. })));
}

#[tokio::test]
async fn a_restart_forgets_neither_who_closed_what_nor_who_asked_for_more() {
    let directory = tempfile::tempdir().unwrap();
    let (first, _) = with_doors(directory.path()).await;
    let [li, wang] = officer(&first, &["li", "wang"]).try_into().unwrap();
    close(&first, &li, "all", NOW).await.unwrap();
    first.extend_lockdown(&li, &scope("all"), minute(50)).await.unwrap();
    close(&first, &wang, "app:sites", minute(50)).await.unwrap();
    assert!(first.lift_lockdown(&li, &scope("app:sites"), minute(51)).await.unwrap());

    let doors = Arc::new(Lockdown::default());
    let elsewhere = tempfile::tempdir().unwrap();
    let second = Desk { store: first.store.clone(), ..desk(elsewhere.path()).await }.closing(Arc::clone(&doors));
    officer(&second, &["li", "wang"]);
    second.restore_lockdowns(minute(52)).await.unwrap();
    assert_eq!(second.closed_now(minute(52)), first.closed_now(minute(52)));
    assert!(is_closed(&doors, "sites", "x", minute(59)) && !is_closed(&doors, "sites", "x", minute(60)));
    assert!(matches!(close(&second, &li, "all", minute(52)).await, Err(AdminError::ClosedByYou { .. })));
    assert!(matches!(close(&second, &wang, "app:sites", minute(52)).await, Err(AdminError::ClosedByYouLately { minutes: 59, .. })));
    assert!(matches!(second.extend_lockdown(&li, &scope("all"), minute(53)).await, Err(AdminError::OwnExtension { .. })));
    assert!(matches!(second.extend_lockdown(&wang, &scope("all"), minute(53)).await, Ok(Extension::Confirmed { .. })));
    assert!(is_closed(&doors, "sites", "x", minute(112)));

    second.restore_lockdowns(minute(52).plus(HOUR)).await.unwrap();
    assert!(is_closed(&doors, "sites", "x", minute(112)), "the store has the extension too");
}

#[tokio::test]
async fn without_a_store_it_is_closed_all_the_same_and_kept_once_there_is_one() {
    let directory = tempfile::tempdir().unwrap();
    let (desk, doors) = with_doors(directory.path()).await;
    let file = tempfile::tempdir().unwrap();
    let desk = Desk { store: Store::open(&file.path().join("yumen.db")).await.unwrap(), ..desk };
    let [li, wang] = officer(&desk, &["li", "wang"]).try_into().unwrap();
    let held = desk.store.held_busy().await.unwrap();
    for (who, what) in [(&li, "all"), (&wang, "unit:nobody")] {
        let told = close(&desk, who, what, NOW).await;
        match what {
            "all" => assert!(matches!(&told, Err(AdminError::ClosedInMemory(_))), "{told:?}"),
            // Reading goes on, so a name that nobody bears is found out.
            _ => assert!(matches!(&told, Err(AdminError::NoSuchUnit(_))), "{told:?}"),
        }
    }
    assert!(is_closed(&doors, "sites", "x", minute(59)));
    assert!(matches!(desk.extend_lockdown(&li, &scope("all"), NOW).await, Err(AdminError::ClosedInMemory(_))));
    assert_eq!(desk.store.closures().await.unwrap(), (vec![], vec![]));
    drop(held);
    for _ in 0..200 {
        desk.keep_lockdowns().await.unwrap();
        if desk.store.closures().await.unwrap().0.len() == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (closures, asked) = desk.store.closures().await.unwrap();
    assert_eq!((closures.len(), closures[0].scope.clone(), asked.len()), (1, scope("all"), 1));
}

#[tokio::test]
async fn a_store_that_fails_or_a_log_that_does_keeps_nothing_from_closing_but_from_opening() {
    let directory = tempfile::tempdir().unwrap();
    let (desk, doors) = with_doors(directory.path()).await;
    let [li, wang] = officer(&desk, &["li", "wang"]).try_into().unwrap();
    desk.store.close().await;
    assert!(matches!(close(&desk, &li, "app:sites", NOW).await, Err(AdminError::ClosedInMemory(_))));
    assert!(is_closed(&doors, "sites", "x", NOW));
    assert!(matches!(desk.lift_lockdown(&li, &scope("app:sites"), NOW).await, Err(AdminError::Store(_))));
    assert!(is_closed(&doors, "sites", "x", NOW));
    desk.journal.shut_down().await;
    assert!(close(&desk, &li, "unit:press", NOW).await.is_err());
    assert!(is_closed(&doors, "ledger", "press", NOW));
    assert!(desk.extend_lockdown(&li, &scope("app:sites"), minute(50)).await.is_err());
    assert!(desk.extend_lockdown(&wang, &scope("app:sites"), minute(51)).await.is_err());
    assert!(is_closed(&doors, "sites", "x", minute(110)), "two have said so, whatever became of the record");
    assert!(matches!(desk.lift_lockdown(&li, &scope("app:sites"), minute(52)).await, Err(AdminError::NoRecord(_))));
    assert!(is_closed(&doors, "sites", "x", minute(52)));
}

#[tokio::test]
async fn a_unit_of_a_name_that_nobody_bears_is_not_said_to_be_closed() {
    let directory = tempfile::tempdir().unwrap();
    let (desk, doors) = with_doors(directory.path()).await;
    let [li] = officer(&desk, &["li"]).try_into().unwrap();
    assert!(matches!(close(&desk, &li, "unit:新闻班", NOW).await, Err(AdminError::NoSuchUnit(_))));
    assert!(!is_closed(&doors, "sites", "新闻班", NOW) && desk.lockdowns(&li, NOW).unwrap().closed.is_empty());
    assert_eq!(recorded(directory.path(), Action::LockedDown).len(), 0);
    let new = NewAccount { unit: UnitName::parse("新闻办").unwrap(), ..wang() };
    desk.invite(&OFFICE, new, NOW).await.unwrap();
    close(&desk, &li, "unit:新闻办", NOW).await.unwrap();
    assert!(is_closed(&doors, "sites", "新闻办", NOW));
}
