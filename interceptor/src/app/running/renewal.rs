//! What changes while the daemon runs: addresses by what name servers answer, and configuration, policy and catalogue by
//! what is read again. What is wrong never replaces what is right.
//! Knows in which order the parts are told. Does not know when.

use std::net::IpAddr;
use std::sync::Arc;

use interceptor_common::Endpoint;
use interceptor_engine::{Catalogue, Engine};

use super::reading::Read;
use super::{Daemon, FIRST_ROUND};
use crate::app::answers;
use crate::app::forbidding::number;
use crate::app::resolve::{Answers, Change, Named};
use crate::app::start::StartError;
use crate::app::treatment::flags_of_unknown;
use crate::telemetry::chain;

impl Daemon {
    /// Asks for the catalogue's names and for those of proxies, and waits for a while until those who may call are known.
    pub(super) fn ask(&self) -> impl Future<Output = [Answers; 2]> + use<> {
        let (names, proxies) = (self.learner.ask(), self.proxies.ask());
        let callers = tokio::time::timeout(FIRST_ROUND, self.shared.identities.foreseen());
        async move {
            let (names, proxies, _) = tokio::join!(names, proxies, callers);
            [names, proxies]
        }
    }

    pub(super) fn learn(&mut self, [names, proxies]: [Answers; 2]) {
        let change = self.learner.learn(names);
        self.apply(&change);
        self.proxies.learn(&self.capture, proxies);
        self.forbidding.foresee(&self.shared);
    }

    pub(super) fn apply(&mut self, change: &Change) {
        if change.unanswered > 0 {
            tracing::warn!(
                names = change.unanswered,
                "no name server answered for some of the catalogue's names"
            );
        }
        // Before an address has such a number: nobody is refused by what is not worked out yet.
        if let Err(error) = self.forbidding.share(self.learner.sets(), &self.capture, &self.shared) {
            tracing::error!(error = chain(&error), "what policy forbids is refused in exchanges only");
        }
        self.tell_whose(change.added.iter().chain(&change.changed));
        for address in &change.dropped {
            if let Err(error) = self.capture.remove_address(*address) {
                tracing::warn!(error = chain(&error), %address, "an address stays redirected");
            }
        }
    }

    pub(super) fn tell_whose<'a>(&self, addresses: impl IntoIterator<Item = &'a IpAddr>) {
        for address in addresses {
            let endpoint = Endpoint { provider: self.learner.provider(*address) };
            if let Err(error) = self.capture.add_address(*address, endpoint) {
                tracing::error!(error = chain(&error), %address, "calls to this address are not redirected");
            }
        }
    }

    /// Has other names asked for, whose addresses are nobody's until then, and puts the engine's policy into force.
    pub(super) fn exchange(&mut self, engine: Arc<Engine>) -> Result<(), StartError> {
        answers::names(&self.capture, engine.catalogue(), &self.config.endpoints)?;
        let changed = self.learner.ask_for(names(engine.catalogue()));
        self.tell_whose(&changed);
        self.forbidding.renew(&self.capture, &self.shared, &engine)?;
        // Open connections keep the rules they began with.
        self.shared.engine.store(engine);
        Ok(())
    }

    /// Puts what was read into force, all of it or nothing. Returns what is to be told when the catalogue's new names have
    /// been asked for.
    pub(super) fn take_up(&mut self, read: Result<Read, StartError>) -> Result<(), StartError> {
        let result = read.and_then(|read| self.put_into_force(read));
        self.delivery.judged(result.as_ref().err());
        self.guard();
        self.look();
        result
    }

    fn put_into_force(&mut self, Read { config, engine }: Read) -> Result<(), StartError> {
        let Some((config, watch)) = config else { return self.exchange(engine) };
        self.capture.set_heartbeat_limit(config.capture.heartbeat)?;
        self.capture.set_unknown(flags_of_unknown(&config.capture, config.discovers()))?;
        self.capture.set_raw_packets(config.capture.veth_guard.mode)?;
        self.exchange(engine)?;
        self.config = config;
        self.delivery.watch(watch);
        Ok(())
    }
}

/// The names whose addresses can be asked for, each with the one who answers there.
pub(super) fn names(catalogue: &Catalogue) -> Vec<Named> {
    let named = |name: &str| {
        let provider =
            catalogue.route(name).map_or(0, |found| number(&catalogue.provider(found.provider).id));
        Named { name: name.into(), provider }
    };
    catalogue.exact_names().map(named).collect()
}
