//! What can be said before anything is sent: only what holds for every call, and for every caller that is meant.

use interceptor_engine::policy::{Callers, Identity, Policy, Subject};

use super::{engine, pod};

fn policy(specs: &[&str]) -> Policy {
    engine(specs).policy().as_ref().clone()
}

/// The rule that forbids these callers OpenAI, and whether it does so anywhere.
fn forbids(specs: &[&str], callers: Callers<'_>) -> String {
    let policy = policy(specs);
    let standing = policy.standing(callers);
    match standing.as_ref().and_then(|standing| policy.forbids(standing, "openai")) {
        Some(found) if found.anywhere => format!("{} anywhere", found.rule),
        Some(found) => found.rule.to_string(),
        None => String::new(),
    }
}

fn like(specs: &[&str], subject: &Subject) -> String {
    forbids(specs, Callers::Like(subject))
}

const BLOCK: &str = "rules: [{ name: n, match: { providers: [openai] }, action: block }]";

#[test]
fn only_what_holds_for_every_call_is_certain() {
    let of = |spec: &str| like(&[spec], &pod("a", &[]));
    assert_eq!(of(BLOCK), "n");
    assert_eq!(of("rules: [{ name: n, match: {}, action: block }]"), "n");
    assert_eq!(of("rules: [{ name: n, match: { providers: [mistral] }, action: block }]"), "");
    for open in [
        "{ name: n, match: { hosts: [x.example] }, action: block }",
        "{ name: n, match: { paths: [/x] }, action: block }",
        "{ name: n, match: { models: [m] }, action: block }",
        "{ name: n, match: { time: { days: [mon] } }, action: block }",
        "{ name: n, match: { when: 'provider == \"openai\"' }, action: block }",
        "{ name: n, match: {}, action: block, mode: shadow }",
        "{ name: n, match: { detectors: ['*'], direction: request }, action: block }",
    ] {
        assert_eq!(of(&format!("rules: [{open}]")), "", "{open}");
    }
    let exempt = "\
rules:
  - { name: some, match: { models: [m] }, action: allow }
  - { name: n, match: {}, action: block }";
    assert_eq!(of(exempt), "", "one model may be allowed");
    let other = "\
subjects: [{ namespaces: [b] }]
rules: [{ name: n, match: {}, action: block }]";
    assert_eq!(of(other), "");
}

#[test]
fn everyone_is_forbidden_only_what_nobody_may_be_exempt_from() {
    let everyone = |specs: &[&str]| forbids(specs, Callers::Everyone);
    assert_eq!(everyone(&[BLOCK]), "n");
    let exempt = |priority: u32, does: &str| {
        format!(
            "priority: {priority}\nsubjects: [{{ namespaces: [research] }}]\nrules: [{{ name: r, match: {{ providers: \
             [openai] }}, action: {does} }}]"
        )
    };
    assert_eq!(everyone(&[&exempt(1, "allow"), BLOCK]), "");
    assert_eq!(everyone(&[&exempt(1, "passthrough"), BLOCK]), "");
    // An exemption further down is none.
    assert_eq!(everyone(&[BLOCK, &exempt(0, "allow")]), "n");
    // What some are forbidden is not forbidden to everyone, nor does it exempt anybody.
    assert_eq!(everyone(&[&exempt(1, "block")]), "");
    assert_eq!(everyone(&[&exempt(1, "block"), BLOCK]), "n");
    assert_eq!(like(&[&exempt(1, "block"), BLOCK], &pod("research", &[])), "r");
    assert_eq!(like(&[&exempt(1, "allow"), BLOCK], &pod("other", &[])), "n");
    assert_eq!(like(&[&exempt(1, "allow"), BLOCK], &pod("research", &[])), "");
}

