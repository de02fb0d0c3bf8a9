//! Clients that are told of a proxy as everybody tells them: by their environment or their command line. One proxy is
//! the laboratory's, which keeps what it was sent; the other is tinyproxy, as Debian has it.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use interceptor_tests::lab::{OPENAI, host, proxy};
use interceptor_tests::place::Place;
use interceptor_tests::provider::DEFAULT_TOKENS;
use interceptor_tests::samples::{self, EMAIL};
use interceptor_tests::sdk::{App, Sdk};
use interceptor_tests::stage::{Setup, Stage};
use interceptor_tests::topology::{v4, v6};
use interceptor_tests::{daemon, gate, within};
use serde_json::{Value, json};

use crate::{direct, staged};

const USER: &str = "robot";

/// Nobody's: it is good for the laboratory's proxy alone.
fn password() -> String {
    ["quokka", "zeppelin"].concat()
}

/// The proxy as clients want to be told of it.
fn url() -> String {
    format!("http://{USER}:{}@{}", password(), proxy())
}

async fn stage() -> Result<Option<Stage>> {
    let at = proxy();
    let spec = json!({"endpoints": {"proxies": [{"address": at.ip(), "port": at.port()}]}});
    staged(Setup::default().spec(spec)).await
}

#[tokio::test]
async fn case_24_an_sdk_with_a_proxy_in_its_environment_is_inspected() -> Result<()> {
    let Some(stage) = stage().await? else { return Ok(()) };
    let lab_proxy = stage.lab.proxy()?;
    let credentials = STANDARD.encode(format!("{USER}:{}", password()));
    lab_proxy.require(&format!("Proxy-Authorization: Basic {credentials}"));
    let mut sdk = Sdk::start_with(&stage.lab, App::OpenAi, &[("HTTPS_PROXY", &url())])?;
    let said = sdk.whole("chat", "how are you?").await?;
    assert_eq!(
        (&said[0]["event"], &said[0]["text"]),
        (&"answer".into(), &DEFAULT_TOKENS.concat().into()),
        "{said:?}"
    );
    let arrived = stage.lab.provider.record().call(0).await?.body;
    let sent = direct(App::OpenAi, "chat", "how are you?").await?;
    assert_eq!(String::from_utf8_lossy(&arrived), String::from_utf8_lossy(&sent));
    let masked = sdk.whole("chat", &format!("write to {EMAIL}")).await?;
    assert_eq!(masked[0]["event"], "answer", "{masked:?}");
    let arrived = String::from_utf8(stage.lab.provider.record().call(1).await?.body)?;
    assert!(arrived.contains("write to [EMAIL]"), "{arrived}");
    let blocked = sdk.whole("chat", &samples::github_token()).await?;
    assert_eq!((&blocked[0]["class"], &blocked[0]["retries"]), (&"PermissionDeniedError".into(), &0.into()));
    assert!(!lab_proxy.heads().is_empty());
    let written = [stage.daemon.written(), std::fs::read_to_string(stage.daemon.audit_file())?];
    assert!(written.iter().all(|text| !text.contains(&credentials) && !text.contains(&password())));
    Ok(())
}

#[tokio::test]
async fn case_24_an_sdk_learns_from_the_proxy_itself_that_it_is_refused() -> Result<()> {
    let Some(stage) = stage().await? else { return Ok(()) };
    let lab_proxy = stage.lab.proxy()?;
    lab_proxy.require("Proxy-Authorization: nobody has this");
    let said =
        Sdk::start_with(&stage.lab, App::OpenAi, &[("HTTPS_PROXY", &url())])?.whole("chat", "hello").await?;
    assert_eq!(
        (&said[0]["event"], &said[0]["class"]),
        (&"error".into(), &"APIConnectionError".into()),
        "{said:?}"
    );
    let cause = said[0]["cause"].as_str().unwrap_or_default();
    assert!(cause.contains("407 Proxy Authentication Required"), "{cause}");
    stage.connection("proxy").await?;
    Ok(())
}

