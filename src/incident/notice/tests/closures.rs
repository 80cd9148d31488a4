//! What is told of closures, and when.

use super::*;

fn closed(scope: &str, until: u64, by: &str) -> Closed {
    let by = AccountName::parse(by).into_iter().collect();
    Closed { scope: LockdownScope::parse(scope).unwrap(), until: minute(until), by }
}

fn minute(minute: u64) -> Time {
    // The steady scale is another one than the wall's.
    Time::from_millis(1_000_000).plus(MINUTE * u32::try_from(minute).unwrap())
}

fn takes(book: &mut ClosureBook, plan: &Plan, at: u64, closed: &[Closed], asked: &[Closed]) -> Vec<Letter> {
    let now = MORNING.plus(MINUTE * u32::try_from(at).unwrap());
    let closures = Closures { now: minute(at), closed: closed.to_vec(), asked: asked.to_vec() };
    book.take(&closures, &Around { plan, portal: "https://gate.city.example", now })
}

#[test]
fn a_closure_is_told_once_over_each_channel_whatever_its_level_and_again_when_it_lasts_longer() {
    let plan = plan(vec![mail(&handlers(), Level::I), hook(Level::I)]);
    let mut book = ClosureBook::default();
    let one = [closed("app:sites", 60, "qian")];
    let letters = takes(&mut book, &plan, 0, &one, &[]);
    let everybody = ["mail locked-down handler:qian", "mail locked-down commander:zhao", "mail locked-down list@city.example"];
    assert_eq!(told(&letters), [&everybody[..], &["desk locked-down commander:zhao"]].concat());
    let text = &letters[0].text;
    assert!(text.contains("The app sites is closed\nBy: qian\nIt opens by itself at: 2026-11-23 17:00 +08:00\n"), "{text}");
    assert!(
        text.contains("系统 sites 已紧急关闭\n操作人：qian\n自动恢复时间：2026-11-23 17:00") && text.contains("/console/lockdown"),
        "{text}"
    );
    assert_eq!((letters[0].data["scope"].as_str(), letters[0].data["by"][0].as_str()), (Some("app:sites"), Some("qian")));
    assert!(letters.iter().all(|letter| letter.what.is_urgent() && letter.what.topic() == "lockdown" && letter.incident.is_none()));
    assert!(takes(&mut book, &plan, 1, &one, &[]).is_empty());

    let longer = [closed("app:sites", 90, "qian")];
    let again = takes(&mut book, &plan, 30, &longer, &[]);
    assert_eq!(told(&again), told(&letters));
    assert!(again.iter().all(|new| letters.iter().all(|old| old.id != new.id)));
    // Its end was told.
    assert!(takes(&mut book, &plan, 90, &[], &[]).is_empty());
    assert_eq!(takes(&mut book, &plan, 200, &[closed("app:sites", 230, "")], &[])[0].text.matches("whoever owns the machine").count(), 1);
}

#[test]
fn a_second_person_is_asked_for_once_and_not_any_more_when_there_was_one() {
    let plan = plan(vec![hook(Level::IV)]);
    let mut book = ClosureBook::default();
    let (all, asked) = ([closed("all", 60, "zhao")], [closed("all", 70, "zhao")]);
    takes(&mut book, &plan, 0, &all, &[]);
    let letters = takes(&mut book, &plan, 40, &all, &asked);
    assert_eq!(told(&letters), ["desk extension-asked commander:zhao handler:qian"]);
    let text = &letters[0].text;
    assert!(
        letters[0].subject.contains("全部系统申请延长关闭") && letters[0].subject.contains("Everything is to stay closed"),
        "{letters:?}"
    );
    assert!(text.contains("confirms it in the console before 2026-11-23 17:10 +08:00"), "{text}");
    assert!(takes(&mut book, &plan, 41, &all, &asked).is_empty());
    let closures = |asked: &[Closed]| Closures { now: minute(41), closed: all.to_vec(), asked: asked.to_vec() };
    assert!(!closures(&asked).is_past(&letters[0]) && closures(&[]).is_past(&letters[0]));

    let confirmed = takes(&mut book, &plan, 42, &[closed("all", 102, "zhao")], &[]);
    assert_eq!(told(&confirmed), ["desk locked-down commander:zhao"]);
    // The next question is another one.
    let next = takes(&mut book, &plan, 90, &[closed("all", 102, "zhao")], &[closed("all", 120, "zhao")]);
    assert!(told(&next) == told(&letters) && next[0].id != letters[0].id);
}

#[test]
fn what_is_opened_before_its_time_is_told_and_what_is_told_outlives_the_process() {
    let plan = plan(vec![hook(Level::IV)]);
    let mut book = ClosureBook::default();
    takes(&mut book, &plan, 0, &[closed("unit:新闻办", 60, "qian"), closed("all", 30, "qian")], &[]);
    let mut book: ClosureBook = serde_json::from_str(&serde_json::to_string(&book).unwrap()).unwrap();
    let letters = takes(&mut book, &plan, 10, &[closed("all", 30, "qian")], &[]);
    assert_eq!(told(&letters), ["desk lifted commander:zhao"]);
    assert!(letters[0].text.contains("单位 新闻办 已提前恢复") && !letters[0].what.is_urgent() && !letters[0].text.contains("By:"));
    assert!(takes(&mut book, &plan, 11, &[closed("all", 30, "qian")], &[]).is_empty());
}
