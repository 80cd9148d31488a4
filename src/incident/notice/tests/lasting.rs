//! What is told when a level that was confirmed has little time left, and none.

use super::*;

fn with(record: u64, lasting: Lasting) -> Facts {
    let acknowledged = Some((MORNING, AccountName::parse("qian").unwrap()));
    Facts { confirmed: Some(Level::III), lasting: Some((record, lasting)), acknowledged, ..fact(7, Level::III) }
}

#[test]
fn the_end_of_a_level_is_told_beforehand_and_when_it_comes_once_each_and_anew_when_it_was_confirmed_anew() {
    let plan = plan(vec![hook(Level::IV)]);
    let mut book = Book::default();
    assert_eq!(told(&take(&mut book, &[fact(7, Level::III)], &plan, 0)), ["desk opened "]);
    assert!(take(&mut book, &[with(3, Lasting::ForNow)], &plan, 1).is_empty());
    let soon = take(&mut book, &[with(3, Lasting::Soon)], &plan, 2);
    assert_eq!(told(&soon), ["desk level-ends commander:zhao"]);
    assert!(soon[0].text.contains("confirm the level anew in the console") && soon[0].what.is_urgent(), "{}", soon[0].text);
    assert!(take(&mut book, &[with(3, Lasting::Soon)], &plan, 3).is_empty());
    let over = take(&mut book, &[with(3, Lasting::Over)], &plan, 4);
    assert_eq!(told(&over), ["desk level-ended commander:zhao"]);
    for lasting in [Lasting::Over, Lasting::Soon, Lasting::ForNow, Lasting::Soon] {
        assert!(take(&mut book, &[with(3, lasting)], &plan, 5).is_empty(), "{lasting:?}");
    }
    let anew = take(&mut book, &[with(9, Lasting::Soon)], &plan, 6);
    assert_eq!(told(&anew), ["desk level-ends commander:zhao"]);
    assert!(anew[0].id != soon[0].id && over[0].id != soon[0].id);
    let closed = Facts { closed: Some(MORNING), ..with(9, Lasting::Over) };
    assert_eq!(told(&take(&mut book, &[closed], &plan, 7)), ["desk closed "], "what is over needs no level");
}

#[test]
fn a_level_that_lasts_longer_by_another_plan_has_its_end_told_again_as_another_notice() {
    let plan = plan(vec![hook(Level::II)]);
    let mut book = Book::default();
    assert!(take(&mut book, &[with(3, Lasting::Soon)], &plan, 0).is_empty(), "no channel tells of its level");
    let plan = Plan { channels: vec![hook(Level::IV)], ..plan };
    take(&mut book, &[Facts { lasting: None, ..with(3, Lasting::Soon) }], &plan, 1);
    let told = [Lasting::Soon, Lasting::ForNow, Lasting::Soon, Lasting::Soon].map(|lasting| take(&mut book, &[with(3, lasting)], &plan, 2));
    assert_eq!(told.each_ref().map(Vec::len), [1, 0, 1, 0]);
    assert_ne!(told[0][0].id, told[2][0].id);
}

#[test]
fn that_a_level_ends_is_told_nobody_any_more_who_hears_that_it_has_ended_or_holds_anew() {
    let plan = plan(vec![hook(Level::IV)]);
    let mut book = Book::default();
    take(&mut book, &[fact(7, Level::III)], &plan, 0);
    let soon = take(&mut book, &[with(3, Lasting::Soon)], &plan, 1).remove(0);
    let over = take(&mut book, &[with(3, Lasting::Over)], &plan, 2).remove(0);
    assert!(!soon.is_pointless(&[with(3, Lasting::Soon)]) && soon.is_pointless(&[with(3, Lasting::Over)]));
    assert!(!over.is_pointless(&[with(3, Lasting::Over)]) && over.is_pointless(&[with(9, Lasting::ForNow)]));
}

#[test]
fn what_is_soon_is_the_last_hour_and_of_a_short_time_its_last_quarter() {
    let of = |left, whole| Lasting::of(MINUTE * left, MINUTE * whole);
    assert_eq!([of(61, 600), of(60, 600), of(1, 600), of(0, 600)], [Lasting::ForNow, Lasting::Soon, Lasting::Soon, Lasting::Over]);
    assert_eq!([of(60, 60), of(16, 60), of(15, 60)], [Lasting::ForNow, Lasting::ForNow, Lasting::Soon]);
}
