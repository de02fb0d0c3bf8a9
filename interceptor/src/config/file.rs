//! Reads the configuration file. Every mistake is reported with its place; what is left out keeps its default.
//! Knows how people write it. Does not open anything that the file names.

mod capture;
mod identity;
mod objects;
mod proxies;
mod signing;
mod store;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use interceptor_engine::document::{self, Field, Fields, Mistakes, Report};

use super::{Config, Endpoints, Inspection, NamespaceSpec};
use crate::proxy::limits::Limits;
use crate::telemetry::audit::Destination;

const API_VERSION: &str = "interceptor.dev/v1alpha1";
const KIND: &str = "InterceptorConfig";

/// Reads `text`, which people know as `name`. Relative paths start at `base`.
pub(super) fn read(name: &str, text: &str, base: &Path) -> Result<Config, Mistakes> {
    let report = Report::new();
    let documents = document::parse(name, text, document::Limits::WRITTEN_BY_HAND, &report);
    let config = match documents.as_slice() {
        [one] => Reader { base }.config(&one.root(&report)),
        [_, second, ..] => {
            second.root(&report).mistake("a second document", Some("one configuration in the file"));
            None
        }
        // An empty file is the standard configuration, but an unreadable one has been reported already.
        [] => Some(Config::standard()),
    };
    report.finish(config)
}

struct Reader<'b> {
    base: &'b Path,
}

