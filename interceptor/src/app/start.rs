//! Reads what the configuration names and makes the parts of the daemon from it.
//! Knows files. Does not know what runs afterwards.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use interceptor_engine::document::Mistakes;
use interceptor_engine::policy::PolicySet;
use interceptor_engine::{Engine, Limits, RedactionKey, VerdictCache};
use zeroize::Zeroizing;

use super::delivery::signature::{self, SignatureError};
use super::delivery::{self, Delivery, DeliveryError};
use super::exempt::ExemptError;
use super::namespaces::EnrolError;
use super::reload;
use crate::bpf::CaptureError;
use crate::budget::Budgets;
use crate::budget::redis::StoreError;
use crate::config::{Config, ConfigError};
use crate::identity::{Identities, IdentityError};
use crate::proxy::shared::Shared;
use crate::signing::{CredentialError, Keyring};
use crate::telemetry::Telemetry;
use crate::telemetry::audit::Audit;
use crate::tls::authority::{AuthorityError, LiveAuthority};
use crate::tls::server::SetupError;
use crate::tls::upstream::{Roots, RootsError};
use crate::tls::{ServerSide, UpstreamTls};

/// Why the daemon does not start. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration cannot be read again.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A file that the configuration names cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Its path.
        path: PathBuf,
        /// What the system said.
        #[source]
        io: std::io::Error,
    },
    /// Policy cannot be had.
    #[error(transparent)]
    Delivery(#[from] DeliveryError),
    /// Policy is not from whom it should be.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// A policy or catalogue file is wrong.
    #[error("{0}")]
    Mistakes(Mistakes),
    /// The certificate authority cannot be used.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// No keys could be made.
    #[error(transparent)]
    Keys(#[from] SetupError),
    /// The roots for providers cannot be used.
    #[error(transparent)]
    Roots(#[from] RootsError),
    /// Nobody could be told apart.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The audit trail cannot be written.
    #[error("cannot open the audit trail {}", path.display())]
    Audit {
        /// Its path.
        path: PathBuf,
        /// What the system said.
        #[source]
        io: std::io::Error,
    },
    /// The kernel side cannot be set up.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// The daemon cannot be exempted from its own interception.
    #[error(transparent)]
    Exempt(#[from] ExemptError),
    /// A configured namespace cannot be served.
    #[error(transparent)]
    Namespace(#[from] EnrolError),
    /// The admin port cannot be opened.
    #[error("cannot serve metrics on {address} (admin.address)")]
    Admin {
        /// The address.
        address: std::net::SocketAddr,
        /// What the system said.
        #[source]
        io: std::io::Error,
    },
    /// The admin socket cannot be opened.
    #[error("cannot serve health on {} (admin.socket)", path.display())]
    AdminSocket {
        /// Where it should be.
        path: PathBuf,
        /// What the system said.
        #[source]
        io: std::io::Error,
    },
    /// The store of limits that nodes share cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The credentials for changed requests cannot be used.
    #[error(transparent)]
    Credentials(#[from] CredentialError),
    /// The secret for tokens is none.
    #[error("{} holds fewer than 16 bytes (redaction.keyFile)", path.display())]
    ShortKey {
        /// The file.
        path: PathBuf,
    },
    /// The running daemon does not hand over.
    #[error("cannot take over from the running daemon")]
    Handover(#[source] std::io::Error),
    /// No thread or runtime could be made.
    #[error("cannot start {what}")]
    System {
        /// What was to be started.
        what: &'static str,
        /// What the system said.
        #[source]
        io: std::io::Error,
    },
}

/// Bytes that are kept to remember what was found in texts: some hundred thousand of them, for all workers together.
const REMEMBERED: usize = 16 << 20;

/// The engine of a configuration as far as it is in files: catalogue, policy and detectors.
///
/// # Errors
/// A file cannot be read, or is wrong.
pub fn engine(config: &Config) -> Result<Arc<Engine>, StartError> {
    engine_of(config, &delivery::policies(config)?)
}

/// The engine of a configuration with these policies.
///
/// # Errors
/// A file cannot be read, or is wrong.
pub(super) fn engine_of(config: &Config, policies: &[(String, String)]) -> Result<Arc<Engine>, StartError> {
    let signed = signature::check(config, policies)?;
    let set = PolicySet::load(&read_all(&config.catalogue)?, policies).map_err(StartError::Mistakes)?;
    let limits = Limits {
        held_body: usize::try_from(config.inspection.held_body).unwrap_or(usize::MAX),
        ..Limits::STANDARD
    };
    let key = redaction_key(config)?;
    let engine = Engine::keyed(set.catalogue, set.policy, set.detectors, limits, key);
    let mut secret = [0; 32];
    aws_lc_rs::rand::fill(&mut secret).map_err(|_| SetupError)?;
    signed.accept()?;
    Ok(engine.remembering(VerdictCache::new(secret, REMEMBERED)))
}

/// The secret that tokens are made with. A random one is the same as long as the process lives, so that a reload
/// changes no token.
fn redaction_key(config: &Config) -> Result<RedactionKey, StartError> {
    static RANDOM: OnceLock<RedactionKey> = OnceLock::new();
    let Some(path) = &config.redaction_key else {
        if RANDOM.get().is_none() {
            let mut bytes = [0; 32];
            aws_lc_rs::rand::fill(&mut bytes).map_err(|_| SetupError)?;
            let _ = RANDOM.set(RedactionKey::new(bytes));
        }
        return Ok(RANDOM.get().expect("set above").clone());
    };
    let read = std::fs::read(path).map_err(|io| StartError::Read { path: path.clone(), io })?;
    let material = Zeroizing::new(read);
    RedactionKey::derive(material.trim_ascii()).ok_or_else(|| StartError::ShortKey { path: path.clone() })
}

fn read_all(paths: &[PathBuf]) -> Result<Vec<(String, String)>, StartError> {
    paths
        .iter()
        .map(|path| match std::fs::read_to_string(path) {
            Ok(text) => Ok((path.display().to_string(), text)),
            Err(io) => Err(StartError::Read { path: path.clone(), io }),
        })
        .collect()
}

/// Everything that workers share.
///
/// # Errors
/// See [`StartError`].
pub(super) fn shared(config: &Config) -> Result<(Arc<Shared>, Arc<LiveAuthority>, Delivery), StartError> {
    let delivery = Delivery::start(config)?;
    let (engine, refused) = first_engine(config, &delivery)?;
    let authority = Arc::new(LiveAuthority::load(&config.authority)?);
    let server_tls = ServerSide::new(authority.clone())?;
    let own = authority.current().certificates();
    let mut roots = if config.system_roots { Roots::platform() } else { Roots::none() };
    for path in &config.upstream_roots {
        roots.add_file(path, &own)?;
    }
    // A base image that trusts our own root is what we ask for; for providers that root never counts.
    let removed = roots.remove(&own);
    if removed > 0 {
        tracing::info!(
            removed,
            "our own authority is among the system's roots and is not trusted for providers"
        );
    }
    let upstream_tls = UpstreamTls::new(roots)?;
    let keyring = Keyring::load(&config.credentials)?;
    keyring.check(|provider| engine.catalogue().provider_named(provider).is_some())?;
    let audit = Audit::start(&config.audit).map_err(|io| StartError::Audit {
        path: match &config.audit {
            crate::telemetry::audit::Destination::File(path) => path.clone(),
            _ => PathBuf::from("standard output"),
        },
        io,
    })?;
    let mut seed = [0; 8];
    aws_lc_rs::rand::fill(&mut seed).map_err(|_| SetupError)?;
    let shared = Shared::new(
        engine,
        server_tls,
        upstream_tls,
        Identities::start(&config.identity)?,
        Telemetry::new(audit),
        config.limits.clone(),
        u64::from_ne_bytes(seed),
    );
    let budgets = match &config.store {
        Some(store) => Budgets::shared(store)?,
        None => Budgets::local(),
    };
    let shared = Arc::new(shared.counting(budgets).signing(keyring));
    if let Some(error) = refused {
        reload::tell_engine(&shared, Err(error));
    }
    Ok((shared, authority, delivery))
}

/// The engine of what is delivered; or, if there are mistakes in that, of what was in force before, and the mistakes.
fn first_engine(
    config: &Config,
    delivery: &Delivery,
) -> Result<(Arc<Engine>, Option<StartError>), StartError> {
    let error = match engine_of(config, &delivery.policies(config)?) {
        Ok(engine) => {
            delivery.judged(None);
            return Ok((engine, None));
        }
        Err(error) => error,
    };
    delivery.judged(Some(&error));
    if matches!(error, StartError::Mistakes(_))
        && let Some(kept) = delivery.kept()
        && let Ok(engine) = engine_of(config, &delivery::policies_with(config, &kept)?)
    {
        return Ok((engine, Some(error)));
    }
    Err(error)
}
