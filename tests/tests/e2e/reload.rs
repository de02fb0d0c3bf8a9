//! Files that change while the daemon runs: policy, catalogue, authority. A good one counts for every connection from
//! then on and for none before; a bad one never counts. Either way an event says so.

use std::os::unix::fs::symlink;

use anyhow::{Context as _, Result, ensure};
use interceptor_tests::lab::{Lab, OPENAI, STATIC, host, https};
use interceptor_tests::stage::{Setup, Stage};
use interceptor_tests::{client, daemon, samples};
use nix::sys::signal::Signal;
use rustls_pki_types::CertificateDer;
use serde_json::{Value, json};

use super::{chat, post};

/// A policy with one rule for secrets that leave.
fn policy(action: &str) -> String {
    format!(
        "apiVersion: interceptor.dev/v1alpha1\nkind: EgressPolicy\nmetadata: {{name: lab}}\nspec:\n  rules:\n    \
         - name: secrets\n      match: {{direction: request, detectors: ['secret.*']}}\n      action: {action}\n"
    )
}

/// What became of the reload with this number, the first being 1.
async fn reload(stage: &Stage, number: usize) -> Result<Value> {
    let reloads = || -> Result<Vec<Value>> {
        Ok(stage.daemon.audit()?.into_iter().filter(|e| e["event"] == "reload").collect())
    };
    let enough = |_: &Value| reloads().is_ok_and(|all| all.len() >= number);
    stage.daemon.audited(&format!("reload number {number}"), enough).await?;
    reloads()?.into_iter().nth(number - 1).context("it was there a moment ago")
}

/// The status of a call with a secret in it.
async fn status(app: &mut super::Secured) -> Result<u16> {
    let body = chat(&format!("deploy with {}", samples::github_token()));
    Ok(app.call(&post("/v1/chat/completions"), body).await?.head.status)
}

/// A large set takes a while, in which the daemon does everything else.
#[tokio::test]
async fn nobody_waits_while_policy_is_read() -> Result<()> {
    let Some(stage) = Setup::default().policy(&policy("audit")).up().await? else { return Ok(()) };
    let named = |number: usize, name: &str| format!("name: {name}-{number}");
    let one = |number: usize| {
        let policy = policy("audit").replace("name: lab", &named(number, "lab"));
        policy.replace("name: secrets", &named(number, "secrets"))
    };
    let many: Vec<String> = (0..3000).map(one).collect();
    stage.lab.file("policy.yaml", many.join("---\n"))?;
    stage.daemon.signal(Signal::SIGHUP)?;
    let is_read =
        || Ok::<_, anyhow::Error>(stage.daemon.audit()?.iter().any(|event| event["event"] == "reload"));
    let mut answers = 0;
    while !is_read()? {
        stage.metrics().await?;
        answers += 1;
    }
    // Where it waits, the first or the second answer comes after the policy.
    ensure!(answers > 5, "{answers} answers meanwhile");
    let event = reload(&stage, 1).await?;
    assert_eq!(event["result"], "in_force");
    Ok(())
}

#[tokio::test]
async fn a_new_policy_counts_for_new_connections_and_open_ones_keep_theirs() -> Result<()> {
    let Some(stage) = Setup::default().policy(&policy("audit")).up().await? else { return Ok(()) };
    let mut early = stage.openai().await?;
    assert_eq!(status(&mut early).await?, 200);

    stage.lab.file("policy.yaml", policy("block"))?;
    stage.daemon.signal(Signal::SIGHUP)?;
    let event = reload(&stage, 1).await?;
    assert_eq!((&event["part"], &event["result"]), (&json!("policy"), &json!("in_force")), "{event}");
    let (before, after) = (&stage.daemon.ready()["policy"], &event["in_force"]);
    assert_ne!(before, after);

    assert_eq!(status(&mut stage.openai().await?).await?, 403);
    assert_eq!(status(&mut early).await?, 200);
    let exchanges = stage.exchanges(3).await?;
    let decided_by: Vec<_> = exchanges.iter().map(|event| &event["inspection"]["policy"]).collect();
    assert_eq!(decided_by, [before, after, before]);
    Ok(())
}

