//! Reads records in their order and says what triggers find.

use std::collections::BTreeMap;
use std::sync::Arc;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};

use super::fact::Memory;
use super::plan::{Category, Plan};
use super::subject::Subject;
use super::trigger::Trigger;
use super::watch::Watch;
use crate::clock::Time;
use crate::crypto;
use crate::model::{Action, Entry, Event, Level, Record};

/// So many of what was told apart stand in a record.
const MOST_TOLD: usize = 8;

/// A trigger has found something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signal {
    pub trigger: String,
    pub level: Level,
    pub category: Category,
    pub subject: Subject,
    /// When, by the record that made it enough.
    pub time: Time,
    /// The records from which to which it happened.
    pub first: u64,
    pub last: u64,
    /// How many, or how much.
    pub amount: u64,
    /// The names, addresses or places that had to do with it.
    pub what: Vec<String>,
}

impl Signal {
    /// What it is on record.
    pub fn event(&self) -> Event {
        let event = Event::done(Action::TriggerFired)
            .with(TRIGGER, &self.trigger)
            .with(SUBJECT, &self.subject)
            .with("level", self.level)
            .with("category", self.category)
            .with("first", self.first)
            .with(LAST, self.last)
            .with("amount", self.amount);
        let told: Vec<&str> = self.what.iter().take(MOST_TOLD).map(String::as_str).collect();
        if told.is_empty() { event } else { event.with("what", told.join(" ")) }
    }

    /// What a record tells of one; the names are not told apart there.
    pub(super) fn of(event: &Event, at: Time) -> Option<Self> {
        let detail = |name| event.details.get(name).map(String::as_str);
        let number = |name| detail(name)?.parse().ok();
        Some(Self {
            trigger: detail(TRIGGER)?.to_owned(),
            level: Level::parse(detail("level")?)?,
            category: Category::parse(detail("category")?)?,
            subject: Subject::try_from(detail(SUBJECT)?.to_owned()).ok()?,
            time: at,
            first: number("first")?,
            last: number(LAST)?,
            amount: number("amount")?,
            what: detail("what").map(str::to_owned).into_iter().collect(),
        })
    }

    fn id(&self) -> SignalId {
        // As it reads on record, where long texts are cut.
        SignalId::of(&self.event()).unwrap_or_default()
    }
}

const TRIGGER: &str = "trigger";
const SUBJECT: &str = "subject";
const LAST: &str = "last";

/// What tells one signal from every other.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct SignalId {
    last: u64,
    trigger: String,
    subject: String,
}

impl SignalId {
    fn of(event: &Event) -> Option<Self> {
        let detail = |name| event.details.get(name);
        Some(Self { last: detail(LAST)?.parse().ok()?, trigger: detail(TRIGGER)?.clone(), subject: detail(SUBJECT)?.clone() })
    }
}

/// Of what is kept; another one's is not read.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Kept<M, S, W> {
    version: u32,
    at: u64,
    /// With what tells its trigger from others.
    watches: Vec<(String, W)>,
    memory: M,
    unrecorded: S,
}

#[derive(Debug, thiserror::Error)]
pub enum NotKept {
    #[error("it is not what was kept: {0}")]
    Malformed(#[from] serde_json::Error),
    #[error("it was kept by another version of the program ({0})")]
    Version(u32),
}

fn digest(trigger: &Trigger) -> String {
    HEXLOWER.encode(&crypto::sha256(format!("{trigger:?}").as_bytes()))
}

/// Invariant: whoever writes down each signal that [`Engine::read`] returned, and each that [`Engine::unrecorded`] has after the log was read to
/// its end, has each on record once, wherever he was stopped in between.
#[derive(Clone, Debug, PartialEq)]
pub struct Engine {
    plan: Arc<Plan>,
    /// In the order of the plan's triggers.
    watches: Vec<Watch>,
    memory: Memory,
    /// The last record that was read.
    at: u64,
    /// Whose record has not been read yet.
    unrecorded: BTreeMap<SignalId, Signal>,
}

impl Engine {
    /// What the records up to `since` show raises no alarm.
    pub fn new(plan: Arc<Plan>, since: u64) -> Self {
        let watches = plan.triggers.iter().map(|_| Watch::begin(since)).collect();
        Self { plan, watches, memory: Memory::default(), at: 0, unrecorded: BTreeMap::new() }
    }

