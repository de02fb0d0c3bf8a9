//! Squid as an intercepting proxy: ssl-bump with its helper that mints certificates.

use std::fs;

use crate::bench::lab::{Lab, Origin, Running, command, text};

pub(super) const CERTGEN: &str = "/usr/lib/squid/security_file_certgen";
pub(super) const PORT: u16 = 8443;

/// The user Debian's Squid drops to.
const USER: &str = "proxy";

pub(super) fn start(lab: &Lab, namespace: &str) -> anyhow::Result<Running> {
    let database = lab.folder.join("squid-certificates");
    if !database.exists() {
        command(CERTGEN, &["-c", "-s", text(&database)?, "-M", "4MB"])?;
        command("chown", &["-R", USER, text(&database)?])?;
    }
    // Squid checks that a name belongs to the address it was redirected from.
    let mut hosts = String::new();
    for origin in Origin::ALL {
        hosts.push_str(&format!("{} {}\n", origin.ip(), origin.name()));
    }
    fs::write(lab.folder.join("squid-hosts"), hosts)?;
    let file = super::configuration(lab, "squid.conf", &config(lab))?;
    let arguments = ["/usr/sbin/squid", "-N", "-d", "1", "-f", text(&file)?].map(str::to_owned);
    lab.start("squid", &lab.proxy_place(namespace, None), &arguments)
}

fn config(lab: &Lab) -> String {
    let folder = lab.folder.display();
    let (ca, key, root) =
        (super::pki(lab, "peer-ca.pem"), super::pki(lab, "peer-ca.key"), super::pki(lab, "origin-root.pem"));
    let ai = Origin::intercepted().map(Origin::name).collect::<Vec<_>>().join(" ");
    let other = Origin::Other.name();
    format!(
        "visible_hostname bench
pid_filename none
cache_effective_user {USER}
coredump_dir {folder}
hosts_file {folder}/squid-hosts
dns_nameservers 127.0.0.1
http_port 127.0.0.1:8080
https_port 127.0.0.1:{PORT} intercept ssl-bump tls-cert={ca} tls-key={key} generate-host-certificates=on dynamic_cert_mem_cache_size=4MB
sslcrtd_program {CERTGEN} -s {folder}/squid-certificates -M 4MB
sslcrtd_children 1 startup=1 idle=1
tls_outgoing_options cafile={root}
acl hello at_step SslBump1
acl ai ssl::server_name {ai}
acl other ssl::server_name {other}
ssl_bump peek hello
ssl_bump bump ai
ssl_bump splice other
http_access allow all
cache deny all
cache_log /dev/null
access_log none
cache_store_log none
workers 1
client_persistent_connections on
server_persistent_connections on
pconn_timeout 5 minutes
client_idle_pconn_timeout 5 minutes
read_timeout 5 minutes
shutdown_lifetime 0 seconds
via off
forwarded_for delete
"
    )
}
