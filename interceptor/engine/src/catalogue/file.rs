//! Reads catalogue files: the embedded ones first, then the operator's, each correcting what came before.
//! All mistakes of all files are reported at once.

mod bodies;
mod merge;
mod shape;

use std::sync::Arc;

use crate::document::resource;
use crate::document::{self, Document, Field, Fields, Limits, Mistakes, Report, Shape};

use super::format::{Format, FormatId, FormatPath, RefusalShape, Transport};
use super::host::{HostIndex, HostPattern};
use super::path::PathPattern;
use super::{BodySignature, Catalogue, HostScope, Match, Provider, ProviderId, ProviderKind};
use merge::Merge;

pub(crate) use shape::{DOCUMENT, KIND, SPEC};

/// The embedded catalogue.
const BUILTIN: [(&str, &str); 2] = [
    ("(built-in) formats.yaml", include_str!("../../data/formats.yaml")),
    ("(built-in) providers.yaml", include_str!("../../data/providers.yaml")),
];

/// Reads everything; formats of all files before any provider, since providers name formats.
pub(super) fn load(corrections: &[(String, String)]) -> Result<Catalogue, Mistakes> {
    let report = Report::new();
    let catalogue = read(corrections, &[], &report);
    report.finish(Some(catalogue))
}

/// The same, with what documents of kind `EndpointCatalog` add. Wrong parts are in the report and missing.
pub(crate) fn read(corrections: &[(String, String)], more: &[Field<'_>], report: &Report) -> Catalogue {
    let builtin = BUILTIN.into_iter();
    let files = builtin.chain(corrections.iter().map(|(name, text)| (name.as_str(), text.as_str())));
    let documents: Vec<Document> =
        files.flat_map(|(name, text)| document::parse(name, text, Limits::WRITTEN_BY_HAND, report)).collect();
    let roots = documents.iter().map(|document| (document.root(report), &shape::FILE));
    let more = more.iter().map(|root| (root.clone(), &shape::DOCUMENT));
    let specs: Vec<Fields<'_>> = roots.chain(more).filter_map(|(root, shape)| spec(&root, shape)).collect();
    let lists =
        |name| specs.iter().filter_map(move |spec: &Fields<'_>| spec.optional(name)?.list()).flatten();
    let mut draft = Draft::default();
    for field in lists("formats") {
        draft.format(&field);
    }
    draft.resolve_formats();
    for field in lists("providers") {
        draft.provider(&field);
    }
    draft.finish()
}

/// What a document says; what is wrong around it is in the report.
fn spec<'a>(root: &Field<'a>, shape: &'static Shape) -> Option<Fields<'a>> {
    resource::read(root, shape)?.spec.shaped(&shape::SPEC)
}

/// What has been read so far.
#[derive(Default)]
struct Draft<'a> {
    formats: Vec<FormatDraft<'a>>,
    providers: Vec<ProviderDraft<'a>>,
}

/// A format before the others are known.
struct FormatDraft<'a> {
    id: &'a str,
    methods: Vec<&'a str>,
    paths: Vec<PathDraft<'a>>,
    same_as: Option<Field<'a>>,
    transport: Transport,
    closed: bool,
    refusal: RefusalShape,
    bodies: bodies::BodiesDraft<'a>,
    /// What `same_as` turned out to be.
    walked_as: Option<usize>,
}

struct PathDraft<'a> {
    pattern: PathPattern,
    spoken: Option<Field<'a>>,
    spoken_id: Option<usize>,
}

/// A provider before its paths are put together.
struct ProviderDraft<'a> {
    id: &'a str,
    name: &'a str,
    kind: ProviderKind,
    scope: HostScope,
    hosts: Vec<(HostPattern, Field<'a>)>,
    ports: Vec<u16>,
    base_paths: Vec<PathPattern>,
    formats: Vec<usize>,
    telemetry_name: Option<&'a str>,
    body_signed: Option<BodySignature>,
}

const KINDS: [(&str, ProviderKind); 12] = [
    ("model", ProviderKind::Model),
    ("cloud", ProviderKind::Cloud),
    ("host", ProviderKind::Host),
    ("router", ProviderKind::Router),
    ("assistant", ProviderKind::Assistant),
    ("retrieval", ProviderKind::Retrieval),
    ("speech", ProviderKind::Speech),
    ("image", ProviderKind::Image),
    ("video", ProviderKind::Video),
    ("guard", ProviderKind::Guard),
    ("local", ProviderKind::Local),
    ("tools", ProviderKind::Tools),
];
const SCOPES: [(&str, HostScope); 2] = [("dedicated", HostScope::Dedicated), ("shared", HostScope::Shared)];
const SIGNATURES: [(&str, BodySignature); 2] = [("sigv4", BodySignature::SigV4), ("oci", BodySignature::Oci)];
const TRANSPORTS: [(&str, Transport); 3] =
    [("http", Transport::Http), ("websocket", Transport::WebSocket), ("both", Transport::Both)];