    /// The last record that was read.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// What it was found before and is not on record yet.
    pub fn unrecorded(&self) -> impl Iterator<Item = &Signal> {
        self.unrecorded.values()
    }

    /// All that it knows, for whoever goes on with [`Engine::resume`].
    pub fn kept(&self) -> Result<Vec<u8>, serde_json::Error> {
        let watches = self.plan.triggers.iter().map(digest).zip(&self.watches).collect();
        let unrecorded: Vec<&Signal> = self.unrecorded.values().collect();
        serde_json::to_vec(&Kept { version: VERSION, at: self.at, watches, memory: &self.memory, unrecorded })
    }

    /// Goes on from what was kept. Triggers that it does not know raise no alarm of the records up to `since`.
    pub fn resume(plan: Arc<Plan>, kept: &[u8], since: u64) -> Result<Self, NotKept> {
        let kept: Kept<Memory, Vec<Signal>, Watch> = serde_json::from_slice(kept)?;
        if kept.version != VERSION {
            return Err(NotKept::Version(kept.version));
        }
        let mut known = kept.watches;
        let watches = plan.triggers.iter().map(|trigger| {
            let place = known.iter().position(|(of, _)| *of == digest(trigger));
            place.map_or_else(|| Watch::begin(since), |place| known.swap_remove(place).1)
        });
        let unrecorded = kept.unrecorded.into_iter().map(|signal| (signal.id(), signal)).collect();
        Ok(Self { watches: watches.collect(), plan, memory: kept.memory, at: kept.at, unrecorded })
    }

    /// Goes on with another plan: triggers that it has unchanged keep what they know, others begin now.
    pub fn adopt(&mut self, plan: Arc<Plan>) {
        let mut known: Vec<_> = std::mem::take(&mut self.watches).into_iter().zip(&self.plan.triggers).collect();
        let kept = |trigger| known.iter().position(|(_, known)| *known == trigger);
        let places: Vec<_> = plan.triggers.iter().map(kept).collect();
        let begun = || Watch::begin(self.at);
        let take = |place: Option<usize>| place.and_then(|place| known.get_mut(place)).map(|(watch, _)| std::mem::replace(watch, begun()));
        let watches = places.into_iter().map(take).map(|watch| watch.unwrap_or_else(begun)).collect();
        drop(known);
        (self.watches, self.plan) = (watches, plan);
    }

    /// For whoever puts nothing on record.
    pub fn forget_unrecorded(&mut self) {
        self.unrecorded.clear();
    }

    /// Goes past a record that cannot be understood.
    pub fn skip(&mut self, sequence: u64) {
        self.at = self.at.max(sequence);
    }

    /// Takes the next record in. One that was read before changes nothing; a gap before it is what the log has dropped.
    pub fn read(&mut self, entry: &Entry) -> Vec<Signal> {
        if entry.sequence <= self.at {
            return Vec::new();
        }
        self.at = entry.sequence;
        if let Some(id) = recorded(entry) {
            self.unrecorded.remove(&id);
            return Vec::new();
        }
        let Ok(time) = entry.time.parse::<jiff::Timestamp>() else { return Vec::new() };
        let time = Time::from_millis(time.as_millisecond());
        let Some(fact) = self.memory.learn(entry, time) else { return Vec::new() };
        let mut signals = Vec::new();
        for (trigger, watch) in self.plan.triggers.iter().zip(&mut self.watches) {
            let Some((subject, reached)) = watch.look(trigger, &fact) else { continue };
            signals.push(Signal {
                trigger: trigger.name.clone(),
                level: trigger.level,
                category: trigger.category,
                subject,
                time,
                first: reached.first,
                last: entry.sequence,
                amount: reached.amount,
                what: reached.what,
            });
        }
        self.unrecorded.extend(signals.iter().map(|signal| (signal.id(), signal.clone())));
        signals
    }
}

/// Which signal a record tells of.
fn recorded(entry: &Entry) -> Option<SignalId> {
    match &entry.record {
        Record::Event(event) if event.action == Action::TriggerFired => SignalId::of(event),
        _ => None,
    }
}
