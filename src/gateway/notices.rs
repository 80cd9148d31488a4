//! Tells people of incidents over the channels of the emergency plan, until somebody has it, and puts on record who was told.
//!
//! Invariants: what is due is kept before it is sent, and that it was sent afterwards, so that a notice may come twice wherever the process is
//! stopped, with the same id, and none is lost; a receiver that hangs delays only what goes over its own channel.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use prometheus::proto::MetricFamily;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{MissedTickBehavior, interval};

use crate::admin::Lockdowns;
use crate::files;
use crate::incident::Plan;
use crate::incident::notice::{Around, Book, Channel, Closed, ClosureBook, Closures, Facts, Letter};
use crate::model::{Action, Closer, Event};
use crate::outbound::{NotSent, Queue, send};

use super::exposition::{counter, gauge, sample};
use super::house::House;

/// One of another version is not read.
const VERSION: u32 = 1;

/// How the notices stand.
#[derive(Debug, Default)]
pub struct Notices {
    /// `None`: they are not known yet, which is not that there are none.
    incidents: ArcSwapOption<Vec<Facts>>,
    changed: Notify,
    channels: Mutex<BTreeMap<String, Standing>>,
    /// What keeps the book from being written.
    unkept: Mutex<Option<String>>,
}

/// One channel's.
#[derive(Clone, Debug, Default)]
struct Standing {
    sent: u64,
    failed: u64,
    waiting: u64,
    /// Of the last try, if it failed; a sentence.
    trouble: Option<String>,
}

impl Notices {
    /// All incidents as they are now, open and closed.
    pub fn learn(&self, incidents: Vec<Facts>) {
        self.incidents.store(Some(Arc::new(incidents)));
        self.changed.notify_one();
    }

    pub fn incidents(&self) -> Option<Arc<Vec<Facts>>> {
        self.incidents.load_full()
    }

    pub fn warnings(&self) -> Vec<String> {
        let waiting = |standing: &Standing| match standing.waiting {
            0 => String::new(),
            waiting => format!("; {waiting} wait"),
        };
        let channels = self.channels();
        let troubled = channels.iter().filter_map(|(name, standing)| {
            let trouble = standing.trouble.as_ref()?;
            Some(format!("notices cannot be sent over the channel {name}: {trouble}{}", waiting(standing)))
        });
        let unkept = self.unkept.lock().unwrap_or_else(PoisonError::into_inner).clone();
        troubled.chain(unkept).collect()
    }

    /// Labels are the names of channels, which are in the plan.
    pub fn figures(&self) -> Vec<MetricFamily> {
        let channels = self.channels();
        let each =
            |of: fn(&Standing) -> u64| channels.iter().map(|(name, one)| sample(&[("channel", name)], of(one) as f64)).collect::<Vec<_>>();
        vec![
            counter("yumen_notices_sent_total", "Notices of incidents that a receiver took.", each(|one| one.sent)),
            counter("yumen_notices_failed_total", "Tries at which a receiver did not.", each(|one| one.failed)),
            gauge("yumen_notices_waiting", "Notices that wait to be sent.", each(|one| one.waiting)),
        ]
    }

    fn channels(&self) -> BTreeMap<String, Standing> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Counts a try; whether its trouble is a new one.
    pub fn tried(&self, channel: &str, result: &Result<(), NotSent>) -> bool {
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        let one = channels.entry(channel.to_owned()).or_default();
        match result {
            Ok(()) => {
                one.sent = one.sent.saturating_add(1);
                one.trouble = None;
                false
            }
            Err(error) => {
                one.failed = one.failed.saturating_add(1);
                let why = error.to_string();
                one.trouble.replace(why.clone()).as_deref() != Some(&why)
            }
        }
    }

    /// These channels there are.
    fn settle(&self, channels: &[Channel], queue: &Queue) {
        let mut standings = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        standings.retain(|name, _| channels.iter().any(|channel| channel.name == *name));
        for channel in channels {
            let waiting = queue.waiting_of(&channel.name);
            standings.entry(channel.name.clone()).or_default().waiting = u64::try_from(waiting).unwrap_or(u64::MAX);
        }
    }
}

/// What is remembered over restarts.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Kept {
    version: u32,
    book: Book,
    #[serde(default)]
    closures: ClosureBook,
    queue: Queue,
}