const SHAPES: [(&str, RefusalShape); 6] = [
    ("openai", RefusalShape::OpenAi),
    ("anthropic", RefusalShape::Anthropic),
    ("google", RefusalShape::Google),
    ("aws", RefusalShape::Aws),
    ("cohere", RefusalShape::Cohere),
    ("generic", RefusalShape::Generic),
];

impl<'a> Draft<'a> {
    /// Adds, corrects or removes a format. `None` means that the reason is in the report.
    fn format(&mut self, field: &Field<'a>) -> Option<()> {
        let fields = field.shaped(&shape::FORMAT)?;
        // What has no name is read all the same, so that its other mistakes are told, too.
        let id = fields.required("id").and_then(|id| id.text()).unwrap_or_default();
        let known = self.formats.iter().position(|format| format.id == id);
        if removed(&fields)? {
            self.formats.remove(known.or_else(|| nothing_to_remove(&fields, id))?);
            return Some(());
        }
        let at = known.unwrap_or(self.formats.len());
        if known.is_none() {
            let _ = fields.required("paths");
            self.formats.push(FormatDraft::new(id));
        }
        self.formats[at].correct(&fields);
        Some(())
    }

    /// Adds, corrects or removes a provider.
    fn provider(&mut self, field: &Field<'a>) -> Option<()> {
        let fields = field.shaped(&shape::PROVIDER)?;
        let id = fields.required("id").and_then(|id| id.text()).unwrap_or_default();
        let known = self.providers.iter().position(|provider| provider.id == id);
        if removed(&fields)? {
            self.providers.remove(known.or_else(|| nothing_to_remove(&fields, id))?);
            return Some(());
        }
        let at = known.unwrap_or(self.providers.len());
        if known.is_none() {
            for name in ["hosts", "formats"] {
                let _ = fields.required(name);
            }
            self.providers.push(ProviderDraft::new(id));
        }
        let formats = self.formats.iter().map(|format| format.id).collect::<Vec<_>>();
        self.providers[at].correct(&fields, &formats);
        Some(())
    }

    /// Finds the formats that other formats name.
    fn resolve_formats(&mut self) {
        let ids: Vec<&str> = self.formats.iter().map(|format| format.id).collect();
        for format in &mut self.formats {
            format.walked_as = format.same_as.as_ref().and_then(|field| format_named(field, &ids));
            for path in &mut format.paths {
                path.spoken_id = path.spoken.as_ref().and_then(|field| format_named(field, &ids));
            }
            for include in format.bodies.includes() {
                include.format_id = format_named(&include.format, &ids);
            }
        }
    }

    /// Puts the catalogue together. Wrong parts have been reported and are simply missing.
    fn finish(self) -> Catalogue {
        let number = |at: usize| FormatId(u16::try_from(at).expect("a file of at most 100,000 values"));
        let mut merge = Merge::new(&self.formats);
        let mut bodies = |at: usize| merge.bodies(at).map(Arc::new);
        let formats: Vec<Format> = self
            .formats
            .iter()
            .enumerate()
            .map(|(at, draft)| Format {
                id: draft.id.into(),
                methods: draft.methods.iter().map(|&method| method.into()).collect(),
                transport: draft.transport,
                refusal: draft.refusal,
                closed: draft.closed,
                bodies: bodies(at),
                paths: draft
                    .paths
                    .iter()
                    .map(|path| FormatPath {
                        pattern: path.pattern.clone(),
                        spoken: path.spoken_id.map(number),
                    })
                    .collect(),
            })
            .collect();
        let mut hosts = HostIndex::default();
        for (at, provider) in self.providers.iter().enumerate() {
            let to = ProviderId(u16::try_from(at).expect("a file of at most 100,000 values"));
            for (pattern, field) in &provider.hosts {
                if let Err(other) = hosts.insert(pattern, Match::new(to, provider.scope)) {
                    let other = self.providers[usize::from(other.0)].id;
                    field.mistake(format!("`{}` is already a host of `{other}`", pattern.as_str()), None);
                }
            }
        }
        let providers = self.providers.into_iter().map(|draft| draft.finish(&formats, number)).collect();
        Catalogue { providers, formats, hosts }
    }
}

impl<'a> FormatDraft<'a> {
    fn new(id: &'a str) -> Self {
        FormatDraft {
            id,
            methods: vec!["POST"],
            paths: Vec::new(),
            same_as: None,
            transport: Transport::Http,
            closed: false,
            refusal: RefusalShape::Generic,
            bodies: bodies::BodiesDraft::default(),
            walked_as: None,
        }
    }

    fn correct(&mut self, fields: &Fields<'a>) {
        take(fields, "methods", &mut self.methods, |field| {
            field.list_of(|method| {
                method.parsed("a method in capitals", |text| {
                    (!text.is_empty() && text.bytes().all(|b| b.is_ascii_uppercase())).then_some(text)
                })
            })
        });
        take(fields, "paths", &mut self.paths, |field| field.list_of(path));
        take(fields, "transport", &mut self.transport, |field| field.one_of(&TRANSPORTS));
        take(fields, "closed", &mut self.closed, Field::boolean);
        take(fields, "refusal", &mut self.refusal, |field| field.one_of(&SHAPES));
        take(fields, "sameAs", &mut self.same_as, |field| field.text().map(|_| Some(field.clone())));
        self.bodies.correct(fields);
    }
}

