//! The leafs and configurations that are in use, bounded in number and in age.
//! Knows when an entry is too old. Does not make entries.

use std::collections::HashMap;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::sign::CertifiedKey;
use time::OffsetDateTime;

use crate::hello::Host;
use crate::tls::{Alpn, Authority};

/// How many names are kept. An entry with one configuration takes about 3 KiB.
pub(super) const MAX_NAMES: usize = 4_096;

#[derive(Default)]
pub(super) struct Cache {
    /// The authority that signed what is here. Another authority empties the cache.
    authority: Option<Arc<Authority>>,
    names: HashMap<Host, Entry>,
}

struct Entry {
    certified: Arc<CertifiedKey>,
    not_after: OffsetDateTime,
    /// From then on a new leaf is made, long before the old one ends.
    renew: OffsetDateTime,
    /// By protocol: none, HTTP/1.1, h2.
    configs: [Option<Arc<ServerConfig>>; 3],
}

fn slot(alpn: Option<Alpn>) -> usize {
    match alpn {
        None => 0,
        Some(Alpn::Http1) => 1,
        Some(Alpn::H2) => 2,
    }
}

impl Cache {
    pub(super) fn find(
        &self,
        authority: &Arc<Authority>,
        host: &Host,
        alpn: Option<Alpn>,
        now: OffsetDateTime,
    ) -> Option<Arc<ServerConfig>> {
        self.fresh(authority, host, now)?.configs[slot(alpn)].clone()
    }

    pub(super) fn certified(
        &self,
        authority: &Arc<Authority>,
        host: &Host,
        now: OffsetDateTime,
    ) -> Option<(Arc<CertifiedKey>, OffsetDateTime)> {
        let entry = self.fresh(authority, host, now)?;
        Some((Arc::clone(&entry.certified), entry.not_after))
    }

    fn fresh(&self, authority: &Arc<Authority>, host: &Host, now: OffsetDateTime) -> Option<&Entry> {
        let ours = self.authority.as_ref().is_some_and(|known| Arc::ptr_eq(known, authority));
        self.names.get(host).filter(|entry| ours && now < entry.renew)
    }

    #[expect(clippy::too_many_arguments, reason = "one entry, spelled out; the only caller is one file up")]
    pub(super) fn insert(
        &mut self,
        authority: &Arc<Authority>,
        host: &Host,
        alpn: Option<Alpn>,
        certified: &Arc<CertifiedKey>,
        config: &Arc<ServerConfig>,
        now: OffsetDateTime,
        not_after: OffsetDateTime,
    ) {
        if !self.authority.as_ref().is_some_and(|known| Arc::ptr_eq(known, authority)) {
            self.names.clear();
            self.authority = Some(Arc::clone(authority));
        }
        self.make_room(host, now);
        let entry = self.names.entry(host.clone()).or_insert_with(|| Entry::new(certified, now, not_after));
        if !Arc::ptr_eq(&entry.certified, certified) {
            *entry = Entry::new(certified, now, not_after);
        }
        entry.configs[slot(alpn)] = Some(Arc::clone(config));
    }

    /// How many names are in the cache.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    /// A full cache drops what is due for renewal, or else the half that is due soonest: rarely, in one
    /// pass, and without a list of uses that every connection would have to write to.
    fn make_room(&mut self, host: &Host, now: OffsetDateTime) {
        if self.names.len() < MAX_NAMES || self.names.contains_key(host) {
            return;
        }
        self.names.retain(|_, entry| now < entry.renew);
        if self.names.len() < MAX_NAMES {
            return;
        }
        let mut due: Vec<OffsetDateTime> = self.names.values().map(|entry| entry.renew).collect();
        due.sort_unstable();
        let median = due[due.len() / 2];
        self.names.retain(|_, entry| entry.renew > median);
    }
}

impl Entry {
    fn new(certified: &Arc<CertifiedKey>, now: OffsetDateTime, not_after: OffsetDateTime) -> Self {
        // A third of the remaining life: 8 hours for a leaf of a day, and applications with a slow
        // connection set-up never see one that is about to end.
        let renew = now + (not_after - now) / 3;
        Self { certified: Arc::clone(certified), not_after, renew, configs: [None, None, None] }
    }
}