/// tinyproxy at the laboratory's place for a proxy. It is killed when dropped.
struct TinyProxy(Child);

impl TinyProxy {
    async fn start(stage: &Stage) -> Result<Self> {
        let at = proxy();
        let config = stage.lab.file(
            "tinyproxy.conf",
            format!(
                "Port {}\nListen {}\nTimeout 30\nMaxClients 20\nConnectPort 443\nBasicAuth {USER} {}\n",
                at.port(),
                at.ip(),
                password()
            ),
        )?;
        let resolver = stage.lab.folder().join("resolv.conf");
        let place =
            Place::new(&stage.lab.topology.internet).bind(&resolver, Path::new("/etc/resolv.conf"))?;
        let mut command: Command = place.command("/usr/bin/tinyproxy");
        command.arg("-d").arg("-c").arg(config).stdin(Stdio::null()).stdout(Stdio::null());
        let mut started = Self(command.spawn()?);
        let listens = async {
            loop {
                // From beside it, past everybody.
                let connected = stage.lab.topology.internet.run(|| std::net::TcpStream::connect(at));
                if connected.is_ok() {
                    return Ok(());
                }
                ensure!(started.0.try_wait()?.is_none(), "tinyproxy has ended");
                tokio::task::yield_now().await;
            }
        };
        within("tinyproxy to listen", listens).await??;
        Ok(started)
    }
}

impl Drop for TinyProxy {
    fn drop(&mut self) {
        // It is our own child; it may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn case_24_curl_and_an_sdk_are_inspected_through_tinyproxy() -> Result<()> {
    if !gate::passes(gate::program("/usr/bin/tinyproxy")) {
        return Ok(());
    }
    let Some(stage) = stage().await? else { return Ok(()) };
    // tinyproxy takes the first address that it finds.
    for name in [OPENAI, "static.example.net"] {
        stage.lab.zone.forget(name);
        stage.lab.zone.address(name, v4(host::SHARED));
        stage.lab.zone.address(name, v6(host::SHARED));
    }
    let _tinyproxy = TinyProxy::start(&stage).await?;
    let body =
        json!({"model": "lab-1", "messages": [{"role": "user", "content": format!("write to {EMAIL}")}]});
    let api = format!("https://{OPENAI}/v1/chat/completions");
    // The second one asks without credentials first, and then with them.
    for more in [&["--proxy-basic"][..], &["--proxy-anyauth"]] {
        let mut curl = stage.lab.app()?.command("/usr/bin/curl");
        curl.args(["--silent", "--show-error", "--cacert"]).arg(stage.lab.folder().join("bundle.pem"));
        curl.args(["--proxy", &url(), "--json", &body.to_string()]).args(more).arg(&api);
        let output = daemon::run(curl).await?;
        assert_eq!(output.code, Some(0), "{more:?}: {output:?}");
        assert_eq!(serde_json::from_str::<Value>(&output.stdout)?["object"], "chat.completion");
    }
    let mut sdk = Sdk::start_with(&stage.lab, App::OpenAi, &[("HTTPS_PROXY", &url())])?;
    let said = sdk.whole("chat", &samples::github_token()).await?;
    assert_eq!(said[0]["class"], "PermissionDeniedError", "{said:?}");
    // Nobody else's certificate is needed for what is nobody's business.
    let mut curl = stage.lab.app()?.command("/usr/bin/curl");
    let root = stage.lab.folder().join("origin-root.pem");
    curl.args(["--silent", "--show-error", "--cacert"]).arg(root).args(["--proxy", &url()]);
    let output = daemon::run({
        curl.arg("https://static.example.net/");
        curl
    })
    .await?;
    assert_eq!((output.code, output.stdout.as_str()), (Some(0), "the origin itself\n"), "{output:?}");
    let calls = stage.lab.provider.record().seen().calls;
    assert_eq!(calls.len(), 3);
    for call in &calls[..2] {
        assert!(String::from_utf8_lossy(&call.body).contains("write to [EMAIL]"));
    }
    Ok(())
}
