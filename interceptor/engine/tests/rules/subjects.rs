//! Whom a policy is for, and which one wins.

use std::sync::Arc;

use interceptor_engine::policy::{Identity, Pod, Subject};

use super::{Call, engine, nobody, pod};

const NO_OPENAI: &str = "\
subjects: [{ namespaces: [\"pay-*\"], podLabels: { app: [checkout, cart] } }]
rules:
  - { name: no-openai, match: { providers: [openai] }, action: block }";

fn verdict(specs: &[&str], subject: Arc<Subject>) -> String {
    Call { subject, ..Call::model("gpt-4o") }.verdict(&engine(specs))
}

#[test]
fn all_fields_of_a_subject_have_to_fit_and_one_value_of_each() {
    let of = |namespace, labels: &[(&str, &str)]| verdict(&[NO_OPENAI], pod(namespace, labels));
    assert_eq!(of("pay-eu", &[("app", "cart"), ("tier", "x")]), "403 by no-openai");
    assert_eq!(of("pay-eu", &[("app", "search")]), "pass");
    assert_eq!(of("pay-eu", &[]), "pass");
    assert_eq!(of("prepay-eu", &[("app", "cart")]), "pass");
    assert_eq!(verdict(&[NO_OPENAI], Arc::new(nobody())), "pass");
}

#[test]
fn every_field_selects_by_what_it_names() {
    let mut whole = Arc::unwrap_or_clone(pod("a", &[("app", "x")]));
    let pod = Arc::make_mut(whole.pod.as_mut().unwrap());
    pod.service_account = Some("robot".into());
    pod.image = "registry.example/team/app:1".into();
    pod.container = "main".into();
    pod.namespace_labels = Some([("env".into(), "prod".into())].into());
    whole.executable = Some("/usr/bin/python3.11".into());
    whole.unit = Some("batch.service".into());
    whole.user = Some("svc".into());
    whole.uid = 1001;
    whole.cgroup = "/kubepods/x".into();
    let whole = Arc::new(whole);
    for (fits, differs) in [
        ("namespaces: [a, b]", "namespaces: [b]"),
        ("pods: [\"p-*\"]", "pods: [q-0]"),
        ("serviceAccounts: [robot]", "serviceAccounts: [human]"),
        ("containers: [main]", "containers: [sidecar]"),
        ("images: [\"*/team/app:*\"]", "images: [\"*/other/*\"]"),
        ("namespaceLabels: { env: prod }", "namespaceLabels: { env: dev }"),
        ("executables: [\"/usr/bin/python*\"]", "executables: [/bin/sh]"),
        ("units: [batch.service]", "units: [web.service]"),
        ("users: [svc]", "users: [root]"),
        ("users: [\"1001\"]", "users: [\"0\"]"),
        ("cgroups: [\"/kubepods/*\"]", "cgroups: [/system.slice]"),
        ("known: true", "known: false"),
    ] {
        let spec = |subject: &str| {
            format!("subjects: [{{ {subject} }}]\nrules: [{{ name: n, match: {{}}, action: block }}]")
        };
        assert_eq!(verdict(&[&spec(fits)], whole.clone()), "403 by n", "{fits}");
        assert_eq!(verdict(&[&spec(differs)], whole.clone()), "pass", "{differs}");
        // Nothing fits what is not known, not even a star; only who asks for the unknown gets it.
        let stranger =
            Arc::new(Subject { identity: Identity::Unknown("gone"), uid: 7, ..Subject::default() });
        let lenient = "rules: []\nuncertain: { unknownCaller: allow }";
        assert_eq!(verdict(&[&spec(fits), lenient], stranger), "pass", "{fits}");
    }
}

#[test]
fn a_caller_that_is_not_known_is_an_uncertainty_where_policies_tell_callers_apart() {
    let stranger = Arc::new(Subject { identity: Identity::Unknown("gone"), ..Subject::default() });
    assert_eq!(verdict(&[NO_OPENAI], stranger.clone()), "403 by uncertain.unknownCaller");
    let for_all = "rules: [{ name: n, match: { providers: [mistral] }, action: block }]";
    assert_eq!(verdict(&[for_all], stranger.clone()), "pass");
    let open = format!("{NO_OPENAI}\nuncertain: {{ unknownCaller: audit }}");
    // The answer is a part of the policy that it stands in, which is not for this caller.
    assert_eq!(verdict(&[&open], stranger.clone()), "403 by uncertain.unknownCaller");
    let elsewhere = "rules: []\nuncertain: { unknownCaller: audit }";
    assert_eq!(verdict(&[NO_OPENAI, elsewhere], stranger), "pass");
}

#[test]
fn what_only_the_cluster_knows_is_uncertain_where_nobody_asked_it() {
    for (asks, known) in
        [("serviceAccounts: [robot]", false), ("namespaceLabels: { env: prod }", false), ("pods: [x]", true)]
    {
        let spec = format!("subjects: [{{ {asks} }}]\nrules: [{{ name: n, match: {{}}, action: block }}]");
        let expected = if known { "pass" } else { "403 by uncertain.unknownCaller" };
        assert_eq!(verdict(&[&spec], pod("a", &[])), expected, "{asks}");
        // A process of the host has no such thing, which is known.
        assert_eq!(verdict(&[&spec], Arc::new(nobody())), "pass", "{asks}");
    }
    // A namespace may have no labels, which is known as well.
    let spec =
        "subjects: [{ namespaceLabels: { env: prod } }]\nrules: [{ name: n, match: {}, action: block }]";
    let mut bare = Pod::clone(pod("a", &[]).pod.as_deref().unwrap());
    bare.namespace_labels = Some([].into());
    let bare = Subject { pod: Some(Arc::new(bare)), ..Subject::clone(&pod("a", &[])) };
    assert_eq!(verdict(&[spec], Arc::new(bare)), "pass");
}

#[test]
fn higher_priorities_are_read_first_and_an_allow_ends_the_reading() {
    let block = "rules: [{ name: nobody, match: { providers: [openai] }, action: block }]";
    let allow = |priority: u32| {
        format!(
            "priority: {priority}\nsubjects: [{{ namespaces: [research] }}]\nrules: [{{ name: but-us, match: {{ providers: \
             [openai] }}, action: allow }}]"
        )
    };
    assert_eq!(verdict(&[block, &allow(10)], pod("research", &[])), "pass");
    assert_eq!(verdict(&[block, &allow(10)], pod("other", &[])), "403 by nobody");
    assert_eq!(verdict(&[block, &allow(0)], pod("research", &[])), "403 by nobody");
    assert_eq!(verdict(&[&allow(0), block], pod("research", &[])), "pass");
}

#[test]
fn the_strongest_of_several_answers_to_an_uncertainty_holds() {
    let lenient = "rules: []\nuncertain: { malformedJson: allow }";
    let strict = "subjects: [{ namespaces: [pay] }]\nrules: []\nuncertain: { malformedJson: block }";
    let engine = engine(&[lenient, strict]);
    let call = Call { body: "{ broken".into(), ..Call::model("x") };
    let of = |namespace| Call { subject: pod(namespace, &[]), ..call.clone() }.verdict(&engine);
    // Without a rule that looks there is nothing to be unsure about, so that one looks.
    assert_eq!(of("other"), "pass");
    assert_eq!(of("pay"), "403 by uncertain.malformedJson");
}
