//! Three network namespaces in a row and nothing else: `app` where clients live, `node` where the daemon runs and
//! which routes between the other two, `internet` with the DNS server and the providers. Documentation addresses
//! only, and no link to the machine's own network. Does not know what runs in them.

use std::fs::File;
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result, bail, ensure};
use nix::sched::{CloneFlags, setns};

/// The client's own addresses.
pub const APP: (Ipv4Addr, Ipv6Addr) =
    (Ipv4Addr::new(198, 51, 100, 2), Ipv6Addr::new(0x2001, 0xdb8, 0x100, 0, 0, 0, 0, 2));

/// An IPv4 address of the laboratory's internet.
#[must_use]
pub const fn v4(host: u8) -> Ipv4Addr {
    Ipv4Addr::new(203, 0, 113, host)
}

/// The IPv6 address of the same host.
#[must_use]
pub const fn v6(host: u8) -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, host as u16)
}

/// The prefix of names of everything the laboratory makes outside its own processes.
pub(crate) const PREFIX: &str = "icpt";
const NETNS: &str = "/run/netns";
static COUNTER: AtomicU32 = AtomicU32::new(0);

/// A name that no other laboratory on this machine has, in this process or another: `icpt-PID-N`.
pub(crate) fn unique() -> String {
    format!("{PREFIX}-{}-{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed))
}

/// The process that made something of this name, if it is one of ours.
pub(crate) fn maker(name: &str) -> Option<u32> {
    name.strip_prefix(PREFIX)?.strip_prefix('-')?.split('-').next()?.parse().ok()
}

/// A named network namespace, removed when dropped.
pub struct Namespace {
    name: String,
    file: File,
}

impl Namespace {
    fn open(name: String) -> Result<Self> {
        let file = File::open(Path::new(NETNS).join(&name)).context("open the namespace just made")?;
        Ok(Self { name, file })
    }

    /// Where the namespace can be opened.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        Path::new(NETNS).join(&self.name)
    }

    /// The open namespace, for `setns`.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Runs `work` on a thread of its own inside the namespace. Sockets made there stay there.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T> {
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                setns(&self.file, CloneFlags::CLONE_NEWNET).context("enter the namespace")?;
                Ok(work())
            });
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// A TCP listener inside.
    pub fn listen(&self, address: SocketAddr) -> Result<TcpListener> {
        self.enter(|| TcpListener::bind(address))?.with_context(|| format!("listen on {address}"))
    }

    /// A UDP socket inside.
    pub fn datagrams(&self, address: SocketAddr) -> Result<UdpSocket> {
        self.enter(|| UdpSocket::bind(address))?.with_context(|| format!("bind {address}"))
    }

    fn ip(&self, batch: &str) -> Result<()> {
        ip(&["-n", &self.name], batch)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // It is gone already, or the next laboratory sweeps it up.
        let _ = remove(&self.name);
    }
}

/// The three namespaces, connected.
pub struct Topology {
    /// Clients: 198.51.100.2 and 2001:db8:100::2, everything else by way of `node`.
    pub app: Namespace,
    /// The daemon: forwards between the two.
    pub node: Namespace,
    /// The world: 203.0.113.0/24 and 2001:db8:1::/64.
    pub internet: Namespace,
}

