//! Reads configuration and policy again, on a thread of its own: ten thousand policies take most of a second, and the
//! kernel side must not wait for them with whatever it has to tell.
//! Knows what is read. Changes nothing.

use std::sync::Arc;

use interceptor_engine::Engine;

use super::Daemon;
use crate::app::delivery::{Watch, policies_with};
use crate::app::start::{self, StartError};
use crate::config::Config;

/// How much is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// What the directory of policies and the cluster hold by now, by a configuration that stays as it was.
    Policies,
    /// The configuration as well.
    Everything,
}

/// What was read, and is right.
pub(super) struct Read {
    /// Another configuration, and the directory that it names.
    pub(super) config: Option<(Config, Watch)>,
    pub(super) engine: Arc<Engine>,
}

impl Daemon {
    /// Reads. What has changed since then is not in it.
    pub(super) fn read(&self, scope: Scope) -> impl Future<Output = Result<Read, StartError>> + use<> {
        let (config, objects) = (self.config.clone(), self.delivery.objects());
        let read = move || {
            // Whatever people can get wrong is found before anything is changed.
            let (config, next) = match scope {
                Scope::Policies => (config, None),
                Scope::Everything => {
                    let config = config.reread()?;
                    let watch = Watch::new(&config);
                    (config.clone(), Some((config, watch)))
                }
            };
            let engine = start::engine_of(&config, &policies_with(&config, &objects)?)?;
            Ok(Read { config: next, engine })
        };
        async {
            let read = tokio::task::spawn_blocking(read).await;
            read.unwrap_or_else(|ended| std::panic::resume_unwind(ended.into_panic()))
        }
    }
}
