//! The files under `deploy/`, checked against Kubernetes' own types and against the daemon's.
//! Pure tier: nothing is deployed.
//!
//! There is no schema file to compare with: each manifest is read into the type that Kubernetes generates from its
//! API description, and written again. A field that the API does not know is lost on the way, a field that it
//! requires appears, and either makes a difference.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop here")]

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use interceptor::config::{Config, NamespaceSpec};
use interceptor_engine::document::{self, Limits, Report, Value as Yaml};
use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, PodSpec, ServiceAccount};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use serde_json::{Value, json};

#[test]
fn every_manifest_is_what_kubernetes_understands() {
    for (name, manifest) in manifests() {
        let again = match manifest["kind"].as_str() {
            Some("Namespace") => again::<Namespace>(&manifest),
            Some("ServiceAccount") => again::<ServiceAccount>(&manifest),
            Some("ClusterRole") => again::<ClusterRole>(&manifest),
            Some("ClusterRoleBinding") => again::<ClusterRoleBinding>(&manifest),
            Some("ConfigMap") => again::<ConfigMap>(&manifest),
            Some("DaemonSet") => again::<DaemonSet>(&manifest),
            Some("Kustomization") => continue,
            other => panic!("{name} is of kind {other:?}; teach this test its type"),
        };
        assert_eq!(manifest, again, "{name} changes when Kubernetes reads it");
    }
}

#[test]
fn an_unknown_and_a_missing_field_are_noticed() {
    let mut wrong = manifest("daemon-set.yaml");
    wrong["spec"]["template"]["spec"]["hostNetworking"] = json!(true);
    assert_ne!(wrong, again::<DaemonSet>(&wrong));
    let mut wrong = manifest("daemon-set.yaml");
    wrong["spec"].as_object_mut().unwrap().remove("selector");
    assert_ne!(wrong, again::<DaemonSet>(&wrong));
    let mut wrong = manifest("daemon-set.yaml");
    wrong["spec"]["template"]["spec"]["hostPID"] = json!("yes");
    assert!(serde_json::from_value::<DaemonSet>(wrong).is_err());
}

#[test]
fn the_kustomization_lists_every_manifest() {
    let listed: BTreeSet<String> =
        serde_json::from_value(manifest("kustomization.yaml")["resources"].clone()).unwrap();
    let present = manifests().into_iter().map(|(name, _)| name).filter(|name| name != "kustomization.yaml");
    assert_eq!(listed, present.collect());
}

#[test]
fn everything_lives_in_one_namespace_with_one_identity() {
    let namespace = manifest("namespace.yaml")["metadata"]["name"].clone();
    for name in ["service-account.yaml", "config-map.yaml", "daemon-set.yaml"] {
        assert_eq!(manifest(name)["metadata"]["namespace"], namespace, "{name}");
    }
    let account = manifest("service-account.yaml")["metadata"]["name"].clone();
    assert_eq!(pod().service_account_name, account.as_str().map(str::to_owned));
    let binding: ClusterRoleBinding = serde_json::from_value(manifest("cluster-role-binding.yaml")).unwrap();
    let subject = &binding.subjects.unwrap()[0];
    assert_eq!((json!(subject.name), json!(subject.namespace)), (account, namespace));
    assert_eq!(json!(binding.role_ref.name), manifest("cluster-role.yaml")["metadata"]["name"]);
}

/// What a rule of a role lets its holder do, each as `group/resource: verb`.
fn rights() -> BTreeSet<String> {
    let role: ClusterRole = serde_json::from_value(manifest("cluster-role.yaml")).unwrap();
    let mut rights = BTreeSet::new();
    for rule in role.rules.unwrap() {
        assert_eq!((&rule.resource_names, &rule.non_resource_urls), (&None, &None));
        for group in rule.api_groups.unwrap() {
            for resource in rule.resources.as_ref().unwrap() {
                rights.extend(rule.verbs.iter().map(|verb| format!("{group}/{resource}: {verb}")));
            }
        }
    }
    rights
}

#[test]
fn the_daemon_may_read_what_it_asks_for_and_change_nothing_but_what_it_tells() {
    let kinds = interceptor_engine::policy::schema::KINDS.iter().map(|kind| kind.plural);
    let ours: Vec<String> = kinds.map(|plural| format!("interceptor.dev/{plural}")).collect();
    let read = ["/pods", "/namespaces"].map(str::to_owned).into_iter().chain(ours.clone());
    let read = read.flat_map(|what| ["get", "list", "watch"].map(|verb| format!("{what}: {verb}")));
    let told = ours.iter().map(|what| format!("{what}/status: patch"));
    assert_eq!(rights(), read.chain(told).collect());
}

