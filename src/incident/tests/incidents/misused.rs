//! What is written into the log to mislead, or by mistake, misleads nobody.

use super::*;

#[test]
fn a_drill_is_marked_and_neither_holds_a_level_nor_is_mixed_with_what_is_real() {
    let mut desk = Desk::default();
    let real = desk.read(spraying("192.0.2.66", 1));
    let drill = desk.read(by("qian", Event::done(Action::DrillStarted).with("scenario", "password-spraying")));
    let played = desk.read(spraying("192.0.2.66", 2).with("drill", drill));
    assert!(played != real && desk.case(played).drill == Some(drill) && desk.case(real).drill.is_none());
    desk.take(played, &assessed(Level::I));
    assert!(desk.case(played).in_force().is_some(), "its people practise");
    assert!(desk.book.in_force().is_empty() && desk.case(played).to_be_acted().is_none());
    let merge = Step::Merged { into: real, why: why() };
    assert_eq!(desk.book.allows(played, &merge), Err(NotAllowed::NoSuchIncident));
    desk.take(played, &merge);
    assert_eq!(desk.case(played).stage, Stage::Assessed);
    assert_eq!(desk.book.last_drill(), Some(at(drill)));
}

#[test]
fn what_the_gateway_has_done_nobody_else_says_and_a_renewal_forgets_nothing_that_is_still_to_be_done() {
    let mut desk = Desk::default();
    let number = desk.read(spraying("203.0.113.7", 1));
    let acted = |level_record| Step::Acted { level_record, what: "all sessions ended".to_owned() };
    for record in 3..8 {
        desk.take(number, &acted(record));
        desk.read(acted(100 + record).event(number));
    }
    desk.take(number, &assessed(Level::III));
    let renewed = desk.take(number, &Step::Level { level: Level::III, why: why() });
    assert_eq!(desk.case(number).to_be_acted().map(|confirmed| confirmed.record), Some(renewed), "nothing was done yet");
    desk.read(acted(renewed).event(number));
    assert!(desk.case(number).to_be_acted().is_none());
    desk.take(number, &Step::Level { level: Level::III, why: why() });
    assert!(desk.case(number).to_be_acted().is_none());
}

#[test]
fn no_level_goes_out_of_force_by_a_merge_and_what_is_known_of_the_part_is_known_of_the_whole() {
    let mut desk = Desk::default();
    let (whole, part) = (desk.read(spraying("203.0.113.7", 1)), desk.read(spraying("203.0.113.8", 2)));
    desk.take(part, &assessed(Level::II));
    desk.take(part, &Step::Extent(Extent { people: Some(9), ..Extent::default() }));
    let merge = Step::Merged { into: whole, why: why() };
    assert_eq!(desk.book.allows(part, &merge), Err(NotAllowed::Graver));
    desk.take(part, &merge);
    assert_eq!((desk.case(part).stage, desk.book.in_force().len()), (Stage::Assessed, 1));
    desk.take(whole, &assessed(Level::II));
    desk.take(part, &merge);
    assert_eq!((desk.case(part).stage, desk.book.in_force()[0].incident), (Stage::Merged, whole));
    assert_eq!(desk.case(whole).extent.people, Some(9));
}

#[test]
fn a_level_that_was_confirmed_later_does_not_end_with_one_that_was_confirmed_before() {
    let mut desk = Desk::default();
    let (whole, part) = (desk.read(spraying("203.0.113.7", 1)), desk.read(spraying("203.0.113.8", 2)));
    let merge = Step::Merged { into: whole, why: why() };
    for first in [Level::III, Level::II] {
        desk.take(whole, &if first == Level::III { assessed(first) } else { Step::Level { level: first, why: why() } });
        desk.take(part, &if first == Level::III { assessed(first) } else { Step::Level { level: Level::III, why: why() } });
        // Also a graver one may have run out.
        assert_eq!(desk.book.allows(part, &merge), Err(NotAllowed::Graver), "{first}");
    }
    desk.take(whole, &Step::Level { level: Level::III, why: why() });
    assert_eq!(desk.book.allows(part, &merge), Ok(()));
    desk.take(part, &merge);
    assert_eq!((desk.case(part).stage, desk.book.in_force()[0].incident), (Stage::Merged, whole));
}

