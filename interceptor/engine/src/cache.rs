//! Remembers what was found in a text. Agents send the whole conversation again with every turn, and a text that was
//! scanned once need not be scanned a second time.
//!
//! A text is known by a keyed hash of 128 bits; the text itself is not kept. The key is secret, and every tenant and
//! every version of the rules has one of its own, made from it: nobody can make two texts that share a hash, nor learn
//! from how long an answer takes what another tenant has sent. What long texts are made short by, before they are hashed,
//! is a secret of the cache.
//!
//! Bounded: entries live in two generations. When the younger is full the older is forgotten and the younger takes its
//! place; what is asked for meanwhile moves to the younger. So nothing is ordered by use, and no list is kept.
//! Knows no detector, and whatever it has forgotten is found again.

mod sums;

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};
use std::mem::size_of;
use std::sync::{Arc, Mutex, PoisonError};

use highway::{HighwayHash, HighwayHasher, Key};
use sums::Sums;

/// Texts shorter than this are scanned faster than they are looked up.
pub(crate) const SHORTEST: usize = 256;

/// Texts from this length on are summed up before they are hashed, which is faster than to hash all of them.
const LONG: usize = 1 << 10;

/// Locks, so that workers rarely wait for one another.
const SHARDS: usize = 16;

/// Longest verdict that is kept, in spots. A text with more of them is rare, and does not come twice.
const MOST_SPOTS: usize = 256;

/// What an entry costs apart from its spots: the key, the pointer and the table around them.
const ENTRY: usize = 64;

/// A text's hash.
pub(crate) type Name = [u64; 2];

/// What can be remembered.
pub(crate) trait Held {
    /// Bytes that it takes beyond its own size.
    fn beyond(&self) -> usize {
        0
    }
}

impl Held for u32 {}

/// What was found in texts.
pub(crate) struct Cache<V> {
    secret: [u64; 4],
    sums: Sums,
    shards: [Mutex<Shard<V>>; SHARDS],
    /// Bytes that one generation of a shard may cost.
    bound: usize,
}

/// The cache as one exchange sees it: its tenant's texts, under the rules of the moment.
pub(crate) struct View<V> {
    cache: Arc<Cache<V>>,
    key: [u64; 4],
}

struct Shard<V> {
    young: Generation<V>,
    old: Generation<V>,
}

struct Generation<V> {
    entries: HashMap<Name, Arc<[V]>, BuildHasherDefault<Own>>,
    cost: usize,
}

/// A key that is a hash already needs no other.
#[derive(Default)]
struct Own(u64);

impl Hasher for Own {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 ^= number;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl<V: Held + Clone> Cache<V> {
    /// An empty cache of at most `bytes`, under a secret that nobody else has.
    pub(crate) fn new(secret: [u8; 32], bytes: usize) -> Arc<Self> {
        let mut words = [0; 4];
        for (word, bytes) in words.iter_mut().zip(secret.chunks_exact(8)) {
            *word = bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
        }
        let shards =
            std::array::from_fn(|_| Mutex::new(Shard { young: Generation::new(), old: Generation::new() }));
        Arc::new(Cache { secret: words, sums: Sums::new(words), shards, bound: bytes / SHARDS / 2 })
    }

    /// The part of it for a tenant under one version of the rules.
    pub(crate) fn view(self: &Arc<Self>, tenant: &[&[u8]], version: &str) -> View<V> {
        let mut hasher = HighwayHasher::new(Key(self.secret));
        for part in tenant.iter().copied().chain([version.as_bytes()]) {
            hasher.append(&(part.len() as u64).to_le_bytes());
            hasher.append(part);
        }
        View { cache: self.clone(), key: hasher.finalize256() }
    }

    fn shard(&self, name: Name) -> std::sync::MutexGuard<'_, Shard<V>> {
        let number = usize::try_from(name[1] % SHARDS as u64).unwrap_or(0);
        // A thread that panicked meanwhile left at worst an entry less.
        self.shards[number].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it costs at the moment, in bytes.
    pub(crate) fn cost(&self) -> usize {
        let cost = |shard: &Mutex<Shard<V>>| {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.young.cost + shard.old.cost
        };
        self.shards.iter().map(cost).sum()
    }
}

impl<V: Held + Clone> View<V> {
    /// The name of a text. `kind` tells texts apart that are read differently.
    pub(crate) fn name(&self, kind: u64, text: &[u8]) -> Name {
        let mut hasher = self.hasher(kind, text);
        self.append(&mut hasher, text);
        hasher.finalize128()
    }

