//! The side of a connection that faces the application: server configurations with a leaf for each name.
//! Knows leafs, caches and handshakes. Does not know which names are to be intercepted, or HTTP.

mod accept;
mod cache;
#[cfg(test)]
mod tests;

use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::{Ticketer, sign};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{NoServerSessionStorage, ProducesTickets};
use rustls::sign::{CertifiedKey, SigningKey, SingleCertAndKey};
use time::OffsetDateTime;

use super::authority::LiveAuthority;
use super::defect::Defect;
use super::key::SecretKey;
pub use super::leaf::MintError;
use super::leaf::{self, Leaf};
use super::{Alpn, Authority, provider};
use crate::hello::Host;
pub use accept::{AcceptError, Rejection, ServerStream, accept};
use cache::Cache;

/// Makes and keeps the server configurations. One for the whole process; every worker uses it.
pub struct ServerSide {
    authority: Arc<LiveAuthority>,
    /// The one key of all leafs. It is not the authority's, and dies with the process.
    key: SecretKey,
    signer: Arc<dyn SigningKey>,
    /// Shared by all configurations, so that an application resumes on whichever worker takes it. rustls
    /// refuses a ticket that was given for another name.
    ticketer: Arc<dyn ProducesTickets>,
    cache: RwLock<Cache>,
}

/// The server side cannot be set up.
#[derive(Debug, thiserror::Error)]
#[error("no key or ticket secret could be made; the source of randomness fails")]
pub struct SetupError;

impl ServerSide {
    /// Makes the leaf key and the ticket secrets.
    pub fn new(authority: Arc<LiveAuthority>) -> Result<Self, SetupError> {
        let key = SecretKey::generate().map_err(|_| SetupError)?;
        let pkcs8 = key.to_pkcs8().map_err(|_| SetupError)?;
        let der = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(pkcs8.as_slice()));
        let signer = sign::any_ecdsa_type(&der).map_err(|_| SetupError)?;
        let ticketer = Ticketer::new().map_err(|_| SetupError)?;
        Ok(Self { authority, key, signer, ticketer, cache: RwLock::default() })
    }

    /// The configuration for a connection to `host` on which `alpn` is the only protocol, as negotiated with
    /// the upstream; `None` negotiates no protocol.
    pub fn config(&self, host: &Host, alpn: Option<Alpn>) -> Result<Arc<ServerConfig>, MintError> {
        let authority = self.authority.current();
        let now = OffsetDateTime::now_utc();
        let cache = self.cache.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(config) = cache.find(&authority, host, alpn, now) {
            return Ok(config);
        }
        drop(cache);
        self.make(&authority, host, alpn, now)
    }

    /// The configuration that shows the upstream's defect to the application. It is made anew each time and
    /// never resumed, so that the application always sees the certificate.
    pub fn mirror(
        &self,
        host: &Host,
        alpn: Option<Alpn>,
        defect: &Defect,
    ) -> Result<Arc<ServerConfig>, MintError> {
        let now = OffsetDateTime::now_utc();
        let leaf = leaf::defective(&self.authority.current(), &self.key, host, defect, now)?;
        let mut config = self.base(self.certified(&leaf), alpn);
        config.send_tls13_tickets = 0;
        Ok(Arc::new(config))
    }

    fn make(
        &self,
        authority: &Arc<Authority>,
        host: &Host,
        alpn: Option<Alpn>,
        now: OffsetDateTime,
    ) -> Result<Arc<ServerConfig>, MintError> {
        // Two workers may mint for one name at once. That costs a signature, and a lock held over it more.
        let known = self.cache.read().unwrap_or_else(PoisonError::into_inner).certified(authority, host, now);
        let (certified, not_after) = match known {
            Some(known) => known,
            None => {
                let leaf = leaf::good(authority, &self.key, host, now)?;
                (self.certified(&leaf), leaf.not_after)
            }
        };
        let mut config = self.base(Arc::clone(&certified), alpn);
        config.ticketer = Arc::clone(&self.ticketer);
        // One ticket is enough to resume once, and the resumed connection brings the next.
        config.send_tls13_tickets = 1;
        let config = Arc::new(config);
        let mut cache = self.cache.write().unwrap_or_else(PoisonError::into_inner);
        cache.insert(authority, host, alpn, &certified, &config, now, not_after);
        Ok(config)
    }

    fn certified(&self, leaf: &Leaf) -> Arc<CertifiedKey> {
        Arc::new(CertifiedKey::new(leaf.chain.clone(), Arc::clone(&self.signer)))
    }

    fn base(&self, certified: Arc<CertifiedKey>, alpn: Option<Alpn>) -> ServerConfig {
        let resolver = SingleCertAndKey::from(certified);
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .expect("the provider has suites for both protocol versions")
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(resolver));
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        // Tickets carry the state; a store of sessions would only cost memory.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.max_early_data_size = 0;
        // Among what the application offers, the order of our provider, which says why.
        config.ignore_client_order = true;
        config
    }
}