#[tokio::test]
async fn a_bad_policy_never_replaces_a_good_one() -> Result<()> {
    let Some(stage) = Setup::default().policy(&policy("block")).up().await? else { return Ok(()) };
    let good = stage.daemon.ready()["policy"].clone();
    let file = stage.lab.file("policy.yaml", policy("blok"))?;
    stage.daemon.signal(Signal::SIGHUP)?;
    let event = reload(&stage, 1).await?;
    assert_eq!((&event["result"], &event["in_force"]), (&json!("kept"), &good), "{event}");
    let detail = event["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("policy.yaml:8") && detail.contains("block"), "{detail}");
    assert_eq!(status(&mut stage.openai().await?).await?, 403);

    std::fs::remove_file(file)?;
    stage.daemon.signal(Signal::SIGHUP)?;
    let event = reload(&stage, 2).await?;
    assert_eq!((&event["result"], &event["in_force"]), (&json!("kept"), &good), "{event}");
    assert_eq!(status(&mut stage.openai().await?).await?, 403);
    let metrics = stage.metrics().await?;
    let counted = "interceptor_reloads_total{part=\"policy\",result=\"kept\"} 2";
    assert!(metrics.contains(counted), "{metrics}");

    stage.lab.file("policy.yaml", policy("audit"))?;
    stage.daemon.signal(Signal::SIGHUP)?;
    assert_eq!(reload(&stage, 3).await?["result"], "in_force");
    assert_eq!(status(&mut stage.openai().await?).await?, 200);
    Ok(())
}

/// Issues a new intermediate into the daemon's directory, as an operator would.
async fn issue(stage: &Stage, more: &[&str]) -> Result<()> {
    let mut command = stage.lab.node()?.command(daemon::binary()?);
    command.args(["ca", "issue", "--directory"]).arg(stage.lab.folder().join("ca"));
    command.arg("--root-directory").arg(stage.lab.folder().join("ca-root")).args(more);
    let output = daemon::run(command).await?;
    ensure!(output.code == Some(0), "ca issue: {output:?}");
    Ok(())
}

#[tokio::test]
async fn a_name_that_joins_the_catalogue_is_inspected_from_then_on() -> Result<()> {
    let catalogue = |providers: Value| {
        let document = json!({"apiVersion": "interceptor.dev/v1alpha1", "kind": "Catalogue",
            "spec": {"providers": providers}});
        document.to_string()
    };
    let nobody = catalogue(json!([]));
    let setup = Setup::default().before(move |lab| {
        lab.file("catalogue.yaml", nobody).expect("the laboratory's folder takes files");
    });
    let setup = setup.spec(json!({"catalogue": {"overrides": ["catalogue.yaml"]}}));
    let Some(stage) = setup.up().await? else { return Ok(()) };
    let ours =
        client::trusting(&std::fs::read_to_string(stage.lab.folder().join("ca/ca.crt"))?, &["http/1.1"])?;
    let stream = stage.dialer.connect(https(host::SHARED))??;
    // As long as it is nobody's, the origin shows its own certificate.
    client::handshake(stream, STATIC, &ours).await?.expect_err("the origin's own");

    // A mistake first: the catalogue that is in force stays so.
    stage.lab.file("catalogue.yaml", catalogue(json!([{"id": "newcomer", "hosts": "none"}])))?;
    stage.daemon.signal(Signal::SIGHUP)?;
    let event = reload(&stage, 1).await?;
    assert_eq!(event["result"], "kept", "{event}");
    assert!(event["detail"].as_str().is_some_and(|d| d.contains("catalogue.yaml:1")), "{event}");

    let newcomer = json!([{"id": "newcomer", "name": "Newcomer", "kind": "model", "scope": "dedicated",
        "hosts": [STATIC], "basePaths": ["/v1"], "formats": ["openai.chat_completions"]}]);
    stage.lab.file("catalogue.yaml", catalogue(newcomer))?;
    issue(&stage, &["--permit", STATIC]).await?;
    stage.daemon.signal(Signal::SIGHUP)?;
    let is_in_force =
        |e: &Value| e["event"] == "reload" && e["part"] == "policy" && e["result"] == "in_force";
    stage.daemon.audited("the catalogue", is_in_force).await?;

    let stream = stage.dialer.connect(https(host::SHARED))??;
    let mut app = client::Wire::new(client::handshake(stream, STATIC, &ours).await??);
    let head = post("/v1/chat/completions").replace(OPENAI, STATIC);
    assert_eq!(app.call(&head, chat("hello")).await?.head.status, 200);
    let event = stage.exchange("complete").await?;
    assert_eq!((&event["provider"], &event["host"]), (&json!("newcomer"), &json!(STATIC)), "{event}");
    Ok(())
}

/// The intermediate under which the daemon speaks for the AI name.
async fn intermediate(stage: &Stage) -> Result<CertificateDer<'static>> {
    let stream = stage.handshake(https(host::SHARED), OPENAI, &["http/1.1"]).await??;
    let chain = stream.get_ref().1.peer_certificates().context("a chain")?;
    chain.get(1).cloned().context("an intermediate")
}

#[tokio::test]
async fn a_renewed_authority_is_taken_up_without_being_told() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    let mut early = stage.openai().await?;
    let before = intermediate(&stage).await?;
    issue(&stage, &[]).await?;
    let event = reload(&stage, 1).await?;
    assert_eq!((&event["part"], &event["result"]), (&json!("authority"), &json!("in_force")), "{event}");
    let renewed = intermediate(&stage).await?;
    assert_ne!(before, renewed);
    assert_eq!(early.call(&post("/v1/chat/completions"), chat("hello")).await?.head.status, 200);

    // Damaged files: the clock waits for them to get better before it complains, and complains once.
    std::fs::write(stage.lab.folder().join("ca/tls.crt"), "nothing")?;
    let event = reload(&stage, 2).await?;
    assert_eq!((&event["part"], &event["result"]), (&json!("authority"), &json!("kept")), "{event}");
    assert!(event["detail"].as_str().is_some_and(|d| d.contains("tls.crt")), "{event}");
    assert_eq!(intermediate(&stage).await?, renewed);
    Ok(())
}

