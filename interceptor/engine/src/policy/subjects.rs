//! Whom a policy is for. Compares what the node attests of a caller with what a policy asks for.
//!
//! Does not know rules. A fact that is not known fits nothing, so that a caller who cannot be named never gets what
//! was granted to somebody else.

use super::pattern::Patterns;
use super::subject::{Identity, Pod, Subject};

/// One item of `spec.subjects`: all that it names has to fit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Selector {
    pub(super) namespaces: Option<Patterns>,
    pub(super) namespace_labels: Vec<(Box<str>, Patterns)>,
    pub(super) pods: Option<Patterns>,
    pub(super) pod_labels: Vec<(Box<str>, Patterns)>,
    pub(super) service_accounts: Option<Patterns>,
    pub(super) containers: Option<Patterns>,
    pub(super) images: Option<Patterns>,
    pub(super) executables: Option<Patterns>,
    pub(super) units: Option<Patterns>,
    /// Names, or numbers as they are written.
    pub(super) users: Option<Patterns>,
    pub(super) cgroups: Option<Patterns>,
    /// Whether the caller has to be one that could be named, or one that could not.
    pub(super) known: Option<bool>,
}

/// A fact by which callers are sorted before anything is compared.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Key {
    Namespace(Box<str>),
    ServiceAccount(Box<str>),
    Label(Box<str>, Box<str>),
    Unit(Box<str>),
    Executable(Box<str>),
    User(Box<str>),
    Image(Box<str>),
}

impl Selector {
    pub(super) fn fits(&self, subject: &Subject) -> bool {
        self.fits_group(subject)
            && self.fits_user(subject)
            && self.executables.as_ref().is_none_or(|asked| asked.fit_known(subject.executable.as_deref()))
            && self.known.is_none_or(|known| known == matches!(subject.identity, Identity::Known))
    }

    /// True if it asks for what differs between processes of one control group and one user.
    pub(super) fn asks_for_process(&self) -> bool {
        self.executables.is_some() || self.known.is_some()
    }

    /// Whether everything that is the same for a whole control group fits.
    pub(super) fn fits_group(&self, subject: &Subject) -> bool {
        let pod = subject.pod.as_deref();
        let of_pod = |asked: &Option<Patterns>, fact: fn(&Pod) -> Option<&str>| {
            asked.as_ref().is_none_or(|asked| asked.fit_known(pod.and_then(fact)))
        };
        of_pod(&self.namespaces, |pod| Some(&pod.namespace))
            && of_pod(&self.pods, |pod| Some(&pod.name))
            && of_pod(&self.service_accounts, |pod| pod.service_account.as_deref())
            && of_pod(&self.containers, |pod| Some(&pod.container))
            && of_pod(&self.images, |pod| Some(&pod.image))
            && self.pod_labels.iter().all(|(name, asked)| {
                asked.fit_known(pod.and_then(|pod| pod.labels.get(&**name)).map(|value| &**value))
            })
            && self.namespace_labels.iter().all(|(name, asked)| {
                let labels = pod.and_then(|pod| pod.namespace_labels.as_ref());
                asked.fit_known(labels.and_then(|labels| labels.get(&**name)).map(|value| &**value))
            })
            && self.fits_place(subject)
    }

    fn fits_place(&self, subject: &Subject) -> bool {
        let fits = |asked: &Option<Patterns>, fact: Option<&str>| {
            asked.as_ref().is_none_or(|asked| asked.fit_known(fact))
        };
        fits(&self.units, subject.unit.as_deref()) && fits(&self.cgroups, Some(&subject.cgroup))
    }

    /// Whether the user fits.
    pub(super) fn fits_user(&self, subject: &Subject) -> bool {
        self.users.as_ref().is_none_or(|asked| {
            asked.fit_known(subject.user.as_deref()) || asked.fit(&subject.uid.to_string())
        })
    }

    /// Facts one of which every caller has whom this selects; `None` if there is no such list.
    pub(super) fn keys(&self) -> Option<Vec<Key>> {
        let keys = |asked: &Option<Patterns>, key: fn(Box<str>) -> Key| {
            let names = asked.as_ref()?.literals()?;
            Some(names.into_iter().map(|name| key(name.into())).collect())
        };
        let label = || {
            self.pod_labels.iter().find_map(|(name, asked)| {
                let values = asked.literals()?;
                Some(values.into_iter().map(|value| Key::Label(name.clone(), value.into())).collect())
            })
        };
        keys(&self.namespaces, Key::Namespace)
            .or_else(|| keys(&self.service_accounts, Key::ServiceAccount))
            .or_else(label)
            .or_else(|| keys(&self.units, Key::Unit))
            .or_else(|| keys(&self.executables, Key::Executable))
            .or_else(|| keys(&self.users, Key::User))
            .or_else(|| keys(&self.images, Key::Image))
    }
}
