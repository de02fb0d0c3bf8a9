//! The catalogue: which hosts are AI providers, which wire format stands behind a path, and where text lies
//! in each format. All of it is data: embedded files, corrected and extended by the operator's own.
//! Knows names and shapes. Does not know policy, and reads no body.

mod file;
mod format;
mod host;
mod path;
mod recognise;

use std::sync::Arc;

use crate::document::{Field, Mistakes, Report};

pub(crate) use file::{DOCUMENT as ENDPOINTS, KIND as ENDPOINTS_KIND, SPEC as ENDPOINTS_SPEC};
pub(crate) use format::MOST_KEYS;
pub use format::{
    Bodies, CloseRule, DeltaKind, DeltaRule, Format, FormatId, Framing, RawRule, RefusalShape, StreamRules,
    Transport,
};
pub use host::{HostPattern, HostPatternError};
pub use path::{PathPattern, PathPatternError};
pub use recognise::Address;

use host::HostIndex;

/// Number of a provider in its catalogue; an index, so it is only meaningful there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProviderId(u16);

impl ProviderId {
    /// The number itself, for whoever keeps it outside of this program.
    pub fn number(self) -> u16 {
        self.0
    }
}

/// Whether a host serves AI only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostScope {
    /// Every path on the host is AI.
    Dedicated,
    /// Other products live there too, so only known paths are AI.
    Shared,
}

/// What kind of service a provider is. For reports; nothing is decided by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProviderKind {
    /// A maker of models with an API of its own.
    Model,
    /// A cloud's AI service.
    Cloud,
    /// A host of open models.
    Host,
    /// A reseller, router or gateway.
    Router,
    /// A coding assistant's backend.
    Assistant,
    /// Embeddings, rerank and search.
    Retrieval,
    /// Speech to text and back.
    Speech,
    /// Images.
    Image,
    /// Video.
    Video,
    /// A service that judges prompts.
    Guard,
    /// Run inside the cluster.
    Local,
    /// Tools for models.
    Tools,
}

/// Who signs the request body, so that a rewritten one is refused upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodySignature {
    /// AWS Signature Version 4.
    SigV4,
    /// Oracle's HTTP signature.
    Oci,
}

/// Someone who offers AI over HTTP.
#[derive(Debug)]
pub struct Provider {
    /// Stable name, such as `openai`; what policies call it.
    pub id: Box<str>,
    /// Name for people.
    pub name: Box<str>,
    /// What it is.
    pub kind: ProviderKind,
    /// Whether its hosts serve AI only.
    pub scope: HostScope,
    /// Where it answers.
    pub hosts: Box<[HostPattern]>,
    /// Ports of programs that run inside the cluster.
    pub ports: Box<[u16]>,
    /// Formats it speaks, in the order in which paths are tried.
    pub formats: Box<[FormatId]>,
    /// The value of `gen_ai.provider.name`, where OpenTelemetry has one.
    pub telemetry_name: Option<Box<str>>,
    /// Set if clients may sign the body.
    pub body_signed: Option<BodySignature>,
    operations: Box<[(PathPattern, FormatId)]>,
}

/// Answer to "who is behind this host".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Match {
    /// The provider.
    pub provider: ProviderId,
    /// Whether everything on the host is AI.
    pub scope: HostScope,
}

/// Answer to "what is done on this path".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A request of this format.
    Known(FormatId),
    /// No format of the provider fits.
    Unknown,
}

/// All providers and formats. Immutable; shared by `Arc`.
#[derive(Debug)]
pub struct Catalogue {
    providers: Vec<Provider>,
    formats: Vec<Format>,
    hosts: HostIndex,
}

impl Catalogue {
    /// The embedded catalogue, without corrections.
    pub fn builtin() -> Arc<Catalogue> {
        Arc::new(Self::load(&[]).expect("the embedded files are tested to be without mistakes"))
    }

    /// The embedded catalogue corrected by files, given as name and text, later ones winning.
    /// A known `id` corrects the fields that are written, a new one adds, `remove: true` takes away.
    pub fn load(corrections: &[(String, String)]) -> Result<Catalogue, Mistakes> {
        file::load(corrections)
    }

    /// As [`Catalogue::load`], with what documents of kind `EndpointCatalog` add. What is wrong is in the report.
    pub(crate) fn read(corrections: &[(String, String)], more: &[Field<'_>], report: &Report) -> Catalogue {
        file::read(corrections, more, report)
    }

    /// The provider behind a host name, in any case and with or without a trailing dot.
    pub fn route(&self, host: &str) -> Option<Match> {
        self.hosts.find(host)
    }

    /// What a request does, by its method and its path (with or without query).
    pub fn operation(&self, provider: ProviderId, method: &str, path_and_query: &str) -> Operation {
        self.asked(provider, method, path_and_query).0
    }

    /// The same, and the model that the path names, as some do in the place of the body.
    pub fn asked(
        &self,
        provider: ProviderId,
        method: &str,
        path_and_query: &str,
    ) -> (Operation, Option<String>) {
        let path = path::normal(path_and_query);
        let parts = path::parts(&path);
        let fits = |(pattern, format): &&(PathPattern, FormatId)| {
            self.format(*format).methods.iter().any(|known| **known == *method) && pattern.matches(&parts)
        };
        match self.provider(provider).operations.iter().find(fits) {
            Some((pattern, format)) => (Operation::Known(*format), pattern.model(&path).map(str::to_owned)),
            None => (Operation::Unknown, None),
        }
    }

    /// A provider by its number. Numbers of another catalogue are a mistake of the caller.
    pub fn provider(&self, id: ProviderId) -> &Provider {
        &self.providers[usize::from(id.0)]
    }

    /// A provider's number by its stable name.
    pub fn provider_named(&self, id: &str) -> Option<ProviderId> {
        self.providers().find(|(_, provider)| *provider.id == *id).map(|(number, _)| number)
    }

    /// All providers, in the order of the files.
    pub fn providers(&self) -> impl Iterator<Item = (ProviderId, &Provider)> {
        (0..).map(ProviderId).zip(&self.providers)
    }

    /// A format by its number. Numbers of another catalogue are a mistake of the caller.
    pub fn format(&self, id: FormatId) -> &Format {
        &self.formats[usize::from(id.0)]
    }

    /// All formats, in the order of the files.
    pub fn formats(&self) -> &[Format] {
        &self.formats
    }

    /// Every host name that is written out in full: what can be resolved ahead of time.
    pub fn exact_names(&self) -> impl Iterator<Item = &str> {
        self.patterns().filter(|pattern| pattern.is_exact()).map(HostPattern::as_str)
    }

    /// Every host name and pattern with its provider, as text.
    pub fn names(&self) -> impl Iterator<Item = (&str, ProviderId)> {
        self.providers().flat_map(|(id, provider)| provider.hosts.iter().map(move |host| (host.as_str(), id)))
    }

    /// The fewest DNS domains below which all hosts are: the name constraints of an authority that signs for
    /// them. A pattern counts with its longest suffix of whole written-out labels.
    pub fn permitted_domains(&self) -> Vec<&str> {
        host::covering_domains(self.patterns())
    }

    fn patterns(&self) -> impl Iterator<Item = &HostPattern> {
        self.providers.iter().flat_map(|provider| &provider.hosts)
    }
}

#[cfg(test)]
mod tests;
