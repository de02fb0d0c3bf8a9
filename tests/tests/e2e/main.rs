//! The end-to-end tier: an application, the daemon and providers in namespaces with no way out, on the real kernel.
//! Needs root and the BPF object; says aloud when it cannot run. Each file is one promise of the product.

mod arrival;
mod blocked;
mod body;
mod caller;
mod cluster;
mod command;
mod confined;
mod container;
mod control_plane;
mod coverage;
mod ech;
mod failure;
mod forbidden;
mod framing;
mod hello;
mod http;
mod limits;
mod objects;
mod origin;
mod pacing;
mod passthrough;
mod privacy;
mod proxy;
mod raw;
mod redacted;
mod reload;
mod rest;
mod signed;
mod stream;
mod upgrade;
mod websocket;
mod workload;

use anyhow::Result;
use interceptor_tests::client::Wire;
use interceptor_tests::daemon::{self, Output};
use interceptor_tests::gate;
use interceptor_tests::lab::Lab;
use interceptor_tests::place::Place;
use serde_json::{Value, json};
use tokio::net::TcpStream;

/// The application's side of an intercepted connection.
type Secured = Wire<interceptor_tests::client::TlsStream<TcpStream>>;

/// The head of a JSON call to `api.openai.com`, without its last line.
fn post(path: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: api.openai.com\r\nAccept: application/json\r\n\
         Content-Type: application/json\r\nUser-Agent: lab/1.0"
    )
}

/// A chat request with one message, as an SDK writes it.
fn chat(prompt: &str) -> String {
    json!({"messages": [{"role": "user", "content": prompt}], "model": "lab-1"}).to_string()
}

/// The same, streamed.
fn chat_stream(prompt: &str) -> String {
    json!({"messages": [{"role": "user", "content": prompt}], "model": "lab-1", "stream": true}).to_string()
}

/// The detectors of an exchange event's findings, in order.
fn detectors(event: &Value) -> Vec<&str> {
    let findings = event["inspection"]["findings"].as_array();
    findings.into_iter().flatten().filter_map(|f| f["detector"].as_str()).collect()
}

/// Exit code: wrong configuration, policy or catalogue.
const MISTAKES: Option<i32> = Some(3);
/// Exit code: the machine lacks something.
const MACHINE: Option<i32> = Some(4);

/// A laboratory with an authority, and the configuration of an ordinary daemon.
async fn ready() -> Result<Option<(Lab, Value)>> {
    if !gate::passes(gate::kernel()) {
        return Ok(None);
    }
    let lab = Lab::new()?;
    lab.ca().await?;
    let config = lab.config();
    Ok(Some((lab, config)))
}

/// `interceptor run` with a configuration that does not let it start.
async fn refused(lab: &Lab, place: &Place, config: &Value) -> Result<Output> {
    let file = lab.file("refused.yaml", serde_json::to_string_pretty(config)?)?;
    let mut command = place.command(daemon::binary()?);
    command.arg("run").arg("--config").arg(file);
    daemon::run(command).await
}
