//! Calls that do not go through: the SDK raises the right exception at once, and its text says why.

use anyhow::Result;
use interceptor_tests::lab::{Lab, OPENAI, host};
use interceptor_tests::provider::Script;
use interceptor_tests::samples;
use interceptor_tests::sdk::{App, Sdk};
use interceptor_tests::stage::Setup;
use interceptor_tests::topology::v4;

use crate::{stage, staged};

#[tokio::test]
async fn what_is_used_up_raises_the_sdks_own_exception_and_is_not_tried_again() -> Result<()> {
    let policy = "apiVersion: interceptor.dev/v1alpha1\nkind: EgressPolicy\nmetadata: {name: limits}\nspec:\n  limits:\n    \
                  - {name: nothing, tokens: 1, each: month}\n";
    let Some(stage) = staged(Setup::default().policy(policy)).await? else { return Ok(()) };
    let calls = [
        (App::OpenAi, "chat"),
        (App::OpenAi, "chat_stream"),
        (App::OpenAi, "responses"),
        (App::Anthropic, "messages"),
        (App::Anthropic, "messages_stream"),
    ];
    for (number, (app, call)) in calls.into_iter().enumerate() {
        let said = Sdk::start(&stage.lab, app)?.whole(call, "Good morning.").await?;
        let error = &said[0];
        let expected = (&"error".into(), &"RateLimitError".into());
        assert_eq!((&error["event"], &error["class"]), expected, "{said:?}");
        assert_eq!((&error["status"], &error["retries"]), (&429.into(), &0.into()), "{error}");
        let message = error["message"].as_str().unwrap_or_default();
        assert!(message.contains("egress limit") && message.contains("nothing"), "{message}");
        assert_eq!(stage.exchanges(number + 1).await?.len(), number + 1, "{app:?} {call}");
    }
    assert_eq!(stage.lab.provider.record().seen().calls.len(), 0);
    Ok(())
}

#[tokio::test]
async fn a_secret_raises_the_sdks_own_exception_and_is_not_tried_again() -> Result<()> {
    let Some(stage) = stage().await? else { return Ok(()) };
    let prompt = format!("deploy with {}", samples::github_token());
    let calls = [
        (App::OpenAi, "chat", "messages[0].content"),
        (App::OpenAi, "chat_stream", "messages[0].content"),
        (App::OpenAi, "responses", "input"),
        (App::OpenAi, "responses_stream", "input"),
        (App::OpenAi, "embeddings", "input"),
        (App::Anthropic, "messages", "messages[0].content"),
        (App::Anthropic, "messages_stream", "messages[0].content"),
    ];
    for (number, (app, call, place)) in calls.into_iter().enumerate() {
        let said = Sdk::start(&stage.lab, app)?.whole(call, &prompt).await?;
        let error = &said[0];
        assert_eq!(
            (&error["event"], &error["class"]),
            (&"error".into(), &"PermissionDeniedError".into()),
            "{said:?}"
        );
        assert_eq!((&error["status"], &error["retries"]), (&403.into(), &0.into()), "{error}");
        let message = error["message"].as_str().unwrap_or_default();
        for part in ["no-secrets-out", "secret.github_token", place] {
            assert!(message.contains(part), "{app:?} {call}: {part} is not in {message}");
        }
        if app == App::OpenAi {
            assert_eq!(error["code"], "egress_policy_blocked");
            assert_eq!(error["param"], place);
        }
        // One exchange: the SDK did not come back, and the provider was never asked.
        assert_eq!(stage.exchanges(number + 1).await?.len(), number + 1, "{app:?} {call}");
    }
    assert_eq!(stage.lab.provider.record().seen().calls.len(), 0);
    Ok(())
}

