//! How the daemon is, for whoever asks: what is in force, what became of the last attempt to replace it, and whether those
//! that it asks answer. Field names are stable.
//! Knows what was told. Measures nothing.

use serde::{Deserialize, Serialize};

use crate::proxy::shared::Shared;
use crate::source::{Sources, Standing};
use crate::telemetry::reloads::Last;

/// See the head of this file.
#[derive(Debug, Serialize, Deserialize)]
pub struct Status {
    /// The program's version.
    pub version: String,
    /// The daemon's process.
    pub pid: u32,
    /// The version of the policy that new connections go by.
    pub policy: String,
    /// The last attempts to replace policy and authority, where there were any.
    pub reloads: Vec<Last>,
    /// The container runtime and the API server, as far as they are configured.
    pub sources: Vec<Standing>,
}

impl Status {
    /// As it is now.
    pub fn of(shared: &Shared, sources: &Sources) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            policy: shared.engine.load().policy().version().to_owned(),
            reloads: shared.telemetry.reloads().last(),
            sources: sources.standings(),
        }
    }

    /// Whether everything is as somebody wants it to be.
    pub fn is_good(&self) -> bool {
        self.reloads.iter().all(|last| last.taken) && self.sources.iter().all(|one| one.up != Some(false))
    }
}
