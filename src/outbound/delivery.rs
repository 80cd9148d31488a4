//! One sink's task: sends records in order from the cursor on, and begins again where the receiver may have lost some.
//!
//! Invariant: records go in the order of their sequences, and the next one only after the one before it was written whole; the cursor moves
//! only as [`Window`] allows.

use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{Interval, MissedTickBehavior, interval, sleep};

use super::connection::{Connection, Gone};
use super::cursor::{Cursor, Place};
use super::lines::Lines;
use super::progress::Progress;
use super::window::{Ending, Window};
use super::{Checkpoint, Log, SinkSettings};
use crate::audit::Leaf;
use crate::clock::{Clock, Time};

const AT_ONCE: usize = 256;
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
const TICK: Duration = Duration::from_secs(1);
const TICKS_BETWEEN_CHECKPOINTS: u32 = 60;

/// Whether the task shall end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    NotYet,
    /// When the receiver has been sent everything that there is.
    WhenDone,
    Now,
}

pub struct Delivery {
    pub settings: SinkSettings,
    pub lines: Lines,
    pub tls: Option<Arc<ClientConfig>>,
    pub log: Arc<dyn Log>,
    /// How many records are sealed.
    pub sealed: watch::Receiver<u64>,
    pub cursor: Option<Cursor>,
    pub progress: Arc<Progress>,
    pub clock: Clock,
    pub stop: watch::Receiver<Stop>,
}

/// One connection's part of it.
struct Talk {
    connection: Connection,
    window: Window,
    at: Place,
    tick: Interval,
    ticks: u32,
    /// The receiver shall have a checkpoint when it has all that was sealed.
    checkpoint_due: bool,
    checkpoint_sent: u64,
}

enum Ended {
    Stopped,
    Gone(Gone),
}

/// Why something was not sent.
enum Fault {
    /// The log cannot be read now, which is not the receiver's fault; a sentence.
    Log(String),
    Gone(Gone),
}

impl From<Gone> for Ended {
    fn from(gone: Gone) -> Self {
        Self::Gone(gone)
    }
}

impl From<Gone> for Fault {
    fn from(gone: Gone) -> Self {
        Self::Gone(gone)
    }
}

impl Delivery {
    pub async fn run(mut self) {
        let mut wait = FIRST_WAIT;
        loop {
            let (name, to) = (self.settings.name.clone(), self.settings.to.to_string());
            match self.converse(&mut wait).await {
                Ended::Stopped => return,
                Ended::Gone(Gone { why, .. }) => {
                    if self.progress.broke(&why) {
                        tracing::warn!(sink = %name, %to, "{why}; the log waits for it");
                    }
                }
            }
            tokio::select! {
                biased;
                () = told_to_stop(&mut self.stop) => return,
                () = sleep(wait) => {}
            }
            wait = wait.saturating_mul(2).min(LONGEST_WAIT);
        }
    }

    /// From a connection to its end.
    async fn converse(&mut self, wait: &mut Duration) -> Ended {
        let from = match self.place().await {
            Ok(place) => place,
            Err(Fault::Gone(gone)) => return gone.into(),
            Err(Fault::Log(why)) => return Gone { ending: Ending::Broken, why }.into(),
        };
        let connection = tokio::select! {
            biased;
            () = told_to_stop(&mut self.stop) => return Ended::Stopped,
            opened = Connection::open(&self.settings.to, self.tls.as_ref()) => match opened {
                Ok(connection) => connection,
                Err(gone) => return gone.into(),
            },
        };
        self.progress.connected();
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        tick.reset();
        let window = Window::from(from);
        let mut talk = Talk { connection, window, at: from, tick, ticks: 0, checkpoint_due: true, checkpoint_sent: 0 };
        let ended = self.talk(&mut talk, wait).await;
        let ending = match &ended {
            Ended::Stopped => talk.connection.finish().await,
            Ended::Gone(gone) => gone.ending,
        };
        if !talk.connection.is_durable() {
            let safe = talk.window.after(ending, self.clock.now());
            self.keep(safe).await;
        }
        ended
    }