#[tokio::test]
async fn a_stream_that_is_cut_off_raises_the_sdks_own_exception() -> Result<()> {
    let policy = "apiVersion: interceptor.dev/v1alpha1\nkind: EgressPolicy\nmetadata: {name: both}\nspec:\n  \
        rules:\n    - name: stop\n      match: {direction: both, detectors: ['secret.*']}\n      action: block\n";
    let Some(stage) = staged(Setup::default().policy(policy)).await? else { return Ok(()) };
    let secret = samples::github_token();
    for (app, call, path) in [
        (App::OpenAi, "chat_stream", "/v1/chat/completions"),
        (App::OpenAi, "responses_stream", "/v1/responses"),
        (App::Anthropic, "messages_stream", "/v1/messages"),
    ] {
        stage.lab.provider.next(path, Script::tokens(["it is ", &secret[..11], &secret[11..], ", keep it"]));
        let said = Sdk::start(&stage.lab, app)?.whole(call, "what is it?").await?;
        let text: String = said.iter().filter_map(|s| s["text"].as_str()).collect();
        assert!(text.starts_with("it is ") && !text.contains(&secret[11..]), "{said:?}");
        let error = said.last().cloned().unwrap_or_default();
        assert_eq!(
            (&error["event"], &error["retries"]),
            (&"error".into(), &0.into()),
            "{app:?} {call}: {said:?}"
        );
        assert!(error["message"].as_str().is_some_and(|m| m.contains("stop")), "{error}");
    }
    Ok(())
}

#[tokio::test]
async fn a_defective_certificate_raises_what_it_would_raise_without_us() -> Result<()> {
    let Some(stage) = stage().await? else { return Ok(()) };
    let alone = Lab::new()?;
    alone.file("bundle.pem", alone.pki.root_pem())?;
    for host in [host::EXPIRED, host::WRONG_HOST, host::SELF_SIGNED, host::UNKNOWN_ISSUER] {
        let mut causes = Vec::new();
        for lab in [&stage.lab, &alone] {
            lab.zone.forget(OPENAI);
            lab.zone.address(OPENAI, v4(host));
            let said = Sdk::start(lab, App::OpenAi)?.whole("chat", "hello").await?;
            assert_eq!(said[0]["class"], "APIConnectionError", "{said:?}");
            causes.push(said[0]["cause"].as_str().unwrap_or_default().to_owned());
        }
        assert!(causes[0].contains("CERTIFICATE_VERIFY_FAILED"), "{causes:?}");
        assert_eq!(causes[0], causes[1], "host {host}");
    }
    assert_eq!(stage.lab.provider.record().seen().calls.len(), 0);
    Ok(())
}

#[tokio::test]
async fn an_unreachable_provider_raises_a_connection_error() -> Result<()> {
    let Some(stage) = stage().await? else { return Ok(()) };
    stage.lab.zone.forget(OPENAI);
    stage.lab.zone.address(OPENAI, v4(host::CLOSED));
    let said = Sdk::start(&stage.lab, App::OpenAi)?.whole("chat", "hello").await?;
    assert_eq!(said[0]["class"], "APIConnectionError", "{said:?}");
    // This one may pass: the SDK tries again, as it would without us.
    assert_eq!(said[0]["retries"], 2, "{said:?}");
    Ok(())
}

#[tokio::test]
async fn an_application_that_does_not_trust_us_says_so_itself() -> Result<()> {
    let Some(stage) = stage().await? else { return Ok(()) };
    stage.lab.file("bundle.pem", stage.lab.pki.root_pem())?;
    let said = Sdk::start(&stage.lab, App::Anthropic)?.whole("messages", "hello").await?;
    assert_eq!(said[0]["class"], "APIConnectionError", "{said:?}");
    assert!(said[0]["cause"].as_str().is_some_and(|c| c.contains("CERTIFICATE_VERIFY_FAILED")), "{said:?}");
    let event = stage.connection("client_untrusted").await?;
    assert_eq!(event["host"], "api.anthropic.com");
    assert!(event["caller"]["comm"].as_str().is_some_and(|c| c.starts_with("python")), "{event}");
    Ok(())
}
