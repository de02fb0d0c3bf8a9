//! Applications that use the official SDKs, as processes at the application's place: told what to call on standard
//! input, and heard on standard output, one JSON object a line.
//! Knows where `cargo xtask setup` puts the SDKs. Does not know what they are answered.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::lab::Lab;
use crate::{samples, within};

/// One of the applications in `tests/clients`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum App {
    /// Uses the official OpenAI SDK.
    OpenAi,
    /// Uses the official Anthropic SDK.
    Anthropic,
    /// Uses Amazon's SDK for Bedrock.
    Bedrock,
    /// Uses Google's SDK for Gemini.
    Gemini,
}

impl App {
    fn script(self) -> &'static str {
        match self {
            Self::OpenAi => "openai_app.py",
            Self::Anthropic => "anthropic_app.py",
            Self::Bedrock => "bedrock_app.py",
            Self::Gemini => "gemini_app.py",
        }
    }
}

/// The Python that has the SDKs, or what is missing.
pub fn python() -> Result<PathBuf, String> {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/clients/python/bin/python");
    if python.exists() { Ok(python) } else { Err("the official SDKs; run `cargo xtask setup`".to_owned()) }
}

/// A running application. It is killed when dropped.
pub struct Sdk {
    _child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Sdk {
    /// Starts one. It trusts the laboratory's bundle by `SSL_CERT_FILE`, or what its SDK has instead, and is not changed in any
    /// other way.
    pub fn start(lab: &Lab, app: App) -> Result<Self> {
        Self::start_with(lab, app, &[])
    }

    /// The same, with more in its environment.
    pub fn start_with(lab: &Lab, app: App, environment: &[(&str, &str)]) -> Result<Self> {
        let mut command = lab.app()?.command(python().map_err(anyhow::Error::msg)?);
        command.arg("-u").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("clients").join(app.script()));
        let bundle = lab.folder().join("bundle.pem");
        command.env("SSL_CERT_FILE", &bundle).env("AWS_CA_BUNDLE", &bundle);
        command.env("OPENAI_API_KEY", samples::openai_key());
        command.env("ANTHROPIC_API_KEY", samples::anthropic_key());
        // Only the form of these matters, and of the first not even that.
        command.env("GEMINI_API_KEY", "nobody's").env("AWS_SECRET_ACCESS_KEY", "nobody's");
        command.env("AWS_ACCESS_KEY_ID", samples::aws_key_id()).env("AWS_DEFAULT_REGION", "us-east-1");
        command.env("PYTHONDONTWRITEBYTECODE", "1").envs(environment.iter().copied());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = Command::from(command).kill_on_drop(true).spawn().context("start Python")?;
        let input = child.stdin.take().context("its standard input")?;
        let output = BufReader::new(child.stdout.take().context("its standard output")?).lines();
        Ok(Self { _child: child, input, output })
    }

    /// Tells it to make a call, by the name of a function in its script.
    pub async fn call(&mut self, call: &str, prompt: &str) -> Result<()> {
        let line = format!("{}\n", json!({"call": call, "prompt": prompt}));
        self.input.write_all(line.as_bytes()).await?;
        Ok(self.input.flush().await?)
    }

    /// The next thing it says.
    pub async fn says(&mut self) -> Result<Value> {
        match within("the application to say something", self.output.next_line()).await?? {
            Some(line) => serde_json::from_str(&line).with_context(|| line.clone()),
            None => bail!("the application ended; its standard error says why"),
        }
    }

    /// The next thing it says, which must be such an event.
    pub async fn expect(&mut self, event: &str) -> Result<Value> {
        let said = self.says().await?;
        ensure!(said["event"] == event, "instead of {event} the application said {said}");
        Ok(said)
    }

    /// Makes a call and returns everything said about it: the last is `done` or `error`.
    pub async fn whole(&mut self, call: &str, prompt: &str) -> Result<Vec<Value>> {
        self.call(call, prompt).await?;
        let mut all = Vec::new();
        loop {
            let said = self.says().await?;
            let last = said["event"] == "done" || said["event"] == "error";
            all.push(said);
            if last {
                return Ok(all);
            }
        }
    }
}
