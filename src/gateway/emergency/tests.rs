use std::time::Duration;

use super::*;
use crate::config::parse_plan;

const EXAMPLE: &str = include_str!("../../../config/plan.toml");
const NOON: Time = Time::from_millis(1_795_406_400_000);

fn plan(change: impl FnOnce(&str) -> String) -> Arc<Plan> {
    parse_plan(&change(EXAMPLE), "plan.toml").unwrap_or_else(|problems| panic!("{problems}"))
}

fn hours(hours: u64) -> Time {
    NOON.plus(Duration::from_hours(hours))
}

/// Of level II, which the example lets last for two days.
fn confirmed_at_noon(plan: Option<&Plan>) -> Stance {
    let first = Stance { level: Level::II, incident: 7, confirmed: NOON, since: NOON, until: NOON, measures: Arc::default() };
    with_terms(&first, plan)
}

#[test]
fn a_level_lasts_as_long_as_its_plan_says_and_a_day_where_none_does() {
    let example = plan(str::to_owned);
    let stance = confirmed_at_noon(Some(&example));
    assert_eq!((stance.until, stance.measures.freeze_enrolment), (hours(48), true));
    let none = confirmed_at_noon(None);
    assert_eq!((none.until, &*none.measures), (hours(24), &Measures::default()));
}

#[test]
fn another_plan_changes_a_level_that_holds_and_revives_none_that_has_run_out() {
    let (example, longer) = (plan(str::to_owned), plan(|text| text.replace("for = \"48h\"", "for = \"60h\"")));
    let stance = confirmed_at_noon(Some(&example));
    assert_eq!(under(&stance, Some(&longer), hours(47)).until, hours(60));
    assert_eq!(under(&stance, Some(&example), hours(47)), stance, "the same plan again changes nothing");
    assert_eq!(under(&stance, Some(&longer), hours(48)).until, hours(48));
    assert_eq!(under(&stance, None, hours(47)).until, hours(24), "without a plan nothing lasts longer than a day");
}

#[test]
fn what_is_kept_says_which_confirmation_it_was() {
    let stance = confirmed_at_noon(None);
    let kept = stored(&stance);
    assert_eq!((kept.level, kept.incident, kept.confirmed, kept.since, kept.until), (Level::II, 7, NOON, NOON, hours(24)));
    assert!(stance.is_of(7, Level::II, NOON));
    assert!(!stance.is_of(8, Level::II, NOON) && !stance.is_of(7, Level::III, NOON) && !stance.is_of(7, Level::II, hours(1)));
}