    /// The name of a text that is read differently after different things, which `about` names.
    pub(crate) fn name_after(&self, about: [u64; 4], text: &[u8]) -> Name {
        let mut hasher = self.hasher(0, text);
        hasher.append(about.map(u64::to_le_bytes).as_flattened());
        self.append(&mut hasher, text);
        hasher.finalize128()
    }

    /// A hash that no text of another kind shares, nor one that is appended in another way.
    fn hasher(&self, kind: u64, text: &[u8]) -> HighwayHasher {
        let [a, b, c, d] = self.key;
        HighwayHasher::new(Key([a, b, c ^ u64::from(is_long(text)), d ^ kind]))
    }

    fn append(&self, hasher: &mut HighwayHasher, text: &[u8]) {
        if is_long(text) {
            self.cache.sums.append(text, hasher);
        } else {
            hasher.append(text);
        }
    }

    /// What was found in it, if it is known.
    pub(crate) fn get(&self, name: Name) -> Option<Arc<[V]>> {
        let mut shard = self.cache.shard(name);
        if let Some(known) = shard.young.entries.get(&name) {
            return Some(known.clone());
        }
        let known = shard.old.entries.remove(&name)?;
        shard.old.cost -= cost(&known);
        shard.put(name, known.clone(), self.cache.bound);
        Some(known)
    }

    /// Remembers what was found in it.
    pub(crate) fn put(&self, name: Name, found: &[V]) {
        if found.len() <= MOST_SPOTS {
            let bound = self.cache.bound;
            self.cache.shard(name).put(name, found.into(), bound);
        }
    }
}

fn is_long(text: &[u8]) -> bool {
    text.len() >= LONG
}

impl<V: Held> Shard<V> {
    fn put(&mut self, name: Name, found: Arc<[V]>, bound: usize) {
        let more = cost(&found);
        if self.young.cost + more > bound {
            self.old = std::mem::replace(&mut self.young, Generation::new());
        }
        if more <= bound {
            self.young.cost += more;
            if let Some(before) = self.young.entries.insert(name, found) {
                self.young.cost -= cost(&before);
            }
        }
    }
}

impl<V> Generation<V> {
    fn new() -> Self {
        Generation { entries: HashMap::default(), cost: 0 }
    }
}

fn cost<V: Held>(found: &[V]) -> usize {
    let beyond: usize = found.iter().map(Held::beyond).sum();
    ENTRY + size_of_val(found) + beyond + 2 * size_of::<usize>()
}

impl<V> fmt::Debug for Cache<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cache")
    }
}

impl<V> fmt::Debug for View<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("View")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Held for i32 {}
    impl Held for u64 {}
    impl Held for u8 {}

    #[test]
    fn what_was_put_is_there_for_its_tenant_and_version_only() {
        let cache = Cache::new([7; 32], 1 << 20);
        let view = cache.view(&[b"a"], "1");
        let name = view.name(0, b"text");
        assert_eq!(view.get(name), None);
        view.put(name, &[1, 2]);
        assert_eq!(view.get(name).as_deref(), Some(&[1, 2][..]));
        assert_eq!(view.get(view.name(1, b"text")), None);
        for other in [cache.view(&[b"b"], "1"), cache.view(&[b"a"], "2"), cache.view(&[b"a", b""], "1")] {
            assert_eq!(other.get(other.name(0, b"text")), None);
        }
        let elsewhere = Cache::<u8>::new([8; 32], 1 << 20).view(&[b"a"], "1");
        assert_ne!(elsewhere.name(0, b"text"), name);
    }

    #[test]
    fn it_never_costs_more_than_it_may() {
        let cache = Cache::new([7; 32], 64 << 10);
        let view = cache.view(&[], "");
        for number in 0..50_000u32 {
            let name = view.name(0, &number.to_le_bytes());
            view.put(name, &vec![0u64; (number % 40) as usize]);
            assert!(cache.cost() <= 64 << 10);
        }
        assert!(cache.cost() > 16 << 10);
    }

    #[test]
    fn what_is_asked_for_stays() {
        let cache = Cache::new([7; 32], 64 << 10);
        let view = cache.view(&[], "");
        let wanted = view.name(0, b"wanted");
        view.put(wanted, &[1u8]);
        for number in 0..50_000u32 {
            view.put(view.name(0, &number.to_le_bytes()), &[0]);
            assert!(view.get(wanted).is_some(), "{number}");
        }
        assert!(view.get(view.name(0, &0u32.to_le_bytes())).is_none());
    }
}