    async fn talk(&mut self, talk: &mut Talk, wait: &mut Duration) -> Ended {
        loop {
            let is_caught_up = match self.send(talk).await {
                Ok(is_caught_up) => {
                    self.progress.well();
                    is_caught_up
                }
                // The receiver is there: it is tried again when more is sealed, or at the next tick.
                Err(Fault::Log(why)) => {
                    if self.progress.troubled(&why) {
                        tracing::warn!(sink = %self.settings.name, "the log cannot be read, so nothing is sent: {why}");
                    }
                    true
                }
                Err(Fault::Gone(gone)) => return gone.into(),
            };
            match *self.stop.borrow_and_update() {
                Stop::Now => return Ended::Stopped,
                Stop::WhenDone if is_caught_up => return Ended::Stopped,
                Stop::WhenDone | Stop::NotYet => {}
            }
            tokio::select! {
                biased;
                gone = talk.connection.gone() => return gone.into(),
                _ = talk.tick.tick() => {
                    // It has lasted for a while.
                    *wait = FIRST_WAIT;
                    talk.ticks = talk.ticks.saturating_add(1);
                    talk.checkpoint_due |= talk.ticks.is_multiple_of(TICKS_BETWEEN_CHECKPOINTS);
                    if !talk.connection.is_durable() {
                        let safe = talk.window.safe(self.clock.now());
                        self.keep(safe).await;
                    }
                }
                () = std::future::ready(()), if !is_caught_up => {}
                changed = self.stop.changed() => if changed.is_err() { return Ended::Stopped },
                changed = self.sealed.changed() => if changed.is_err() { return Ended::Stopped },
            }
        }
    }

    /// Sends the next records, and the checkpoint over them when it is due; whether nothing more is there.
    async fn send(&mut self, talk: &mut Talk) -> Result<bool, Fault> {
        let Some(checkpoint) = self.read(|log| log.checkpoint()).await? else { return Ok(true) };
        let next = talk.at.sequence.saturating_add(1);
        let leaves = if next > checkpoint.size { Vec::new() } else { self.read(move |log| log.read(next, AT_ONCE)).await? };
        if leaves.is_empty() && next <= checkpoint.size {
            return Err(Fault::Log(format!("the log does not give record {next} of {}", checkpoint.size)));
        }
        if let Some(first) = leaves.first() {
            self.pass_over(&mut talk.at, first).await;
        }
        let mut bytes = Vec::new();
        let mut last = talk.at;
        let mut count: usize = 0;
        for leaf in leaves.iter().take_while(|leaf| leaf.sequence <= checkpoint.size) {
            if leaf.sequence != last.sequence.saturating_add(1) {
                return Err(Fault::Log(format!("the log gave record {} after {}", leaf.sequence, last.sequence)));
            }
            let time = self.lines.record(&mut bytes, leaf, &checkpoint.origin);
            if count == 0 {
                self.progress.waits_since(time.and_then(|time| instant(&time)));
            }
            last = place_of(leaf);
            count = count.saturating_add(1);
        }
        if count > 0 {
            talk.connection.write(&bytes).await?;
            talk.at = last;
            self.progress.sent(count, last.sequence);
            if talk.connection.is_durable() {
                self.keep(last).await;
            } else {
                talk.window.wrote(last, bytes.len(), self.clock.now());
            }
        }
        let is_caught_up = last.sequence >= checkpoint.size;
        if is_caught_up {
            self.progress.waits_since(None);
            self.send_checkpoint(talk, &checkpoint).await?;
        }
        Ok(is_caught_up)
    }

    async fn send_checkpoint(&mut self, talk: &mut Talk, checkpoint: &Checkpoint) -> Result<(), Gone> {
        if !talk.checkpoint_due || talk.checkpoint_sent == checkpoint.size {
            return Ok(());
        }
        let mut bytes = Vec::new();
        self.lines.checkpoint(&mut bytes, checkpoint, &self.clock.wall().to_string());
        talk.connection.write(&bytes).await?;
        talk.checkpoint_due = false;
        talk.checkpoint_sent = checkpoint.size;
        Ok(())
    }

