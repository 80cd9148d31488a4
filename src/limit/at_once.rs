//! How many things of one person are under way, requests or streams: whoever holds many slowly must not take what others need.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use dashmap::DashMap;

use crate::model::AccountId;

#[derive(Debug)]
pub struct AtOnce {
    most: u32,
    /// Few accounts, each of them signed in.
    by_person: DashMap<AccountId, Arc<AtomicU32>>,
}

/// One thing under way, until it is dropped.
#[derive(Debug)]
pub struct UnderWay(Arc<AtomicU32>);

impl AtOnce {
    pub fn new(most: u32) -> Self {
        Self { most, by_person: DashMap::new() }
    }

    /// `None`: she has as many as she may.
    pub fn begin(&self, person: AccountId) -> Option<UnderWay> {
        let known = self.by_person.get(&person).map(|counter| Arc::clone(&counter));
        let counter = known.unwrap_or_else(|| Arc::clone(&self.by_person.entry(person).or_default()));
        let more = |count: u32| count.checked_add(1).filter(|count| *count <= self.most);
        counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(UnderWay(counter))
    }

    /// Forgets those who have nothing under way, and nobody who is just beginning.
    pub(super) fn sweep(&self) {
        self.by_person.retain(|_, counter| Arc::strong_count(counter) > 1);
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_has_so_many_under_way_and_no_more_until_one_ends() {
        let at_once = AtOnce::new(2);
        let (she, he) = (AccountId::fresh(), AccountId::fresh());
        let first = at_once.begin(she).unwrap();
        let _second = at_once.begin(she).unwrap();
        assert!(at_once.begin(she).is_none());
        let _his = at_once.begin(he).unwrap();
        at_once.sweep();
        assert!(at_once.begin(she).is_none(), "sweeping forgets nobody who is busy");
        drop(first);
        let _third = at_once.begin(she).unwrap();
    }

    #[test]
    fn who_is_done_is_forgotten() {
        let at_once = AtOnce::new(2);
        drop(at_once.begin(AccountId::fresh()));
        at_once.sweep();
        assert!(at_once.by_person.is_empty());
    }
}
