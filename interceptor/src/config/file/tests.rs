//! Whole files: what they mean, and that all their mistakes are reported at once.

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
    let text = format!("{head}    directory: policies\n    signature: {{ publicKeys: [a.pub, /b.pub] }}\n");
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