#[test]
fn what_is_found_after_it_was_quiet_or_thought_to_be_over_is_news_and_what_goes_on_is_none() {
    let mut desk = Desk::default();
    let number = desk.read(spraying("203.0.113.7", 1));
    desk.read(spraying("203.0.113.7", 30));
    assert_eq!(desk.case(number).again, 0, "it goes on");
    let moved = |to| Step::Moved { to, why: why() };
    for (step, again) in [(assessed(Level::IV), 0), (moved(Stage::Responding), 0), (moved(Stage::Contained), 1)] {
        desk.take(number, &step);
        desk.read(spraying("203.0.113.7", 31));
        assert_eq!(desk.case(number).again, again, "{step:?}");
    }
    desk.read(spraying("203.0.113.7", 32));
    assert_eq!(desk.case(number).again, 1, "it was told");
    desk.next += 10_000;
    desk.read(spraying("203.0.113.7", 33));
    assert_eq!(desk.case(number).again, 2);
}

#[test]
fn what_holds_a_level_is_never_forgotten_and_drills_are_forgotten_first() {
    let mut desk = Desk::default();
    let held = desk.read(spraying("203.0.113.7", 1));
    desk.take(held, &assessed(Level::I));
    let waits = desk.read(spraying("203.0.113.8", 3));
    for n in 0..2_100_u64 {
        let event = signal("page-changed", Subject::Gateway, Level::III, Category::Content, 4).event();
        desk.read(event.with("drill", 1_000_000 + n));
    }
    assert!(desk.book.case(held).is_some() && desk.book.case(waits).is_some());
    assert_eq!((desk.book.in_force().len(), desk.book.cases().count()), (1, 2_000));
}

#[test]
fn whoever_is_handed_an_incident_has_to_say_that_she_knows() {
    let mut desk = Desk::default();
    let number = desk.read(spraying("203.0.113.7", 1));
    desk.take(number, &Step::Acknowledged);
    desk.take(number, &Step::HandedTo { account: name("sun") });
    let case = desk.case(number);
    assert_eq!((&case.acknowledged, case.handler.as_ref()), (&None, Some(&name("sun"))));
    // More of it is another incident's, as long as somebody has this one.
    for n in 0..25_u32 {
        let other = desk.read(spraying(&format!("198.51.100.{n}"), 4));
        desk.take(other, &Step::Acknowledged);
    }
    assert_eq!(desk.book.cases().count(), 26);
}

#[test]
fn what_is_closed_while_an_incident_is_open_is_in_its_story_where_it_is_about_that() {
    let mut desk = Desk::default();
    let app = signal("upstream-errors", Subject::App("sites".to_owned()), Level::III, Category::Equipment, 1);
    let (number, other) = (desk.read(app.event()), desk.read(spraying("203.0.113.7", 2)));
    let drill = desk.read(by("qian", Event::done(Action::DrillStarted).with("scenario", "password-spraying")));
    let played = desk.read(spraying("192.0.2.66", 2).with("drill", drill));
    let closed = |event: Event, scope: &str| by("zhou", event.with("scope", scope));
    desk.read(closed(Event::failed(Action::LockedDown), "all"));
    let first = desk.read(closed(Event::done(Action::LockedDown), "app:sites"));
    desk.read(closed(Event::done(Action::LockedDown), "app:ug"));
    desk.read(closed(Event::done(Action::LockedDown), "nothing"));
    desk.read(closed(Event::done(Action::LockdownLifted), "app:sites"));
    desk.read(closed(Event::done(Action::LockedDown), "all"));
    let told = |desk: &Desk, number| {
        let case = desk.case(number);
        case.story
            .iter()
            .filter_map(|line| match &line.what {
                What::Shut(scope) => Some((line.by.as_ref()?.to_string(), true, scope.to_string())),
                What::OpenedAgain(scope) => Some((line.by.as_ref()?.to_string(), false, scope.to_string())),
                _ => None,
            })
            .collect::<Vec<_>>()
    };
    let zhou = |is_closed, scope: &str| ("zhou".to_owned(), is_closed, scope.to_owned());
    assert_eq!(told(&desk, number), [zhou(true, "app:sites"), zhou(false, "app:sites"), zhou(true, "all")]);
    assert_eq!((told(&desk, other), told(&desk, played)), (vec![zhou(true, "all")], vec![]));
    desk.take(other, &assessed(Level::III));
    desk.read(closed(Event::done(Action::LockedDown), "app:ug"));
    assert_eq!((told(&desk, other).len(), told(&desk, number).len()), (2, 3), "whoever handles it closes what she finds");
    assert!(desk.case(number).last > first && desk.case(number).found_last == number);
    assert_eq!(desk.case(number).stage, Stage::Detected);
}