#[test]
fn what_differs_between_processes_of_one_group_is_not_certain() {
    let rule = |subject: &str, does: &str| {
        format!(
            "priority: 1\nsubjects: [{subject}]\nrules: [{{ name: p, match: {{ providers: [openai] }}, action: {does} }}]"
        )
    };
    let mut curl = Subject::clone(&pod("a", &[]));
    curl.executable = Some("/usr/bin/curl".into());
    for process in
        ["{ executables: [/usr/bin/curl] }", "{ known: true }", "{ executables: ['*'], namespaces: [a] }"]
    {
        // It fits the caller, and need not fit the next one.
        assert_eq!(like(&[&rule(process, "block")], &curl), "", "{process}");
        assert_eq!(like(&[&rule(process, "allow"), BLOCK], &curl), "", "{process}");
        // Nor does it matter that it does not fit this one.
        assert_eq!(like(&[&rule(process, "allow"), BLOCK], &pod("a", &[])), "", "{process}");
    }
    // Unless the rest of the selector keeps it away from the whole group.
    let elsewhere = "{ executables: [/usr/bin/curl], namespaces: [b] }";
    assert_eq!(like(&[&rule(elsewhere, "allow"), BLOCK], &curl), "n");
    // A user is the same for all of them.
    let user = Subject { uid: 1000, ..Subject::clone(&pod("a", &[])) };
    assert_eq!(like(&[&rule("{ users: ['1000'] }", "block")], &user), "p");
    assert_eq!(like(&[&rule("{ users: ['1000'] }", "allow"), BLOCK], &user), "");
    assert_eq!(like(&[&rule("{ users: ['1001'] }", "allow"), BLOCK], &user), "n");
}

#[test]
fn a_caller_of_whom_not_enough_is_known_is_left_to_the_exchange() {
    let unknown = Subject { identity: Identity::Unknown("cgroup_gone"), ..Subject::clone(&pod("a", &[])) };
    let some = "subjects: [{ namespaces: [b] }]\nrules: [{ name: p, match: {}, action: allow }]";
    assert_eq!(like(&[BLOCK, some], &unknown), "");
    // Where policies do not tell callers apart nothing has to be known.
    assert_eq!(like(&[BLOCK], &unknown), "n");
    let by_account = "\
priority: 1
subjects: [{ serviceAccounts: [ci] }]
rules: [{ name: p, match: {}, action: allow }]";
    assert_eq!(like(&[by_account, BLOCK], &pod("a", &[])), "");
}

#[test]
fn a_rule_says_where_it_is_enforced() {
    let of = |how: &str| {
        like(
            &[&format!("rules: [{{ name: n, match: {{ providers: [openai] }}, action: {how} }}]")],
            &pod("a", &[]),
        )
    };
    assert_eq!(of("{ block: { at: connect } }"), "n anywhere");
    assert_eq!(of("{ block: { at: exchange } }"), "");
    // What the application is to be told, it can only be told in an exchange.
    assert_eq!(of("{ block: { message: Ask the platform team. } }"), "");
    assert_eq!(of("{ block: { status: 451 } }"), "");
    // It is heard even where a rule behind it would do without.
    let heard = "\
rules:
  - { name: told, match: { providers: [openai] }, action: { block: { at: exchange } } }
  - { name: n, match: {}, action: block }";
    assert_eq!(like(&[heard], &pod("a", &[])), "");
    let policy = policy(&[heard]);
    let everyone = policy.standing(Callers::Everyone).unwrap();
    assert_eq!(policy.forbids(&everyone, "mistral").map(|f| f.rule.to_string()), Some("n".into()));
}

fn group(specs: &[&str], subject: &Subject) -> String {
    forbids(specs, Callers::Group(subject))
}

/// A policy that is read before others.
fn first(subject: &str, does: &str) -> String {
    format!(
        "priority: 1\nsubjects: [{subject}]\nrules: [{{ name: p, match: {{ providers: [openai] }}, action: {does} }}]"
    )
}