/// Puts a version of the policy into a directory as kubelet puts a ConfigMap there.
fn deliver(lab: &Lab, version: &str, text: &str) -> Result<()> {
    let directory = lab.folder().join("policies");
    let folder = directory.join(format!("..{version}"));
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("lab.yaml"), text)?;
    symlink(format!("..{version}"), directory.join("..data_tmp"))?;
    std::fs::rename(directory.join("..data_tmp"), directory.join("..data"))?;
    if version == "1" {
        symlink("..data/lab.yaml", directory.join("lab.yaml"))?;
    }
    Ok(())
}

#[tokio::test]
async fn a_directory_is_taken_up_when_it_changes_and_a_bad_one_never() -> Result<()> {
    let setup = Setup::default().spec(json!({"policy": {"directory": "policies"}}));
    let setup = setup.before(|lab| deliver(lab, "1", &policy("audit")).expect("the folder takes files"));
    let Some(stage) = setup.up().await? else { return Ok(()) };
    let mut early = stage.openai().await?;
    assert_eq!(status(&mut early).await?, 200);
    // Nobody tells the daemon; a bad set comes between two good ones.
    deliver(&stage.lab, "2", &policy("blok"))?;
    let event = reload(&stage, 1).await?;
    let (result, detail) = (&event["result"], event["detail"].as_str().unwrap_or_default());
    assert_eq!((result, &event["in_force"]), (&json!("kept"), &stage.daemon.ready()["policy"]), "{event}");
    assert!(detail.contains("lab.yaml:8"), "{detail}");
    assert_eq!(status(&mut stage.openai().await?).await?, 200);
    deliver(&stage.lab, "3", &policy("block"))?;
    let event = reload(&stage, 2).await?;
    assert_eq!(event["result"], "in_force", "{event}");
    assert_eq!(status(&mut stage.openai().await?).await?, 403);
    // What was open keeps what it began with.
    assert_eq!(status(&mut early).await?, 200);
    let decided_by: Vec<_> =
        stage.exchanges(4).await?.iter().map(|event| event["inspection"]["policy"].clone()).collect();
    let first = &stage.daemon.ready()["policy"];
    assert_eq!(decided_by, [first, first, &event["in_force"], first].map(Value::clone));
    Ok(())
}

/// The policy directory as `deliver` fills it, with a manifest that somebody signed.
fn deliver_signed(lab: &Lab, version: &str, action: &str, pair: &minisign::KeyPair) -> Result<()> {
    let folder = lab.folder().join(format!("policies/..{version}"));
    std::fs::create_dir_all(&folder)?;
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, policy(action).as_bytes());
    let hash: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let manifest = format!("{hash}  lab.yaml\n");
    let comment = format!("timestamp:{version}");
    let signature = minisign::sign(None, &pair.sk, manifest.as_bytes(), Some(&comment), None)?;
    std::fs::write(folder.join("policy.sha256"), manifest)?;
    std::fs::write(folder.join("policy.sha256.minisig"), signature.into_string())?;
    deliver(lab, version, &policy(action))
}

#[tokio::test]
async fn policy_is_taken_only_from_whom_it_should_be() -> Result<()> {
    let (pair, other) = (
        minisign::KeyPair::generate_unencrypted_keypair()?,
        minisign::KeyPair::generate_unencrypted_keypair()?,
    );
    let signature = json!({"publicKeys": ["policy.pub"]});
    let setup = Setup::default().spec(json!({"policy": {"directory": "policies", "signature": signature}}));
    let (key, first) = (pair.pk.to_box()?.into_string(), pair.clone());
    let setup = setup.before(move |lab| {
        lab.file("policy.pub", key).expect("the folder takes files");
        deliver_signed(lab, "1", "block", &first).expect("the folder takes files");
    });
    let Some(stage) = setup.up().await? else { return Ok(()) };
    let good = stage.daemon.ready()["policy"].clone();
    assert_eq!(status(&mut stage.openai().await?).await?, 403);

    deliver(&stage.lab, "2", &policy("audit"))?;
    let event = reload(&stage, 1).await?;
    assert_eq!((&event["result"], &event["in_force"]), (&json!("kept"), &good), "{event}");
    assert!(event["detail"].as_str().is_some_and(|d| d.contains("only signed policy is taken")), "{event}");
    deliver_signed(&stage.lab, "3", "audit", &other)?;
    let event = reload(&stage, 2).await?;
    assert!(event["detail"].as_str().is_some_and(|d| d.contains("made with a key that")), "{event}");
    assert_eq!(status(&mut stage.openai().await?).await?, 403);

    deliver_signed(&stage.lab, "4", "audit", &pair)?;
    assert_eq!(reload(&stage, 3).await?["result"], "in_force");
    assert_eq!(status(&mut stage.openai().await?).await?, 200);
    let metrics = stage.metrics().await?;
    assert!(metrics.contains("interceptor_reloads_total{part=\"policy\",result=\"kept\"} 2"), "{metrics}");
    Ok(())
}
