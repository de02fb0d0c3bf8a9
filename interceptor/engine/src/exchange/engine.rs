//! What exchanges share, and how one begins: what is known of it from its head alone.
//! Knows the catalogue, the policy and the detectors. Does not know what a body says.

use std::sync::Arc;

use crate::catalogue::{Catalogue, HostScope, Operation, ProviderId, RefusalShape};
use crate::decode::Coded;
use crate::detect::Detectors;
use crate::policy::{Context, Direction, Policy, Reach, Scope, Subject, Uncertainty};
use crate::redact::RedactionKey;

use super::answer::Answer;
use super::body::{Body, BodyHead};
use super::case::Case;
use super::head::{Limits, RequestHead, RequestPlan};
use super::judge::Asked;
use super::redactor::Redactor;
use super::scan::VerdictCache;
use super::stream::Framing;
use super::{Exchange, limited};

/// Everything that exchanges share. Immutable: a new policy makes a new engine.
#[derive(Debug)]
pub struct Engine {
    pub(super) catalogue: Arc<Catalogue>,
    pub(super) policy: Arc<Policy>,
    pub(super) detectors: Arc<Detectors>,
    pub(super) limits: Limits,
    pub(super) cache: Option<VerdictCache>,
    pub(super) key: Option<RedactionKey>,
}

impl Engine {
    /// Puts an engine together. It has no key for tokens: where a rule asks for one, the label stands in.
    pub fn new(
        catalogue: Arc<Catalogue>,
        policy: Arc<Policy>,
        detectors: Arc<Detectors>,
        limits: Limits,
    ) -> Arc<Self> {
        Arc::new(Engine { catalogue, policy, detectors, limits, cache: None, key: None })
    }

    /// The same with the key that tokens are made with.
    pub fn keyed(
        catalogue: Arc<Catalogue>,
        policy: Arc<Policy>,
        detectors: Arc<Detectors>,
        limits: Limits,
        key: RedactionKey,
    ) -> Arc<Self> {
        Arc::new(Engine { catalogue, policy, detectors, limits, cache: None, key: Some(key) })
    }

    /// The same engine, with what it finds in texts remembered.
    #[must_use]
    pub fn remembering(&self, cache: VerdictCache) -> Arc<Self> {
        Arc::new(Engine {
            catalogue: self.catalogue.clone(),
            policy: self.policy.clone(),
            detectors: self.detectors.clone(),
            limits: self.limits,
            cache: Some(cache),
            key: self.key.clone(),
        })
    }

    /// What replaces findings in an exchange under these rules.
    fn redactor(&self, scope: &Scope, subject: &Subject) -> Redactor {
        let names = self.detectors.registry().clone();
        if !Direction::ALL.into_iter().any(|direction| scope.makes_tokens(direction)) {
            return Redactor::new(None, names);
        }
        let tenant = subject.tenant().unwrap_or_default();
        Redactor::new(self.key.as_ref().map(|key| key.tenant(tenant)), names)
    }

    /// The catalogue of this engine.
    pub fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }

    /// The policy of this engine.
    pub fn policy(&self) -> &Arc<Policy> {
        &self.policy
    }

    /// Begins an exchange.
    pub fn exchange(self: &Arc<Self>, head: &RequestHead<'_>) -> Exchange {
        let provider = self.catalogue.provider(head.provider);
        let (operation, model) = self.catalogue.asked(head.provider, head.method, head.path);
        let format = match operation {
            Operation::Known(format) => Some(self.catalogue.format(format)),
            Operation::Unknown => None,
        };
        let name = format.map_or_else(|| Arc::from("unknown"), |format| format.id.clone());
        let context = Context {
            provider: &provider.id,
            host: head.host,
            method: head.method,
            path: head.path,
            operation: &name,
            subject: head.subject,
            at: head.at,
        };
        let scope = self.policy.scope(&context);
        let shape = format.map_or_else(|| self.shape_of(head.provider), |format| format.refusal);
        let foreign = format.is_none() && provider.scope == HostScope::Shared;
        let reach = scope.strongest(Direction::Request);
        let limits =
            if foreign { Vec::new() } else { limited::limits(self, head.subject, &provider.id, &name) };
        let plan = match reach {
            _ if foreign || head.content_length == Some(0) => RequestPlan::Bypass,
            // How much it is about to use is known with its last byte.
            _ if !limits.is_empty() => RequestPlan::Hold,
            Reach::Rewrite | Reach::Block => RequestPlan::Hold,
            Reach::None | Reach::Audit => RequestPlan::Stream,
        };
        let bodies = format.and_then(|format| format.bodies.clone());
        let coded = Coded::parse(head.content_encoding);
        let memory = self.cache.as_ref().map(|cache| cache.of(head.subject, self.policy.version()));
        let mut request = Body::new(BodyHead {
            content_type: head.content_type,
            coded,
            tables: bodies.clone().map(|bodies| (bodies, Direction::Request)),
            detectors: (reach != Reach::None).then(|| self.detectors.clone()),
            kept: plan == RequestPlan::Hold,
            limits: self.limits,
        });
        request.inspector.scanner.remember(memory.clone());
        request.inspector.calls.ask(scope.asks_for_arguments(Direction::Request));
        if scope.makes_tokens(Direction::Request) {
            request.inspector.scanner.reveal();
        }
        let redactor = self.redactor(&scope, head.subject);
        let too_long = head.content_length.is_some_and(|length| length > self.limits.held_body as u64);
        let first_doubt = match plan {
            // Only its maker knows what it says.
            _ if format.is_some_and(|format| format.closed) => Some(Uncertainty::NotInspected),
            RequestPlan::Hold if too_long => Some(Uncertainty::OversizedBody),
            RequestPlan::Hold | RequestPlan::Stream if coded == Coded::Unknown => {
                Some(Uncertainty::UndecodableBody)
            }
            _ => None,
        };
        Exchange {
            engine: self.clone(),
            asked: Asked::new(head, model),
            provider: head.provider,
            operation: name,
            bodies,
            known: format.is_some(),
            foreign,
            case: Case::new(scope, shape, head.request_id, provider.body_signed.is_some(), redactor),
            plan,
            request,
            first_doubt,
            asks_for_pieces: Framing::is_asked_for(head.path),
            memory,
            answer: Answer::Awaited,
            socket: None,
            limits,
            limited: Vec::new(),
            over: false,
        }
    }

    /// The error shape of a provider's first format, for paths that are not known.
    fn shape_of(&self, provider: ProviderId) -> RefusalShape {
        let formats = &self.catalogue.provider(provider).formats;
        formats.first().map_or(RefusalShape::Generic, |format| self.catalogue.format(*format).refusal)
    }
}
