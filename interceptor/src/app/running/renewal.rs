//! What changes while the daemon runs: addresses by what name servers answer, and configuration, policy and catalogue by
//! what is read again. What is wrong never replaces what is right.
//! Knows in which order the parts are told. Does not know when.

use std::net::IpAddr;
use std::sync::Arc;

use interceptor_common::Endpoint;
use interceptor_engine::{Catalogue, Engine};

use super::{Daemon, FIRST_ROUND};
use crate::app::answers;
use crate::app::delivery::Watch;
use crate::app::forbidding::number;
use crate::app::reload::Asked;
use crate::app::resolve::{Answers, Change, Named};
use crate::app::start::{self, StartError};
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

    pub(super) fn apply(&self, change: &Change) {
        if change.unanswered > 0 {
            tracing::warn!(
                names = change.unanswered,
                "no name server answered for some of the catalogue's names"
            );
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

    /// Everything that may change while the daemon runs, but for what is asked of name servers. Returns what is to be told
    /// afterwards.
    pub(super) fn reload(&mut self) -> Result<(), StartError> {
        self.authority.look(&self.shared, Asked::BySignal);
        let result = self.reread();
        self.delivery.judged(result.as_ref().err());
        self.guard();
        self.look();
        result
    }

    /// Takes up what the directory of policies and the cluster hold by now, by a configuration that stays as it was.
    pub(super) fn redeliver(&mut self) -> Result<(), StartError> {
        let result = self.take_up();
        self.delivery.judged(result.as_ref().err());
        result
    }

    fn take_up(&mut self) -> Result<(), StartError> {
        let engine = start::engine_of(&self.config, &self.delivery.policies(&self.config)?)?;
        self.exchange(engine)
    }

    /// Reads the configuration again for policy, catalogue, and how connections are captured: all of it or nothing.
    fn reread(&mut self) -> Result<(), StartError> {
        // Whatever people can get wrong is found before anything is changed.
        let config = self.config.reread()?;
        let watch = Watch::new(&config);
        let engine = start::engine_of(&config, &self.delivery.policies(&config)?)?;
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
