//! Alone for an hour, by two for longer, and no way round that.

use proptest::prelude::*;

use super::*;
use crate::model::{AccountId, AccountName};

const START: Time = Time::from_millis(1_800_000_000_000);

fn at(minute: u64) -> Time {
    START.plus(Duration::from_mins(minute))
}

fn scope(text: &str) -> LockdownScope {
    LockdownScope::parse(text).unwrap()
}

fn people() -> [Closer; 3] {
    ["li", "wang", "zhao"].map(|name| Closer::Person { account: AccountId::fresh(), name: AccountName::parse(name).unwrap() })
}

/// For an hour, if she may; until which minute, or why not.
fn close(book: &mut Book, what: &str, by: &Closer, minute: u64) -> Result<u64, TooLongAlone> {
    let closed = book.close(&scope(what), by, (LONGEST_LOCKDOWN, ""), at(minute))?;
    Ok(closed.until.since(START).as_secs() / 60)
}

fn is_closed(book: &Book, what: &str, minute: u64) -> bool {
    book.closed(at(minute)).iter().any(|closed| closed.scope == scope(what))
}

fn still(hers: &str, until: u64) -> TooLongAlone {
    TooLongAlone::Closed { hers: scope(hers), until: at(until) }
}

fn lately(hers: &str, again: u64) -> TooLongAlone {
    TooLongAlone::Lately { hers: scope(hers), again: at(again) }
}

#[test]
fn one_person_closes_for_an_hour_and_cannot_stretch_that_by_closing_again() {
    let [li, wang, _] = people();
    let mut book = Book::default();
    assert_eq!(close(&mut book, "app:sites", &li, 0), Ok(60));
    for minute in [0, 1, 59] {
        assert_eq!(close(&mut book, "app:sites", &li, minute), Err(still("app:sites", 60)));
    }
    for minute in [60, 61, 119] {
        assert!(!is_closed(&book, "app:sites", minute));
        assert_eq!(close(&mut book, "app:sites", &li, minute), Err(lately("app:sites", 120)));
    }
    assert_eq!(close(&mut book, "app:ledger", &li, 119), Ok(179), "another app is another thing");
    assert_eq!(close(&mut book, "app:sites", &wang, 119), Ok(179), "and somebody else may");
    assert_eq!(close(&mut book, "app:sites", &li, 120), Ok(180));
}

#[test]
fn what_is_asked_for_longer_than_an_hour_is_closed_for_an_hour_and_for_less_it_is_less() {
    let [li, ..] = people();
    let mut book = Book::default();
    let closed = book.close(&scope("all"), &li, (Duration::from_hours(9), "why"), at(0)).unwrap();
    assert_eq!(closed, LockedDown { until: at(60), is_shortened: false });
    let closed = book.close(&scope("all"), &Closer::Machine, (Duration::from_mins(5), ""), at(0)).unwrap();
    assert_eq!(closed.until, at(5));
    let [all] = book.closed(at(1)).try_into().unwrap();
    assert_eq!((all.until, all.closures.len(), all.closures[0].reason.as_str()), (at(60), 2, "why"), "the later end holds");
    assert_eq!(book.closed(at(5))[0].closures.len(), 1);
}

#[test]
fn what_was_lifted_is_not_closed_again_by_her_for_an_hour_whoever_lifted_it() {
    let [li, wang, _] = people();
    let mut book = Book::default();
    close(&mut book, "unit:press", &li, 0).unwrap();
    assert!(book.lift(&scope("unit:press"), at(10)) && !book.lift(&scope("unit:press"), at(10)));
    assert!(!is_closed(&book, "unit:press", 10));
    assert_eq!(close(&mut book, "unit:press", &li, 11), Err(lately("unit:press", 70)));
    assert_eq!(close(&mut book, "unit:press", &wang, 11), Ok(71));
    assert_eq!(close(&mut book, "unit:press", &li, 70), Ok(130));
}

