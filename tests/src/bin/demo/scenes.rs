//! The scenes: each makes real calls, checks what they did against what is promised, and says it in five cells.
//! Knows clients, provider and audit trail. Does not know how it is printed.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use interceptor_tests::client::{self, Wire};
use interceptor_tests::daemon::Daemon;
use interceptor_tests::lab::{Lab, OPENAI, STATIC, host, https};
use interceptor_tests::provider::{Call, DEFAULT_TOKENS};
use interceptor_tests::samples::{self, CARD, EMAIL};
use interceptor_tests::sdk::{App, Sdk};
use serde_json::Value;

use crate::baseline::{self, Baseline, CALLS, STORY};
use crate::show::{Cell, Scene};

/// What the scenes play in.
pub(crate) struct World<'a> {
    pub(crate) lab: &'a Lab,
    pub(crate) daemon: &'a Daemon,
    pub(crate) baseline: &'a Baseline,
}

impl World<'_> {
    fn calls(&self) -> usize {
        self.lab.provider.record().seen().calls.len()
    }

    /// The last exchange with such an ending, of an application of that name, once it is told of.
    async fn audited(&self, ending: &str, host: &str) -> Result<Value> {
        let wanted = |e: &Value| e["event"] == "exchange" && e["ending"] == ending && e["host"] == host;
        self.daemon.audited(&format!("an exchange with {host} that is {ending}"), wanted).await?;
        let mut newest_first = self.daemon.audit()?.into_iter().rev();
        newest_first.find(wanted).context("the event was there a moment ago")
    }

    /// The last call that the provider received.
    fn received(&self) -> Result<Call> {
        self.lab.provider.record().seen().calls.pop().context("the provider received nothing")
    }
}

/// A GitHub token in a prompt.
pub(crate) async fn secret_openai(world: &World<'_>) -> Result<Scene> {
    secret(world, App::OpenAi, "chat", OPENAI, &samples::github_token()).await
}

/// An AWS key in a prompt.
pub(crate) async fn secret_anthropic(world: &World<'_>) -> Result<Scene> {
    secret(world, App::Anthropic, "messages", "api.anthropic.com", &samples::aws_key_id()).await
}

async fn secret(world: &World<'_>, app: App, call: &str, host: &str, secret: &str) -> Result<Scene> {
    let before = world.calls();
    let prompt = format!("Why does deploying with {secret} fail?");
    let mut sdk = Sdk::start(world.lab, app)?;
    let (mut times, mut said) = (Vec::new(), Value::Null);
    for _ in 0..CALLS {
        let start = Instant::now();
        said = sdk.whole(call, &prompt).await?.swap_remove(0);
        times.push(start.elapsed());
        ensure!(said["class"] == "PermissionDeniedError" && said["status"] == 403, "the SDK raised {said}");
        ensure!(said["retries"] == 0, "the SDK tried again: {said}");
    }
    // Anthropic's SDK puts the whole body into its message; the exception has it as data, too.
    let body = &said["body"];
    let message = text(if app == App::Anthropic { &body["error"]["message"] } else { &body["message"] });
    ensure!(message.contains("no-secrets-out"), "the rule is not named: {message}");
    ensure!(!message.contains(secret), "the secret is in the message");
    ensure!(world.calls() == before, "the provider received a call");
    let event = world.audited("blocked", host).await?;
    let (client, title) = match app {
        App::OpenAi => ("openai SDK (Python), client.chat.completions.create", "A secret is blocked"),
        App::Anthropic => {
            ("anthropic SDK (Python), client.messages.create", "The same, in Anthropic's words")
        }
        App::Bedrock | App::Gemini => anyhow::bail!("there is no scene of {app:?}"),
    };
    Ok(Scene {
        title,
        client,
        sent: Cell::text(&prompt),
        received: Cell::good("nothing").and(&format!("({before} calls before, {before} after)")),
        got: Cell::bad(&format!("raises {} ({})", text(&said["class"]), said["status"]))
            .and(message)
            .and(&format!("after {} retries", said["retries"])),
        audit: audit(&event),
        cost: Cell::text(&format!("refused in {}", ms(baseline::median(times)))).and("by the node itself"),
    })
}

/// An e-mail address and a card number in a prompt.
pub(crate) async fn redacted(world: &World<'_>) -> Result<Scene> {
    let prompt = baseline::personal();
    let took = baseline::repeated(world.lab, App::OpenAi, "chat", &prompt).await?;
    let sent = String::from_utf8(world.baseline.personal.clone())?;
    let received = String::from_utf8(world.received()?.body)?;
    let wanted = sent.replace(EMAIL, "[EMAIL]").replace(CARD, "[CARD]");
    ensure!(received == wanted, "the provider received {received}");
    let event = world.audited("complete", OPENAI).await?;
    ensure!(event["inspection"]["verdict"] == "redact", "the audit trail says {event}");
    let prompt_received: Value = serde_json::from_str(&received)?;
    Ok(Scene {
        title: "Personal data leaves masked",
        client: "openai SDK (Python), client.chat.completions.create",
        sent: Cell::text(&prompt).and(&format!("({} bytes of JSON)", sent.len())),
        received: Cell::good(text(&prompt_received["messages"][0]["content"]))
            .and(&format!("({} bytes: every other byte as it was sent)", received.len())),
        got: Cell::good("the model's answer").and(&format!("“{}”", DEFAULT_TOKENS.concat())),
        audit: audit(&event),
        cost: compared(world.baseline.openai, took),
    })
}