#[test]
fn what_differs_between_users_of_one_group_is_not_certain_of_the_group() {
    let pod = pod("a", &[("app", "ledger")]);
    for all in ["{ namespaces: [a] }", "{ podLabels: { app: ledger } }", "{ namespaces: ['*'] }"] {
        assert_eq!(group(&[&first(all, "block")], &pod), "p", "{all}");
        assert_eq!(group(&[&first(all, "allow"), BLOCK], &pod), "", "{all}");
    }
    for some in
        ["{ users: ['0'] }", "{ namespaces: [a], users: ['*'] }", "{ executables: [/a], users: ['0'] }"]
    {
        assert_eq!(group(&[&first(some, "block")], &pod), "", "{some}");
        assert_eq!(group(&[&first(some, "allow"), BLOCK], &pod), "", "{some}");
    }
    let elsewhere = "{ users: ['0'], namespaces: [b] }";
    assert_eq!(group(&[&first(elsewhere, "allow"), BLOCK], &pod), "n");
    // One of several selectors is enough.
    assert_eq!(group(&[&first("{ users: ['0'] }, { namespaces: [a] }", "block")], &pod), "p");
}

/// A selector is found by one fact of it, and that of another process of the group must not be passed over.
#[test]
fn policies_for_other_processes_of_the_group_are_found_whatever_they_are_filed_under() {
    let mut curl = Subject::clone(&pod("a", &[]));
    (curl.executable, curl.user) = (Some("/usr/bin/curl".into()), Some("ada".into()));
    assert_eq!(like(&[&first("{ executables: [/usr/bin/wget] }", "allow"), BLOCK], &curl), "");
    assert_eq!(group(&[&first("{ users: [bob] }", "allow"), BLOCK], &curl), "");
    assert_eq!(like(&[&first("{ users: [bob] }", "allow"), BLOCK], &curl), "n");
}

#[test]
fn callers_of_equal_standing_are_those_that_the_same_policies_are_for() {
    let policy = policy(&[
        &first("{ podLabels: { app: ledger } }", "block"),
        "rules: [{ name: a, match: {}, action: audit }]",
    ]);
    let of = |pod: &Subject| policy.standing(Callers::Group(pod)).unwrap();
    let (one, other) = (pod("a", &[("app", "ledger")]), pod("b", &[("app", "ledger"), ("team", "pay")]));
    assert_eq!(of(&one), of(&other));
    assert_ne!(of(&one), of(&pod("a", &[("app", "cart")])));
    assert_ne!(of(&one), policy.standing(Callers::Everyone).unwrap());
}

#[test]
fn the_users_that_policies_name_are_those_of_the_host_that_fit_and_all_numbers() {
    let named = |specs: &[&str]| -> Vec<u32> {
        policy(specs).named_users([(0, "root"), (7, "svc-a"), (8, "svc-b"), (9, "ada")]).into_iter().collect()
    };
    assert_eq!(named(&[&first("{ users: ['svc-*', '1000'] }", "block")]), [7, 8, 1000]);
    assert_eq!(named(&[&first("{ users: [root], namespaces: [a] }", "block")]), [0]);
    assert_eq!(named(&[&first("{ namespaces: [a] }", "block")]), [0; 0]);
    // What a policy does with findings forbids nobody anything.
    let masks = "subjects: [{ users: [ada] }]\nrules: [{ name: m, match: { direction: request, detectors: ['*'] }, action: redact }]";
    assert_eq!(named(&[masks, BLOCK]), [0; 0]);
}

#[test]
fn without_a_rule_that_could_forbid_nobody_needs_to_ask() {
    assert!(policy(&[BLOCK]).may_forbid());
    let told = "rules: [{ name: n, match: {}, action: { block: { at: exchange } } }]";
    assert!(!policy(&[told]).may_forbid());
    assert!(!Policy::builtin().may_forbid());
    assert!(!policy(&[BLOCK]).may_forbid_some());
    assert!(policy(&[&first("{ namespaces: [a] }", "allow"), BLOCK]).may_forbid_some());
}