    /// What the log has dropped cannot be sent any more: this goes on with its oldest record, and counts what the receiver never got.
    async fn pass_over(&mut self, at: &mut Place, oldest: &Leaf) {
        let missed = oldest.sequence.saturating_sub(at.sequence).saturating_sub(1);
        let Some(before) = oldest.sequence.checked_sub(1).filter(|_| missed > 0) else { return };
        tracing::warn!(
            sink = %self.settings.name,
            "the log dropped {missed} records before they were sent; it goes on with record {}: take the others from the archive",
            oldest.sequence
        );
        *at = Place { sequence: before, ..Place::default() };
        let Some(cursor) = self.cursor.take() else { return };
        let Ok((cursor, written)) = spawn_blocking(move || cursor.passed_over(before, missed)).await else { return };
        if let Err(error) = written {
            let sink = &self.settings.name;
            tracing::warn!(%sink, %error, "how many records its receiver never got cannot be written down");
        }
        self.progress.missed(cursor.missed());
        self.cursor = Some(cursor);
    }

    /// Where to go on; there the log must hold the record that was sent, unless it was dropped since.
    async fn place(&mut self) -> Result<Place, Fault> {
        let place = self.cursor.as_ref().map(Cursor::place).unwrap_or_default();
        self.progress.missed(self.cursor.as_ref().map_or(0, Cursor::missed));
        self.progress.begins_at(place.sequence);
        if let Some(next) = self.read(move |log| log.read(place.sequence.saturating_add(1), 1)).await?.first() {
            let time = self.lines.record(&mut Vec::new(), next, "");
            self.progress.waits_since(time.and_then(|time| instant(&time)));
        }
        if place.sequence == 0 {
            return Ok(place);
        }
        let found = match self.read(move |log| log.read(place.sequence, 1)).await?.first() {
            // It was dropped since, and its hash is still there.
            Some(leaf) if leaf.sequence > place.sequence => self.read(move |log| log.leaf_hash(place.sequence)).await?,
            found => found.map(|leaf| leaf.hash().0),
        };
        // What was dropped unsent is not known by its hash, also where it was put back from the archive.
        let is_known = place.leaf != Place::default().leaf;
        match found {
            Some(leaf) if leaf == place.leaf || !is_known => Ok(place),
            found => Err(Fault::Log(format!(
                "the log {} record {}, which this receiver has: it was cut or changed; keep what the receiver has and compare, \
                 then give the sink another name to send the log from its beginning",
                if found.is_some() { "holds something else than" } else { "does not hold" },
                place.sequence
            ))),
        }
    }

    async fn read<T: Send + 'static>(&self, what: impl FnOnce(&dyn Log) -> Result<T, super::NotRead> + Send + 'static) -> Result<T, Fault> {
        let log = self.log.clone();
        match spawn_blocking(move || what(&*log)).await {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(error)) => Err(Fault::Log(error.to_string())),
            Err(error) => Err(Fault::Log(error.to_string())),
        }
    }

    /// Moves the cursor, if that is forward.
    async fn keep(&mut self, place: Place) {
        let Some(cursor) = self.cursor.take_if(|cursor| cursor.place().sequence < place.sequence) else { return };
        let Ok((cursor, written)) = spawn_blocking(move || cursor.moved_to(place)).await else { return };
        if let Err(error) = written {
            let sink = &self.settings.name;
            tracing::warn!(%sink, %error, "how far its receiver has the log cannot be written down; more will come twice");
        }
        self.progress.safe(cursor.place().sequence);
        self.cursor = Some(cursor);
    }
}

async fn told_to_stop(stop: &mut watch::Receiver<Stop>) {
    // Who can say so no more has ended.
    let _ = stop.wait_for(|stop| *stop != Stop::NotYet).await;
}

fn place_of(leaf: &Leaf) -> Place {
    Place { sequence: leaf.sequence, leaf: leaf.hash().0 }
}

fn instant(time: &str) -> Option<Time> {
    time.parse::<jiff::Timestamp>().ok().map(|time| Time::from_millis(time.as_millisecond()))
}