impl Topology {
    /// Makes the namespaces. `hosts` are the last bytes of the addresses the internet has.
    pub fn new(hosts: &[u8]) -> Result<Self> {
        sweep()?;
        let name = unique();
        let [app, node, internet] = ["app", "node", "net"].map(|part| format!("{name}-{part}"));
        ip(&[], &format!("netns add {app}\nnetns add {node}\nnetns add {internet}\n"))?;
        let made = Self {
            app: Namespace::open(app.clone())?,
            node: Namespace::open(node.clone())?,
            internet: Namespace::open(internet.clone())?,
        };
        for namespace in [&made.app, &made.node, &made.internet] {
            namespace.enter(quick_addresses)??;
        }
        // The kernel brings a veth up at once only if its index differs from its peer's, and after a second if not:
        // it compares the numbers without regard to the namespace (`linkwatch_urgent_event`).
        ip(
            &[],
            &format!(
                "link add eth0 index 10 netns {app} type veth peer name app index 11 netns {node}\n\
                 link add eth0 index 20 netns {internet} type veth peer name net index 21 netns {node}\n"
            ),
        )?;
        made.node.enter(forward)??;
        made.app.ip(&addresses("eth0", &[(APP.0.into(), 24), (APP.1.into(), 64)]))?;
        made.internet.ip(&addresses(
            "eth0",
            &hosts.iter().flat_map(|&h| [(v4(h).into(), 24), (v6(h).into(), 64)]).collect::<Vec<_>>(),
        ))?;
        made.node.ip(&format!(
            "{}{}",
            addresses("app", &[(GATEWAY.0.into(), 24), (GATEWAY.1.into(), 64)]),
            addresses("net", &[(v4(1).into(), 24), (v6(1).into(), 64)]),
        ))?;
        // Routes come last: both ends of each link must be up.
        made.app
            .ip(&format!("route add default via {}\nroute add default via {}\n", GATEWAY.0, GATEWAY.1))?;
        made.internet.ip(&format!(
            "route add 198.51.100.0/24 via {}\nroute add 2001:db8:100::/64 via {}\n",
            v4(1),
            v6(1)
        ))?;
        Ok(made)
    }
}

/// The node's addresses on the client's side.
const GATEWAY: (Ipv4Addr, Ipv6Addr) =
    (Ipv4Addr::new(198, 51, 100, 1), Ipv6Addr::new(0x2001, 0xdb8, 0x100, 0, 0, 0, 0, 1));

fn addresses(link: &str, addresses: &[(IpAddr, u8)]) -> String {
    let mut batch = String::from("link set lo up\n");
    for (address, length) in addresses {
        let nodad = if address.is_ipv6() { " nodad" } else { "" };
        batch.push_str(&format!("address add {address}/{length} dev {link}{nodad}\n"));
    }
    batch.push_str(&format!("link set {link} up\n"));
    batch
}

/// Duplicate address detection would make every new IPv6 address wait a second. Links take the default when they
/// are made.
fn quick_addresses() -> io::Result<()> {
    std::fs::write("/proc/sys/net/ipv6/conf/all/accept_dad", "0")?;
    std::fs::write("/proc/sys/net/ipv6/conf/default/accept_dad", "0")
}

fn forward() -> io::Result<()> {
    std::fs::write("/proc/sys/net/ipv4/ip_forward", "1")?;
    // Every destination that does not exist says so, not only the first in a second.
    std::fs::write("/proc/sys/net/ipv4/icmp_ratelimit", "0")?;
    std::fs::write("/proc/sys/net/ipv6/icmp/ratelimit", "0")?;
    std::fs::write("/proc/sys/net/ipv6/conf/all/forwarding", "1")
}

/// Runs a batch of iproute2 commands.
fn ip(options: &[&str], batch: &str) -> Result<()> {
    let mut child = Command::new("ip")
        .args(options)
        .args(["-batch", "-"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("run `ip` (package iproute2)")?;
    child.stdin.take().context("the pipe to ip")?.write_all(batch.as_bytes())?;
    let output = child.wait_with_output()?;
    ensure!(
        output.status.success(),
        "ip {options:?} refused:\n{batch}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

fn remove(name: &str) -> Result<()> {
    let status = Command::new("ip").args(["netns", "delete", name]).stderr(Stdio::null()).status()?;
    if !status.success() {
        bail!("namespace {name} could not be removed");
    }
    Ok(())
}

/// Removes namespaces of laboratories whose process ended without doing so (killed, or the power went).
fn sweep() -> Result<()> {
    let Ok(entries) = std::fs::read_dir(NETNS) else { return Ok(()) };
    for entry in entries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if maker(&name).is_some_and(|pid| !Path::new("/proc").join(pid.to_string()).exists()) {
            // Another laboratory may be sweeping the same one.
            let _ = remove(&name);
        }
    }
    Ok(())
}
