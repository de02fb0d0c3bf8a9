//! The names of all detectors that are there: those of this build and those that the operator wrote. Knows names
//! and labels. Does not know how anything is found.
//!
//! A [`DetectorId`] is a number and means something only together with the registry it came from. Numbers below
//! [`Registry::builtin`]'s length mean the same in every registry.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, LazyLock};

use super::DetectorId;
use crate::policy::Pattern;

/// Names by number, and numbers by name. Clones share it.
#[derive(Clone)]
pub struct Registry(Arc<Tables>);

struct Tables {
    entries: Vec<Entry>,
    by_name: HashMap<Arc<str>, DetectorId>,
}

struct Entry {
    name: Arc<str>,
    label: Arc<str>,
}

/// A detector could not be entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// Another detector has this name.
    #[error("another detector has this name")]
    Taken,
    /// There are as many as a number can name.
    #[error("there are more detectors than {}", u16::MAX)]
    Full,
}

static BUILTIN: LazyLock<Registry> = LazyLock::new(|| {
    let mut tables = Tables { entries: Vec::new(), by_name: HashMap::new() };
    for id in DetectorId::all() {
        let (name, label) = (id.detector().name.into(), id.detector().label.into());
        tables.enter(name, label).expect("a test counts the names of this build");
    }
    Registry(Arc::new(tables))
});

impl Registry {
    /// The detectors of this build.
    pub fn builtin() -> Self {
        BUILTIN.clone()
    }

    /// The detectors of this build, then these, each a name and a label, in this order.
    ///
    /// # Errors
    /// The place of the first that cannot be entered, and why.
    pub fn with<'a>(
        own: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, (usize, RegistryError)> {
        let known = &BUILTIN.0.entries;
        let entries = known.iter().map(|e| Entry { name: e.name.clone(), label: e.label.clone() }).collect();
        let mut tables = Tables { entries, by_name: BUILTIN.0.by_name.clone() };
        for (at, (name, label)) in own.into_iter().enumerate() {
            tables.enter(name.into(), label.into()).map_err(|error| (at, error))?;
        }
        Ok(Self(Arc::new(tables)))
    }

    /// How many there are. Tables with one place for each detector have this length.
    #[expect(clippy::len_without_is_empty, reason = "every build has detectors")]
    pub fn len(&self) -> usize {
        self.0.entries.len()
    }

    /// All of them, in order of their numbers.
    pub fn ids(&self) -> impl ExactSizeIterator<Item = DetectorId> + Clone + use<> {
        (0..self.len()).map(DetectorId::nth)
    }

    /// The stable name: `pii.email`. An id of another registry has the name `unknown`.
    pub fn name(&self, id: DetectorId) -> &Arc<str> {
        static UNKNOWN: LazyLock<Arc<str>> = LazyLock::new(|| "unknown".into());
        self.0.entries.get(id.index()).map_or(&UNKNOWN, |entry| &entry.name)
    }

    /// The word that stands in for the found text: `EMAIL` is written as `[EMAIL]`.
    pub fn label(&self, id: DetectorId) -> &str {
        self.0.entries.get(id.index()).map_or("REDACTED", |entry| &entry.label)
    }

    /// The detector with this name.
    pub fn by_name(&self, name: &str) -> Option<DetectorId> {
        self.0.by_name.get(name).copied()
    }

    /// The detectors whose names fit a pattern, in order of their numbers.
    pub fn fits<'a>(&'a self, pattern: &'a Pattern) -> impl Iterator<Item = DetectorId> + 'a {
        self.ids().filter(|id| pattern.fits(self.name(*id)))
    }
}

impl Tables {
    fn enter(&mut self, name: Arc<str>, label: Arc<str>) -> Result<(), RegistryError> {
        if self.by_name.contains_key(&name) {
            return Err(RegistryError::Taken);
        }
        if self.entries.len() + 1 >= usize::from(u16::MAX) {
            return Err(RegistryError::Full);
        }
        self.by_name.insert(name.clone(), DetectorId::nth(self.entries.len()));
        self.entries.push(Entry { name, label });
        Ok(())
    }
}

impl Default for Registry {
    /// The detectors of this build.
    fn default() -> Self {
        Self::builtin()
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Registry({})", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_this_build_mean_the_same_in_every_registry() {
        let builtin = Registry::builtin();
        let more = Registry::with([("acme.project", "PROJECT"), ("acme.badge", "BADGE")]).unwrap();
        for id in builtin.ids() {
            assert_eq!((builtin.name(id), builtin.label(id)), (more.name(id), more.label(id)));
            assert_eq!(builtin.by_name(id.detector().name), Some(id));
        }
        assert_eq!((more.len(), builtin.len()), (DetectorId::all().len() + 2, DetectorId::all().len()));
        let own = Pattern::parse("acme.*").unwrap();
        let names: Vec<&str> = more.fits(&own).map(|id| &**more.name(id)).collect();
        assert_eq!(names, ["acme.project", "acme.badge"]);
        assert_eq!(builtin.fits(&own).count(), 0);
        assert_eq!(more.by_name("acme.badge").map(|id| more.label(id)), Some("BADGE"));
        // A number that means nothing here has no name, and says so.
        assert_eq!(&**builtin.name(more.by_name("acme.badge").unwrap()), "unknown");
    }

    #[test]
    fn names_are_taken_once() {
        let taken = |names: [&'static str; 2]| Registry::with(names.map(|name| (name, "X"))).unwrap_err();
        assert_eq!(taken(["acme.a", "pii.email"]), (1, RegistryError::Taken));
        assert_eq!(taken(["acme.a", "acme.a"]), (1, RegistryError::Taken));
        let many: Vec<String> = (0..70_000).map(|n| format!("acme.n{n}")).collect();
        let error = Registry::with(many.iter().map(|name| (&**name, "X"))).unwrap_err();
        assert_eq!(error, (usize::from(u16::MAX) - 1 - DetectorId::all().len(), RegistryError::Full));
    }
}
