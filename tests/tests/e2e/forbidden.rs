//! What policy forbids as such is refused by `connect`, and the audit trail says by which rule; what is not certain to be
//! that, and nothing else, is refused in the exchange.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use interceptor_tests::dialer::Dialer;
use interceptor_tests::lab::{ANTHROPIC, Lab, OPENAI, STATIC, host, https, https6};
use interceptor_tests::place::Place;
use interceptor_tests::stage::{Setup, Stage};
use interceptor_tests::topology::{v4, v6};
use interceptor_tests::{daemon, within};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::coverage::report;
use super::{chat, post};

/// A policy with one rule about a provider, for everyone or for some.
fn policy(subjects: &str, rule: &str) -> String {
    format!(
        "apiVersion: interceptor.dev/v1alpha1\nkind: EgressPolicy\nmetadata: {{name: lab}}\nspec:\n{subjects}  rules:\n    \
         - {{name: no-openai, match: {{providers: [openai]}}, {rule}}}\n"
    )
}

const BLOCK: &str = "action: block";

/// OpenAI has an address of its own beside the one that it shares with Anthropic.
fn apart(lab: &Lab) {
    lab.zone.address(OPENAI, v4(host::HTTP1));
    lab.zone.address(OPENAI, v6(host::HTTP1));
}

async fn up(policy: &str) -> Result<Option<Stage>> {
    Setup::default().policy(policy).before(apart).up().await
}

/// What `connect` says.
fn refused(dialer: &Dialer, to: SocketAddr) -> Result<bool> {
    match dialer.connect(to)? {
        Ok(_) => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            ensure!(error.raw_os_error() == Some(libc::EPERM), "{error}");
            Ok(true)
        }
        Err(error) => Err(error.into()),
    }
}

/// The status of a call to a host.
async fn call(stage: &Stage, dialer: &Dialer, to: u8) -> Result<u16> {
    let mut wire = stage.lab.http1(dialer, https(to), OPENAI).await?;
    Ok(wire.call(&post("/v1/chat/completions"), chat("hello")).await?.head.status)
}

/// The events of refused connections so far.
fn told(stage: &Stage) -> Result<Vec<Value>> {
    Ok(stage.daemon.audit()?.into_iter().filter(|event| event["event"] == "connect").collect())
}

/// Waits until so many attempts were told of, in as many events as it takes.
async fn attempts(stage: &Stage, count: u64) -> Result<Vec<Value>> {
    let sum =
        || -> Result<u64> { Ok(told(stage)?.iter().filter_map(|event| event["attempts"].as_u64()).sum()) };
    stage.daemon.audited(&format!("attempt {count}"), |_| sum().is_ok_and(|sum| sum >= count)).await?;
    ensure!(sum()? == count, "{:?}", told(stage)?);
    told(stage)
}

/// Waits until the kernel side has so many verdicts.
async fn verdicts(stage: &Stage, count: usize) -> Result<()> {
    metric(stage, &format!("interceptor_verdicts {count}")).await
}

/// Waits until there is such a line to scrape.
async fn metric(stage: &Stage, line: &str) -> Result<()> {
    let whole = format!("\n{line}\n");
    let search = async {
        while !stage.metrics().await?.contains(&whole) {
            tokio::task::yield_now().await;
        }
        Ok(())
    };
    within(line, search).await?
}

async fn reload(stage: &Stage, policy: &str) -> Result<()> {
    let before = stage.daemon.audit()?.len();
    stage.lab.file("policy.yaml", policy)?;
    stage.daemon.signal(Signal::SIGHUP)?;
    let reloads =
        || Ok::<_, anyhow::Error>(stage.daemon.audit()?[before..].iter().any(|e| e["event"] == "reload"));
    stage.daemon.audited("a reload", |_| reloads().unwrap_or(false)).await.map(drop)
}

