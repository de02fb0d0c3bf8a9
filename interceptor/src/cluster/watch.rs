//! A copy of a collection of the API server: listed once, then kept by a watch; listed again when the server has
//! forgotten where the watch was.
//! Knows lists, watches, bookmarks and what becomes of them. Does not know what is copied.
//!
//! `kube` has a watcher of its own. It says nothing when a watch that had broken is open again, nor when the server says
//! that nothing has changed, so that nobody could tell how old a copy is; and it gathers a list before anybody can say
//! that it is too long.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use kube::api::{Api, ListParams, VersionMatch, WatchEvent, WatchParams};
use kube::{Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::trouble::{NOT_FOUND, Pause, code, failure};
use crate::source::{Source, Trouble};

/// For one page of a list, and for the head of a watch.
const PATIENCE: Duration = Duration::from_secs(30);
/// Objects in one page of a list.
const PAGE: u32 = 500;
/// The server ends a watch after so many seconds, and the next one begins. Whatever takes longer is a connection that
/// nobody ended: a watch that is silent for so long and a little more is given up.
const WATCHED: u32 = 120;
const GRACE: Duration = Duration::from_secs(10);
/// A kind that the server does not know is asked for again after so long.
const UNDEFINED: Duration = Duration::from_secs(30);
/// Watches that the server ends at once do not follow one another faster than this.
const APART: Duration = Duration::from_secs(1);
/// The server has forgotten what a watch wants to go on from.
const GONE: u16 = 410;

/// See the head of this file. `V` is what is kept of an object of the type `K`.
pub struct Watch<K, V> {
    api: Api<K>,
    source: Arc<Source>,
    read: fn(K) -> Option<(Arc<str>, V)>,
    most: usize,
    fields: Option<String>,
    labels: Option<String>,
    is_optional: bool,
    is_recent_enough: bool,
}

/// Why a copy cannot go on as it did.
enum End {
    /// From the beginning.
    Relist,
    /// After a while, from where it was.
    Again(Trouble, String),
}

impl<K, V> Watch<K, V>
where
    K: Resource + Clone + DeserializeOwned + Debug + 'static,
{
    /// A copy of everything behind `api`. `read` says under what key an object is kept, and what of it; there is room for
    /// `most` of them.
    pub fn new(api: Api<K>, source: Arc<Source>, most: usize, read: fn(K) -> Option<(Arc<str>, V)>) -> Self {
        Self {
            api,
            source,
            read,
            most,
            fields: None,
            labels: None,
            is_optional: false,
            is_recent_enough: false,
        }
    }

    /// Only of objects with these fields.
    #[must_use]
    pub fn fields(mut self, selector: String) -> Self {
        self.fields = Some(selector);
        self
    }

    /// Only of objects with these labels.
    #[must_use]
    pub fn labels(mut self, selector: Option<String>) -> Self {
        self.labels = selector;
        self
    }

    /// Listed as the server remembers it: moments old, but without a look into its database. What every node asks for has
    /// to be asked for like this, and then what was gone may be there again for a moment.
    #[must_use]
    pub fn recent_enough(mut self) -> Self {
        self.is_recent_enough = true;
        self
    }

    /// A server that does not know the kind has none of it.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.is_optional = true;
        self
    }

    /// Copies as long as it is polled. `publish` is called with the whole copy after each change.
    pub async fn run(self, mut publish: impl FnMut(&HashMap<Arc<str>, V>)) {
        let mut pause = Pause::new();
        loop {
            match self.list().await {
                Ok((mut copy, version)) => {
                    self.tell(&copy, &mut publish);
                    pause = Pause::new();
                    self.follow(version, &mut copy, &mut publish).await;
                }
                Err(End::Relist) => pause.wait().await,
                Err(End::Again(trouble, detail)) => {
                    self.source.failed(trouble, detail);
                    pause.wait().await;
                }
            }
        }
    }

    fn tell(&self, copy: &HashMap<Arc<str>, V>, publish: &mut impl FnMut(&HashMap<Arc<str>, V>)) {
        self.source.holds(copy.len());
        self.source.heard();
        publish(copy);
    }

    /// The whole collection, and the version from which a watch goes on; without one there is nothing to be watched.
    async fn list(&self) -> Result<(HashMap<Arc<str>, V>, Option<String>), End> {
        let mut copy = HashMap::new();
        let mut params = ListParams { limit: Some(PAGE), ..ListParams::default() };
        params.field_selector.clone_from(&self.fields);
        params.label_selector.clone_from(&self.labels);
        if self.is_recent_enough {
            params = params.at("0").matching(VersionMatch::NotOlderThan);
        }
        loop {
            let page = match timeout(PATIENCE, self.api.list(&params)).await {
                Ok(Ok(page)) => page,
                Ok(Err(error)) if self.is_optional && code(&error) == Some(NOT_FOUND) => {
                    return Ok((HashMap::new(), None));
                }
                // The pages before are too old to go on with.
                Ok(Err(error)) if code(&error) == Some(GONE) => return Err(End::Relist),
                Ok(Err(error)) => return Err(again(&error)),
                Err(_) => return Err(slow()),
            };
            copy.extend(page.items.into_iter().filter_map(self.read));
            if copy.len() > self.most {
                return Err(End::Again(Trouble::TooMuch, self.too_much()));
            }
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => params.continue_token = Some(token),
                None => return Ok((copy, page.metadata.resource_version)),
            }
        }
    }

    /// One watch after the other, until the collection has to be listed again.
    async fn follow(
        &self,
        version: Option<String>,
        copy: &mut HashMap<Arc<str>, V>,
        publish: &mut impl FnMut(&HashMap<Arc<str>, V>),
    ) {
        let Some(mut version) = version else {
            return sleep(UNDEFINED).await;
        };
        let mut pause = Pause::new();
        loop {
            let earliest = Instant::now() + APART;
            let mut has_heard = false;
            match self.watch(&mut version, copy, publish, &mut has_heard).await {
                Ok(()) => sleep_until(earliest).await,
                Err(End::Relist) => return sleep_until(earliest).await,
                Err(End::Again(trouble, detail)) => {
                    self.source.failed(trouble, detail);
                    if has_heard {
                        pause = Pause::new();
                    }
                    pause.wait().await;
                }
            }
        }
    }

    /// One watch to its end.
    async fn watch(
        &self,
        version: &mut String,
        copy: &mut HashMap<Arc<str>, V>,
        publish: &mut impl FnMut(&HashMap<Arc<str>, V>),
        has_heard: &mut bool,
    ) -> Result<(), End> {
        let params = WatchParams {
            field_selector: self.fields.clone(),
            label_selector: self.labels.clone(),
            timeout: Some(WATCHED),
            ..WatchParams::default()
        };
        let events = match timeout(PATIENCE, self.api.watch(&params, version)).await {
            Ok(Ok(events)) => events,
            Ok(Err(error)) if self.is_over(&error) => return Err(End::Relist),
            Ok(Err(error)) => return Err(again(&error)),
            Err(_) => return Err(slow()),
        };
        self.source.heard();
        *has_heard = true;
        let mut events = std::pin::pin!(events);
        let silence = Duration::from_secs(WATCHED.into()) + GRACE;
        loop {
            match timeout(silence, events.next()).await {
                Ok(Some(Ok(event))) => self.event(event, version, copy, publish)?,
                Ok(Some(Err(error))) if self.is_over(&error) => return Err(End::Relist),
                Ok(Some(Err(error))) => return Err(again(&error)),
                Ok(None) => return Ok(()),
                Err(_) => return Err(slow()),
            }
        }
    }

    fn event(
        &self,
        event: WatchEvent<K>,
        version: &mut String,
        copy: &mut HashMap<Arc<str>, V>,
        publish: &mut impl FnMut(&HashMap<Arc<str>, V>),
    ) -> Result<(), End> {
        match event {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                *version = object.resource_version().unwrap_or_default();
                if let Some((key, value)) = (self.read)(object) {
                    if copy.len() >= self.most && !copy.contains_key(&key) {
                        // What is left out now would be missing for good: only a list tells when there is room again.
                        self.source.failed(Trouble::TooMuch, self.too_much());
                        return Err(End::Relist);
                    }
                    copy.insert(key, value);
                }
            }
            WatchEvent::Deleted(object) => {
                *version = object.resource_version().unwrap_or_default();
                if let Some((key, _)) = (self.read)(object) {
                    copy.remove(&key);
                }
            }
            WatchEvent::Bookmark(mark) => {
                *version = mark.metadata.resource_version;
                self.source.heard();
                return Ok(());
            }
            WatchEvent::Error(status) if status.code == GONE => return Err(End::Relist),
            WatchEvent::Error(status) => return Err(again(&kube::Error::Api(status))),
        }
        self.tell(copy, publish);
        // An object without a version is none that a watch could go on from.
        if version.is_empty() { Err(End::Relist) } else { Ok(()) }
    }

    /// Whether the collection has to be listed again, and nothing is wrong.
    fn is_over(&self, error: &kube::Error) -> bool {
        code(error) == Some(GONE) || self.is_optional && code(error) == Some(NOT_FOUND)
    }

    fn too_much(&self) -> String {
        format!("there are more than {}", self.most)
    }
}

fn slow() -> End {
    End::Again(Trouble::Slow, "it gives no answer in time".to_owned())
}

fn again(error: &kube::Error) -> End {
    let (trouble, detail) = failure(error);
    End::Again(trouble, detail)
}
