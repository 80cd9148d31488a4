//! Spans of a log whose clock was wrong.

use super::*;

impl House {
    /// Records at these seconds from the beginning, in this order, some of each.
    async fn written_at(&mut self, times: &[(i64, usize)]) {
        let mut now = 0;
        for (seconds, count) in times {
            self.clock.step_wall((seconds - now) * 1000);
            now = *seconds;
            for _ in 0..*count {
                self.event(Event::done(Action::SignOut).by(who("li"))).await;
            }
        }
        self.sealed().await;
    }
}

const YEARS: i64 = 86_400 * 365;

#[tokio::test(flavor = "multi_thread")]
async fn no_record_is_hidden_by_one_whose_clock_was_years_ahead_or_behind() {
    let mut house = House::open().await;
    // Records 257 and 513 begin bundles: one is of ten years later, one of ten years before.
    house.written_at(&[(10, 255), (10 * YEARS, 1), (20, 255), (-10 * YEARS, 1), (30, 255), (40, 3)]).await;
    let found = checked(&house.pack((15, 35), Filter::default()).await, &house.key()).unwrap();
    assert_eq!((found.facts.first, found.facts.last, found.facts.other_times), (258, 768, 1));
    let text = super::super::told::told(&found);
    assert!(text.contains("1 of these records have another time"), "{text}");
    let found = checked(&house.pack((5, 45), Filter::default()).await, &house.key()).unwrap();
    assert_eq!((found.facts.first, found.facts.last, found.facts.other_times), (2, house.written, 2));
    let later = (10 * YEARS - 5) as u64;
    let found = checked(&house.pack((later, later + 10), Filter::default()).await, &house.key()).unwrap();
    assert_eq!((found.facts.first, found.facts.last), (257, 257));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_span_without_records_lies_where_times_go_past_it_whatever_other_clocks_said() {
    let mut house = House::open().await;
    house.written_at(&[(10, 10), (10 * YEARS, 1), (20, 10), (100, 5), (-10 * YEARS, 1), (110, 3)]).await;
    let found = checked(&house.pack((50, 60), Filter::default()).await, &house.key()).unwrap();
    // Times go past the span at 12, at 23 and, after the clock of ten years before, at 29.
    assert_eq!((found.facts.first, found.facts.last, found.facts.records), (29, 28, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_clock_does_not_hide_that_the_span_may_lie_in_what_is_gone() {
    let mut house = House::open().await;
    house.written_at(&[(10, 255), (2_000, 300), (-YEARS, 1), (2_100, 3)]).await;
    std::fs::remove_file(house.data.path().join("audit/tile/entries/000")).unwrap();
    let pack = house.pack((500, 600), Filter::default()).await;
    let found = checked(&pack, &house.key()).unwrap();
    let text = super::super::told::told(&found);
    assert!(text.contains("no record of the span is left") && !text.contains("nothing was written"), "{text}");
    let files = unpacked(&pack);
    let page = text_of(&files, "summary.en.html");
    assert!(page.contains("The pack has no such record.") && !page.contains("Nothing was changed"), "what nobody saw is not denied");
    let text = super::super::told::told(&checked(&house.pack((2_050, 2_200), Filter::default()).await, &house.key()).unwrap());
    assert!(!text.contains("no longer there"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_ends_in_the_future_does_not_say_how_far_it_reaches() {
    let mut house = House::open().await;
    house.written_at(&[(10, 3), (10 * YEARS, 1)]).await;
    let text = super::super::told::told(&checked(&house.pack((5, 100), Filter::default()).await, &house.key()).unwrap());
    assert!(text.contains("the newest record's time cannot be right"), "{text}");
}
