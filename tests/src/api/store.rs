//! What an API server has, and what has happened to it.
//! Knows versions and history. Does not know HTTP.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard};

use serde_json::{Value, json};
use tokio::sync::watch;

use super::Asked;
use super::request::Selector;

/// See the head of this file.
pub(super) struct Store {
    state: Mutex<State>,
    changes: watch::Sender<()>,
}

struct State {
    version: u64,
    /// What happened up to here is forgotten.
    forgotten: u64,
    /// Watches are told of this version, whatever has happened.
    bookmark: u64,
    collections: HashMap<String, BTreeMap<String, Value>>,
    history: Vec<Happening>,
    token: String,
    refuses: bool,
    forbidden: HashSet<String>,
    asked: HashMap<String, Asked>,
}

/// A change of one object.
struct Happening {
    version: u64,
    collection: String,
    before: Option<Value>,
    after: Option<Value>,
}

/// What a watch is told, and how far it has come.
pub(super) enum News {
    /// Events, each a whole line.
    Events(Vec<Value>, u64),
    /// What it wants to go on from is forgotten.
    Forgotten,
}

/// Why nothing is told.
pub(super) enum Refusal {
    Unauthorized,
    Forbidden,
    Unknown,
}

impl Store {
    pub(super) fn new(collections: &[&str]) -> Self {
        let mut secret = [0; 16];
        aws_lc_rs::rand::fill(&mut secret).expect("the machine has randomness");
        let state = State {
            version: 100,
            forgotten: 0,
            bookmark: 0,
            collections: collections.iter().map(|name| ((*name).to_owned(), BTreeMap::new())).collect(),
            history: Vec::new(),
            token: secret.iter().map(|byte| format!("{byte:02x}")).collect(),
            refuses: false,
            forbidden: HashSet::new(),
            asked: HashMap::new(),
        };
        Self { state: Mutex::new(state), changes: watch::Sender::new(()) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of the store's lock panics")
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.state());
        self.changes.send_replace(());
        result
    }

    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    pub(super) fn token(&self) -> String {
        self.state().token.clone()
    }

    pub(super) fn refuse_tokens(&self, refuses: bool) {
        self.change(|state| state.refuses = refuses);
    }

    pub(super) fn forbid(&self, collection: &str, is_forbidden: bool) {
        self.change(|state| {
            if is_forbidden {
                state.forbidden.insert(collection.to_owned());
            } else {
                state.forbidden.remove(collection);
            }
        });
    }

    pub(super) fn undefine(&self, collection: &str) {
        self.change(|state| state.collections.remove(collection));
    }

    pub(super) fn forget_history(&self) {
        self.change(|state| {
            state.version += 1;
            state.forgotten = state.version;
            state.history.clear();
        });
    }

    pub(super) fn bookmark(&self) {
        self.change(|state| {
            state.version += 1;
            state.bookmark = state.version;
        });
    }

    pub(super) fn asked(&self, collection: &str) -> Asked {
        self.state().asked.get(collection).copied().unwrap_or_default()
    }

    pub(super) fn count(&self, collection: &str, count: impl FnOnce(&mut Asked)) {
        self.change(|state| count(state.asked.entry(collection.to_owned()).or_default()));
    }

    pub(super) fn object(&self, collection: &str, name: &str) -> Option<Value> {
        self.state().collections.get(collection)?.get(name).cloned()
    }

    /// Whether somebody with this token may ask for a collection.
    pub(super) fn admits(&self, token: Option<&str>, collection: &str) -> Result<(), Refusal> {
        let state = self.state();
        if state.refuses || token != Some(&*state.token) {
            return Err(Refusal::Unauthorized);
        }
        if state.forbidden.contains(collection) {
            return Err(Refusal::Forbidden);
        }
        state.collections.contains_key(collection).then_some(()).ok_or(Refusal::Unknown)
    }

