//! The same calls without the interceptor: the bytes that the clients send by themselves, and the time it takes.
//! Knows the clients. Does not judge.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use interceptor_tests::daemon;
use interceptor_tests::lab::{Lab, OPENAI};
use interceptor_tests::provider::Format;
use interceptor_tests::samples::{CARD, EMAIL};
use interceptor_tests::sdk::{App, Sdk};
use serde_json::json;

/// Calls of each kind, of which the median is shown.
pub(crate) const CALLS: usize = 9;
/// What the model says when it streams.
pub(crate) const STORY: [&str; 6] = ["Once ", "upon ", "a ", "time ", "there ", "was…"];

/// The prompt with personal data.
pub(crate) fn personal() -> String {
    format!("Draft a reply to {EMAIL}: card {CARD} was charged twice.")
}

/// What direct calls look like.
pub(crate) struct Baseline {
    /// The body of OpenAI's SDK for the prompt with personal data.
    pub(crate) personal: Vec<u8>,
    /// A call of OpenAI's SDK on a kept connection.
    pub(crate) openai: Duration,
    /// curl from connect to end, without its own start.
    pub(crate) curl: Duration,
    /// From the provider's sending of a token to the application's having it, the first one left aside.
    pub(crate) token: Duration,
}

impl Baseline {
    /// Makes all calls directly.
    pub(crate) async fn measure(lab: &Lab) -> Result<Self> {
        let first = lab.provider.record().seen().calls.len();
        let openai = repeated(lab, App::OpenAi, "chat", &personal()).await?;
        let personal = lab.provider.record().call(first).await?.body;
        let curl = curl(lab).await?.0;
        let token = median(streamed(lab).await?.into_iter().skip(1).map(|(_, delay)| delay).collect());
        Ok(Self { personal, openai, curl, token })
    }
}

/// The median time of a call which an SDK makes again and again, after a first one to warm up.
pub(crate) async fn repeated(lab: &Lab, app: App, call: &str, prompt: &str) -> Result<Duration> {
    let mut sdk = Sdk::start(lab, app)?;
    let mut times = Vec::new();
    for number in 0..=CALLS {
        let start = Instant::now();
        let said = sdk.whole(call, prompt).await?;
        ensure!(said[0]["event"] == "answer", "the application said {said:?}");
        if number > 0 {
            times.push(start.elapsed());
        }
    }
    Ok(median(times))
}

/// A question to the model by curl, over HTTP/2: the median time by its own clock, and the last answer.
pub(crate) async fn curl(lab: &Lab) -> Result<(Duration, String)> {
    let (mut times, mut last) = (Vec::new(), String::new());
    for _ in 0..CALLS {
        let mut curl = lab.app()?.command("/usr/bin/curl");
        curl.args(["--silent", "--show-error", "--http2", "--ipv4", "--fail-with-body", "--cacert"]);
        curl.arg(lab.folder().join("bundle.pem")).args(["--json", &question()]);
        curl.args(["--write-out", "\n%{time_total} %{time_namelookup}"]);
        let output = daemon::run({
            curl.arg(format!("https://{OPENAI}{}", Format::Chat.path()));
            curl
        })
        .await?;
        ensure!(output.code == Some(0), "curl: {output:?}");
        let (answer, clock) = output.stdout.rsplit_once('\n').context("curl's clock")?;
        let seconds: Vec<f64> = clock.split(' ').filter_map(|s| s.parse().ok()).collect();
        times.push(Duration::from_secs_f64(seconds[0] - seconds.get(1).context("curl's clock")?));
        last = answer.to_owned();
    }
    Ok((median(times), last))
}

/// The body that curl sends, written as no serializer would.
pub(crate) fn question() -> String {
    let message = json!({"role": "user", "content": "What is a baker's dozen? Caf\u{e9} & co."});
    format!("{{ \"model\":\"lab-1\",\n  \"messages\" : [ {message} ] }}")
}

/// A streamed answer to Anthropic's SDK, each token sent only after the application has the one before: the tokens
/// and how long each took from the provider to the application.
pub(crate) async fn streamed(lab: &Lab) -> Result<Vec<(String, Duration)>> {
    let mut stream = lab.provider.stream(Format::Messages);
    let mut sdk = Sdk::start(lab, App::Anthropic)?;
    sdk.call("messages_stream", "Tell me a story.").await?;
    stream.open()?;
    let mut got = Vec::new();
    for word in STORY {
        let start = Instant::now();
        stream.token(word)?;
        let said = sdk.expect("token").await?;
        got.push((said["text"].as_str().unwrap_or_default().to_owned(), start.elapsed()));
    }
    stream.close()?;
    sdk.expect("answer").await?;
    sdk.expect("done").await?;
    Ok(got)
}

/// The middle one.
pub(crate) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
