//! Calls that go through: answered, masked, streamed. The application notices nothing.

use anyhow::Result;
use interceptor_tests::provider::{DEFAULT_TOKENS, Format};
use interceptor_tests::samples::{CARD, EMAIL};
use interceptor_tests::sdk::{App, Sdk};

use crate::{direct, stage};

/// Every call of both applications that gives a whole answer.
const CALLS: [(App, &str); 4] = [
    (App::OpenAi, "chat"),
    (App::OpenAi, "responses"),
    (App::OpenAi, "embeddings"),
    (App::Anthropic, "messages"),
];

#[tokio::test]
async fn an_ordinary_call_is_answered_and_arrives_as_the_sdk_sent_it() -> Result<()> {
    let Some(stage) = stage().await? else { return Ok(()) };
    for (number, (app, call)) in CALLS.into_iter().enumerate() {
        let said = Sdk::start(&stage.lab, app)?.whole(call, "how are you?").await?;
        assert_eq!(said[0]["event"], "answer", "{app:?} {call}: {said:?}");
        if call != "embeddings" {
            assert_eq!(said[0]["text"], DEFAULT_TOKENS.concat());
        }
        let arrived = stage.lab.provider.record().call(number).await?.body;
        let sent = direct(app, call, "how are you?").await?;
        assert_eq!(String::from_utf8_lossy(&arrived), String::from_utf8_lossy(&sent), "{app:?} {call}");
    }
    Ok(())
}

#[tokio::test]
async fn personal_data_is_masked_and_everything_else_is_as_the_sdk_sent_it() -> Result<()> {
    let Some(stage) = stage().await? else { return Ok(()) };
    let prompt = format!("“Zoë” <{EMAIL}> pays with {CARD} \\ \"tomorrow\"");
    for (number, (app, call)) in CALLS.into_iter().enumerate() {
        let said = Sdk::start(&stage.lab, app)?.whole(call, &prompt).await?;
        assert_eq!(said[0]["event"], "answer", "{app:?} {call}: {said:?}");
        let arrived = stage.lab.provider.record().call(number).await?.body;
        let sent = String::from_utf8(direct(app, call, &prompt).await?)?;
        let wanted = sent.replace(EMAIL, "[EMAIL]").replace(CARD, "[CARD]");
        assert_ne!(wanted, sent, "the sample is in what the SDK sends");
        assert_eq!(String::from_utf8_lossy(&arrived), wanted, "{app:?} {call}");
    }
    Ok(())
}

#[tokio::test]
async fn a_streamed_answer_reaches_the_application_token_by_token() -> Result<()> {
    let Some(stage) = stage().await? else { return Ok(()) };
    for (app, call, format) in [
        (App::OpenAi, "chat_stream", Format::Chat),
        (App::OpenAi, "responses_stream", Format::Responses),
        (App::Anthropic, "messages_stream", Format::Messages),
    ] {
        let mut stream = stage.lab.provider.stream(format);
        let mut sdk = Sdk::start(&stage.lab, app)?;
        sdk.call(call, "tell me a story").await?;
        stream.open()?;
        let words = ["Once ", "upon ", "a ", "time."];
        for word in words {
            // The next one is sent only after the application has this one.
            stream.token(word)?;
            assert_eq!(sdk.expect("token").await?["text"], word, "{app:?} {call}");
        }
        stream.close()?;
        let mut last = sdk.says().await?;
        if last["event"] == "answer" {
            assert_eq!(last["text"], words.concat());
            last = sdk.says().await?;
        }
        assert_eq!(last["event"], "done", "{app:?} {call}");
    }
    Ok(())
}