impl<'a> ProviderDraft<'a> {
    fn new(id: &'a str) -> Self {
        ProviderDraft {
            id,
            name: id,
            kind: ProviderKind::Host,
            scope: HostScope::Dedicated,
            hosts: Vec::new(),
            ports: Vec::new(),
            base_paths: Vec::new(),
            formats: Vec::new(),
            telemetry_name: None,
            body_signed: None,
        }
    }

    fn correct(&mut self, fields: &Fields<'a>, formats: &[&str]) {
        take(fields, "name", &mut self.name, Field::text);
        take(fields, "kind", &mut self.kind, |field| field.one_of(&KINDS));
        take(fields, "scope", &mut self.scope, |field| field.one_of(&SCOPES));
        take(fields, "hosts", &mut self.hosts, |field| {
            field.list_of(|host| Some((host_pattern(host)?, host.clone())))
        });
        take(fields, "ports", &mut self.ports, |field| {
            field.list_of(|port| u16::try_from(port.number(1..=65_535)?).ok())
        });
        take(fields, "basePaths", &mut self.base_paths, |field| field.list_of(path_pattern));
        take(fields, "formats", &mut self.formats, |field| field.list_of(|name| format_named(name, formats)));
        take(fields, "telemetryName", &mut self.telemetry_name, |field| field.text().map(Some));
        take(fields, "bodySigned", &mut self.body_signed, |field| field.one_of(&SIGNATURES).map(Some));
    }

    /// Spells out every path under which one of the formats may be met.
    fn finish(self, formats: &[Format], number: impl Fn(usize) -> FormatId) -> Provider {
        let root = PathPattern::parse("").expect("the empty pattern is the root");
        let mut operations: Vec<(PathPattern, FormatId)> = Vec::new();
        for &at in &self.formats {
            for path in &formats[at].paths {
                let spoken = path.spoken.unwrap_or(number(at));
                for base in self.base_paths.iter().chain([&root]) {
                    let patterns = path.pattern.below(base).into_iter().map(|pattern| (pattern, spoken));
                    let new: Vec<_> = patterns.filter(|entry| !operations.contains(entry)).collect();
                    operations.extend(new);
                }
            }
        }
        Provider {
            id: self.id.into(),
            name: self.name.into(),
            kind: self.kind,
            scope: self.scope,
            hosts: self.hosts.into_iter().map(|(pattern, _)| pattern).collect(),
            ports: self.ports.into(),
            formats: self.formats.iter().map(|&at| number(at)).collect(),
            telemetry_name: self.telemetry_name.map(Into::into),
            body_signed: self.body_signed,
            operations: operations.into(),
        }
    }
}

/// Takes over what a field says, if it is there and right.
fn take<'a, T>(
    fields: &Fields<'a>,
    name: &'static str,
    place: &mut T,
    read: impl FnOnce(&Field<'a>) -> Option<T>,
) {
    if let Some(value) = fields.optional(name).and_then(|field| read(&field)) {
        *place = value;
    }
}

/// `None` if the switch itself is wrong.
fn removed(fields: &Fields<'_>) -> Option<bool> {
    fields.optional("remove").map_or(Some(false), |field| field.boolean())
}

fn nothing_to_remove(fields: &Fields<'_>, id: &str) -> Option<usize> {
    fields.this().mistake(format!("there is no `{id}` to remove"), None);
    None
}

fn format_named(field: &Field<'_>, known: &[&str]) -> Option<usize> {
    let name = field.text()?;
    let found = known.iter().position(|id| *id == name);
    if found.is_none() {
        // Fifty names help nobody; those of the same maker do.
        let family = name.split('.').next().unwrap_or(name);
        let near: Vec<&str> = known.iter().copied().filter(|id| id.starts_with(family)).collect();
        field.unknown_word("format", name, if near.is_empty() { known } else { &near }.iter().copied());
    }
    found
}

/// A path alone, or `{ path, as }`.
fn path<'a>(field: &Field<'a>) -> Option<PathDraft<'a>> {
    if let document::Value::Map(_) = field.value() {
        let fields = field.shaped(&shape::PATH)?;
        let pattern = fields.required("path").and_then(|path| path_pattern(&path));
        let spoken = fields.required("as").filter(|name| name.text().is_some());
        return Some(PathDraft { pattern: pattern?, spoken: Some(spoken?), spoken_id: None });
    }
    Some(PathDraft { pattern: path_pattern(field)?, spoken: None, spoken_id: None })
}

fn path_pattern(field: &Field<'_>) -> Option<PathPattern> {
    let text = if field.value().is_null() { "" } else { field.text()? };
    PathPattern::parse(text).map_err(|error| field.mistake(format!("not a path: {error}"), None)).ok()
}

fn host_pattern(field: &Field<'_>) -> Option<HostPattern> {
    let text = field.text()?;
    HostPattern::parse(text).map_err(|error| field.mistake(format!("not a host: {error}"), None)).ok()
}
