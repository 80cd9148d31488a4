//! Which refusals of strangers are recorded one by one, and which are only counted, so that nobody can fill the disk
//! from outside.
//!
//! Invariant: per minute, at most [`MOST_RECORDED`] quotas of refusals are recorded one by one and at most
//! [`MOST_TOLD`] networks are told apart in the counts, whatever strangers do; every refusal is recorded or counted.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::clock::Time;
use crate::model::{Action, Event, Network};

/// How many networks are told apart within a minute; those past it share one quota.
const MOST_NETWORKS: usize = 65_536;
/// How many networks' quotas fit into a minute's records.
const MOST_RECORDED: u32 = 200;
/// How many networks have a count of their own on record, those with most refusals; the others share one.
const MOST_TOLD: usize = 1_024;

#[derive(Debug)]
pub struct Strangers {
    per_minute: u32,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Minutes since 1970.
    minute: i64,
    networks: HashMap<Network, Tally>,
    /// Those networks that found no room of their own.
    others: Tally,
    recorded: u32,
    /// Counts of minutes that are over.
    over: Vec<Count>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    recorded: u32,
    counted: u64,
}

#[derive(Debug)]
struct Count {
    minute: i64,
    /// `None`: many networks together.
    network: Option<Network>,
    refusals: u64,
}

impl Strangers {
    pub fn new(per_minute: u32) -> Self {
        Self { per_minute, state: Mutex::default() }
    }

    /// Whether this refusal of a stranger is recorded by itself; if not, it has been counted.
    pub fn admit(&self, network: Network, now: Time) -> bool {
        let mut state = self.state();
        state.turn_to(minute_of(now));
        let within_total = state.recorded < self.per_minute.saturating_mul(MOST_RECORDED);
        let has_room = state.networks.len() < MOST_NETWORKS || state.networks.contains_key(&network);
        let tally = if has_room { state.networks.entry(network).or_default() } else { &mut state.others };
        let is_admitted = within_total && tally.recorded < self.per_minute;
        if is_admitted {
            tally.recorded = tally.recorded.saturating_add(1);
            state.recorded = state.recorded.saturating_add(1);
        } else {
            tally.counted = tally.counted.saturating_add(1);
        }
        is_admitted
    }

    /// The counts of the minutes that are over: call it about once a minute, and at the end with a later time.
    pub fn drain(&self, now: Time) -> Vec<Event> {
        let counts = {
            let mut state = self.state();
            state.turn_to(minute_of(now));
            std::mem::take(&mut state.over)
        };
        counts.iter().map(Count::event).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The state is whole between any two of its statements, so a panic elsewhere does not spoil it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Puts the counts of the current minute away if `minute` is another one.
    fn turn_to(&mut self, minute: i64) {
        if minute == self.minute {
            return;
        }
        let past = std::mem::replace(&mut self.minute, minute);
        self.recorded = 0;
        let mut rest = std::mem::take(&mut self.others).counted;
        let mut counts: Vec<Count> = std::mem::take(&mut self.networks)
            .into_iter()
            .filter(|(_, tally)| tally.counted > 0)
            .map(|(network, tally)| Count { minute: past, network: Some(network), refusals: tally.counted })
            .collect();
        counts.sort_unstable_by_key(|count| (std::cmp::Reverse(count.refusals), count.network));
        // If nobody drains for many minutes, the counts are kept but no longer told apart.
        let room = MOST_TOLD.min(MOST_NETWORKS.saturating_sub(self.over.len()));
        for count in counts.drain(room.min(counts.len())..) {
            rest = rest.saturating_add(count.refusals);
        }
        self.over.append(&mut counts);
        self.put_away_together(past, rest);
    }

    fn put_away_together(&mut self, minute: i64, refusals: u64) {
        if refusals == 0 {
            return;
        }
        let is_full = self.over.len() >= MOST_NETWORKS;
        match self.over.last_mut() {
            Some(last) if last.network.is_none() && is_full => {
                last.refusals = last.refusals.saturating_add(refusals);
            }
            _ => self.over.push(Count { minute, network: None, refusals }),
        }
    }
}

impl Count {
    fn event(&self) -> Event {
        let start = Time::from_millis(self.minute.saturating_mul(60_000));
        let event = Event::done(Action::StrangersRefused).with("count", self.refusals).with("minute", start);
        match self.network {
            Some(network) => event.with("network", network),
            None => event.with("network", "others"),
        }
    }
}

fn minute_of(time: Time) -> i64 {
    time.millis().div_euclid(60_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn network(number: u32) -> Network {
        Network::of(Ipv4Addr::from_bits(number).into())
    }

    fn at(seconds: i64) -> Time {
        Time::from_millis(1_800_000_000_000 + seconds * 1_000)
    }

    fn count_of(event: &Event) -> u64 {
        event.details["count"].parse().unwrap()
    }

    #[test]
    fn refusals_within_the_quota_are_recorded_and_those_past_it_are_counted() {
        let strangers = Strangers::new(30);
        let admitted = (0..100).filter(|_| strangers.admit(network(1), at(0))).count();
        assert_eq!(admitted, 30);
        assert!(strangers.admit(network(2), at(0)), "another network has a quota of its own");
        assert!(strangers.drain(at(59)).is_empty(), "the minute is not over");
        assert!(strangers.admit(network(1), at(60)), "a new minute has a new quota");

        let events = strangers.drain(at(60));
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].action, Action::StrangersRefused);
        assert_eq!(events[0].details["network"], "0.0.0.1");
        assert_eq!(events[0].details["count"], "70");
        assert_eq!(events[0].details["minute"], "2027-01-15T08:00:00.000Z");
        assert!(strangers.drain(at(60)).is_empty(), "a count is told once");
    }

