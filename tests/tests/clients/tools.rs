//! curl and openssl, as everybody has them.

use anyhow::Result;
use interceptor_tests::daemon::{self, Output};
use interceptor_tests::lab::{OPENAI, STATIC, host, https};
use interceptor_tests::samples;
use interceptor_tests::stage::Stage;
use serde_json::{Value, json};

/// curl at the application's place, trusting the bundle.
async fn curl(stage: &Stage, arguments: &[&str]) -> Result<Output> {
    let mut curl = stage.lab.app()?.command("/usr/bin/curl");
    curl.args(["--silent", "--show-error", "--cacert"]).arg(stage.lab.folder().join("bundle.pem"));
    curl.args(arguments);
    daemon::run(curl).await
}

/// What openssl says of the certificates shown for a name.
async fn shown(stage: &Stage, name: &str) -> Result<String> {
    let mut openssl = stage.lab.app()?.command("/usr/bin/openssl");
    openssl.args([
        "s_client",
        "-verify_return_error",
        "-showcerts",
        "-servername",
        name,
        "-verify_hostname",
        name,
    ]);
    openssl.arg("-CAfile").arg(stage.lab.folder().join("bundle.pem"));
    openssl.arg("-connect").arg(https(host::SHARED).to_string());
    let output = daemon::run(openssl).await?;
    assert_eq!(output.code, Some(0), "{output:?}");
    Ok(output.stdout)
}

#[tokio::test]
async fn curl_is_served_over_both_versions() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    let body = json!({"model": "lab-1", "messages": [{"role": "user", "content": "hello"}]}).to_string();
    let url = format!("https://{OPENAI}/v1/chat/completions");
    for (version, shown) in [("--http1.1", "1.1"), ("--http2", "2")] {
        let output =
            curl(&stage, &[version, "--json", &body, "--write-out", "\n%{http_version}", &url]).await?;
        assert_eq!(output.code, Some(0), "{output:?}");
        let (answer, version) = output.stdout.rsplit_once('\n').unwrap_or_default();
        assert_eq!(version, shown);
        assert_eq!(serde_json::from_str::<Value>(answer)?["object"], "chat.completion");
    }
    Ok(())
}

#[tokio::test]
async fn curl_is_told_why_it_is_blocked() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    let content = format!("use {}", samples::aws_key_id());
    let body = json!({"model": "lab-1", "messages": [{"role": "user", "content": content}]}).to_string();
    let url = format!("https://{OPENAI}/v1/chat/completions");
    let output = curl(&stage, &["--include", "--json", &body, &url]).await?;
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(output.stdout.starts_with("HTTP/2 403"), "{}", output.stdout);
    assert!(output.stdout.contains("x-should-retry: false"), "{}", output.stdout);
    assert!(output.stdout.contains("no-secrets-out"), "{}", output.stdout);
    Ok(())
}

#[tokio::test]
async fn openssl_sees_our_certificate_for_an_ai_name_and_the_origins_for_another() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    let ours = shown(&stage, OPENAI).await?;
    assert!(ours.contains("Verify return code: 0 (ok)") && ours.contains("Interceptor CA"), "{ours}");
    assert!(!ours.contains("Laboratory Web Root"), "{ours}");
    let origins = shown(&stage, STATIC).await?;
    assert!(
        origins.contains("Verify return code: 0 (ok)") && origins.contains("Laboratory Web Root"),
        "{origins}"
    );
    assert!(!origins.contains("Interceptor"), "{origins}");
    Ok(())
}