#[tokio::test]
async fn what_everyone_is_forbidden_is_refused_at_once_and_told_of() -> Result<()> {
    let Some(stage) = up(&policy("", BLOCK)).await? else { return Ok(()) };
    for to in [https(host::HTTP1), https6(host::HTTP1)] {
        assert!(refused(&stage.dialer, to)?, "{to}");
    }
    let told = attempts(&stage, 2).await?;
    let event = &told[0];
    assert_eq!(event["rule"], "no-openai", "{event}");
    assert_eq!(event["policy"], stage.daemon.ready()["policy"], "{event}");
    assert_eq!(event["decision"], "refused_at_connect", "{event}");
    assert_eq!((&event["provider"], &event["hosts"]), (&json!("openai"), &json!([OPENAI])), "{event}");
    assert_eq!(event["destination"], https(host::HTTP1).to_string(), "{event}");
    let caller = &event["caller"];
    assert_eq!((&caller["pid"], &caller["uid"]), (&json!(stage.dialer.pid()), &json!(0)), "{event}");
    assert!(caller["executable"].as_str().is_some_and(|path| path.ends_with("lab-dialer")), "{event}");
    assert!(caller["cgroup_path"].as_str().is_some_and(|path| path.ends_with("/app")), "{event}");
    assert_eq!(caller.get("unknown"), None, "{event}");

    // Where somebody else answers as well, the name in the hello decides, and the application is told why.
    assert_eq!(call(&stage, &stage.dialer, host::SHARED).await?, 403);
    let exchange = stage.exchange("blocked").await?;
    assert_eq!(exchange["inspection"]["rule"]["rule"], "no-openai", "{exchange}");

    let report = report(&stage).await?;
    assert_eq!(report["adds_up"], true, "{report}");
    let line = report["workloads"].as_array().and_then(|lines| lines.first()).context("a workload")?;
    assert_eq!((&line["attempts"], &line["redirected"]), (&json!(3), &json!(1)), "{line}");
    assert_eq!(line["refused"], json!({"forbidden": 2}), "{line}");
    let metrics = stage.metrics().await?;
    assert!(metrics.contains("interceptor_kernel_total{counter=\"refused_forbidden\"} 2\n"), "{metrics}");
    Ok(())
}

/// Waits until the kernel side knows of so many callers that more is forbidden to them than to everyone.
async fn callers(stage: &Stage, count: usize) -> Result<()> {
    metric(stage, &format!("interceptor_verdict_callers {count}")).await
}

#[tokio::test]
async fn what_some_are_forbidden_is_refused_them_from_their_first_connection_on() -> Result<()> {
    let Some(stage) = up(&policy("  subjects: [{cgroups: ['*/app']}]\n", BLOCK)).await? else {
        return Ok(());
    };
    assert!(refused(&stage.dialer, https(host::HTTP1))?);
    // Whichever user he is.
    let nobody = Dialer::start(&stage.lab.app()?.user(65534))?;
    assert!(refused(&nobody, https(host::HTTP1))?);
    let told = attempts(&stage, 2).await?;
    assert!(told.iter().all(|event| event["rule"] == "no-openai"), "{told:?}");
    assert!(told.iter().any(|event| event["caller"]["pid"] == stage.dialer.pid()), "{told:?}");
    // Nothing came as far as the daemon.
    assert!(stage.daemon.audit()?.iter().all(|event| event["event"] != "exchange"));

    let neighbour = Arc::new(stage.lab.cgroup.child("neighbour"));
    let neighbour = Dialer::start(&Place::new(&stage.lab.topology.app).cgroup(&neighbour))?;
    assert_eq!(call(&stage, &neighbour, host::HTTP1).await?, 200);
    // What other callers use the address for is seen, and counts for this one.
    let wire = stage.lab.http1(&neighbour, https(host::HTTP1), STATIC);
    assert!(wire.await.is_ok());
    within("the hint", async {
        while refused(&stage.dialer, https(host::HTTP1))? {
            tokio::task::yield_now().await;
        }
        Ok::<_, anyhow::Error>(())
    })
    .await??;
    assert_eq!(call(&stage, &stage.dialer, host::HTTP1).await?, 403);
    Ok(())
}

#[tokio::test]
async fn a_group_that_comes_to_be_later_is_known_before_anybody_calls_from_it() -> Result<()> {
    let some = policy("  subjects: [{cgroups: ['*/later*']}]\n", BLOCK);
    let Some(stage) = up(&some).await? else { return Ok(()) };
    callers(&stage, 0).await?;
    let later = Arc::new(stage.lab.cgroup.child("later"));
    callers(&stage, 1).await?;
    let place = Place::new(&stage.lab.topology.app).cgroup(&later);
    let dialer = Dialer::start(&place)?;
    assert!(refused(&dialer, https(host::HTTP1))?);
    assert_eq!(call(&stage, &stage.dialer, host::HTTP1).await?, 200);
    // One below it is another one, and is found as well.
    let below = Arc::new(later.child("below"));
    callers(&stage, 2).await?;
    assert!(refused(
        &Dialer::start(&Place::new(&stage.lab.topology.app).cgroup(&below))?,
        https(host::HTTP1)
    )?);
    // What is gone makes room.
    drop(below);
    drop(dialer);
    callers(&stage, 1).await?;
    drop((place, later));
    callers(&stage, 0).await?;
    metric(&stage, "interceptor_verdicts 0").await
}

