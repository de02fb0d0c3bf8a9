//! The application under test: connects as it is told, prints one JSON line about it, and stays until its standard
//! input ends. A process of its own, because a cgroup holds processes.
//!
//! `probe [--bind ADDRESS:PORT] [--nonblocking] [--inet6] [--uid ID] [--again ADDRESS:PORT]...
//! [--name NAME] ADDRESS:PORT`

use anyhow::{Context as _, Result, anyhow};
use clap::Parser;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::{Uid, setresuid};
use serde_json::{Value, json};
use socket2::{Domain, SockAddr, Socket, Type};
use std::io::{self, Read as _};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::thread;

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
    /// Become this user first.
    #[arg(long)]
    uid: Option<u32>,
    /// Then dissolve the connection and connect the same socket here; may be repeated.
    #[arg(long)]
    again: Vec<SocketAddr>,
}

fn main() -> Result<()> {
    let mut args = Args::parse();
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

/// The socket, to be kept open, and what is to be said of its last connection.
fn connect_as_told(args: &Args) -> Result<(Socket, Value)> {
    let socket = socket(args)?;
    let mut report = attempt(args, &socket, args.destination);
    for again in &args.again {
        dissolve(&socket)?;
        report = attempt(args, &socket, *again);
    }
    Ok((socket, report))
}

fn socket(args: &Args) -> Result<Socket> {
    let is_inet6 = args.inet6 || args.destination.is_ipv6();
    let socket = Socket::new(if is_inet6 { Domain::IPV6 } else { Domain::IPV4 }, Type::STREAM, None)?;
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
        IpAddr::V4(v4) if args.inet6 => SocketAddr::from((v4.to_ipv6_mapped(), address.port())),
        _ => address,
    }
}

fn attempt(args: &Args, socket: &Socket, destination: SocketAddr) -> Value {
    let result = connect(socket, as_family(args, destination).into());
    let text = |address: io::Result<SockAddr>| address.ok().and_then(|address| address.as_socket());
    json!({
        "error": result.err().and_then(|error| error.raw_os_error()),
        "local": text(socket.local_addr()).map(|address| address.to_string()),
        "peer": text(socket.peer_addr()).map(|address| address.to_string()),
    })
}

/// Connects; where the socket does not block, waits until it is writable, as programs with an event loop do.
fn connect(socket: &Socket, destination: SockAddr) -> io::Result<()> {
    match socket.connect(&destination) {
        Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {}
        settled => return settled,
    }
    poll(&mut [PollFd::new(socket.as_fd(), PollFlags::POLLOUT)], PollTimeout::NONE)?;
    socket.take_error()?.map_or(Ok(()), Err)
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
