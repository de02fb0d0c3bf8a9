//! Requests that applications sign for AWS: what is not changed keeps its signature, and what is changed leaves with a
//! valid one of the daemon's own where configuration and policy say so, or not at all.

use anyhow::{Result, ensure};
use bytes::Bytes;
use http_body_util::Full;
use interceptor_tests::aws::Credentials;
use interceptor_tests::lab::{BEDROCK, Lab, host};
use interceptor_tests::provider::Script;
use interceptor_tests::samples::{self, EMAIL};
use interceptor_tests::stage::{Setup, Stage};
use serde_json::{Value, json};

const PATH: &str = "/model/anthropic.claude-lab-1%3A0/converse";

/// Masks what leaves, and lets it be signed again.
const RESIGN: &str = "apiVersion: interceptor.dev/v1alpha1\nkind: EgressPolicy\nmetadata: {name: lab}\nspec:\n  \
    rules:\n    - name: mask\n      match: {direction: request, detectors: ['pii.*']}\n      action: redact\n  \
    uncertain: {signedBody: resign}\n";

fn applications() -> Credentials {
    Credentials {
        id: samples::aws_key_id(),
        secret: "the-applications-own".into(),
        token: Some("theirs".into()),
    }
}

fn daemons() -> Credentials {
    Credentials { id: "LABDAEMON1".into(), secret: "the-daemons-own".into(), token: Some("ours".into()) }
}

/// Writes the daemon's credentials.
fn write(lab: &Lab, keys: &Credentials) {
    let token = keys.token.as_deref().unwrap_or_default();
    for (file, word) in [("aws-id", &*keys.id), ("aws-secret", &*keys.secret), ("aws-token", token)] {
        lab.file(file, format!("{word}\n")).expect("the laboratory's folder can be written");
    }
}

/// With credentials for Bedrock in the daemon's configuration.
fn with_credentials() -> Setup {
    Setup::default().before(|lab| write(lab, &daemons())).spec(json!({"signing": {"credentials": [{
        "name": "lab-keys", "provider": "aws-bedrock", "hosts": ["bedrock-runtime.*.amazonaws.com"],
        "accessKeyFile": "aws-id", "secretKeyFile": "aws-secret", "sessionTokenFile": "aws-token",
    }]}}))
}

fn body(prompt: &str) -> String {
    json!({"messages": [{"role": "user", "content": [{"text": prompt}]}]}).to_string()
}

fn answer() -> Script {
    let answer = json!({"output": {"message": {"role": "assistant", "content": [{"text": "ok"}]}}});
    Script::sized(answer.to_string()).header("content-type", "application/json")
}

/// The head of a call that the application has signed.
fn signed(body: &str) -> String {
    let headers = [("content-type", "application/json"), ("host", BEDROCK)];
    let signature = applications().sign("POST", PATH, &headers, body.as_bytes());
    let mut head = format!("POST {PATH} HTTP/1.1\r\nHost: {BEDROCK}\r\nContent-Type: application/json");
    for (name, value) in signature {
        head += &format!("\r\n{name}: {value}");
    }
    head
}

/// The status of a signed call.
async fn call(stage: &Stage, prompt: &str) -> Result<u16> {
    stage.lab.provider.next(PATH, answer());
    let body = body(prompt);
    Ok(stage.http1(host::SHARED, BEDROCK).await?.call(&signed(&body), &body).await?.head.status)
}

#[tokio::test]
async fn a_masked_prompt_arrives_with_a_valid_signature() -> Result<()> {
    let Some(stage) = with_credentials().policy(RESIGN).up().await? else { return Ok(()) };
    assert_eq!(call(&stage, &format!("write to {EMAIL}")).await?, 200);
    let seen = stage.lab.provider.record().call(0).await?;
    assert_eq!(String::from_utf8_lossy(&seen.body), body("write to [EMAIL]"));
    daemons().verify(&seen)?;
    assert!(applications().verify(&seen).is_err());
    let event = stage.exchange("complete").await?;
    assert_eq!(event["resigned"], "lab-keys", "{event}");
    let doubt = &event["inspection"]["doubts"][0];
    assert_eq!((&doubt["kind"], &doubt["answer"]), (&json!("signedBody"), &json!("resign")), "{event}");
    Ok(())
}