/// Asks `incidents` by the second, and whenever something was learned, until the process ends.
pub async fn follow(house: Arc<House>, path: PathBuf, incidents: impl Fn() -> Option<Arc<Vec<Facts>>>) {
    let mut tick = interval(Duration::from_secs(1));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut post = Post::open(path).await;
    let mut trying: JoinSet<Tried> = JoinSet::new();
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = house.notices.changed.notified() => {}
            Some(tried) = trying.join_next(), if !trying.is_empty() => {
                if let Ok(tried) = tried {
                    post.settle(&house, tried).await;
                }
            }
        }
        let plan = house.map.load().plan.clone();
        let Some(plan) = plan.filter(|plan| !plan.channels.is_empty() || !post.queue.is_empty()) else {
            house.notices.settle(&[], &post.queue);
            continue;
        };
        let Some(incidents) = incidents() else { continue };
        post.look(&house, &plan, &incidents).await;
        post.begin(&house, &plan, &mut trying);
        house.notices.settle(&plan.channels, &post.queue);
    }
}

/// What came of one try.
struct Tried {
    channel: Channel,
    letter: Letter,
    result: Result<(), NotSent>,
}

struct Post {
    path: PathBuf,
    book: Book,
    closures: ClosureBook,
    queue: Queue,
    /// Channels over which something is under way.
    busy: BTreeSet<String>,
}

impl Post {
    async fn open(path: PathBuf) -> Self {
        let file = path.clone();
        let read = spawn_blocking(move || std::fs::read(file)).await.map_err(io::Error::other).and_then(|read| read);
        let kept = match read {
            Ok(bytes) => read_kept(&bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Kept::default()),
            Err(error) => Err(error.to_string()),
        };
        let Kept { book, closures, queue, .. } = kept.unwrap_or_else(|why| {
            tracing::warn!("{} cannot be used ({why}): people may be told again of incidents that are open", path.display());
            Kept::default()
        });
        Self { path, book, closures, queue, busy: BTreeSet::new() }
    }

    /// Takes up what is due, and lets go of what is not any more.
    async fn look(&mut self, house: &House, plan: &Plan, incidents: &[Facts]) {
        let map = house.map.load();
        let now = house.clock.wall();
        let (around, closures) = (Around { plan, portal: &map.portal.origin, now }, closures(house));
        let mut letters = self.book.take(incidents, &around);
        letters.extend(self.closures.take(&closures, &around));
        let is_new = !letters.is_empty();
        let over = self.queue.add(letters, now);
        let pointless = self.queue.retain(|letter| !letter.is_pointless(incidents) && !closures.is_past(letter));
        let homeless = self.queue.retain(|letter| plan.channels.iter().any(|channel| channel.name == letter.channel));
        if is_new || !pointless.is_empty() || !homeless.is_empty() {
            self.keep(house).await;
        }
        for (letters, why) in [(over, "too many notices wait"), (homeless, "the plan has no such channel any more")] {
            for letter in letters {
                record(house, told(Event::failed(Action::NoticeSent), &letter).with("why", why)).await;
            }
        }
    }

    /// Sends what can be sent now.
    fn begin(&mut self, house: &Arc<House>, plan: &Plan, trying: &mut JoinSet<Tried>) {
        let wall = house.clock.wall();
        for waiting in self.queue.due(wall, |channel| self.busy.contains(channel)) {
            let Some(channel) = plan.channels.iter().find(|channel| channel.name == waiting.letter.channel).cloned() else { continue };
            let (letter, host) = (waiting.letter.clone(), house.map.load().portal.host.to_string());
            self.busy.insert(channel.name.clone());
            trying.spawn(async move {
                let (way, what) = (channel.clone(), letter.clone());
                // On a task of its own: whatever becomes of it, the channel is free again.
                let sent = tokio::spawn(async move { send(&way, &what, &host, wall).await }).await;
                Tried { channel, letter, result: sent.unwrap_or(Err(NotSent::Stopped)) }
            });
        }
    }