/// A prompt with nothing in it.
pub(crate) async fn unchanged(world: &World<'_>) -> Result<Scene> {
    let (took, answer) = baseline::curl(world.lab).await?;
    let call = world.received()?;
    let sent = baseline::question();
    ensure!(call.body == sent.as_bytes(), "the provider received other bytes");
    ensure!(call.version == "HTTP/2.0", "the provider was called over {}", call.version);
    let answer: Value = serde_json::from_str(&answer)?;
    let event = world.audited("complete", OPENAI).await?;
    Ok(Scene {
        title: "Nothing to change, nothing changed",
        client: "curl --http2 --json …, a new connection for each call",
        sent: Cell::text(&sent),
        received: Cell::good(&format!("the same {} bytes", call.body.len())).and("over HTTP/2"),
        got: Cell::good("the model's answer")
            .and(&format!("“{}”", text(&answer["choices"][0]["message"]["content"]))),
        audit: audit(&event),
        cost: compared(world.baseline.curl, took).and("(the provider's connection was warm)"),
    })
}

/// A streamed answer.
pub(crate) async fn streamed(world: &World<'_>) -> Result<Scene> {
    let got = baseline::streamed(world.lab).await?;
    let words: Vec<_> = got.iter().map(|(word, _)| word.as_str()).collect();
    ensure!(words == STORY, "the application got {words:?}");
    let mut cell = Cell::good("each token as it was sent:");
    for (number, (word, delay)) in got.iter().enumerate() {
        // Before the first one, Python starts and the connection is made.
        let later = if number == 0 { String::new() } else { format!("{:>8} later", ms(*delay)) };
        cell = cell.and(format!("{:<8} {later}", word.trim()).trim_end());
    }
    let event = world.audited("complete", "api.anthropic.com").await?;
    ensure!(event["inspection"]["streamed"] == true, "the audit trail says {event}");
    let token = baseline::median(got.into_iter().skip(1).map(|(_, delay)| delay).collect());
    Ok(Scene {
        title: "A streamed answer arrives token by token",
        client: "anthropic SDK (Python), client.messages.stream",
        sent: Cell::text("Tell me a story."),
        received: Cell::good("the same prompt")
            .and("It sends each token only after the application has said that it got the one before."),
        got: cell,
        audit: audit(&event),
        cost: compared(world.baseline.token, token).and("(per token)"),
    })
}

/// Another name at the same address.
pub(crate) async fn passed(world: &World<'_>) -> Result<Scene> {
    // This client trusts the internet's root only; our certificate would fail.
    let config = client::trusting(&world.lab.pki.root_pem(), &["http/1.1"])?;
    let dialer = world.lab.dialer()?;
    let stream = dialer.connect(https(host::SHARED))??;
    let mut app =
        Wire::new(client::handshake(stream, STATIC, &config).await?.context("the origin's certificate")?);
    let request = "GET / HTTP/1.1\r\nhost: static.example.net\r\n\r\n";
    app.send(request).await?;
    let answer = app.answer().await?;
    ensure!(answer.text() == "the origin itself\n", "the application got {}", answer.text());
    let seen = world.lab.provider.record().seen();
    let connection = seen.connections.last().context("the origin was called")?;
    ensure!(connection.received == request.as_bytes(), "the origin received other bytes");
    let stream = dialer.connect(https(host::SHARED))??;
    let refused = client::handshake(stream, OPENAI, &config).await?.is_err();
    ensure!(refused, "the AI name at the same address was not intercepted");
    drop(app);
    let wanted = |e: &Value| e["event"] == "connection" && e["host"] == STATIC;
    let event = world.daemon.audited("the passed connection", wanted).await?;
    ensure!(event["route"] == "passthrough", "the audit trail says {event}");
    Ok(Scene {
        title: "Another name at the same address passes untouched",
        client: "a TLS client that trusts the origin's root only",
        sent: Cell::text(&format!("https://{STATIC}/ at {}", https(host::SHARED))),
        received: Cell::good(&format!("the same {} bytes", request.len())).and("after its own TLS handshake"),
        got: Cell::good("the origin's own certificate")
            .and("(the AI name there shows ours, which it refuses)"),
        audit: Cell::text(&format!("connection: {}", text(&event["route"])))
            .and(&format!("reason: {}", text(&event["reason"])))
            .and(&format!("{} bytes up, {} down, unread", event["bytes_sent"], event["bytes_received"])),
        cost: Cell::text("not terminated"),
    })
}

/// An exchange event in a few lines.
fn audit(event: &Value) -> Cell {
    let inspection = &event["inspection"];
    let mut cell = Cell::text(&format!("{} · {}", text(&event["ending"]), text(&inspection["verdict"])))
        .and(text(&inspection["operation"]));
    for finding in inspection["findings"].as_array().into_iter().flatten() {
        cell = cell.and(&format!(
            "{} {} at {}, {} bytes; rule {}",
            text(&finding["action"]),
            text(&finding["detector"]),
            text(&finding["place"]),
            finding["length"],
            text(&finding["rule"])
        ));
    }
    let caller = &event["caller"];
    cell.and(&format!("caller {}, pid {}, uid {}", text(&caller["comm"]), caller["pid"], caller["uid"]))
}

fn compared(direct: Duration, through: Duration) -> Cell {
    let added = through.as_secs_f64() - direct.as_secs_f64();
    Cell::text(&format!("direct   {}", ms(direct)))
        .and(&format!("through  {}", ms(through)))
        .and(&format!("added   {:+.2} ms", added * 1000.0))
}

fn ms(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1000.0)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}
