//! Pumps the sealed log through the triggers of the emergency plan, and puts what they find on record.
//!
//! Invariants: what is found is on record once, wherever the process is stopped; nobody who asks for an access waits for it. Each record is judged
//! by the plan that held when it was written, however often that changes meanwhile. A plan that comes later, or a state that is lost, raises no
//! alarm of what was before.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use prometheus::proto::MetricFamily;
use serde::{Deserialize, Serialize};

use crate::audit::{NoRecord, Sealed, SealedError};
use crate::files;
use crate::incident::{Engine, Plan, Signal};

use super::exposition::{counter, gauge, one};
use super::house::House;

/// So many records at once, each a few hundred bytes.
const BATCH: usize = 2_048;
/// What is sealed within this comes in one batch.
const BREATH: Duration = Duration::from_millis(500);
/// After something went wrong.
const PAUSE: Duration = Duration::from_secs(10);
/// So many records are read again at most when the process was ended.
const KEEP_EVERY: u64 = 4_096;
/// So many changes of the plan may wait for the triggers; of more, those in the middle are passed over.
const MOST_PLANS: usize = 64;

/// How the triggers stand.
#[derive(Debug, Default)]
pub struct Triggers {
    at: AtomicU64,
    fired: AtomicU64,
    plans: Mutex<Plans>,
    trouble: ArcSwapOption<String>,
}

/// Which plan holds for the next record that the triggers read, and which hold for later ones.
#[derive(Debug, Default)]
struct Plans {
    held: Option<Arc<Plan>>,
    /// The last record from before it.
    since: u64,
    /// What holds behind which record: the one that says so is still for the plan before.
    next: VecDeque<(Option<Arc<Plan>>, u64)>,
}

/// The emergency plan in `yumen status`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanStatus {
    pub name: String,
    /// How many there are.
    pub triggers: u64,
    /// The last record that they have seen.
    pub sequence: u64,
    /// How often one has found something since the start.
    pub fired: u64,
    /// What keeps them from the log, a sentence.
    pub trouble: Option<String>,
}

impl Triggers {
    /// The last record that they have seen.
    pub fn at(&self) -> u64 {
        self.at.load(Ordering::Relaxed)
    }

    /// From the next record on this plan holds, or none.
    pub fn begin_after(&self, sequence: u64, plan: Option<Arc<Plan>>) {
        let mut plans = self.plans();
        if plans.next.len() >= MOST_PLANS {
            plans.next.pop_back();
        }
        plans.next.push_back((plan, sequence));
    }

    /// The plan to begin with, and the last record from before it.
    fn begin(&self) -> (Option<Arc<Plan>>, u64) {
        let mut plans = self.plans();
        while plans.held.is_none()
            && let Some((plan, since)) = plans.next.pop_front()
        {
            (plans.held, plans.since) = (plan, since);
        }
        (plans.held.clone(), plans.since)
    }

    /// Up to which record the plan that holds goes on to; `None`: no other is known. That there is none any more waits until they are caught up:
    /// what was found before is still to be put on record.
    fn until(&self, caught_up: bool) -> Option<u64> {
        let plans = self.plans();
        plans.next.front().filter(|(plan, _)| caught_up || plan.is_some()).map(|(_, since)| *since)
    }

    /// The plan that holds from here on, where that is another one.
    fn turn_at(&self, sequence: u64, caught_up: bool) -> Option<Option<Arc<Plan>>> {
        self.until(caught_up).filter(|since| *since <= sequence)?;
        let mut plans = self.plans();
        let (plan, since) = plans.next.pop_front()?;
        (plans.held, plans.since) = (plan.clone(), since);
        Some(plan)
    }

    fn plans(&self) -> MutexGuard<'_, Plans> {
        // They are whole between any two statements, so a panic elsewhere does not spoil them.
        self.plans.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn warnings(&self) -> Vec<String> {
        self.trouble.load().iter().map(|trouble| format!("no alarm of the emergency plan is raised: {trouble}")).collect()
    }

    pub fn status(&self, plan: &Plan) -> PlanStatus {
        PlanStatus {
            name: plan.names.en.clone(),
            triggers: plan.triggers.len() as u64,
            sequence: self.at(),
            fired: self.fired.load(Ordering::Relaxed),
            trouble: self.trouble.load().as_deref().cloned(),
        }
    }