#[test]
fn an_app_inside_all_that_she_closed_is_never_closed_for_longer_than_all() {
    let [li, wang, _] = people();
    for part in ["app:sites", "unit:press"] {
        let mut book = Book::default();
        close(&mut book, "all", &li, 0).unwrap();
        let closed = book.close(&scope(part), &li, (LONGEST_LOCKDOWN, ""), at(30)).unwrap();
        assert_eq!(closed, LockedDown { until: at(60), is_shortened: true }, "so that she can open the rest");
        assert!(book.lift(&scope("all"), at(31)) && is_closed(&book, part, 59) && !is_closed(&book, part, 60));
        assert_eq!(close(&mut book, part, &wang, 40), Ok(100));

        let mut book = Book::default();
        close(&mut book, "all", &li, 0).unwrap();
        assert_eq!(close(&mut book, part, &li, 60), Err(lately("all", 120)), "nor behind its end");
        book = Book::default();
        close(&mut book, "all", &li, 0).unwrap();
        book.lift(&scope("all"), at(20));
        assert_eq!(close(&mut book, part, &li, 21), Err(lately("all", 80)), "nor once it was lifted");
    }
}

#[test]
fn closing_everything_keeps_nothing_that_she_closed_before_closed_for_longer_than_an_hour() {
    let [li, wang, _] = people();
    let mut book = Book::default();
    book.close(&scope("app:sites"), &li, (Duration::from_mins(5), ""), at(0)).unwrap();
    let all = book.close(&scope("all"), &li, (LONGEST_LOCKDOWN, ""), at(4)).unwrap();
    assert_eq!(all, LockedDown { until: at(60), is_shortened: true });
    book = Book::default();
    close(&mut book, "app:sites", &li, 0).unwrap();
    assert_eq!(close(&mut book, "all", &li, 70), Err(lately("app:sites", 120)));
    assert_eq!(close(&mut book, "all", &wang, 70), Ok(130));
    // A unit is no part of an app.
    assert_eq!(close(&mut book, "unit:press", &li, 70), Ok(130));
}

#[test]
fn an_app_that_she_opened_early_keeps_nobody_from_closing_everything_for_the_rest_of_its_hour() {
    let [li, ..] = people();
    let mut book = Book::default();
    close(&mut book, "app:sites", &li, 0).unwrap();
    assert!(book.lift(&scope("app:sites"), at(10)));
    assert_eq!(close(&mut book, "app:sites", &li, 20), Err(lately("app:sites", 70)), "the same is not closed again");
    assert_eq!(close(&mut book, "all", &li, 20), Ok(60));
    assert!(is_closed(&book, "all", 59) && !is_closed(&book, "all", 60));
    assert_eq!(close(&mut book, "all", &li, 61), Err(lately("app:sites", 70)));
    assert_eq!(close(&mut book, "all", &li, 71), Err(lately("all", 120)));
    let mut other = Book::default();
    close(&mut other, "app:sites", &li, 0).unwrap();
    assert_eq!(close(&mut other, "all", &li, 60), Err(lately("app:sites", 120)), "its hour is over");
}

#[test]
fn an_extension_takes_one_who_asks_and_another_who_confirms_within_a_quarter_of_an_hour() {
    let [li, wang, zhao] = people();
    let mut book = Book::default();
    close(&mut book, "app:sites", &li, 0).unwrap();
    let sites = scope("app:sites");
    assert_eq!(book.extend(&sites, &li, at(50)), Extension::Asked { until: at(65) });
    for minute in [50, 64] {
        assert_eq!(book.extend(&sites, &li, at(minute)), Extension::AskedBefore { until: at(65) });
    }
    assert!(!is_closed(&book, "app:sites", 60), "asking extends nothing");
    assert_eq!(book.asked(at(64)).len(), 1);
    assert_eq!(book.clone().extend(&sites, &wang, at(64)), Extension::Confirmed { until: at(124), asked: li.clone() });
    // Too late is a new question, which its asker cannot answer.
    assert!(book.asked(at(65)).is_empty());
    assert_eq!(book.extend(&sites, &wang, at(65)), Extension::Asked { until: at(80) });
    assert_eq!(book.extend(&sites, &zhao, at(66)), Extension::Confirmed { until: at(126), asked: wang.clone() });
    assert!(is_closed(&book, "app:sites", 125) && !is_closed(&book, "app:sites", 126));
    let two = ByTwo { asked: wang.clone(), confirmed: zhao };
    assert_eq!(book.closed(at(70))[0].closures[0].extended, Some(two));
    assert_eq!(book.extend(&sites, &wang, at(67)), Extension::Asked { until: at(82) }, "each hour anew");
    // Whoever closed it pauses from its end on.
    assert_eq!(close(&mut book, "app:sites", &li, 185), Err(lately("app:sites", 186)));
    assert_eq!(close(&mut book, "app:sites", &li, 186), Ok(246));
}