#[test]
fn the_daemon_can_ask_the_api_server_as_it_is_configured() {
    let config = config();
    let kubernetes = config.identity.kubernetes.expect("identity.kubernetes");
    // By what Kubernetes gives the pod, which therefore has to be given.
    assert_eq!((kubernetes.cluster.kubeconfig, kubernetes.node), (None, None));
    assert_eq!(pod().automount_service_account_token, Some(true));
    let env = pod().containers[0].env.clone().unwrap();
    let node = env.iter().find(|one| one.name == "NODE_NAME").expect("NODE_NAME");
    let from = node.value_from.as_ref().and_then(|from| from.field_ref.as_ref()).unwrap();
    assert_eq!(from.field_path, "spec.nodeName");
    // Definitions are applied by whoever wants objects, and a daemon that waits for them would not start.
    assert_eq!(config.policy_objects, None);
}

#[test]
fn the_selector_finds_the_pods() {
    let spec = daemon_set().spec.unwrap();
    let labels = spec.template.metadata.unwrap().labels.unwrap();
    for (key, value) in spec.selector.match_labels.unwrap() {
        assert_eq!(labels.get(&key), Some(&value), "label {key}");
    }
}

#[test]
fn every_mount_has_its_volume_and_every_volume_its_mount() {
    let pod = pod();
    let volumes: BTreeSet<String> = pod.volumes.unwrap().into_iter().map(|volume| volume.name).collect();
    let mounts = pod.containers[0].volume_mounts.clone().unwrap();
    assert_eq!(volumes, mounts.into_iter().map(|mount| mount.name).collect());
}

#[test]
fn the_daemon_reads_the_configuration_that_is_mounted() {
    let config = config();
    let mounts = pod().containers[0].volume_mounts.clone().unwrap();
    let mounted = |path: &std::path::Path| mounts.iter().any(|mount| path.starts_with(&mount.mount_path));
    assert!(mounted(&config.authority), "{} is not mounted", config.authority.display());
    assert!(mounted(&config.state), "{} is not mounted", config.state.display());
    let arguments = [pod().containers[0].command.clone(), pod().containers[0].args.clone()];
    let arguments: Vec<String> = arguments.into_iter().flatten().flatten().collect();
    let file = arguments.iter().skip_while(|word| *word != "--config").nth(1).expect("run --config FILE");
    assert!(mounted(file.as_ref()) && file.ends_with("/config.yaml"), "{file} is not the mounted file");
    // Pods are served only if they are looked for, which needs their processes in sight.
    assert!(config.namespaces.iter().any(|namespace| matches!(namespace, NamespaceSpec::Discover)));
    assert_eq!((pod().host_pid, pod().host_network), (Some(true), Some(true)));
}

#[test]
fn probes_ask_this_pod_and_no_other() {
    // Two pods share the node's port while one takes over from the other.
    let socket = config().admin_socket.expect("probes need a socket of the pod's own");
    let container = &pod().containers[0];
    let mounts = container.volume_mounts.as_ref().unwrap();
    let mount = mounts.iter().find(|mount| socket.starts_with(&mount.mount_path)).expect("it is mounted");
    let volumes = pod().volumes.unwrap();
    let volume = volumes.iter().find(|volume| volume.name == mount.name).unwrap();
    assert!(volume.empty_dir.is_some(), "{} is shared with other pods", mount.name);
    let file = "/etc/interceptor/config/config.yaml";
    for (probe, question) in [
        (&container.startup_probe, Some("--ready")),
        (&container.readiness_probe, Some("--ready")),
        (&container.liveness_probe, None),
    ] {
        let command = probe.as_ref().unwrap().exec.as_ref().unwrap().command.clone().unwrap();
        let words = ["interceptor", "health"].into_iter().chain(question).chain(["--config", file]);
        assert_eq!(command, words.map(str::to_owned).collect::<Vec<_>>());
    }
}

#[test]
fn a_new_pod_takes_over_while_the_old_one_runs() {
    let update = daemon_set().spec.unwrap().update_strategy.unwrap().rolling_update.unwrap();
    let numbers =
        [update.max_surge, update.max_unavailable].map(|number| serde_json::to_value(number).unwrap());
    assert_eq!(numbers, [json!(1), json!(0)]);
    let arguments = pod().containers[0].args.clone().unwrap();
    for word in ["--upgrade", "--linger"] {
        assert!(arguments.iter().any(|argument| argument == word), "{word}");
    }
    // With the ports of the node declared, the scheduler would not have two pods on it.
    assert_eq!(pod().containers[0].ports, None);
    // Both have to find each other, and the pins.
    let config = config();
    let volumes = pod().volumes.unwrap();
    for path in [config.state, config.capture.pins.expect("programs are pinned")] {
        let mounts = pod().containers[0].volume_mounts.clone().unwrap();
        let mount = mounts.iter().find(|mount| path.starts_with(&mount.mount_path)).unwrap();
        let volume = volumes.iter().find(|volume| volume.name == mount.name).unwrap();
        assert!(volume.host_path.is_some(), "{} is not the node's", path.display());
    }
}