#[tokio::test]
async fn a_masked_prompt_on_http2_arrives_with_a_valid_signature() -> Result<()> {
    let Some(stage) = with_credentials().policy(RESIGN).up().await? else { return Ok(()) };
    stage.lab.provider.next(PATH, answer());
    let body = body(&format!("write to {EMAIL}"));
    let mut app = stage.http2(host::SHARED, BEDROCK).await?;
    let mut request = app.request("POST", PATH).header("content-type", "application/json");
    let headers = [("content-type", "application/json"), ("host", BEDROCK)];
    for (name, value) in applications().sign("POST", PATH, &headers, body.as_bytes()) {
        request = request.header(name, value);
    }
    assert_eq!(app.send(request.body(Full::new(Bytes::from(body)))?).await?.status(), 200);
    let seen = stage.lab.provider.record().call(0).await?;
    assert_eq!(seen.version, "HTTP/2.0");
    daemons().verify(&seen)
}

#[tokio::test]
async fn what_is_not_changed_keeps_its_signature_byte_for_byte() -> Result<()> {
    let Some(stage) = with_credentials().policy(RESIGN).up().await? else { return Ok(()) };
    stage.lab.provider.next(PATH, answer());
    let (body, mut app) = (body("Good morning."), stage.http1(host::SHARED, BEDROCK).await?);
    let sent = interceptor_tests::client::request(&signed(&body), body.len()) + &body;
    app.send(&sent).await?;
    assert_eq!(app.answer().await?.head.status, 200);
    let seen = stage.lab.provider.record().seen();
    assert_eq!(String::from_utf8_lossy(&seen.connections[0].received), sent);
    applications().verify(&seen.calls[0])?;
    assert_eq!(stage.exchange("complete").await?["resigned"], Value::Null);
    Ok(())
}

#[tokio::test]
async fn without_credentials_or_without_leave_a_signed_call_is_refused() -> Result<()> {
    let block = RESIGN.replace("resign}", "block}");
    for setup in [Setup::default().policy(RESIGN), with_credentials().policy(&block)] {
        let Some(stage) = setup.up().await? else { return Ok(()) };
        assert_eq!(call(&stage, &format!("write to {EMAIL}")).await?, 403);
        assert!(stage.lab.provider.record().seen().calls.is_empty());
        let event = stage.exchange("blocked").await?;
        let doubt = &event["inspection"]["doubts"][0];
        assert_eq!((&doubt["kind"], &doubt["answer"]), (&json!("signedBody"), &json!("block")), "{event}");
        // What is found nothing in goes its way.
        assert_eq!(call(&stage, "Good morning.").await?, 200);
    }
    Ok(())
}

#[tokio::test]
async fn new_credentials_are_taken_up_and_never_written_anywhere() -> Result<()> {
    let Some(stage) = with_credentials().policy(RESIGN).up().await? else { return Ok(()) };
    let next = Credentials {
        id: "LABDAEMON2".into(),
        secret: "the-next-secret".into(),
        token: Some("next-token".into()),
    };
    write(&stage.lab, &next);
    let taken = |event: &Value| event["event"] == "reload" && event["part"] == "credentials";
    let event = stage.daemon.audited("new credentials", taken).await?;
    assert_eq!((&event["result"], &event["in_force"]), (&json!("in_force"), &json!("lab-keys")), "{event}");
    assert_eq!(call(&stage, &format!("write to {EMAIL}")).await?, 200);
    next.verify(&stage.lab.provider.record().call(0).await?)?;
    // A file that holds none changes nothing.
    stage.lab.file("aws-secret", "")?;
    let wrong = |event: &Value| taken(event) && event["result"] == "kept";
    let event = stage.daemon.audited("no credentials", wrong).await?;
    assert!(event["detail"].as_str().is_some_and(|detail| detail.contains("aws-secret")), "{event}");
    assert_eq!(call(&stage, &format!("write to {EMAIL}")).await?, 200);
    next.verify(&stage.lab.provider.record().call(1).await?)?;
    let events = stage.exchanges(2).await?;
    let told = format!("{}\n{}", stage.daemon.written(), std::fs::read_to_string(stage.daemon.audit_file())?);
    for hidden in [&*next.secret, "next-token", &*daemons().secret, "LABDAEMON", &*samples::aws_key_id()] {
        ensure!(!told.contains(hidden), "{hidden} was written");
    }
    assert!(events.iter().all(|event| event["resigned"] == "lab-keys"), "{events:?}");
    Ok(())
}