#[tokio::test]
async fn a_unit_and_a_user_are_known_before_they_call() -> Result<()> {
    let Some(stage) = Setup::default().unit().policy(&policy("", "action: audit")).before(apart).up().await?
    else {
        return Ok(());
    };
    let unit = stage.lab.cgroup.path().file_name().context("a name")?.to_string_lossy().into_owned();
    reload(&stage, &policy(&format!("  subjects: [{{units: ['{unit}']}}]\n"), BLOCK)).await?;
    assert!(refused(&stage.dialer, https(host::HTTP1))?);
    assert_eq!(attempts(&stage, 1).await?[0]["caller"]["unit"], unit);

    // By number, and by the name that the host has for it.
    let nobody = Dialer::start(&stage.lab.app()?.user(65534))?;
    for user in ["65534", "nobody", "nobod*"] {
        reload(&stage, &policy(&format!("  subjects: [{{users: ['{user}']}}]\n"), BLOCK)).await?;
        assert!(refused(&nobody, https(host::HTTP1))?, "{user}");
        assert_eq!(call(&stage, &stage.dialer, host::HTTP1).await?, 200);
    }
    Ok(())
}

#[tokio::test]
async fn a_caller_who_cannot_be_known_before_is_refused_from_the_second_time_on() -> Result<()> {
    // No list has a user of this number, and the policy has a pattern.
    let Some(stage) = up(&policy("  subjects: [{users: ['471*']}]\n", BLOCK)).await? else { return Ok(()) };
    let stranger = Dialer::start(&stage.lab.app()?.user(4711))?;
    assert_eq!(call(&stage, &stranger, host::HTTP1).await?, 403);
    callers(&stage, 1).await?;
    assert!(refused(&stranger, https(host::HTTP1))?);
    assert_eq!(call(&stage, &stage.dialer, host::HTTP1).await?, 200);
    // An executable is a process's own, and is never refused before there is an exchange.
    let program = "  subjects: [{executables: ['*/lab-dialer']}]\n";
    reload(&stage, &policy(program, BLOCK)).await?;
    for _ in 0..2 {
        assert_eq!(call(&stage, &stage.dialer, host::HTTP1).await?, 403);
    }
    callers(&stage, 0).await
}

#[tokio::test]
async fn a_new_policy_counts_for_the_next_connection() -> Result<()> {
    let Some(stage) = up(&policy("", BLOCK)).await? else { return Ok(()) };
    assert!(refused(&stage.dialer, https(host::HTTP1))?);
    reload(&stage, &policy("", "action: audit")).await?;
    assert_eq!(call(&stage, &stage.dialer, host::HTTP1).await?, 200);
    // What is in shadow says what it would do, and in the exchange.
    reload(&stage, &policy("", "action: block, mode: shadow")).await?;
    assert_eq!(call(&stage, &stage.dialer, host::HTTP1).await?, 200);
    reload(&stage, &policy("", BLOCK)).await?;
    assert!(refused(&stage.dialer, https(host::HTTP1))?);
    // Verdicts about some callers are worked out anew as well.
    let some = policy("  subjects: [{cgroups: ['*/app']}]\n", BLOCK);
    reload(&stage, &some).await?;
    assert!(refused(&stage.dialer, https(host::HTTP1))?);
    reload(&stage, &format!("{some}    - {{name: other, match: {{providers: [mistral]}}, action: audit}}\n"))
        .await?;
    assert!(refused(&stage.dialer, https(host::HTTP1))?);
    reload(&stage, &policy("  subjects: [{cgroups: ['*/node']}]\n", BLOCK)).await?;
    assert_eq!(call(&stage, &stage.dialer, host::HTTP1).await?, 200);
    let events = attempts(&stage, 4).await?;
    assert!(events.iter().all(|event| event["rule"] == "no-openai"), "{events:?}");
    Ok(())
}

