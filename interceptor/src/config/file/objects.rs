//! Reads the section `policy.kubernetes`.
//! Knows how people write it. Does not know objects.

use std::time::Duration;

use interceptor_engine::document::Field;

use super::{Reader, time};
use crate::cluster::ClusterSpec;
use crate::config::PolicyObjects;

/// How long a start waits if nobody says otherwise.
const WAIT: Duration = Duration::from_secs(10);

impl Reader<'_> {
    pub(super) fn policy_objects(&self, field: &Field<'_>) -> Option<PolicyObjects> {
        let fields = field.map(&["kubeconfig", "selector", "writeStatus", "wait"])?;
        let kubeconfig = fields.optional("kubeconfig").and_then(|field| self.path(&field));
        let selector = fields.optional("selector").and_then(|field| field.text().map(str::to_owned));
        let writes_status = fields.optional("writeStatus").and_then(|field| field.boolean());
        let wait = fields.optional("wait").and_then(|field| time(&field, Duration::from_millis(1)));
        Some(PolicyObjects {
            cluster: ClusterSpec { kubeconfig },
            selector,
            writes_status: writes_status.unwrap_or(true),
            wait: wait.unwrap_or(WAIT),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use expect_test::expect;

    use crate::config::Config;
    use crate::config::file::read;

    fn of(spec: &str) -> Result<Config, String> {
        let text = format!("apiVersion: interceptor.dev/v1alpha1\nkind: InterceptorConfig\nspec:\n{spec}");
        read("file.yaml", &text, Path::new("/etc/interceptor")).map_err(|mistakes| mistakes.to_string())
    }

    #[test]
    fn where_the_api_server_is_may_be_left_to_kubernetes() {
        let config = of("  identity: {kubernetes: {}}\n  policy: {kubernetes: {}}\n").unwrap();
        let (pods, objects) = (config.identity.kubernetes.unwrap(), config.policy_objects.unwrap());
        assert_eq!((pods.cluster.kubeconfig, pods.node), (None, None));
        assert_eq!((objects.cluster.kubeconfig, objects.selector), (None, None));
        assert_eq!((objects.writes_status, objects.wait), (true, super::WAIT));
        let text = "  identity: {kubernetes: {kubeconfig: k, node: n}}\n  \
                    policy: {kubernetes: {kubeconfig: k, selector: a=b, writeStatus: false, wait: 1s}}\n";
        let config = of(text).unwrap();
        let (pods, objects) = (config.identity.kubernetes.unwrap(), config.policy_objects.unwrap());
        let kubeconfig = Some("/etc/interceptor/k".into());
        assert_eq!((&pods.cluster.kubeconfig, pods.node.as_deref()), (&kubeconfig, Some("n")));
        assert_eq!((&objects.cluster.kubeconfig, objects.selector.as_deref()), (&kubeconfig, Some("a=b")));
        assert_eq!((objects.writes_status, objects.wait.as_secs()), (false, 1));
    }

    #[test]
    fn mistakes_about_the_api_server_are_reported_at_once() {
        let text = "  identity: {kubernetes: {nod: n}}\n  policy:\n    directory: d\n    \
                    signature: {publicKeys: [k]}\n    kubernetes: {writeStatus: maybe, wait: 5, namespace: n}\n";
        expect![[r#"
            file.yaml:4:27: spec.identity.kubernetes: unknown field `nod`; expected one of `kubeconfig`, `node`; did you mean `node`?
            file.yaml:8:17: spec.policy.kubernetes: objects of a cluster have no signature; expected either of the two
            file.yaml:8:31: spec.policy.kubernetes.writeStatus: unknown value `maybe`; expected one of `true`, `false`
            file.yaml:8:44: spec.policy.kubernetes.wait: `5` is not allowed; expected a duration such as `250ms`, `30s`, `5m`, `12h`, `7d` or `1h30m`
            file.yaml:8:47: spec.policy.kubernetes: unknown field `namespace`; expected one of `kubeconfig`, `selector`, `writeStatus`, `wait`"#]].assert_eq(&of(text).unwrap_err());
    }
}