    /// A change of what somebody wants to be raises the generation; labels and status do not.
    pub(super) fn put(&self, collection: &str, mut object: Value) {
        self.change(|state| {
            let name = object["metadata"]["name"].as_str().expect("objects have names").to_owned();
            let all = state.collections.get_mut(collection).expect("the collection is there");
            let before = all.get(&name).cloned();
            let old = before.as_ref().map_or(&Value::Null, |before| &before["metadata"]);
            let generation = old["generation"].as_u64().unwrap_or_default();
            let is_other = before.as_ref().is_none_or(|before| before["spec"] != object["spec"]);
            object["metadata"]["generation"] = json!(generation + u64::from(is_other));
            if object["metadata"]["uid"].is_null() {
                let made = json!(format!("00000000-0000-4000-8000-{:012x}", state.version));
                object["metadata"]["uid"] = if old["uid"].is_null() { made } else { old["uid"].clone() };
            }
            state.enter(collection, &name, before, Some(object));
        });
    }

    pub(super) fn delete(&self, collection: &str, name: &str) {
        self.change(|state| {
            let before = state.collections.get(collection).and_then(|all| all.get(name)).cloned();
            if before.is_some() {
                state.enter(collection, name, before, None);
            }
        });
    }

    /// Merges into an object's status (RFC 7396). The new object, if there is one.
    pub(super) fn patch_status(&self, collection: &str, name: &str, patch: Value) -> Option<Value> {
        self.change(|state| {
            let before = state.collections.get(collection)?.get(name)?.clone();
            let mut after = before.clone();
            crate::stage::merge(&mut after["status"], patch);
            state.enter(collection, name, Some(before), Some(after))
        })
    }

    /// The objects of a collection from `offset`, at most `limit`; how many there are; and the version of all this.
    pub(super) fn list(
        &self,
        collection: &str,
        selector: &Selector,
        offset: usize,
        limit: usize,
    ) -> (Vec<Value>, usize, u64) {
        let state = self.state();
        let all: Vec<&Value> = { state.collections.get(collection).into_iter().flat_map(BTreeMap::values) }
            .filter(|object| selector.fits(object))
            .collect();
        (
            all.iter().skip(offset).take(limit).map(|object| (*object).clone()).collect(),
            all.len(),
            state.version,
        )
    }

    /// Whether a version is still remembered.
    pub(super) fn remembers(&self, version: u64) -> bool {
        version >= self.state().forgotten
    }

    /// What has happened since a version, as a watch is told of it.
    pub(super) fn news(&self, collection: &str, selector: &Selector, since: u64) -> News {
        let state = self.state();
        if since < state.forgotten {
            return News::Forgotten;
        }
        let mut events = Vec::new();
        for one in state.history.iter().filter(|one| one.version > since && one.collection == collection) {
            let fits = |object: &&Value| selector.fits(object);
            let (before, after) = (one.before.as_ref().filter(fits), one.after.as_ref().filter(fits));
            let (kind, object) = match (before, after) {
                (None, Some(after)) => ("ADDED", after.clone()),
                (Some(_), Some(after)) => ("MODIFIED", after.clone()),
                (Some(before), None) => {
                    let mut last = before.clone();
                    last["metadata"]["resourceVersion"] = json!(one.version.to_string());
                    ("DELETED", last)
                }
                (None, None) => continue,
            };
            events.push(json!({"type": kind, "object": object}));
        }
        if state.bookmark > since {
            let version = state.version.to_string();
            let mark = json!({"apiVersion": "v1", "kind": "Any", "metadata": {"resourceVersion": version}});
            events.push(json!({"type": "BOOKMARK", "object": mark}));
        }
        News::Events(events, state.version)
    }
}

impl State {
    /// Enters what has become of an object, and returns it.
    fn enter(
        &mut self,
        collection: &str,
        name: &str,
        before: Option<Value>,
        mut after: Option<Value>,
    ) -> Option<Value> {
        self.version += 1;
        let version = self.version;
        let all = self.collections.get_mut(collection).expect("the collection is there");
        match &mut after {
            Some(object) => {
                object["metadata"]["resourceVersion"] = json!(version.to_string());
                all.insert(name.to_owned(), object.clone());
            }
            None => drop(all.remove(name)),
        }
        let collection = collection.to_owned();
        self.history.push(Happening { version, collection, before, after: after.clone() });
        after
    }
}