#[tokio::test]
async fn a_rule_may_insist_on_the_exchange() -> Result<()> {
    for insists in ["action: {block: {at: exchange}}", "action: {block: {message: Ask the platform team.}}"] {
        let Some(stage) = up(&policy("", insists)).await? else { return Ok(()) };
        assert_eq!(call(&stage, &stage.dialer, host::HTTP1).await?, 403, "{insists}");
        assert_eq!(call(&stage, &stage.dialer, host::HTTP1).await?, 403, "{insists}");
        verdicts(&stage, 0).await?;
        assert!(told(&stage)?.is_empty());
    }
    Ok(())
}

/// Has the application look a name up, with the C library that this machine has.
async fn look_up(stage: &Stage, name: &str) -> Result<()> {
    let mut command = stage.lab.app()?.command("/usr/bin/getent");
    command.args(["ahostsv4", name]);
    let output = daemon::run(command).await?;
    ensure!(output.code == Some(0), "{output:?}");
    Ok(())
}

#[tokio::test]
async fn an_address_that_other_names_have_is_refused_only_if_the_rule_says_so() -> Result<()> {
    let Some(stage) = up(&policy("", BLOCK)).await? else { return Ok(()) };
    stage.lab.zone.forget(STATIC);
    stage.lab.zone.address(STATIC, v4(host::HTTP1));
    assert!(refused(&stage.dialer, https(host::HTTP1))?);
    look_up(&stage, STATIC).await?;
    // From the answer on, which the application has by now, the address decides nothing.
    assert!(stage.lab.http1(&stage.dialer, https(host::HTTP1), STATIC).await.is_ok());
    assert_eq!(call(&stage, &stage.dialer, host::HTTP1).await?, 403);

    reload(&stage, &policy("", "action: {block: {at: connect}}")).await?;
    assert!(refused(&stage.dialer, https(host::HTTP1))?);
    // An address of two providers is nobody's, and stays the hello's to decide.
    assert!(stage.http1(host::SHARED, ANTHROPIC).await.is_ok());
    assert_eq!(call(&stage, &stage.dialer, host::SHARED).await?, 403);
    Ok(())
}

#[tokio::test]
async fn an_address_of_several_providers_is_refused_to_whom_all_of_them_are_forbidden() -> Result<()> {
    let some = |providers: &str, how: &str| {
        policy("  subjects: [{cgroups: ['*/app']}]\n", how).replace("[openai]", providers)
    };
    let (all, anywhere) =
        ("[openai, anthropic, aws-bedrock, google-gemini]", "action: {block: {at: connect}}");
    let Some(stage) = up(&some(all, anywhere)).await? else { return Ok(()) };
    assert!(refused(&stage.dialer, https(host::SHARED))?);
    let event = &attempts(&stage, 1).await?[0];
    assert_eq!((&event["rule"], &event["provider"]), (&json!("no-openai"), &Value::Null), "{event}");
    let hosts = event["hosts"].as_array().context("names")?;
    assert!(hosts.contains(&json!(OPENAI)) && hosts.contains(&json!(ANTHROPIC)), "{event}");
    let neighbour = Arc::new(stage.lab.cgroup.child("neighbour"));
    let neighbour = Dialer::start(&Place::new(&stage.lab.topology.app).cgroup(&neighbour))?;
    assert_eq!(call(&stage, &neighbour, host::SHARED).await?, 200);
    // One of them is enough to leave it to the exchange, and so is a rule that does not say so.
    for (providers, how) in [("[openai, anthropic, aws-bedrock]", anywhere), (all, BLOCK)] {
        reload(&stage, &some(providers, how)).await?;
        assert_eq!(call(&stage, &stage.dialer, host::SHARED).await?, 403, "{providers} {how}");
    }
    Ok(())
}

#[tokio::test]
async fn a_flood_of_attempts_is_few_events_and_an_exact_count() -> Result<()> {
    const COUNT: u64 = 300;
    let Some(stage) = up(&policy("", BLOCK)).await? else { return Ok(()) };
    for _ in 0..COUNT {
        assert!(refused(&stage.dialer, https(host::HTTP1))?);
    }
    let events = attempts(&stage, COUNT).await?;
    assert!(events.len() <= 30, "{} events", events.len());
    Ok(())
}