#[test]
fn the_machines_owner_is_one_person_however_often_he_asks() {
    let [li, ..] = people();
    let mut book = Book::default();
    close(&mut book, "all", &Closer::Machine, 0).unwrap();
    assert_eq!(close(&mut book, "all", &Closer::Machine, 30), Err(still("all", 60)));
    assert!(matches!(book.extend(&scope("all"), &Closer::Machine, at(30)), Extension::Asked { .. }));
    assert!(matches!(book.extend(&scope("all"), &Closer::Machine, at(31)), Extension::AskedBefore { .. }));
    assert_eq!(book.extend(&scope("all"), &li, at(32)), Extension::Confirmed { until: at(92), asked: Closer::Machine });
}

#[test]
fn whoever_owns_the_machine_and_has_an_account_keeps_nothing_closed_by_turns() {
    let [li, wang, zhao] = people();
    let either = |hers: &str, again| Err(TooLongAlone::ByEither { hers: scope(hers), again: at(again) });
    for (first, second) in [(Closer::Machine, li.clone()), (li.clone(), Closer::Machine)] {
        let mut book = Book::default();
        assert_eq!(close(&mut book, "app:sites", &first, 0), Ok(60));
        let taken_over = book.close(&scope("app:sites"), &second, (LONGEST_LOCKDOWN, ""), at(59)).unwrap();
        assert_eq!(taken_over, LockedDown { until: at(60), is_shortened: true }, "in her name, and no longer");
        for minute in [60, 119] {
            assert!(close(&mut book, "app:sites", &second, minute).is_err() && close(&mut book, "app:sites", &first, minute).is_err());
        }
        assert_eq!(close(&mut book, "app:ledger", &second, 60), Ok(120), "another app is another thing");
        assert_eq!(close(&mut book, "app:sites", &second, 120), Ok(180));
        assert_eq!(close(&mut book, "app:sites", &first, 180), either("app:sites", 240));
    }
    // Nobody else either: who she is by name is not known at the machine.
    let mut book = Book::default();
    close(&mut book, "all", &Closer::Machine, 0).unwrap();
    assert!(book.lift(&scope("all"), at(10)));
    assert_eq!(close(&mut book, "unit:press", &wang, 11), either("all", 70));
    assert!(matches!(book.extend(&scope("all"), &wang, at(11)), Extension::Asked { .. }));
    assert_eq!(book.extend(&scope("all"), &zhao, at(12)), Extension::Confirmed { until: at(72), asked: wang.clone() }, "but two may");
    assert_eq!(close(&mut book, "app:sites", &li, 71), either("all", 132), "what two closed for longer, one does not");
}

#[test]
fn what_was_closed_for_minutes_at_the_machine_may_be_closed_by_name_for_the_rest_of_the_hour_and_more_of_it_for_a_whole_one() {
    let [li, ..] = people();
    let mut book = Book::default();
    book.close(&scope("app:sites"), &Closer::Machine, (Duration::from_mins(5), ""), at(0)).unwrap();
    assert_eq!(close(&mut book, "app:sites", &li, 4), Ok(60));
    let mut book = Book::default();
    close(&mut book, "app:sites", &Closer::Machine, 0).unwrap();
    assert_eq!(close(&mut book, "all", &li, 70), Ok(130), "root closed one app, and now everything burns");
}

