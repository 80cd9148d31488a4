//! When nobody has a duty, by the shifts of a plan. Pure: a plan and a moment in, gaps of the week from then on out.

use std::time::Duration;

use super::plan::{Duty, Plan, Shift};
use crate::clock::Time;

const WEEK: Duration = Duration::from_hours(7 * 24);
/// Every shift begins and ends once a day at most, and no plan has so many.
const MOST_STEPS: usize = 10_000;

/// The times at which nobody has the duty, from when to when, within a week after somebody has it. Nothing, where nobody ever has.
pub fn gaps(plan: &Plan, duty: Duty, now: Time) -> Vec<(Time, Time)> {
    let shifts: Vec<&Shift> = plan.shifts.iter().filter(|shift| shift.duty == duty).collect();
    let Some(begins) = there_until(&shifts, now).map(|_| now).or_else(|| next(&shifts, now)) else { return Vec::new() };
    let ends = begins.plus(WEEK);
    let (mut at, mut found) = (begins, Vec::new());
    for _ in 0..MOST_STEPS {
        if at >= ends {
            break;
        }
        match there_until(&shifts, at) {
            Some(until) => at = until,
            None => {
                let Some(again) = next(&shifts, at) else { break };
                found.push((at, again));
                at = again;
            }
        }
    }
    found
}

/// Until when somebody who has the duty is there for certain; `None`: nobody is. Whoever has no hours always is.
fn there_until(shifts: &[&Shift], at: Time) -> Option<Time> {
    let until = |shift: &&Shift| shift.hours.as_ref().map_or(Some(at.plus(WEEK)), |hours| hours.open_until(at));
    shifts.iter().filter_map(until).max()
}

fn next(shifts: &[&Shift], at: Time) -> Option<Time> {
    shifts.iter().filter_map(|shift| shift.hours.as_ref()?.opens_after(at)).min()
}
