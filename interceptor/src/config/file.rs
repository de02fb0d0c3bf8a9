//! Reads the configuration file. Every mistake is reported with its place; what is left out keeps its default.
//! Knows how people write it. Does not open anything that the file names.

mod capture;
mod identity;
mod objects;
mod proxies;
mod signing;
mod store;

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

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(text: &str, expected: Expect) {
        let mistakes = read("file.yaml", text, Path::new("/etc/interceptor")).expect_err("has mistakes");
        expected.assert_eq(&mistakes.to_string());
    }

    #[test]
    fn the_example_is_the_standard_configuration() {
        let config = read("example.yaml", super::super::EXAMPLE, Path::new("/")).expect("no mistakes");
        assert_eq!(config, Config::standard());
    }

    #[test]
    fn relative_paths_start_at_the_file() {
        let text =
            "apiVersion: interceptor.dev/v1alpha1\nkind: InterceptorConfig\nspec:\n  stateDirectory: state\n";
        let config = read("file.yaml", text, Path::new("/etc/interceptor")).expect("no mistakes");
        assert_eq!(config.authority, Path::new("/etc/interceptor/state/ca"));
    }

    #[test]
    fn all_mistakes_are_reported_at_once() {
        check(
            "apiVersion: interceptor.dev/v2\nkind: InterceptorConfig\nspec:\n  workers: 0\n  nmaespaces: [self]\n  \
             namespaces: [sefl]\n  listen: {port: 31000}\n  endpoints: {ports: [], resolvers: [example]}\n  \
             limits: {head: 10, heldBody: lots}\n",
            expect![[r#"
                file.yaml:1:13: apiVersion: unknown apiVersion `interceptor.dev/v2`; expected `interceptor.dev/v1alpha1`
                file.yaml:4:12: spec.workers: `0` is not allowed; expected a whole number from 1 to 256
                file.yaml:5:3: spec: unknown field `nmaespaces`; expected one of `stateDirectory`, `cgroup`, `namespaces`, `workers`, `listen`, `capture`, `endpoints`, `catalogue`, `ca`, `upstream`, `policy`, `redaction`, `signing`, `audit`, `admin`, `identity`, `limits`; did you mean `namespaces`?
                file.yaml:6:16: spec.namespaces[0]: unknown namespace `sefl`; expected one of `self`, `discover`, `/run/netns/NAME`; did you mean `self`?
                file.yaml:7:18: spec.listen.port: port 31000 lies among Kubernetes' node ports; expected a port outside 30000-32767, or 0 for any free one
                file.yaml:8:22: spec.endpoints.ports: no port is looked at; expected at least one, usually 443
                file.yaml:8:38: spec.endpoints.resolvers[0]: `example` is not allowed; expected an address and port such as `127.0.0.1:9090` or `[::1]:9090`
                file.yaml:9:18: spec.limits.head: `10` is not allowed; expected a duration such as `250ms`, `30s`, `5m`, `12h`, `7d` or `1h30m`
                file.yaml:9:32: spec.limits.heldBody: `lots` is not allowed; expected a size such as `512`, `64KiB`, `16MiB` or `1GiB`"#]],
        );
    }

    #[test]
    fn mistakes_about_the_shared_store_are_reported_at_once() {
        let head =
            "apiVersion: interceptor.dev/v1alpha1\nkind: InterceptorConfig\nspec:\n  limits:\n    redis:\n";
        let body = "      url: redis://me:word@redis.example\n      roots: [ca.pem]\n      nodes: 0\n      deadline: 5\n      pool: 3\n";
        check(
            &format!("{head}{body}"),
            expect![[r#"
                file.yaml:6:12: spec.limits.redis.url: is not such a URL; expected `redis://HOST:PORT/DATABASE` or `rediss://HOST:PORT/DATABASE`, without credentials
                file.yaml:8:14: spec.limits.redis.nodes: `0` is not allowed; expected a whole number from 1 to 100000
                file.yaml:9:17: spec.limits.redis.deadline: `5` is not allowed; expected a duration such as `250ms`, `30s`, `5m`, `12h`, `7d` or `1h30m`
                file.yaml:10:7: spec.limits.redis: unknown field `pool`; expected one of `url`, `roots`, `user`, `passwordFile`, `nodes`, `deadline`"#]],
        );
        check(
            &format!("{head}      url: redis://redis.example\n      roots: [ca.pem]\n      nodes: 3\n"),
            expect![
                "file.yaml:7:14: spec.limits.redis.roots: the server is not spoken to over TLS; expected a URL that begins with `rediss://`"
            ],
        );
    }

    #[test]
    fn the_shared_store_is_read() {
        let text = "apiVersion: interceptor.dev/v1alpha1\nkind: InterceptorConfig\nspec:\n  limits:\n    redis:\n      \
                    url: rediss://redis.example/2\n      roots: [ca.pem]\n      passwordFile: word\n      nodes: 3\n";
        let config = read("file.yaml", text, Path::new("/etc/interceptor")).expect("no mistakes");
        expect![[r#"StoreSpec { host: "redis.example", port: 6379, database: 2, tls: true, roots: ["/etc/interceptor/ca.pem"], user: None, password: Some("/etc/interceptor/word"), deadline: 100ms, nodes: 3 }"#]].assert_eq(&format!("{:?}", config.store.expect("a store")));
    }

    #[test]
    fn keys_of_policies_are_read() {
        let head = "apiVersion: interceptor.dev/v1alpha1\nkind: InterceptorConfig\nspec:\n  policy:\n";
        let text =
            format!("{head}    directory: policies\n    signature: {{ publicKeys: [a.pub, /b.pub] }}\n");
        let config = read("file.yaml", &text, Path::new("/etc/interceptor")).expect("no mistakes");
        assert_eq!(config.policy_keys, [Path::new("/etc/interceptor/a.pub"), Path::new("/b.pub")]);
        check(
            &format!("{head}    signature: {{ publicKeys: [] }}\n"),
            expect![[r#"
                file.yaml:5:16: spec.policy.signature: nobody signs the built-in policy; expected `files` or `directory` beside it
                file.yaml:5:30: spec.policy.signature.publicKeys: is an empty list; expected at least one element"#]],
        );
    }

    #[test]
    fn proxies_are_read_by_address_network_and_name() {
        let text = "apiVersion: interceptor.dev/v1alpha1\nkind: InterceptorConfig\nspec:\n  endpoints:\n    proxies:\n      \
                    - {address: 203.0.113.30, port: 3128}\n      - {address: \"2001:db8::/64\", port: 8080}\n      \
                    - {name: Proxy.Example., port: 3128}\n";
        let config = read("file.yaml", text, Path::new("/etc/interceptor")).expect("no mistakes");
        let shown: Vec<_> = config.endpoints.proxies.iter().map(|proxy| format!("{proxy:?}")).collect();
        expect![[r#"
            ProxySpec { at: Network(NetworkPrefix { address: 203.0.113.30, bits: 32 }), port: 3128 }
            ProxySpec { at: Network(NetworkPrefix { address: 2001:db8::, bits: 64 }), port: 8080 }
            ProxySpec { at: Name(proxy.example), port: 3128 }"#]]
        .assert_eq(&shown.join("\n"));
    }

    #[test]
    fn mistakes_about_proxies_are_reported_at_once() {
        check(
            "apiVersion: interceptor.dev/v1alpha1\nkind: InterceptorConfig\nspec:\n  endpoints:\n    proxies:\n      \
             - {address: 203.0.113.30, name: proxy.example, port: 3128}\n      - {port: 3128}\n      \
             - {name: \"http://proxy.example\", port: 0}\n      - {address: proxy.example}\n      \
             - {address: 127.0.0.1, port: 3128}\n",
            expect![[r#"
                file.yaml:6:9: spec.endpoints.proxies[0]: does not say where the proxy is; expected either `address` or `name`
                file.yaml:7:9: spec.endpoints.proxies[1]: does not say where the proxy is; expected either `address` or `name`
                file.yaml:8:16: spec.endpoints.proxies[2].name: `http://proxy.example` is not allowed; expected a host name such as `proxy.example`
                file.yaml:8:46: spec.endpoints.proxies[2].port: `0` is not allowed; expected a whole number from 1 to 65535
                file.yaml:9:9: spec.endpoints.proxies[3]: the field `port` is missing
                file.yaml:9:19: spec.endpoints.proxies[3].address: `proxy.example` is not allowed; expected an address or prefix such as `203.0.113.10`, `203.0.113.0/24` or `2001:db8::/48`
                file.yaml:10:9: spec.endpoints.proxies[4]: connections over loopback are not seen; expected the proxy that the one at this address uses itself, if it uses one"#]],
        );
    }

    #[test]
    fn mistakes_about_capture_are_reported_at_once() {
        check(
            "apiVersion: interceptor.dev/v1alpha1\nkind: InterceptorConfig\nspec:\n  capture:\n    mode: stirct\n    \
             onFailure: maybe\n    unknown: shut\n    heartbeat: 100ms\n    onStop: leave\n    workloads:\n      - {mode: strict}\n      \
             - {namespace: /run/netns/a, cgroup: /b, mode: hint}\n      - {cgroup: /b}\n      \
             - {cgroup: /b, onFailure: shut, fail: open}\n",
            expect![[r#"
                file.yaml:5:11: spec.capture.mode: unknown value `stirct`; expected one of `hint`, `strict`; did you mean `strict`?
                file.yaml:6:16: spec.capture.onFailure: unknown value `maybe`; expected one of `open`, `closed`
                file.yaml:7:14: spec.capture.unknown: unknown value `shut`; expected one of `open`, `closed`
                file.yaml:8:16: spec.capture.heartbeat: too short; expected at least 500ms
                file.yaml:9:13: spec.capture.onStop: unknown value `leave`; expected one of `keep`, `detach`
                file.yaml:11:9: spec.capture.workloads[0]: does not say which workload; expected either `namespace` or `cgroup`
                file.yaml:12:9: spec.capture.workloads[1]: does not say which workload; expected either `namespace` or `cgroup`
                file.yaml:13:9: spec.capture.workloads[2]: changes nothing; expected `mode`, `onFailure` or both
                file.yaml:14:33: spec.capture.workloads[3].onFailure: unknown value `shut`; expected one of `open`, `closed`
                file.yaml:14:39: spec.capture.workloads[3]: unknown field `fail`; expected one of `namespace`, `cgroup`, `mode`, `onFailure`"#]],
        );
    }
}
