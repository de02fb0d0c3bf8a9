//! What can be said before anything is sent: only what holds for every call, and for every caller that is meant.

use interceptor_engine::policy::{Callers, Identity, Policy, Subject};

use super::{engine, pod};

fn policy(specs: &[&str]) -> Policy {
    engine(specs).policy().as_ref().clone()
}

/// The rule that forbids these callers OpenAI, and whether it does so anywhere.
fn forbids(specs: &[&str], callers: Callers<'_>) -> String {
    match policy(specs).forbids(callers, "openai") {
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
    assert_eq!(
        policy(&[heard]).forbids(Callers::Everyone, "mistral").map(|f| f.rule.to_string()),
        Some("n".into())
    );
}

#[test]
fn without_a_rule_that_could_forbid_nobody_needs_to_ask() {
    assert!(policy(&[BLOCK]).may_forbid());
    let told = "rules: [{ name: n, match: {}, action: { block: { at: exchange } } }]";
    assert!(!policy(&[told]).may_forbid());
    assert!(!Policy::builtin().may_forbid());
}