#[test]
fn two_close_what_one_may_not_but_not_what_nobody_closed() {
    let [li, wang, _] = people();
    let mut book = Book::default();
    assert_eq!(book.extend(&scope("all"), &li, at(0)), Extension::NotClosed);
    close(&mut book, "app:sites", &li, 0).unwrap();
    assert_eq!(book.extend(&scope("app:ledger"), &li, at(0)), Extension::NotClosed);
    // Lately closed, and now everything is to be.
    assert!(matches!(book.extend(&scope("all"), &li, at(70)), Extension::Asked { .. }));
    assert_eq!(book.extend(&scope("all"), &wang, at(71)), Extension::Confirmed { until: at(131), asked: li.clone() });
    assert!(is_closed(&book, "all", 130) && !is_closed(&book, "app:sites", 100));
    assert_eq!(close(&mut book, "all", &li, 140), Err(lately("all", 191)), "she asked for it");
}

#[test]
fn what_is_lifted_takes_with_it_what_was_asked_for_it_and_nothing_else() {
    let [li, wang, _] = people();
    let mut book = Book::default();
    close(&mut book, "all", &li, 0).unwrap();
    close(&mut book, "app:sites", &wang, 0).unwrap();
    for what in ["all", "app:sites"] {
        book.extend(&scope(what), &li, at(1));
    }
    assert!(book.lift(&scope("all"), at(2)));
    assert_eq!(book.asked(at(2)).into_iter().map(|(asked, _)| asked.scope.to_string()).collect::<Vec<_>>(), ["app:sites"]);
    assert_eq!(book.closed(at(2)).into_iter().map(|closed| closed.scope.to_string()).collect::<Vec<_>>(), ["app:sites"]);
    assert!(matches!(book.extend(&scope("all"), &wang, at(3)), Extension::Asked { .. }), "the second one is the first again");
}

#[test]
fn what_nobody_need_know_is_forgotten_and_no_question_crowds_the_book() {
    let [li, ..] = people();
    let mut book = Book::default();
    close(&mut book, "all", &li, 0).unwrap();
    for number in 0..200 {
        book.extend(&scope(&format!("app:a{number}")), &li, at(1));
    }
    assert_eq!(book.asked.len(), MOST_ASKED);
    book.forget(at(119));
    assert_eq!((book.closures.len(), book.asked.len()), (1, 0));
    book.forget(at(120));
    assert_eq!(book, Book::default());
}

proptest! {
    /// Whatever one person does alone, in whatever order: no app is kept closed by her for longer than an hour in a stretch, and none is closed
    /// again within an hour.
    #[test]
    fn one_person_alone_keeps_no_app_closed_for_longer_than_an_hour(
        acts in proptest::collection::vec((0_usize..6, 1_u64..90, 0_u64..50), 1..40),
    ) {
        let [li, ..] = people();
        let mut book = Book::default();
        let (mut now, mut stretches): (u64, Vec<(u64, u64)>) = (0, Vec::new());
        let mut minutes = Vec::new();
        for (act, length, wait) in acts {
            match act {
                0 => drop(book.close(&scope("all"), &li, (Duration::from_mins(length), ""), at(now))),
                1 | 2 => drop(book.close(&scope("app:sites"), &li, (Duration::from_mins(length), ""), at(now))),
                3 => drop(book.lift(&scope("all"), at(now))),
                4 => drop(book.lift(&scope("app:sites"), at(now))),
                _ => drop(book.extend(&scope("app:sites"), &li, at(now))),
            }
            for minute in now..now + wait {
                minutes.push(is_closed(&book, "all", minute) || is_closed(&book, "app:sites", minute));
            }
            now += wait;
        }
        for (minute, closed) in minutes.iter().enumerate() {
            let minute = minute as u64;
            match stretches.last_mut() {
                Some((_, end)) if *closed && *end == minute => *end += 1,
                _ if *closed => stretches.push((minute, minute + 1)),
                _ => {}
            }
        }
        prop_assert!(stretches.iter().all(|(begin, end)| end - begin <= 60), "{stretches:?}");
        prop_assert!(stretches.windows(2).all(|pair| pair[1].0 - pair[0].1 >= 60 || pair[1].1 - pair[0].0 <= 60), "{stretches:?}");
    }
}
