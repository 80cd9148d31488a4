//! Pumps the sealed log through the triggers of the emergency plan, and puts what they find on record.
//!
//! Invariants: what is found is on record once, wherever the process is stopped; nobody who asks for an access waits for it. A plan that comes
//! later, or a state that is lost, raises no alarm of what was before.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use prometheus::proto::MetricFamily;
use serde::{Deserialize, Serialize};

use crate::audit::{NoRecord, Sealed, SealedError};
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

/// How the triggers stand.
#[derive(Debug, Default)]
pub struct Triggers {
    at: AtomicU64,
    fired: AtomicU64,
    /// The last record from before the plan that holds.
    since: AtomicU64,
    trouble: ArcSwapOption<String>,
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

    /// From the next record on another plan may hold, or one that did not in this process.
    pub fn begin_after(&self, sequence: u64) {
        self.since.store(sequence, Ordering::Relaxed);
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
        let (plan, since) = (house.map.load().plan.clone(), house.triggers.since.load(Ordering::Relaxed));
        let begun = match (plan, watching.take()) {
            // What was known counts no more when a plan comes back.
            (None, None) => remove(path.clone()).await.map(|()| None),
            // What is on record by now is sealed with at least this many, among it all that was found before.
            (Some(plan), None) => Watching::begin(path.clone(), plan, since, house.journal.counts().sequence).await.map(Some),
            (plan, Some(known)) => Ok(Some(known.with(plan, since))),
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
    plan: Arc<Plan>,
    /// What holds instead, or nothing, behind this record: the one that says so is still for the plan before.
    next: Option<(Option<Arc<Plan>>, u64)>,
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
            let engine = resumed.unwrap_or_else(|| Engine::new(plan.clone(), since));
            Self { kept_at: engine.at(), engine, plan, next: None, path, before, caught_up: false }.keep()
        };
        tokio::task::spawn_blocking(begun).await?
    }

    fn with(mut self, plan: Option<Arc<Plan>>, since: u64) -> Self {
        if plan.as_ref() != Some(&self.plan) {
            self.next = Some((plan, since));
        }
        self
    }

    /// Reads what is sealed. What is found on the way is on record before what is known is kept. `None`: there is no plan any more.
    async fn catch_up(mut self, house: &House) -> Result<Option<Self>, TriggerError> {
        loop {
            let sealed = house.sealer.sealed();
            let (read, watching, signals) = tokio::task::spawn_blocking(move || self.read(&sealed)).await??;
            self = watching;
            if self.caught_up {
                record(house, signals).await?;
            } else if self.engine.at() >= self.before {
                // What was found and never came on record, because the process was ended.
                record(house, self.engine.unrecorded().cloned().collect()).await?;
                self.caught_up = true;
            }
            house.triggers.at.store(self.engine.at(), Ordering::Relaxed);
            let is_reached = |next: &mut (Option<Arc<Plan>>, u64)| self.caught_up && self.engine.at() >= next.1;
            let is_due = match self.next.take_if(is_reached) {
                Some((None, _)) => return remove(self.path).await.map(|()| None),
                Some((Some(plan), _)) => {
                    self.engine.adopt(plan.clone());
                    self.plan = plan;
                    true
                }
                None => self.engine.at().saturating_sub(self.kept_at) >= KEEP_EVERY,
            };
            if is_due {
                self = tokio::task::spawn_blocking(move || self.keep()).await??;
            }
            if read == 0 {
                return Ok(Some(self));
            }
        }
    }

    fn read(mut self, sealed: &Sealed) -> Result<(usize, Self, Vec<Signal>), TriggerError> {
        let mut leaves = sealed.read(self.engine.at().saturating_add(1), BATCH)?;
        if let Some((_, since)) = &self.next
            && self.engine.at() < *since
        {
            leaves.retain(|leaf| leaf.sequence <= *since);
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
        write(&self.path, &self.engine.kept().map_err(io::Error::from)?)?;
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

/// For its owner alone, whole or not at all.
pub(super) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let fresh = path.with_extension("json.new");
    let mut file = File::options().create(true).write(true).truncate(true).mode(0o600).open(&fresh)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&fresh, path)
}
