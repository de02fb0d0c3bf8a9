//! The application under test: connects as it is told, prints one JSON line about it, and stays until its standard
//! input ends. A process of its own, because a cgroup holds processes.
//!
//! `probe [--bind ADDRESS:PORT] [--nonblocking] [--inet6] [--v6only] [--mptcp] [--way WAY] [--uid ID]
//! [--forked | --hand-over] [--join FILE] [--again ADDRESS:PORT]... [--name NAME] ADDRESS:PORT`

mod ring;
mod way;

use anyhow::{Context as _, Result, anyhow, ensure};
use clap::Parser;
use nix::unistd::{Uid, setresuid};
use serde_json::{Value, json};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io::{self, Read as _};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::os::fd::{AsRawFd as _, FromRawFd as _, RawFd};
use std::path::PathBuf;
use std::process::Command;
use std::{env, fs, thread};
use way::Way;

#[derive(Parser)]
struct Args {
    /// Where to connect to.
    destination: SocketAddr,
    /// Look this name up with the C library first, and connect to the first address it gives.
    #[arg(long)]
    name: Option<String>,
    /// Bind to this address first.
    #[arg(long)]
    bind: Option<SocketAddr>,
    /// Connect without blocking, and poll.
    #[arg(long)]
    nonblocking: bool,
    /// Use an AF_INET6 socket for an IPv4 destination too.
    #[arg(long)]
    inet6: bool,
    /// Use an AF_INET6 socket that speaks no IPv4.
    #[arg(long)]
    v6only: bool,
    /// Use an MPTCP socket.
    #[arg(long)]
    mptcp: bool,
    /// The system calls to connect with.
    #[arg(long, value_enum, default_value_t = Way::Plain)]
    way: Way,
    /// Become this user first.
    #[arg(long)]
    uid: Option<u32>,
    /// Fork, and have another run of this program do it.
    #[arg(long)]
    forked: bool,
    /// The same, with a socket that was made here.
    #[arg(long)]
    hand_over: bool,
    /// The socket that was handed over.
    #[arg(long, hide = true)]
    inherited: Option<RawFd>,
    /// Enter the cgroup with this `cgroup.procs` when the socket is made.
    #[arg(long)]
    join: Option<PathBuf>,
    /// Then dissolve the connection and connect the same socket here; may be repeated.
    #[arg(long)]
    again: Vec<SocketAddr>,
}

fn main() -> Result<()> {
    let mut args = Args::parse();
    if args.forked || args.hand_over {
        return delegate(&args);
    }
    if let Some(uid) = args.uid.map(Uid::from_raw) {
        setresuid(uid, uid, uid).context("become another user")?;
    }
    if let Some(name) = &args.name {
        let found = (name.as_str(), args.destination.port()).to_socket_addrs().context("look up")?.next();
        args.destination = found.with_context(|| format!("{name} has no address"))?;
    }
    // From a thread of its own, whose id is not the process's.
    let (_socket, report) = thread::scope(|scope| scope.spawn(|| connect_as_told(&args)).join())
        .map_err(|_| anyhow!("the thread that connects panicked"))??;
    println!("{report}");
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

/// Forks and runs this program with the same words, and with a socket of ours where it is to be handed over.
fn delegate(args: &Args) -> Result<()> {
    let mut command = Command::new(env::current_exe()?);
    command.args(env::args_os().skip(1).filter(|word| word != "--forked" && word != "--hand-over"));
    let socket = args.hand_over.then(|| socket(args)).transpose()?;
    if let Some(socket) = &socket {
        socket.set_cloexec(false)?;
        command.arg("--inherited").arg(socket.as_raw_fd().to_string());
    }
    let status = command.status().context("run this program")?;
    ensure!(status.success(), "the child ended with {status}");
    Ok(())
}

/// The socket, to be kept open, and what is to be said of its last connection.
fn connect_as_told(args: &Args) -> Result<(Socket, Value)> {
    let socket = match args.inherited {
        #[expect(unsafe_code, reason = "a number is what is inherited")]
        // SAFETY: the parent left it open for us, and nothing else here knows its number.
        Some(fd) => unsafe { Socket::from_raw_fd(fd) },
        None => socket(args)?,
    };
    if let Some(procs) = &args.join {
        // "0" is the process that writes.
        fs::write(procs, "0").context("enter the cgroup")?;
    }
    let mut report = attempt(args, &socket, args.destination);
    for again in &args.again {
        dissolve(&socket)?;
        report = attempt(args, &socket, *again);
    }
    Ok((socket, report))
}

fn socket(args: &Args) -> Result<Socket> {
    let is_inet6 = args.inet6 || args.v6only || args.destination.is_ipv6();
    let protocol = args.mptcp.then_some(Protocol::MPTCP);
    let socket = Socket::new(if is_inet6 { Domain::IPV6 } else { Domain::IPV4 }, Type::STREAM, protocol)?;
    if args.v6only {
        socket.set_only_v6(true)?;
    }
    if let Some(address) = args.bind {
        // Two tests may choose the same port, one after the other.
        socket.set_reuse_address(true)?;
        socket.bind(&as_family(args, address).into()).context("bind")?;
    }
    socket.set_nonblocking(args.nonblocking)?;
    Ok(socket)
}

/// The address in the family of the socket.
fn as_family(args: &Args, address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(v4) if args.inet6 || args.v6only => {
            SocketAddr::from((v4.to_ipv6_mapped(), address.port()))
        }
        _ => address,
    }
}

fn attempt(args: &Args, socket: &Socket, destination: SocketAddr) -> Value {
    let result = args.way.connect(socket, &as_family(args, destination).into());
    let text = |address: io::Result<SockAddr>| address.ok().and_then(|address| address.as_socket());
    json!({
        "pid": std::process::id(),
        "error": result.err().and_then(|error| error.raw_os_error()),
        "local": text(socket.local_addr()).map(|address| address.to_string()),
        "peer": text(socket.peer_addr()).map(|address| address.to_string()),
    })
}

/// `connect` with `AF_UNSPEC`, which is 0, ends a connection and leaves the socket usable.
fn dissolve(socket: &Socket) -> Result<()> {
    let unspecified = libc::sockaddr { sa_family: 0, sa_data: [0; 14] };
    let length = libc::socklen_t::try_from(size_of_val(&unspecified))?;
    #[expect(unsafe_code, reason = "no crate offers an address without a family")]
    // SAFETY: the pointer leads to a live sockaddr of the length given.
    let result = unsafe { libc::connect(socket.as_raw_fd(), &raw const unspecified, length) };
    if result < 0 { Err(io::Error::last_os_error()).context("dissolve") } else { Ok(()) }
}
