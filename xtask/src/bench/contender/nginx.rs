//! nginx as an intercepting proxy: certificates of the names loaded beforehand, because it mints none.

use crate::bench::lab::{Lab, Origin, Running, text};

pub(super) const STREAM_MODULE: &str = "/usr/lib/nginx/modules/ngx_stream_module.so";

pub(super) fn start(lab: &Lab, namespace: &str) -> anyhow::Result<Running> {
    let file = super::configuration(lab, "nginx.conf", &config(lab))?;
    // The master keeps root and its worker drops to the user of the configuration.
    let arguments = ["/usr/sbin/nginx", "-c", text(&file)?].map(str::to_owned);
    lab.start("nginx", &lab.proxy_place(namespace, None), &arguments)
}

fn config(lab: &Lab) -> String {
    let folder = lab.folder.display();
    let root = super::pki(lab, "origin-root.pem");
    let mut servers = String::new();
    for origin in Origin::intercepted() {
        let (port, ip, name) = (origin.peer_port(), origin.ip(), origin.name());
        let leaf = |suffix: &str| super::pki(lab, &format!("peer/{name}.{suffix}"));
        let (certificate, key) = (leaf("pem"), leaf("key"));
        let h2 = if origin == Origin::H2 { " http2" } else { "" };
        servers.push_str(&format!(
            "
  upstream o{port} {{ server {ip}:443; keepalive 64; keepalive_requests 10000000; keepalive_timeout 300s; }}
  server {{
    listen 127.0.0.1:{port} ssl{h2} backlog=4096;
    server_name {name};
    ssl_certificate {certificate};
    ssl_certificate_key {key};
    proxy_ssl_name {name};
    location / {{ proxy_pass https://o{port}; }}
  }}"
        ));
    }
    let (port, ip) = (Origin::Other.peer_port(), Origin::Other.ip());
    format!(
        "load_module {STREAM_MODULE};
user nobody nogroup;
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 16000; }}
http {{
  access_log off;
  client_body_temp_path {folder}/nginx-body;
  proxy_temp_path {folder}/nginx-proxy;
  fastcgi_temp_path {folder}/nginx-fastcgi;
  uwsgi_temp_path {folder}/nginx-uwsgi;
  scgi_temp_path {folder}/nginx-scgi;
  client_max_body_size 0;
  keepalive_requests 10000000;
  keepalive_timeout 300s;
  http2_max_concurrent_streams 100;
  ssl_protocols TLSv1.2 TLSv1.3;
  proxy_http_version 1.1;
  proxy_set_header Connection \"\";
  proxy_set_header Host $host;
  proxy_buffering off;
  proxy_request_buffering off;
  proxy_ssl_verify on;
  proxy_ssl_trusted_certificate {root};
  proxy_ssl_server_name on;
  proxy_ssl_protocols TLSv1.2 TLSv1.3;{servers}
}}
stream {{
  access_log off;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    ssl_preread on;
    tcp_nodelay on;
    proxy_pass {ip}:443;
  }}
}}
"
    )
}