    async fn settle(&mut self, house: &House, tried: Tried) {
        let Tried { channel, letter, result } = tried;
        self.busy.remove(&channel.name);
        let is_new = house.notices.tried(&channel.name, &result);
        let event = match &result {
            // Also one that was let go of while it was under way.
            Ok(()) => {
                let attempt = self.queue.sent(&letter.id).map_or(1, |one| one.tries.saturating_add(1));
                let event = told(Event::done(Action::NoticeSent), &letter);
                Some(event.with("kind", channel.way.word()).with("attempt", attempt))
            }
            Err(error) => {
                if is_new {
                    tracing::warn!(channel = %channel.name, "a notice cannot be sent: {error}; it is tried again");
                }
                self.queue.failed(&letter.id, house.clock.wall()).and_then(|(one, is_last)| {
                    let event = told(Event::failed(Action::NoticeSent), &one.letter).with("why", error);
                    let event = event.with("kind", channel.way.word()).with("attempt", one.tries);
                    let event = if is_last { event.with("given-up", true) } else { event };
                    // The log is not filled by a receiver that is away.
                    (is_last || one.tries == 1).then_some(event)
                })
            }
        };
        // Whoever finds it kept as sent finds it on record.
        if let Some(event) = event {
            record(house, event).await;
        }
        self.keep(house).await;
    }

    fn kept(&self) -> Kept {
        Kept { version: VERSION, book: self.book.clone(), closures: self.closures.clone(), queue: self.queue.clone() }
    }

    async fn keep(&self, house: &House) {
        let (path, kept) = (self.path.clone(), self.kept());
        let written = spawn_blocking(move || files::replace(&path, &serde_json::to_vec(&kept).map_err(io::Error::from)?, 0o600)).await;
        let unkept = written.map_err(io::Error::other).and_then(|written| written).err().map(|error| {
            format!("{} cannot be written ({error}): after a restart people may be told again, or not of what waits", self.path.display())
        });
        let mut known = house.notices.unkept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(why) = unkept.as_ref().filter(|_| known.is_none()) {
            tracing::error!("{why}");
        }
        *known = unkept;
    }
}

/// What is closed, as people are told of it.
fn closures(house: &House) -> Closures {
    let now = house.clock.now();
    let Lockdowns { closed, asked } = house.desk.closed_now(now);
    let name = |by: &Closer| by.name().cloned();
    let closed = closed.into_iter().map(|one| {
        let by = one.closures.iter().flat_map(|closure| match &closure.extended {
            Some(two) => vec![name(&two.asked), name(&two.confirmed)],
            None => vec![name(&closure.by)],
        });
        Closed { scope: one.scope.clone(), until: one.until, by: by.flatten().collect::<BTreeSet<_>>().into_iter().collect() }
    });
    let asked = asked.into_iter().map(|(asked, until)| Closed { by: name(&asked.by).into_iter().collect(), scope: asked.scope, until });
    Closures { now, closed: closed.collect(), asked: asked.collect() }
}

fn read_kept(bytes: &[u8]) -> Result<Kept, String> {
    let kept: Kept = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if kept.version == VERSION { Ok(kept) } else { Err(format!("it is of version {}", kept.version)) }
}

/// What a record says of a letter.
pub fn told(event: Event, letter: &Letter) -> Event {
    let event = event.with("notice", letter.what.word()).with("channel", &letter.channel).with("to", letter.whom()).with("id", &letter.id);
    let event = if letter.drill { event.with("drill", true) } else { event };
    match (letter.incident, &letter.scope) {
        (Some(number), _) => event.with("incident", number),
        (None, Some(scope)) => event.with("scope", scope),
        (None, None) => event,
    }
}

pub async fn record(house: &House, event: Event) {
    if let Err(error) = house.journal.event(event).await {
        tracing::warn!(%error, "what became of a notice is not on record");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_reads_back_and_what_another_version_kept_does_not() {
        let kept = |version| serde_json::to_vec(&Kept { version, ..Kept::default() }).unwrap();
        assert!(read_kept(&kept(VERSION)).is_ok());
        assert!(read_kept(&kept(VERSION + 1)).unwrap_err().contains("of version 2") && read_kept(b"{").is_err());
    }

    #[test]
    fn a_trouble_is_told_until_something_is_sent_again() {
        let notices = Notices::default();
        let broken = || Err(NotSent::Refused("the receiver answers with the status 500".to_owned()));
        assert!(notices.tried("hook", &broken()) && !notices.tried("hook", &broken()));
        assert!(
            notices.warnings()[0].contains("over the channel hook: the receiver answers with the status 500"),
            "{:?}",
            notices.warnings()
        );
        notices.tried("hook", &Ok(()));
        assert!(notices.warnings().is_empty() && notices.tried("hook", &broken()));
        let figures = notices.figures();
        let value = |at: usize| figures[at].get_metric()[0].get_counter().get_value();
        assert_eq!((value(0), value(1)), (1.0, 3.0));
    }
}
