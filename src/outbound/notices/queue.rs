//! Letters that wait to be sent, and when each is tried next. Pure.
//!
//! Invariant: of one channel at most one is under way, so that a receiver that hangs keeps only its own letters; each is tried at most
//! [`MOST_TRIES`] times, with growing waits, and there are never more than [`MOST`].

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Time;
use crate::incident::notice::Letter;

/// Some three hours with the waits between them.
pub const MOST_TRIES: u32 = 24;
const FIRST_WAIT: Duration = Duration::from_secs(5);
const LONGEST_WAIT: Duration = Duration::from_mins(10);
const MOST: usize = 1_024;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Queue {
    /// In the order in which they came.
    waiting: Vec<Waiting>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Waiting {
    pub letter: Letter,
    /// How often it was tried.
    pub tries: u32,
    /// Not before then.
    next: Time,
}

impl Queue {
    /// Gives those for which there is no room: the newest, for the oldest say that something began.
    pub fn add(&mut self, letters: impl IntoIterator<Item = Letter>, now: Time) -> Vec<Letter> {
        let mut over = Vec::new();
        for letter in letters {
            if self.waiting.len() >= MOST {
                over.push(letter);
            } else if !self.waiting.iter().any(|known| known.letter.id == letter.id) {
                self.waiting.push(Waiting { letter, tries: 0, next: now });
            }
        }
        over
    }

    /// The next one of each channel that is not `busy`: of those whose time has come the one that was tried least, which came first.
    pub fn due(&self, now: Time, is_busy: impl Fn(&str) -> bool) -> Vec<&Waiting> {
        let mut chosen: Vec<&Waiting> = Vec::new();
        for one in self.waiting.iter().filter(|one| one.is_due(now) && !is_busy(&one.letter.channel)) {
            match chosen.iter_mut().find(|other| other.letter.channel == one.letter.channel) {
                Some(other) if one.tries < other.tries => *other = one,
                Some(_) => {}
                None => chosen.push(one),
            }
        }
        chosen
    }

    /// It is there.
    pub fn sent(&mut self, id: &str) -> Option<Waiting> {
        let at = self.waiting.iter().position(|one| one.letter.id == id)?;
        Some(self.waiting.remove(at))
    }

    /// It was tried in vain. Gives it with whether it was for the last time.
    pub fn failed(&mut self, id: &str, now: Time) -> Option<(Waiting, bool)> {
        let one = self.waiting.iter_mut().find(|one| one.letter.id == id)?;
        one.tries = one.tries.saturating_add(1);
        one.next = now.plus(wait_after(one.tries));
        let one = one.clone();
        let is_last = one.tries >= MOST_TRIES;
        if is_last {
            self.sent(id);
        }
        Some((one, is_last))
    }

    /// Takes out what would tell nothing any more, and what no channel carries.
    pub fn retain(&mut self, keep: impl Fn(&Letter) -> bool) -> Vec<Letter> {
        self.waiting.extract_if(.., |one| !keep(&one.letter)).map(|one| one.letter).collect()
    }

    pub fn waiting_of(&self, channel: &str) -> usize {
        self.waiting.iter().filter(|one| one.letter.channel == channel).count()
    }

    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

impl Waiting {
    /// Also where the clock was set back since.
    fn is_due(&self, now: Time) -> bool {
        self.next <= now || self.next > now.plus(LONGEST_WAIT)
    }
}

fn wait_after(tries: u32) -> Duration {
    let doubled = 1_u32.checked_shl(tries.saturating_sub(1)).unwrap_or(u32::MAX);
    FIRST_WAIT.saturating_mul(doubled).min(LONGEST_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::notice::What;

    fn letter(id: &str, channel: &str) -> Letter {
        Letter {
            id: id.to_owned(),
            channel: channel.to_owned(),
            incident: Some(1),
            scope: None,
            what: What::Opened,
            drill: false,
            time: Time::default(),
            to: Vec::new(),
            subject: String::new(),
            text: String::new(),
            data: serde_json::Value::Null,
        }
    }

    fn at(second: i64) -> Time {
        Time::from_millis(second * 1_000)
    }

    fn ids(queue: &Queue, now: Time) -> Vec<String> {
        queue.due(now, |_| false).into_iter().map(|one| one.letter.id.clone()).collect()
    }

    #[test]
    fn waits_grow_to_ten_minutes_and_tries_end_after_hours() {
        let mut queue = Queue::default();
        queue.add([letter("a", "mail")], at(0));
        let (mut now, mut waits) = (at(0), Vec::new());
        let tries = loop {
            assert_eq!(ids(&queue, now), ["a"]);
            let (one, is_last) = queue.failed("a", now).unwrap();
            if is_last {
                break one.tries;
            }
            let next = (0..=600).find(|second| !ids(&queue, now.plus(Duration::from_secs(*second))).is_empty()).unwrap();
            waits.push(next);
            now = now.plus(Duration::from_secs(next));
        };
        assert_eq!((tries, &waits[..9]), (MOST_TRIES, &[5, 10, 20, 40, 80, 160, 320, 600, 600][..]));
        assert!(now > at(2 * 3_600) && queue.is_empty());
    }

    #[test]
    fn one_of_each_channel_is_due_and_what_failed_keeps_no_other_waiting() {
        let mut queue = Queue::default();
        queue.add([letter("a", "mail"), letter("b", "mail"), letter("c", "hook")], at(0));
        assert_eq!(ids(&queue, at(0)), ["a", "c"]);
        assert_eq!(queue.due(at(0), |channel| channel == "mail").len(), 1);
        queue.failed("a", at(0));
        assert_eq!(ids(&queue, at(60)), ["b", "c"], "what was not tried comes first");
        assert!(queue.sent("b").is_some() && queue.sent("b").is_none());
        assert_eq!(ids(&queue, at(1)), ["c"]);
        assert_eq!(ids(&queue, at(5)), ["a", "c"]);
        assert_eq!(ids(&queue, at(-7_000)), ["a", "c"], "a clock that was set back keeps nothing waiting");
    }

    #[test]
    fn a_letter_waits_once_there_is_an_end_of_room_and_what_is_pointless_goes() {
        let mut queue = Queue::default();
        assert!(queue.add([letter("a", "mail"), letter("a", "mail")], at(0)).is_empty());
        assert_eq!(queue.len(), 1);
        let over = queue.add((0..MOST).map(|number| letter(&format!("x{number}"), "hook")), at(0));
        assert_eq!((queue.len(), over.len(), over[0].id.as_str()), (MOST, 1, "x1023"));
        assert_eq!((queue.retain(|letter| letter.channel == "mail").len(), queue.waiting_of("mail")), (MOST - 1, 1));
        let text = serde_json::to_string(&queue).unwrap();
        assert_eq!(serde_json::from_str::<Queue>(&text).unwrap(), queue);
    }
}
