//! Which refusals of strangers are recorded one by one, and which are only counted, so that nobody can fill the disk
//! from outside.
//!
//! Invariant: per minute, at most the quota of all refusals is recorded one by one and at most [`MOST_TOLD`] networks are
//! told apart in the counts, whatever strangers do; every refusal is recorded or counted. The quota of all is shared: half
//! of it is for the first refusal of each network, and half comes only as the minute goes by, so that neither the loudest
//! nor the earliest can take it from the others.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::clock::Time;
use crate::model::{Action, Event, Network};

/// How many networks are told apart within a minute; those past it share one quota.
const MOST_NETWORKS: usize = 65_536;
/// How many networks have a count of their own on record, those with most refusals; the others share one.
const MOST_TOLD: usize = 256;
const MINUTE_MS: i64 = 60_000;

#[derive(Debug)]
pub struct Strangers {
    quota: Quota,
    count_only: AtomicBool,
    state: Mutex<State>,
}

/// How many refusals are recorded one by one within a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Of one network.
    pub network: u32,
    /// Of all together.
    pub overall: u32,
}

impl Quota {
    /// Whether one more fits of a network that has `of_network` in a minute with `of_all`, of which so many milliseconds are over.
    fn admits(&self, of_network: u32, of_all: u32, elapsed_ms: i64) -> bool {
        let whole = i64::from(self.overall);
        let by_now = whole.saturating_add(whole.saturating_mul(elapsed_ms).checked_div(MINUTE_MS).unwrap_or(0)).checked_div(2).unwrap_or(0);
        // Who has been heard leaves half of it to those who have not.
        let room = if of_network == 0 { by_now } else { by_now.checked_div(2).unwrap_or(0) };
        of_network < self.network && i64::from(of_all) < room.max(1)
    }
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
    pub fn new(quota: Quota) -> Self {
        Self { quota, count_only: AtomicBool::new(false), state: Mutex::default() }
    }

    /// From now on none is recorded by itself, or again as many as the quota allows.
    pub fn count_only(&self, count_only: bool) {
        self.count_only.store(count_only, Ordering::Relaxed);
    }

    /// Whether this refusal of a stranger is recorded by itself; if not, it has been counted.
    pub fn admit(&self, network: Network, now: Time) -> bool {
        let mut state = self.state();
        state.turn_to(minute_of(now));
        let (of_all, elapsed_ms) = (state.recorded, now.millis().rem_euclid(MINUTE_MS));
        let has_room = state.networks.len() < MOST_NETWORKS || state.networks.contains_key(&network);
        let tally = if has_room { state.networks.entry(network).or_default() } else { &mut state.others };
        let is_admitted = !self.count_only.load(Ordering::Relaxed) && self.quota.admits(tally.recorded, of_all, elapsed_ms);
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
        let start = Time::from_millis(self.minute.saturating_mul(MINUTE_MS));
        let event = Event::done(Action::StrangersRefused).with("count", self.refusals).with("minute", start);
        match self.network {
            Some(network) => event.with("network", network),
            None => event.with("network", "others"),
        }
    }
}

fn minute_of(time: Time) -> i64 {
    time.millis().div_euclid(MINUTE_MS)
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

    /// So many of each network, and enough for all.
    fn quota(network: u32) -> Quota {
        Quota { network, overall: 1_000_000 }
    }

    fn count_of(event: &Event) -> u64 {
        event.details["count"].parse().unwrap()
    }

    #[test]
    fn refusals_within_the_quota_are_recorded_and_those_past_it_are_counted() {
        let strangers = Strangers::new(quota(30));
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
        let strangers = Strangers::new(quota(0));
        for minute in 0..3 {
            assert!(!strangers.admit(network(1), at(minute * 60)));
        }
        let minutes: Vec<String> = strangers.drain(at(600)).iter().map(|event| event.details["minute"].clone()).collect();
        assert_eq!(minutes, ["2027-01-15T08:00:00.000Z", "2027-01-15T08:01:00.000Z", "2027-01-15T08:02:00.000Z"]);
    }

    #[test]
    fn a_flood_from_many_networks_is_counted_whole_in_bounded_memory_and_few_records() {
        let strangers = Strangers::new(Quota { network: 1, overall: 200 });
        let flood = MOST_NETWORKS as u32 + 1_000;
        let mut recorded = 0;
        for round in 0..2 {
            recorded += (0..flood).filter(|number| strangers.admit(network(*number), at(59 * round))).count() as u64;
        }
        assert_eq!(recorded, 198, "nearly all that the minute has, 59 seconds after it began");
        assert_eq!(strangers.state().networks.len(), MOST_NETWORKS);
        let events = strangers.drain(at(60));
        assert_eq!(events.len(), MOST_TOLD + 1);
        assert_eq!(events.iter().map(count_of).sum::<u64>() + recorded, 2 * u64::from(flood));
    }

    #[test]
    fn the_loudest_leave_room_for_those_who_have_not_been_heard_and_the_earliest_for_the_late() {
        let strangers = Strangers::new(Quota { network: 30, overall: 600 });
        let admitted = |number: u32, second: i64| (0..30).filter(|_| strangers.admit(network(number), at(second))).count();
        let loud: usize = (0..200).map(|number| admitted(number, 0)).sum();
        assert!((300..=301).contains(&loud), "{loud} of 6000: the half of what there is at once, and each one's first");
        assert_eq!(admitted(1_000, 0), 0, "all that there is at once is used up");
        assert_eq!(admitted(1_001, 10), 1, "but more comes as the minute goes by");
        assert_eq!(admitted(0, 10), 0, "for those who have not been heard");
        let late: usize = (2_000..4_000).map(|number| admitted(number, 59)).sum();
        assert!(late > 250 && late + loud < 600, "{late}");
        assert_eq!(admitted(5_000, 60), 30, "a new minute has a new quota");
        let told: u64 = strangers.drain(at(120)).iter().map(count_of).sum();
        assert_eq!(told, 30 * (200 + 2 + 1 + 2_000) - (loud + late) as u64 - 1);
    }

    #[test]
    fn one_network_alone_has_its_whole_quota_at_once() {
        let strangers = Strangers::new(Quota { network: 30, overall: 120 });
        assert_eq!((0..100).filter(|_| strangers.admit(network(1), at(0))).count(), 30);
        let tiny = Strangers::new(Quota { network: 30, overall: 1 });
        assert!(tiny.admit(network(1), at(0)) && !tiny.admit(network(2), at(59)), "at least one is recorded");
    }

    #[test]
    fn where_room_is_low_all_are_counted_and_none_is_recorded() {
        let strangers = Strangers::new(quota(30));
        assert!(strangers.admit(network(1), at(0)));
        strangers.count_only(true);
        assert!(!strangers.admit(network(1), at(1)) && !strangers.admit(network(2), at(1)));
        strangers.count_only(false);
        assert!(strangers.admit(network(2), at(2)));
        assert_eq!(strangers.drain(at(60)).iter().map(count_of).sum::<u64>(), 2);
    }

    #[test]
    fn a_flood_that_nobody_drains_stays_bounded_too() {
        let strangers = Strangers::new(quota(0));
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
        let strangers = Strangers::new(quota(0));
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
