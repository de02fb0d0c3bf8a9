//! HAProxy as an intercepting proxy: mints certificates, verifies upstream, shares warm upstream connections.

use std::fs;

use crate::bench::lab::{Lab, Origin, Running, UNMATCHED, text};

pub(super) fn start(lab: &Lab, namespace: &str) -> anyhow::Result<Running> {
    let file = super::configuration(lab, "haproxy.cfg", &config(lab)?)?;
    let arguments = ["/usr/sbin/haproxy", "-db", "-f", text(&file)?].map(str::to_owned);
    lab.start("haproxy", &lab.proxy_place(namespace, None), &arguments)
}

fn config(lab: &Lab) -> anyhow::Result<String> {
    let unmatched = with_key(lab, UNMATCHED)?;
    let preloaded = with_key(lab, Origin::H2.name())?;
    let (ca, root) = (super::pki(lab, "peer-ca-and-key.pem"), super::pki(lab, "origin-root.pem"));
    let mut sections = String::new();
    for origin in Origin::intercepted() {
        let (port, ip, name) = (origin.peer_port(), origin.ip(), origin.name());
        // A context that HAProxy mints offers no ALPN, so h2 gets its certificate beforehand. It makes no
        // difference to what is measured there: kept connections.
        let (alpn, certificate) = if origin == Origin::H2 {
            ("h2,http/1.1", format!("crt {preloaded}"))
        } else {
            ("http/1.1", format!("crt {unmatched} generate-certificates ca-sign-file {ca}"))
        };
        sections.push_str(&format!(
            "
frontend f{port}
  bind 127.0.0.1:{port} backlog 4096 ssl {certificate} alpn {alpn}
  default_backend b{port}
backend b{port}
  server s {ip}:443 ssl verify required ca-file {root} sni str({name}) alpn {alpn} pool-purge-delay 300s
"
        ));
    }
    let (port, ip) = (Origin::Other.peer_port(), Origin::Other.ip());
    Ok(format!(
        "global
  user nobody
  group nogroup
  nbthread 1
  maxconn 7000
  ssl-server-verify required
  ssl-default-bind-options ssl-min-ver TLSv1.2
  ssl-default-server-options ssl-min-ver TLSv1.2
defaults
  mode http
  timeout connect 10s
  timeout client 300s
  timeout server 300s
  timeout http-keep-alive 300s
  http-reuse always
{sections}
frontend f{port}
  mode tcp
  bind 127.0.0.1:{port} backlog 4096
  tcp-request inspect-delay 5s
  tcp-request content accept if {{ req.ssl_hello_type 1 }}
  use_backend b{port} if {{ req.ssl_sni -m found }}
backend b{port}
  mode tcp
  option splice-request
  option splice-response
  server s {ip}:443
"
    ))
}

/// A leaf with its key in the same file, as HAProxy wants them; it wants one even where it mints all others.
fn with_key(lab: &Lab, name: &str) -> anyhow::Result<String> {
    let read = |suffix: &str| fs::read_to_string(super::pki(lab, &format!("peer/{name}.{suffix}")));
    let both = read("pem")? + &read("key")?;
    let path = super::configuration(lab, &format!("haproxy-{name}.pem"), &both)?;
    Ok(text(&path)?.to_owned())
}