    #[test]
    fn what_nobody_drained_for_some_minutes_is_still_told_by_its_minute() {
        let strangers = Strangers::new(0);
        for minute in 0..3 {
            assert!(!strangers.admit(network(1), at(minute * 60)));
        }
        let minutes: Vec<String> = strangers.drain(at(600)).iter().map(|event| event.details["minute"].clone()).collect();
        assert_eq!(minutes, ["2027-01-15T08:00:00.000Z", "2027-01-15T08:01:00.000Z", "2027-01-15T08:02:00.000Z"]);
    }

    #[test]
    fn a_flood_from_many_networks_is_counted_whole_in_bounded_memory_and_few_records() {
        let strangers = Strangers::new(1);
        let flood = MOST_NETWORKS as u32 + 1_000;
        let mut recorded = 0;
        for round in 0..2 {
            recorded += (0..flood).filter(|number| strangers.admit(network(*number), at(round))).count() as u64;
        }
        assert_eq!(recorded, u64::from(MOST_RECORDED));
        assert_eq!(strangers.state().networks.len(), MOST_NETWORKS);
        let events = strangers.drain(at(60));
        assert_eq!(events.len(), MOST_TOLD + 1);
        assert_eq!(events.iter().map(count_of).sum::<u64>() + recorded, 2 * u64::from(flood));
    }

    #[test]
    fn a_flood_that_nobody_drains_stays_bounded_too() {
        let strangers = Strangers::new(0);
        let minutes = 2 + MOST_NETWORKS / MOST_TOLD;
        for minute in 0..minutes {
            for number in 0..2_000 {
                strangers.admit(network(number), at(60 * minute as i64));
            }
        }
        let events = strangers.drain(at(60 * minutes as i64));
        assert!(events.len() <= MOST_NETWORKS + 1);
        assert_eq!(events.iter().map(count_of).sum::<u64>(), 2_000 * minutes as u64);
    }

    #[test]
    fn the_networks_with_most_refusals_are_told_by_name() {
        let strangers = Strangers::new(0);
        for number in 0..2_000 {
            strangers.admit(network(number), at(0));
        }
        for _ in 0..500 {
            strangers.admit(network(1_999), at(0));
        }
        let events = strangers.drain(at(60));
        assert_eq!(events[0].details["network"], "0.0.7.207");
        assert_eq!(count_of(&events[0]), 501);
    }
}