    pub fn figures(&self) -> Vec<MetricFamily> {
        vec![
            gauge("yumen_triggers_sequence", "The last record that the triggers of the emergency plan have seen.", [one(self.at())]),
            counter(
                "yumen_triggers_fired_total",
                "How often one has found something since the start.",
                [one(self.fired.load(Ordering::Relaxed))],
            ),
        ]
    }
}

#[derive(Debug, thiserror::Error)]
enum TriggerError {
    #[error("the log cannot be read for the triggers of the emergency plan: {0}")]
    Log(#[from] SealedError),
    #[error("what a trigger found cannot be put on record: {0}")]
    Record(#[from] NoRecord),
    #[error("what the triggers know cannot be kept: {0}")]
    Keep(#[from] io::Error),
    #[error("the triggers were stopped: {0}")]
    Ended(#[from] tokio::task::JoinError),
}

/// Follows the log until the process ends, as far as there is a plan.
pub async fn follow(house: Arc<House>, data: PathBuf) {
    let path = data.join("triggers.json");
    let mut size = house.sealer.size();
    let mut told = false;
    let mut watching: Option<Watching> = None;
    loop {
        let begun = match watching.take() {
            None => match house.triggers.begin() {
                // What was known counts no more when a plan comes back.
                (None, _) => remove(path.clone()).await.map(|()| None),
                // What is on record by now is sealed with at least this many, among it all that was found before.
                (Some(plan), since) => Watching::begin(path.clone(), plan, since, house.journal.counts().sequence).await.map(Some),
            },
            known => Ok(known),
        };
        let done = match begun {
            Ok(Some(watching)) => watching.catch_up(&house).await,
            other => other,
        };
        match done {
            Ok(state) => {
                (watching, told) = (state, false);
                house.triggers.trouble.store(None);
            }
            Err(error) => {
                let why = super::told(&error).to_string();
                if !std::mem::replace(&mut told, true) {
                    tracing::error!("{why}; it is tried again, and no alarm is raised meanwhile");
                }
                house.triggers.trouble.store(Some(Arc::new(why)));
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        }
        if size.changed().await.is_err() {
            return;
        }
        tokio::time::sleep(BREATH).await;
    }
}

struct Watching {
    engine: Engine,
    path: PathBuf,
    kept_at: u64,
    /// Up to here, what was found may be on record already, further on.
    before: u64,
    caught_up: bool,
}

impl Watching {
    async fn begin(path: PathBuf, plan: Arc<Plan>, since: u64, before: u64) -> Result<Self, TriggerError> {
        let begun = move || {
            let kept = match fs::read(&path) {
                Ok(kept) => Some(kept),
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                Err(error) => return Err(error.into()),
            };
            let resumed = kept.map(|kept| Engine::resume(plan.clone(), &kept, since));
            if let Some(Err(why)) = &resumed {
                tracing::warn!(
                    "{} cannot be used ({why}): the triggers read the log anew and find nothing of what was before",
                    path.display()
                );
            }
            // Of a log that was put back to an older state, or of another one.
            let resumed = resumed.and_then(Result::ok).filter(|engine| {
                let fits = engine.at() <= before;
                if !fits {
                    tracing::warn!(
                        "{} is further than the log: the triggers read the log anew and find nothing of what was before",
                        path.display()
                    );
                }
                fits
            });
            let engine = resumed.unwrap_or_else(|| Engine::new(plan, since));
            Self { kept_at: engine.at(), engine, path, before, caught_up: false }.keep()
        };
        tokio::task::spawn_blocking(begun).await?
    }

    /// Reads what is sealed. What is found on the way is on record before what is known is kept. `None`: there is no plan any more.
    async fn catch_up(mut self, house: &Arc<House>) -> Result<Option<Self>, TriggerError> {
        loop {
            let sealed = house.sealer.sealed();
            let plans = Arc::clone(house);
            let (read, watching, signals) = tokio::task::spawn_blocking(move || self.read(&sealed, &plans.triggers)).await??;
            self = watching;
            if self.caught_up {
                record(house, signals).await?;
            } else if self.engine.at() >= self.before {
                // What was found and never came on record, because the process was ended.
                record(house, self.engine.unrecorded().cloned().collect()).await?;
                self.caught_up = true;
            }
            house.triggers.at.store(self.engine.at(), Ordering::Relaxed);
            let turned = match house.triggers.turn_at(self.engine.at(), self.caught_up) {
                Some(None) => return remove(self.path).await.map(|()| None),
                Some(Some(plan)) => {
                    self.engine.adopt(plan);
                    true
                }
                None => false,
            };
            if turned || self.engine.at().saturating_sub(self.kept_at) >= KEEP_EVERY {
                self = tokio::task::spawn_blocking(move || self.keep()).await??;
            }
            if read == 0 && !turned {
                return Ok(Some(self));
            }
        }
    }

    fn read(mut self, sealed: &Sealed, triggers: &Triggers) -> Result<(usize, Self, Vec<Signal>), TriggerError> {
        let mut leaves = sealed.read(self.engine.at().saturating_add(1), BATCH)?;
        // After they were read: what was written under another plan by then is known to be.
        if let Some(since) = triggers.until(self.caught_up) {
            leaves.retain(|leaf| leaf.sequence <= since);
        }
        let mut signals = Vec::new();
        for leaf in &leaves {
            match leaf.entry() {
                Ok(entry) => signals.extend(self.engine.read(&entry)),
                // A later version wrote it.
                Err(_) => self.engine.skip(leaf.sequence),
            }
        }
        Ok((leaves.len(), self, signals))
    }

    fn keep(mut self) -> Result<Self, TriggerError> {
        files::replace(&self.path, &self.engine.kept().map_err(io::Error::from)?, 0o600)?;
        self.kept_at = self.engine.at();
        Ok(self)
    }
}

async fn remove(path: PathBuf) -> Result<(), TriggerError> {
    match tokio::task::spawn_blocking(move || fs::remove_file(path)).await? {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

async fn record(house: &House, signals: Vec<Signal>) -> Result<(), TriggerError> {
    for signal in signals {
        house.journal.event(signal.event()).await?;
        house.triggers.fired.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(trigger = %signal.trigger, subject = %signal.subject, level = %signal.level, "a trigger of the emergency plan has fired");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plans that are told apart by their names.
    fn plan(name: &str) -> Option<Arc<Plan>> {
        let example = crate::config::parse_plan(include_str!("../../config/plan.toml"), "plan.toml").ok()?;
        let mut plan = Plan::clone(&example);
        name.clone_into(&mut plan.names.en);
        Some(Arc::new(plan))
    }

    fn name(plan: Option<&Arc<Plan>>) -> Option<&str> {
        plan.map(|plan| plan.names.en.as_str())
    }

    #[test]
    fn plans_that_change_faster_than_anybody_looks_hold_each_for_its_own_records() {
        let triggers = Triggers::default();
        triggers.begin_after(3, plan("a"));
        let (held, since) = triggers.begin();
        assert_eq!((name(held.as_ref()), since), (Some("a"), 3));
        triggers.begin_after(10, plan("b"));
        triggers.begin_after(12, plan("c"));
        assert_eq!((triggers.until(false), triggers.until(true)), (Some(10), Some(10)));
        assert!(triggers.turn_at(9, true).is_none());
        assert_eq!(name(triggers.turn_at(10, false).unwrap().as_ref()), Some("b"));
        assert_eq!(triggers.until(true), Some(12));
        assert!(triggers.turn_at(11, true).is_none());
        assert_eq!(name(triggers.turn_at(12, true).unwrap().as_ref()), Some("c"));
        assert_eq!((triggers.until(true), triggers.turn_at(99, true).is_none()), (None, true));
        let (held, since) = triggers.begin();
        assert_eq!((name(held.as_ref()), since), (Some("c"), 12), "whoever begins anew after trouble");
    }

    #[test]
    fn a_plan_that_is_taken_away_and_one_that_comes_back_are_both_known() {
        let triggers = Triggers::default();
        triggers.begin_after(1, None);
        assert_eq!(name(triggers.begin().0.as_ref()), None);
        triggers.begin_after(5, plan("a"));
        assert_eq!(triggers.begin().1, 5);
        triggers.begin_after(7, None);
        triggers.begin_after(9, plan("b"));
        assert_eq!((triggers.until(false), triggers.turn_at(20, false).is_none()), (None, true), "what was found is put on record first");
        assert!(triggers.turn_at(8, true).unwrap().is_none());
        let (held, since) = triggers.begin();
        assert_eq!((name(held.as_ref()), since), (Some("b"), 9));
    }

    #[test]
    fn of_changes_without_number_the_last_one_holds_in_the_end() {
        let triggers = Triggers::default();
        for sequence in 0..200 {
            triggers.begin_after(sequence, None);
        }
        triggers.begin_after(200, plan("last"));
        assert!(triggers.plans().next.len() <= MOST_PLANS);
        let (held, since) = triggers.begin();
        assert_eq!((name(held.as_ref()), since), (Some("last"), 200));
    }
}
