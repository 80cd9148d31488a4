//! How the gateway stands: since when, where it listens, whether it takes requests, and why not.
//!
//! Invariant: it is ready only if every worker accepts, the store answers, the log takes records and is sealed, memory is not
//! short, and nobody has told it to stop.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use crate::admin::Lockdowns;
use crate::clock::Time;

use super::control::{is_closed, name_of};
use super::house::House;

/// A store that takes longer does not answer.
const STORE_PATIENCE: Duration = Duration::from_secs(2);

pub struct Standing {
    pub since: Time,
    places: OnceLock<Places>,
    /// Workers that accept connections now.
    accepting: AtomicUsize,
    stopping: AtomicBool,
    waiting: Mutex<Vec<&'static str>>,
    refused: Mutex<Option<String>>,
}

/// What was bound at the start.
#[derive(Clone, Debug)]
pub struct Places {
    pub listeners: Vec<SocketAddr>,
    pub monitoring: Option<SocketAddr>,
    /// How many workers there should be.
    pub workers: usize,
}

/// As long as it lives, a worker accepts.
pub struct Accepting(Arc<House>);

impl Standing {
    pub fn begin(since: Time) -> Self {
        Self {
            since,
            places: OnceLock::new(),
            accepting: AtomicUsize::new(0),
            stopping: AtomicBool::new(false),
            waiting: Mutex::default(),
            refused: Mutex::default(),
        }
    }

    /// Known once, when everything is bound.
    pub fn settle(&self, places: Places) {
        let _ = self.places.set(places);
    }

    pub fn places(&self) -> Option<&Places> {
        self.places.get()
    }

    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// What the config in the file says, but only a restart can do.
    pub fn set_waiting(&self, keys: &[&'static str]) {
        *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) = keys.to_vec();
    }

    pub fn waiting(&self) -> Vec<&'static str> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Why the last reload was refused; `None`: it was not.
    pub fn set_refused(&self, why: Option<String>) {
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }

    pub fn refused(&self) -> Option<String> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Accepting {
    pub fn begin(house: &Arc<House>) -> Self {
        house.standing.accepting.fetch_add(1, Ordering::Relaxed);
        Self(house.clone())
    }
}

impl Drop for Accepting {
    fn drop(&mut self) {
        self.0.standing.accepting.fetch_sub(1, Ordering::Relaxed);
    }
}

impl House {
    /// Why nobody is let through, a sentence each; empty when all is well.
    pub async fn not_ready(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        if self.standing.stopping.load(Ordering::Relaxed) {
            reasons.push("the gateway is stopping: what is under way ends, nothing new is taken".to_owned());
        }
        let accepting = self.standing.accepting.load(Ordering::Relaxed);
        match self.standing.places() {
            Some(places) if accepting >= places.workers => {}
            Some(places) => reasons.push(format!("{accepting} of {} workers accept connections", places.workers)),
            None => reasons.push("the gateway is starting".to_owned()),
        }
        reasons.extend(self.memory.shortage());
        if !self.journal.is_ready() {
            reasons.push(self.journal.failure().unwrap_or_else(|| "the audit log is closed, so nobody is let through".to_owned()));
        }
        reasons.extend(self.sealer.failure());
        match tokio::time::timeout(STORE_PATIENCE, self.store.ping()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => reasons.push(one_line(&error.to_string())),
            Err(_) => reasons.push(format!("the store has not answered within {} s", STORE_PATIENCE.as_secs())),
        }
        reasons
    }

    /// What keeps nobody from work, but should be looked at, a sentence each.
    pub fn warnings(&self) -> Vec<String> {
        let trust = self.trusting.now().clients.warnings(self.clock.wall());
        let now = self.clock.now();
        let Lockdowns { closed, asked } = self.desk.closed_now(now);
        let left = |until: Time| until.since(now).as_secs().div_ceil(60);
        let closed = closed.iter().map(|closed| {
            let by: Vec<&str> = closed.closures.iter().map(|closure| name_of(&closure.by)).collect();
            format!("{} for {} min more, by {}", is_closed(&closed.scope), left(closed.until), by.join(" and "))
        });
        let asked = asked.iter().map(|(asked, until)| {
            let (who, what, options) = (name_of(&asked.by), asked.scope.in_words(), asked.scope.as_options());
            format!(
                "{who} wants {what} closed for another hour; somebody else confirms within {} min: yumen lockdown {options} --extend",
                left(*until)
            )
        });
        self.space
            .warning()
            .into_iter()
            .chain(self.standing.refused())
            .chain(self.retention.warnings())
            .chain(self.triggers.warnings())
            .chain(self.desk.incidents().warnings())
            .chain(self.levels.warnings())
            .chain(self.drill_reminder())
            .chain(self.public_pages.warnings())
            .chain(self.log_check.warnings())
            .chain(self.notices.warnings())
            .chain(trust)
            .chain(closed)
            .chain(asked)
            .collect()
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