impl Reader<'_> {
    fn config(&self, root: &Field<'_>) -> Option<Config> {
        let top = root.map(&["apiVersion", "kind", "metadata", "spec"])?;
        expect_word(&top, "apiVersion", API_VERSION);
        expect_word(&top, "kind", KIND);
        let mut config = Config::standard();
        let Some(spec) = top.required("spec") else { return Some(config) };
        let spec = spec.map(&[
            "stateDirectory",
            "cgroup",
            "namespaces",
            "workers",
            "listen",
            "capture",
            "endpoints",
            "catalogue",
            "ca",
            "upstream",
            "policy",
            "redaction",
            "signing",
            "audit",
            "admin",
            "identity",
            "limits",
        ])?;
        if let Some(state) = spec.optional("stateDirectory").and_then(|field| self.path(&field)) {
            config.authority = state.join("ca");
            config.audit = Destination::File(state.join("audit.jsonl"));
            config.state = state;
        }
        config.cgroup = spec.optional("cgroup").and_then(|field| self.path(&field));
        if let Some(listed) = spec.optional("namespaces").and_then(|field| self.namespaces(&field)) {
            config.namespaces = listed;
        }
        config.workers = spec.optional("workers").and_then(|field| count(&field, 1..=256));
        self.listen(&spec, &mut config);
        if let Some(field) = spec.optional("capture") {
            self.capture(&field, &mut config.capture);
        }
        self.endpoints(&spec, &mut config.endpoints);
        self.files(&spec, &mut config);
        if let Some(field) = spec.optional("signing") {
            set(&mut config.credentials, signing::credentials(&field, self.base));
        }
        self.outputs(&spec, &mut config);
        if let Some(field) = spec.optional("identity") {
            self.identity(&field, &mut config.identity);
        }
        if let Some(field) = spec.optional("limits") {
            self.limits(&field, &mut config);
        }
        Some(config)
    }

    fn path(&self, field: &Field<'_>) -> Option<PathBuf> {
        field.text().map(|text| self.base.join(text))
    }

    fn paths(&self, fields: &Fields<'_>, name: &'static str) -> Option<Vec<PathBuf>> {
        fields.optional(name)?.list_of(|field| self.path(field))
    }

    fn namespaces(&self, field: &Field<'_>) -> Option<Vec<NamespaceSpec>> {
        let listed = field.list_of(|item| match item.text()? {
            "self" => Some(NamespaceSpec::Own),
            "discover" => Some(NamespaceSpec::Discover),
            path if path.contains('/') => Some(NamespaceSpec::Path(self.base.join(path))),
            word => {
                item.unknown_word("namespace", word, ["self", "discover", "/run/netns/NAME"]);
                None
            }
        })?;
        if field.list().is_some_and(|items| items.is_empty()) {
            field.mistake("no namespace is served", Some("`self`, `discover` or a path"));
        }
        Some(listed)
    }

    fn listen(&self, spec: &Fields<'_>, config: &mut Config) {
        let Some(listen) = spec.optional("listen").and_then(|field| field.map(&["port"])) else { return };
        let Some(field) = listen.optional("port") else { return };
        let Some(port) = field.number(0..=65_535).and_then(|port| u16::try_from(port).ok()) else { return };
        if (30_000..=32_767).contains(&port) {
            field.mistake(
                format!("port {port} lies among Kubernetes' node ports"),
                Some("a port outside 30000-32767, or 0 for any free one"),
            );
        }
        config.port = (port != 0).then_some(port);
    }

    fn endpoints(&self, spec: &Fields<'_>, endpoints: &mut Endpoints) {
        let known: &[&str] = &["ports", "addresses", "resolvers", "proxies", "refresh", "keep"];
        let Some(fields) = spec.optional("endpoints").and_then(|field| field.map(known)) else { return };
        if let Some(field) = fields.optional("ports") {
            let read = |port: &Field<'_>| port.number(1..=65_535).and_then(|port| u16::try_from(port).ok());
            endpoints.ports = field.list_of(read).unwrap_or_default();
            if endpoints.ports.is_empty() {
                field.mistake("no port is looked at", Some("at least one, usually 443"));
            }
        }
        if let Some(addresses) =
            fields.optional("addresses").and_then(|field| field.list_of(Field::network_prefix))
        {
            endpoints.addresses = addresses;
        }
        if let Some(field) = fields.optional("resolvers") {
            endpoints.resolvers = field.list_of(Field::socket_address);
        }
        set(
            &mut endpoints.proxies,
            fields.optional("proxies").and_then(|field| field.list_of(proxies::proxy)),
        );
        set(
            &mut endpoints.refresh,
            fields.optional("refresh").and_then(|field| time(&field, Duration::from_secs(1))),
        );
        set(
            &mut endpoints.keep,
            fields.optional("keep").and_then(|field| time(&field, Duration::from_secs(60))),
        );
    }

    fn files(&self, spec: &Fields<'_>, config: &mut Config) {
        if let Some(fields) = spec.optional("catalogue").and_then(|field| field.map(&["overrides"])) {
            set(&mut config.catalogue, self.paths(&fields, "overrides"));
        }
        if let Some(fields) = spec.optional("ca").and_then(|field| field.map(&["directory"])) {
            set(&mut config.authority, fields.optional("directory").and_then(|field| self.path(&field)));
        }
        if let Some(fields) = spec.optional("upstream").and_then(|field| field.map(&["roots", "systemRoots"]))
        {
            set(&mut config.upstream_roots, self.paths(&fields, "roots"));
            set(&mut config.system_roots, fields.optional("systemRoots").and_then(|field| field.boolean()));
            if !config.system_roots && config.upstream_roots.is_empty() {
                fields.this().mistake("trusts nobody", Some("`systemRoots: true` or files in `roots`"));
            }
        }
        if let Some(fields) = spec.optional("policy").and_then(|field| field.map(POLICY)) {
            set(&mut config.policies, self.paths(&fields, "files"));
            config.policy_directory = fields.optional("directory").and_then(|field| self.path(&field));
            if let Some(field) = fields.optional("signature") {
                self.signature(&field, config);
            }
            if let Some(field) = fields.optional("kubernetes") {
                config.policy_objects = self.policy_objects(&field);
                if fields.optional("signature").is_some() {
                    field.mistake("objects of a cluster have no signature", Some("either of the two"));
                }
            }
        }
        if let Some(fields) = spec.optional("redaction").and_then(|field| field.map(&["keyFile"])) {
            config.redaction_key = fields.optional("keyFile").and_then(|field| self.path(&field));
        }
    }

    fn signature(&self, field: &Field<'_>, config: &mut Config) {
        let keys = field.map(&["publicKeys"]).and_then(|fields| fields.required("publicKeys"));
        let keys = keys.and_then(|keys| keys.filled_list()).unwrap_or_default();
        config.policy_keys = keys.iter().filter_map(|key| self.path(key)).collect();
        if config.policies.is_empty() && config.policy_directory.is_none() {
            field.mistake("nobody signs the built-in policy", Some("`files` or `directory` beside it"));
        }
    }

    fn outputs(&self, spec: &Fields<'_>, config: &mut Config) {
        if let Some(fields) = spec.optional("audit").and_then(|field| field.map(&["file"]))
            && let Some(field) = fields.required("file")
        {
            match field.text() {
                Some("stdout") => config.audit = Destination::Stdout,
                Some("off") => config.audit = Destination::Off,
                Some(path) => config.audit = Destination::File(self.base.join(path)),
                None => {}
            }
        }
        if let Some(fields) =
            spec.optional("admin").and_then(|field| field.map(&["address", "portFile", "socket"]))
        {
            if let Some(field) = fields.optional("address") {
                config.admin = self.admin(&field);
            }
            config.admin_file = fields.optional("portFile").and_then(|field| self.path(&field));
            config.admin_socket = fields.optional("socket").and_then(|field| self.path(&field));
        }
    }

    fn admin(&self, field: &Field<'_>) -> Option<SocketAddr> {
        // Reported by the reader itself when it is neither.
        if field.text() == Some("off") { None } else { field.socket_address() }
    }
}

