//! A map that forgets whom it has heard of least lately once it is full.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Invariant: at most `most` keys; which are left depends on the order of what was asked for alone, so that a replay forgets the same.
#[derive(Clone, Debug)]
pub(super) struct Bounded<K, V> {
    most: usize,
    clock: u64,
    values: HashMap<K, (u64, V)>,
    order: BTreeMap<u64, K>,
}

impl<K: Clone + Eq + Hash, V> Bounded<K, V> {
    pub fn new(most: usize) -> Self {
        Self { most: most.max(1), clock: 0, values: HashMap::new(), order: BTreeMap::new() }
    }

    /// What the key has, made by `fresh` where it has nothing yet.
    pub fn touch(&mut self, key: K, fresh: impl FnOnce() -> V) -> Option<&mut V> {
        self.clock = self.clock.saturating_add(1);
        let now = self.clock;
        let value = match self.values.remove(&key) {
            Some((before, value)) => {
                self.order.remove(&before);
                value
            }
            None => fresh(),
        };
        if self.values.len() >= self.most
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.values.remove(&oldest);
        }
        self.order.insert(now, key.clone());
        self.values.entry(key).insert_entry((now, value));
        self.order.get(&now).and_then(|key| self.values.get_mut(key)).map(|(_, value)| value)
    }

    pub fn get(&self, key: &K) -> Option<&V> {
        self.values.get(key).map(|(_, value)| value)
    }

    pub fn remove(&mut self, key: &K) -> Option<V> {
        let (at, value) = self.values.remove(key)?;
        self.order.remove(&at);
        Some(value)
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.values.len()
    }

    fn in_order(&self) -> impl Iterator<Item = (&K, &V)> {
        self.order.values().filter_map(|key| self.values.get(key).map(|(_, value)| (key, value)))
    }
}

/// The least lately heard of first.
impl<K: Clone + Eq + Hash + PartialEq, V: PartialEq> PartialEq for Bounded<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.most == other.most && self.in_order().eq(other.in_order())
    }
}

#[derive(Serialize, Deserialize)]
struct Kept<K, V> {
    most: usize,
    values: Vec<(K, V)>,
}

impl<K: Clone + Eq + Hash + Serialize, V: Serialize> Serialize for Bounded<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Kept { most: self.most, values: self.in_order().collect() }.serialize(serializer)
    }
}

impl<'de, K: Clone + Eq + Hash + Deserialize<'de>, V: Deserialize<'de>> Deserialize<'de> for Bounded<K, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let kept = Kept::<K, V>::deserialize(deserializer)?;
        let mut bounded = Self::new(kept.most);
        for (key, value) in kept.values {
            bounded.touch(key, || value);
        }
        Ok(bounded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_map_forgets_whom_it_heard_of_least_lately_and_keeps_that_order_when_it_is_written_and_read() {
        let mut map = Bounded::new(3);
        for key in ["a", "b", "c"] {
            *map.touch(key.to_owned(), || 0).unwrap() += 1;
        }
        *map.touch("a".to_owned(), || 0).unwrap() += 1;
        let text = serde_json::to_string(&map).unwrap();
        let mut back: Bounded<String, i32> = serde_json::from_str(&text).unwrap();
        assert!(back == map);
        for map in [&mut map, &mut back] {
            map.touch("d".to_owned(), || 7);
            assert_eq!((map.get(&"a".to_owned()), map.get(&"b".to_owned()), map.get(&"d".to_owned())), (Some(&2), None, Some(&7)));
            assert_eq!(map.len(), 3);
        }
        assert_eq!(map.remove(&"a".to_owned()), Some(2));
        assert_eq!(map.len(), 2);
    }
}