#[test]
fn a_drain_ends_before_the_pod_is_killed() {
    let grace = pod().termination_grace_period_seconds.unwrap().unsigned_abs();
    assert!(grace > config().limits.drain.as_secs(), "{grace} s");
}

#[test]
fn the_container_has_what_doctor_asks_for_and_no_more() {
    let container = pod().containers[0].clone();
    let context = container.security_context.unwrap();
    let capabilities = context.capabilities.unwrap();
    assert_eq!(capabilities.drop, Some(vec!["ALL".to_owned()]));
    let added: BTreeSet<String> = capabilities.add.unwrap().into_iter().collect();
    assert_eq!(added, ["BPF", "NET_ADMIN", "SYS_ADMIN", "SYS_PTRACE"].map(str::to_owned).into());
    assert_eq!((context.privileged, context.read_only_root_filesystem), (None, Some(true)));
}

#[test]
fn the_image_starts_the_daemon_that_the_manifest_configures() {
    let text = fs::read_to_string(folder().join("Containerfile")).unwrap();
    let instruction = |name: &'static str| text.lines().filter_map(move |line| line.strip_prefix(name));
    assert_eq!(instruction("FROM ").count(), 2, "one stage builds, the other runs");
    let copied = instruction("COPY --from=build ").next().unwrap();
    let target = copied.split(' ').nth(1).unwrap();
    let entry: Vec<String> = serde_json::from_str(instruction("ENTRYPOINT ").next().unwrap()).unwrap();
    assert_eq!(entry, [target]);
    let default: Vec<String> = serde_json::from_str(instruction("CMD ").next().unwrap()).unwrap();
    let container = &pod().containers[0];
    // Without a command of its own, the container runs the image's entry point.
    let command = container.command.clone().unwrap_or_else(|| entry.clone());
    // What the manifest adds is for the supervisor that it is written for.
    let mut arguments = container.args.clone().unwrap();
    arguments.retain(|argument| !["--upgrade", "--linger"].contains(&argument.as_str()));
    assert_eq!([command, arguments].concat(), [entry, default].concat());
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../deploy")
}

fn manifests() -> Vec<(String, Value)> {
    let entries = fs::read_dir(folder().join("kubernetes")).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names.into_iter().map(|name| (name.clone(), manifest(&name))).collect()
}

fn manifest(name: &str) -> Value {
    let text = fs::read_to_string(folder().join("kubernetes").join(name)).unwrap();
    let report = Report::new();
    let documents = document::parse(name, &text, Limits::WRITTEN_BY_HAND, &report);
    let documents = report.finish(Some(documents)).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    assert_eq!(documents.len(), 1, "{name} holds one object");
    json_of(&documents[0].node().value)
}

/// What `kubectl` would send: plain scalars take the type that YAML's core schema gives them.
fn json_of(value: &Yaml) -> Value {
    match value {
        Yaml::List(items) => items.iter().map(|item| json_of(&item.value)).collect(),
        Yaml::Map(entries) => Value::Object(
            entries.iter().map(|entry| (entry.key.clone(), json_of(&entry.value.value))).collect(),
        ),
        scalar if scalar.is_null() => Value::Null,
        Yaml::Scalar { text, plain: true } if text == "true" || text == "false" => json!(text == "true"),
        Yaml::Scalar { text, plain: true } => {
            text.parse::<i64>().map_or_else(|_| json!(text), |number| json!(number))
        }
        Yaml::Scalar { text, plain: false } => json!(text),
    }
}

fn again<T: serde::de::DeserializeOwned + serde::Serialize>(manifest: &Value) -> Value {
    let typed: T = serde_json::from_value(manifest.clone()).unwrap();
    serde_json::to_value(typed).unwrap()
}

fn daemon_set() -> DaemonSet {
    serde_json::from_value(manifest("daemon-set.yaml")).unwrap()
}

fn pod() -> PodSpec {
    daemon_set().spec.unwrap().template.spec.unwrap()
}

/// The daemon's own reading of the file in the ConfigMap.
fn config() -> Config {
    let map: ConfigMap = serde_json::from_value(manifest("config-map.yaml")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.yaml");
    fs::write(&file, &map.data.unwrap()["config.yaml"]).unwrap();
    Config::load(&file).unwrap_or_else(|error| panic!("{error}"))
}
