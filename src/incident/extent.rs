//! Which level the plan's thresholds make of how much is concerned.

use super::case::Case;
use super::plan::{Plan, Thresholds};
use crate::model::Level;

/// The gravest level of which anything reaches its threshold.
pub(super) fn level(case: &Case, plan: &Plan) -> Option<Level> {
    let reached = Reached::of(case);
    plan.levels.iter().filter(|terms| reached.reaches(&terms.thresholds)).map(|terms| terms.level).max()
}

/// How much is concerned: what the gateway has seen, or more, where somebody says that it is more.
struct Reached {
    seen: Thresholds,
}

impl Reached {
    fn of(case: &Case) -> Self {
        let extent = &case.extent;
        let count = |seen: usize, said: Option<u64>| Some(said.unwrap_or(0).max(seen as u64)).filter(|count| *count > 0);
        Self {
            seen: Thresholds {
                accounts: count(case.accounts().count(), extent.accounts),
                units: count(case.units().count(), extent.units),
                apps: count(case.apps().len(), None),
                people: extent.people,
                loss: extent.loss,
                outage: extent.outage(),
                defaced: extent.defaced(),
            },
        }
    }

    fn reaches(&self, threshold: &Thresholds) -> bool {
        fn at_least<T: Ord>(seen: Option<T>, from: Option<T>) -> bool {
            seen.zip(from).is_some_and(|(seen, from)| seen >= from)
        }
        let seen = &self.seen;
        at_least(seen.accounts, threshold.accounts)
            || at_least(seen.units, threshold.units)
            || at_least(seen.apps, threshold.apps)
            || at_least(seen.people, threshold.people)
            || at_least(seen.loss, threshold.loss)
            || at_least(seen.outage, threshold.outage)
            || at_least(seen.defaced, threshold.defaced)
    }
}