const POLICY: &[&str] = &["files", "directory", "signature", "kubernetes"];

impl Reader<'_> {
    fn limits(&self, field: &Field<'_>, config: &mut Config) {
        let Some(fields) = field.map(LIMITS) else { return };
        limits(&fields, &mut config.limits, &mut config.inspection);
        config.store = fields.optional("redis").and_then(|field| store::store(&field, self.base));
    }
}

const LIMITS: &[&str] = &[
    "hello",
    "silence",
    "head",
    "dial",
    "handshake",
    "bodyPause",
    "answerPause",
    "idle",
    "rest",
    "upstreamIdle",
    "upstreamSpare",
    "connections",
    "inspected",
    "streams",
    "drain",
    "heldBody",
    "decodedBody",
    "redis",
];

fn limits(fields: &Fields<'_>, limits: &mut Limits, inspection: &mut Inspection) {
    let least = Duration::from_millis(1);
    let times: [(&'static str, &mut Duration); 11] = [
        ("hello", &mut limits.hello),
        ("silence", &mut limits.silence),
        ("head", &mut limits.head),
        ("dial", &mut limits.dial),
        ("handshake", &mut limits.handshake),
        ("bodyPause", &mut limits.body_pause),
        ("answerPause", &mut limits.answer_pause),
        ("idle", &mut limits.idle),
        ("rest", &mut limits.rest),
        ("upstreamIdle", &mut limits.upstream_idle),
        ("drain", &mut limits.drain),
    ];
    for (name, limit) in times {
        set(limit, fields.optional(name).and_then(|field| time(&field, least)));
    }
    let counts: [(&'static str, &mut usize); 3] = [
        ("upstreamSpare", &mut limits.upstream_spare),
        ("connections", &mut limits.connections),
        ("inspected", &mut limits.inspected),
    ];
    for (name, limit) in counts {
        set(limit, fields.optional(name).and_then(|field| count(&field, 1..=1 << 24)));
    }
    let streams = fields.optional("streams").and_then(|field| count(&field, 1..=10_000));
    set(&mut limits.streams, streams.and_then(|streams| u32::try_from(streams).ok()));
    set(&mut inspection.held_body, fields.optional("heldBody").and_then(|field| field.byte_size()));
    set(&mut inspection.decoded_body, fields.optional("decodedBody").and_then(|field| field.byte_size()));
}

fn set<T>(target: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *target = value;
    }
}

fn count(field: &Field<'_>, range: std::ops::RangeInclusive<u64>) -> Option<usize> {
    field.number(range).and_then(|number| usize::try_from(number).ok())
}

fn time(field: &Field<'_>, least: Duration) -> Option<Duration> {
    let time = field.duration()?;
    if time < least {
        field.mistake("too short", Some(&format!("at least {least:?}")));
        return None;
    }
    Some(time)
}

fn expect_word(fields: &Fields<'_>, name: &'static str, word: &str) {
    if let Some(field) = fields.required(name)
        && let Some(text) = field.text()
        && text != word
    {
        field.unknown_word(name, text, [word]);
    }
}
