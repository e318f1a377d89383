//! A map that knows what was touched: whatever may have changed is to be stored.
//!
//! Reading is reading the map itself. Every way to change an entry notes its key, so nothing can change
//! without being noticed; what was touched and is as it was costs a comparison later, and no more.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;

/// A map with the keys of entries that may have changed, come or gone since they were last taken.
#[derive(Debug)]
pub(super) struct Tracked<K, V> {
    map: BTreeMap<K, V>,
    touched: BTreeSet<K>,
}

impl<K: Ord + Clone, V> Tracked<K, V> {
    /// The entry, to change it.
    pub(super) fn get_mut<Q>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
        Q: Ord + ToOwned<Owned = K> + ?Sized,
    {
        let entry = self.map.get_mut(key)?;
        if !self.touched.contains(key) {
            self.touched.insert(key.to_owned());
        }
        Some(entry)
    }

    /// A new entry, or another in its place.
    pub(super) fn insert(&mut self, key: K, value: V) {
        self.touched.insert(key.clone());
        self.map.insert(key, value);
    }

    /// An entry goes.
    pub(super) fn remove<Q>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Ord + ToOwned<Owned = K> + ?Sized,
    {
        let value = self.map.remove(key)?;
        self.touched.insert(key.to_owned());
        Some(value)
    }

    /// Notes a key of which something is stored, and perhaps nothing is here.
    pub(super) fn touch(&mut self, key: K) {
        self.touched.insert(key);
    }

    /// Notes every key: all is to be stored anew.
    pub(super) fn touch_all(&mut self) {
        self.touched.extend(self.map.keys().cloned());
    }

    /// Whether anything may have changed.
    pub(super) fn is_touched(&self) -> bool {
        !self.touched.is_empty()
    }

    /// Takes what may have changed, come or gone.
    pub(super) fn take_touched(&mut self) -> BTreeSet<K> {
        std::mem::take(&mut self.touched)
    }
}

impl<K, V> Deref for Tracked<K, V> {
    type Target = BTreeMap<K, V>;
    fn deref(&self) -> &Self::Target {
        &self.map
    }
}

impl<K, V> Default for Tracked<K, V> {
    fn default() -> Self {
        Self { map: BTreeMap::new(), touched: BTreeSet::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_is_noted_and_reading_is_not() {
        let mut map = Tracked::default();
        map.insert(1, "one");
        map.insert(2, "two");
        assert_eq!(map.take_touched(), BTreeSet::from([1, 2]));
        assert_eq!(map.get(&1), Some(&"one"));
        assert!(!map.is_touched());
        assert_eq!(map.get_mut(&3), None);
        assert_eq!(map.remove(&3), None);
        assert!(!map.is_touched());
        *map.get_mut(&1).unwrap() = "uno";
        map.remove(&2);
        assert_eq!(map.take_touched(), BTreeSet::from([1, 2]));
        map.touch_all();
        assert_eq!(map.take_touched(), BTreeSet::from([1]));
    }
}
